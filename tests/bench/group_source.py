# SPDX-License-Identifier: MIT
"""PNG files decoded into a slot, and the cost of --csv and --trace."""
from figures import *
from group_viewers import Pageflip, between
from harness import report_of
from screen import FIRST, Screen


def png(bench):
    group = "a PNG file into a slot"
    for size in ["1920x1080"] if bench.quick else ["1920x1080", "3840x2160"]:
        seen = {"slot": [], "alone": [], "copied": []}
        for _ in range(bench.rounds(4)):
            got = of_lines(output_of(*FIRST, bench.program("bench_png"), *size.split("x"), "8", env=bench.env), 1e-6)
            for name, rounds in seen.items():
                rounds.append(got[name])
        yield Row(group, size, "ms", seen["slot"], "libpng alone", seen["alone"], ratio_at_most(1.02))
        yield Row(group, size, "ms", seen["slot"], "libpng, then memcpy", seen["copied"])


def unpaced(bench, *files):
    """Frames per second of an every-frame viewer without a display and without pacing."""
    frames = 50_000
    producer = bench.producer("1920x1080")
    bench.viewer("null", "--every-frame", "--frames", str(frames), "--json", "null.json", *files).ends_with(0, seconds=60)
    producer.kill()
    return {"p50": frames / report_of(f"{bench.scratch.path}/null.json")["seconds"]}


def shown(bench, screen, *files):
    """Processor time and latency of a viewer that shows 60 frames per second on a display."""
    viewer = Pageflip(bench, screen, "1920x1080", 60, *files)
    got = between(viewer, 1 if bench.quick else 2)
    latency = report_of(f"{bench.scratch.path}/viewer.json")["latency_us"]
    return {**got, "handoff": latency["handoff"], "present": latency["present"]}


def measuring(bench):
    """A viewer with --csv and --trace, against the same viewer without them."""
    group = "measuring each frame, --csv and --trace"
    files = ("--csv", "measured.csv", "--trace", "measured.json")
    screen = Screen(bench.scratch, bench.build)
    try:
        seen = interleave({"on": lambda: shown(bench, screen, *files), "off": lambda: shown(bench, screen)},
                          bench.rounds(6))
    finally:
        screen.close()
    fastest = interleave({"on": lambda: unpaced(bench, *files), "off": lambda: unpaced(bench)}, bench.rounds(6))
    for what, key in (("handoff", "handoff"), ("acquire to done", "present"), ("processor time of a frame", "cpu")):
        on, off = ([run[key] for run in seen[name]] for name in ("on", "off"))
        yield Row(group, f"{what}, 1080p, 60 fps", "us", on, "neither", off, ratio_at_most(1.01))
    yield Row(group, "frames without a display, unpaced", "1/s", fastest["on"], "neither", fastest["off"],
              ratio_at_least(0.99))
