# SPDX-License-Identifier: MIT
"""What a viewer costs at 60 frames per second, and how many frames it can show, against the bare
request, GStreamer and ffplay."""
import os
import signal
import time

import harness
from figures import *
from group_screen import SIZES
from peers import FFplay, GStreamer, Hangs, private_bytes, processor_ns
from screen import FIRST, Screen

INTERVAL_US = 16667
FFPLAY_INTERVAL_US = 100_000  # a pipe carries about 20 frames of 4K per second


class Pageflip:
    hangs = False

    def __init__(self, bench, screen, size, fps, *more):
        t = bench.scratch
        self.path = f"{t.path}/viewer.json"
        harness.text_of(self.path) and os.unlink(self.path)
        self.producer = bench.producer(size, *(["-i", str(INTERVAL_US)] if fps else []))
        # Without pacing an every-frame viewer: else the producer would publish frames that are not shown.
        self.viewer = bench.viewer("x11", "--vsync", "off", "--json", "viewer.json",
                                   *([] if fps else ["--every-frame"]), *more)
        screen.display.window_of(self.viewer)  # earlier a signal would end the viewer
        harness.until(lambda: self.report()["frames"]["shown"] > 10, "frames")

    def report(self):
        before = harness.text_of(self.path)
        self.viewer.signal(signal.SIGUSR1)
        harness.until(lambda: harness.text_of(self.path) != before, "a report")
        return harness.report_of(self.path)

    def begin(self):
        """(frames shown, processor ns, seconds). The report is written before the time is read, and in end() after
        that, so that the reports are not part of the cost."""
        shown = self.report()["frames"]["shown"]
        return shown, processor_ns(self.viewer.pid), time.monotonic()

    def end(self):
        """The same at the end of the measurement."""
        used, at = processor_ns(self.viewer.pid), time.monotonic()
        return self.report()["frames"]["shown"], used, at

    def close(self):
        self.viewer.kill()
        self.producer.kill()


def between(viewer, seconds):
    """Between two readings: processor time of a frame in us, memory in MB, frames per second."""
    try:
        shown, used, at = viewer.begin()
        time.sleep(seconds)
        memory = private_bytes(viewer.viewer.pid)
        shown_then, used_then, at_then = viewer.end()
    finally:
        viewer.close()
    frames = shown_then - shown
    if not frames:
        raise Hangs("no frame was shown")
    got = {"cpu": {"p50": (used_then - used) / 1e3 / frames}, "memory": {"p50": memory / 1e6}}
    if not viewer.hangs:
        got["fps"] = {"p50": frames / (at_then - at)}
    return got


def bare(bench, size, interval_us, frames):
    got = of_lines(output_of(*FIRST, bench.program("bench_screen"), "async", *size.split("x"), str(interval_us),
                             str(frames), env=bench.env))["frame"]
    return {"cpu": {"p50": got["cpu_us"]}, "fps": {"p50": got["fps"]}}


def ffplay(bench, screen, size, seconds):
    peer = FFplay(bench, size, FFPLAY_INTERVAL_US, 1000)
    try:
        screen.display.window_of(peer.viewer)
        probe = screen.watch("0,0", size)
        time.sleep(1)
        used, started = processor_ns(peer.viewer.pid), time.monotonic()
        time.sleep(seconds)
        used, ended = processor_ns(peer.viewer.pid) - used, time.monotonic()
        memory = private_bytes(peer.viewer.pid)
        shown = [at for at in screen.all_seen(probe).values() if started <= at / 1e6 <= ended]
    finally:
        peer.close()
    return {"cpu": {"p50": used / 1e3 / max(1, len(shown))}, "memory": {"p50": memory / 1e6}}


def may_hang(measure):
    """The measurement, or {"none": why there is no figure in this round}."""
    try:
        return measure()
    except (Hangs, harness.Skip) as reason:
        return {"none": str(reason)}


def why(rounds):
    """Why there is no figure in any round."""
    reasons = [measurement["none"] for measurement in rounds if "none" in measurement]
    return reasons[0] if reasons else "it hung before the end"


def figures(rounds, what):
    return [measurement[what] for measurement in rounds if what in measurement]


def viewers(bench):
    group = "the viewer, 60 fps"
    sizes = ["4K"] if bench.quick else list(SIZES)
    frames = 60 if bench.quick else 120
    seconds = frames * INTERVAL_US / 1e6
    screen = Screen(bench.scratch, bench.build)
    seen = {}
    try:
        for _ in range(bench.rounds(3)):
            for size in sizes + ([] if "720p" in sizes else ["720p"]):
                contestants = {
                    "pageflip": lambda: between(Pageflip(bench, screen, SIZES[size], 60), seconds),
                    "bare Present": lambda: bare(bench, SIZES[size], INTERVAL_US, frames),
                    GStreamer.name: lambda: may_hang(lambda: between(GStreamer(bench, SIZES[size], 60), seconds)),
                }
                if size in sizes and (size, FFplay.name) not in seen:  # so much slower that one round is enough
                    contestants[FFplay.name] = lambda: may_hang(lambda: ffplay(bench, screen, SIZES[size], seconds))
                for name, measure in contestants.items():
                    if size in sizes or name == "pageflip":
                        seen.setdefault((size, name), []).append(measure())
        unpaced = interleave({
            "pageflip": lambda: between(Pageflip(bench, screen, SIZES["4K"], 0), seconds),
            "bare Present": lambda: bare(bench, SIZES["4K"], 0, 400),
            GStreamer.name: lambda: may_hang(lambda: between(GStreamer(bench, SIZES["4K"], 0), seconds)),
        }, bench.rounds(3))
    finally:
        screen.close()

    for what, unit, text in (("cpu", "us", "processor time of a frame"), ("memory", "MB", "private memory")):
        for size in sizes:
            ours = figures(seen[size, "pageflip"], what)
            for name in ("bare Present", GStreamer.name, FFplay.name):
                if what == "memory" and name == "bare Present":
                    continue
                theirs = figures(seen[size, name], what)
                target = ratio_at_most(1 / 50, "<= 1/50") if (what, size, name) == ("cpu", "4K", GStreamer.name) else None
                if theirs:
                    yield Row(group, f"{text}, {size}", unit, ours, name, theirs, target)
                else:
                    yield Gap(group, f"{text}, {size}", f"no figure for {name}: {why(seen[size, name])}")
        ours, small = (figures(seen[size, "pageflip"], what) for size in ("4K", "720p"))
        yield Row(group, f"{text}, 4K", unit, ours, "pageflip, 720p", small,
                  ratio_at_most(1.2) if what == "cpu" else None)
    for name in ("bare Present", GStreamer.name):
        theirs = figures(unpaced[name], "fps")
        if theirs:
            yield Row("the viewer, unpaced", "frames shown, 4K", "1/s", figures(unpaced["pageflip"], "fps"),
                      name, theirs, ratio_at_least(0.9) if name == "bare Present" else None)
        else:
            yield Gap("the viewer, unpaced", "frames shown, 4K", f"no figure for {name}: {why(unpaced[name])}")
    bench.plot("viewers", sizes=sizes, series={
        name: {size: summary(figures(seen[size, name], "cpu")) for size in sizes if figures(seen[size, name], "cpu")}
        for name in ("pageflip", "bare Present", GStreamer.name, FFplay.name)})
