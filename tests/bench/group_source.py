# SPDX-License-Identifier: MIT
"""PNG files decoded into a slot; and what it costs to measure."""
import os

from figures import *
from harness import report_of


def png(bench):
    group = "a PNG file into a slot"
    for size in ["1920x1080"] if bench.quick else ["1920x1080", "3840x2160"]:
        seen = {"slot": [], "alone": [], "copied": []}
        for _ in range(bench.rounds(4)):
            got = of_lines(output_of(bench.program("bench_png"), *size.split("x"), "8", env=bench.env), 1e-6)
            for name, rounds in seen.items():
                rounds.append(got[name])
        yield Row(group, size, "ms", seen["slot"], "libpng alone", seen["alone"], ratio_at_most(1.02))
        yield Row(group, size, "ms", seen["slot"], "libpng, then memcpy", seen["copied"])


def run_null(bench, interval_us, frames, *files):
    """A viewer of every frame without a display: (frames a second, processor time of a frame in us)."""
    t = bench.scratch
    pace = ["-i", str(interval_us)] if interval_us else []
    producer = bench.producer("1920x1080", *pace)
    t.viewer("-q", "-n", "bench", "--wait", "5", "--every-frame", "--frames", str(frames), "--json", "null.json",
             *files).ends_with(0, seconds=60)
    producer.kill()
    report = report_of(f"{t.path}/null.json")
    return {"fps": {"p50": frames / report["seconds"]}, "cpu": {"p50": report["cpu_us_per_frame"]},
            "handoff": {"p50": report["latency_us"]["handoff"]["p50"], "p99": report["latency_us"]["handoff"]["p99"]}}


def measuring(bench):
    """The same viewer with and without --csv and --trace."""
    group = "measuring each frame, --csv and --trace"
    files = ("--csv", "null.csv", "--trace", "null-trace.json")
    frames = 120 if bench.quick else 240
    paced = interleave({"on": lambda: run_null(bench, 4000, frames, *files),
                        "off": lambda: run_null(bench, 4000, frames)}, bench.rounds(7))
    unpaced = interleave({"on": lambda: run_null(bench, 0, 50_000, *files),
                          "off": lambda: run_null(bench, 0, 50_000)}, bench.rounds(7))

    def row(what, unit, runs, key, target=None):
        on, off = ([run[key] for run in runs[name]] for name in ("on", "off"))
        return Row(group, what, unit, on, "neither", off, target)
    yield row("handoff, 250 fps", "us", paced, "handoff", ratio_at_most(1.01))
    yield row("processor time of a frame, 250 fps", "us", paced, "cpu", ratio_at_most(1.01))
    yield row("frames without a display, unpaced", "1/s", unpaced, "fps", ratio_at_least(0.99))
