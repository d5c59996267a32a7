# SPDX-License-Identifier: MIT
"""Two promises of the core, each a ratio of medians within this run, interleaved:

    handoff   with --presenter null, 7680x4320 against 64x64
    cpu       of the viewer per shown frame with --presenter x11, 3840x2160 against 1280x720

Usage: bench_core.py [ROUNDS]    (default 7)"""
import os
import signal
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pipeline"))
from harness import *

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 7


def spread(values):
    return f"median {statistics.median(values):8.1f}  min {min(values):8.1f}  max {max(values):8.1f}"


def still_producer(t, size, write_bytes):
    width, height = size.split("x")
    return t.start(os.environ["PAGEFLIP_STILL_PRODUCER"], "bench", width, height, "20", "20000", str(write_bytes))


def handoff_us(t, size):
    """p50 of 60 frames. Whatever the size, the producer writes as much memory and takes as long
    before each publish: how deep the other core sleeps, and what is left in the caches, would else
    be what is measured."""
    producer = still_producer(t, size, 7680 * 4320 * 4)
    t.viewer("-q", "-n", "bench", "--wait", "5", "--frames", "60", "--json", "v.json").ends_with(0)
    producer.kill()
    return report_of(f"{t.path}/v.json")["latency_us"]["handoff"]["p50"]


def cpu_us(t, display, size):
    """Processor time per shown frame between two reports 4 s apart, so without the start."""
    producer = still_producer(t, size, 0)
    viewer = t.viewer("-q", "-n", "bench", "--wait", "5", "--json", "v.json", presenter="x11")
    display.window_of(viewer)

    def now():
        before = text_of(f"{t.path}/v.json")
        viewer.signal(signal.SIGUSR1)
        until(lambda: text_of(f"{t.path}/v.json") != before, "a report")
        report = report_of(f"{t.path}/v.json")
        shown = report["frames"]["shown"]
        equal(report["user_copies_per_frame"], 0, "copies")
        return report["cpu_us_per_frame"] * shown, shown

    cpu_before, shown_before = now()
    time.sleep(4)
    cpu_after, shown_after = now()
    viewer.kill()
    producer.kill()
    os.unlink(f"{t.path}/v.json")
    return (cpu_after - cpu_before) / (shown_after - shown_before)


def main():
    t = Scratch()
    try:
        results = {"64x64": [], "7680x4320": []}
        for _ in range(ROUNDS):
            for size, values in results.items():
                values.append(handoff_us(t, size))
        print(f"handoff p50, us, --presenter null, {ROUNDS} runs each, interleaved")
        for size, values in results.items():
            print(f"  {size:>10}  {spread(values)}")
        small, large = (statistics.median(values) for values in results.values())
        print(f"  ratio {large / small:.2f}")

        display = Display(t, "3840x2160x24")
        results = {"1280x720": [], "3840x2160": []}
        for _ in range(ROUNDS):
            for size, values in results.items():
                values.append(cpu_us(t, display, size))
        print(f"viewer's processor time per shown frame, us, --presenter x11, {ROUNDS} runs each")
        for size, values in results.items():
            print(f"  {size:>10}  {spread(values)}")
        small, large = (statistics.median(values) for values in results.values())
        print(f"  ratio {large / small:.2f}")
    finally:
        t.finish()


if __name__ == "__main__":
    main()
