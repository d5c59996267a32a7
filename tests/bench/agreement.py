# SPDX-License-Identifier: MIT
"""Does the viewer tell the truth? Its own `total` (due to done) of each frame, against what a witness
saw that reads the server's framebuffer: due to the last pixel on the screen.

For every size and way: p50 and p99 of both, over the same frames. They agree when they differ by at
most 3 % or 30 us. Exit 1 if one does not.

Noise is told from error in three ways. Viewer and witness have real-time priority where that is
allowed (root): what else runs on the machine may make frames late, but not the one or the other late
in noticing. The witness says how long before it had looked last, and a frame that it cannot date
well does not count. And the median of several runs is compared, where one run's p99 is a frame or two.

    agreement.py [FRAMES]    (default 150, at least 75)"""
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import *
from screen import FIRST, Screen, rows

# Beside the witness, which has the last core: its spinning uses up what real-time programs may have
# of a core (95 %), and a viewer that is kept waiting there for the rest sees frames late.
BESIDE = [*FIRST, "taskset", "-c", f"0-{os.cpu_count() - 2}"] if FIRST else []
FRAMES = max(int(sys.argv[1]), 75) if len(sys.argv) > 1 else 150
ROUNDS = 3
SIZES = ("1280x720", "1920x1080", "3840x2160")
WAYS = (("x11", "x11-present, vsync on", []), ("x11", "x11-present, vsync off", ["--vsync", "off"]),
        ("x11-put", "x11-putimage", []))


def measure(t, screen, size, presenter, more):
    width = int(size.split("x")[0])
    rate = "20" if width > 3000 else "50"
    producer = t.producer("-q", "--pattern", "stars", "-s", size, "-r", rate, "--buffers", "3")
    viewer = t.start(*BESIDE, VIEWER, "--presenter", presenter, "-q", "--frames", str(FRAMES), "--csv", "v.csv", *more)
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
    assert len(pairs) >= FRAMES // 3, f"only {len(pairs)} frames were seen by both"
    return pairs[20:]  # the first ones run into the start of the probe


def percentile(values, fraction):
    return sorted(values)[min(len(values) - 1, int(len(values) * fraction))]


def main():
    t = Scratch()
    screen, disagreements = None, 0
    try:
        screen = Screen(t, os.environ["PAGEFLIP_BENCH"])
        if not FIRST:
            print("without real-time priority: run as root, or expect noise where the machine is busy")
        print(f"total, us: the viewer's own / the screen's; median of {ROUNDS} runs of {FRAMES} frames", flush=True)
        print(f"{'size':10} {'way':24} {'p50':>19} {'diff':>8} {'p99':>19} {'diff':>8}")
        for size in SIZES:
            for presenter, way, more in WAYS:
                runs = [measure(t, screen, size, presenter, more) for _ in range(ROUNDS)]
                line, agrees = f"{size:10} {way:24}", True
                for fraction in (0.5, 0.99):
                    # One run's p99 is a frame or two, and the machine's: the median of several is ours.
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
