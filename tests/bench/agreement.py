# SPDX-License-Identifier: MIT
"""Are the viewer's figures right? Compares the viewer's `total` of each frame (due to done) with what
the probe measures in the server's framebuffer (due to the last pixel on the screen).

For every size and way: p50 and p99 of both, over the same frames. They agree if they differ by at
most 3 % or 30 us. Exit 1 if any pair does not agree.

Three measures keep noise out. Viewer and probe have real-time priority where that is allowed (root):
other work on the machine may delay a frame, but not the detection of that frame by the viewer or the
probe. The probe reports the time since its previous poll, and frames with an uncertain time are
ignored. The medians of several runs are compared, because the p99 of one run is one or two frames.

    agreement.py [FRAMES]    (default 150, at least 75)"""
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import *
from screen import FIRST, Screen, rows

# Not on the last core, where the probe spins: real-time programs may use 95 % of a core only, so that
# a viewer on that core would have to wait and would detect frames late.
OTHER_CORES = [*FIRST, "taskset", "-c", f"0-{os.cpu_count() - 2}"] if FIRST else []
FRAMES = max(int(sys.argv[1]), 75) if len(sys.argv) > 1 else 150
ROUNDS = 3
SIZES = ("1280x720", "1920x1080", "3840x2160")
WAYS = (("x11", "x11-present, vsync on", []), ("x11", "x11-present, vsync off", ["--vsync", "off"]),
        ("x11-put", "x11-putimage", []))


def measure(t, screen, size, presenter, more):
    width = int(size.split("x")[0])
    rate = "20" if width > 3000 else "50"
    producer = t.producer("-q", "--pattern", "stars", "-s", size, "-r", rate, "--buffers", "3")
    viewer = t.start(*OTHER_CORES, VIEWER, "--presenter", presenter, "-q", "--frames", str(FRAMES), "--csv", "v.csv", *more)
    probe = screen.watch(screen.place_of(viewer), size)
    viewer.ends_with(0, seconds=120)
    seen = screen.seen(probe)
    producer.kill()
    pairs = []
    for row in rows(f"{t.path}/v.csv"):
        number = int(row["sequence"])
        if number in seen and row["skipped"] == row["again"] == "0":
            due = float(row["due_us"])
            pairs.append((float(row["done_us"]) - due, seen[number] - due))
    assert len(pairs) >= FRAMES // 3, f"viewer and probe have only {len(pairs)} frames in common"
    return pairs[20:]  # without the frames during the start of the probe


def percentile(values, fraction):
    return sorted(values)[min(len(values) - 1, int(len(values) * fraction))]


def main():
    t = Scratch()
    screen, disagreements = None, 0
    try:
        screen = Screen(t, os.environ["PAGEFLIP_BENCH"])
        if not FIRST:
            print("no real-time priority: run as root, or expect noise on a busy machine")
        print(f"total, us: the viewer's / the probe's; median of {ROUNDS} runs of {FRAMES} frames", flush=True)
        print(f"{'size':10} {'way':24} {'p50':>19} {'diff':>8} {'p99':>19} {'diff':>8}")
        for size in SIZES:
            for presenter, way, more in WAYS:
                runs = [measure(t, screen, size, presenter, more) for _ in range(ROUNDS)]
                line, agrees = f"{size:10} {way:24}", True
                for fraction in (0.5, 0.99):
                    # The p99 of one run is one or two frames, often late because of other work.
                    own, shown = (statistics.median(percentile([p[i] for p in pairs], fraction)
                                                    for pairs in runs) for i in (0, 1))
                    agrees &= abs(own - shown) <= max(30, 0.03 * shown)
                    line += f" {own:9.1f}/{shown:9.1f} {own - shown:+8.1f}"
                disagreements += not agrees
                print(f"{line}{'' if agrees else '  DISAGREE'}", flush=True)
    finally:
        if screen:
            screen.close()
        t.finish()
    sys.exit(disagreements > 0)


if __name__ == "__main__":
    main()
