# SPDX-License-Identifier: MIT
"""Other programs for the same job, each started with the options that suit it best. Each wait has a
time-out, because these programs may hang."""
import glob
import os
import re
import time

import harness
from screen import FIRST

HANG_S = 5  # a peer that makes no progress for this many seconds hangs


class Hangs(Exception):
    pass


def processor_ns(pid):
    """Processor time of a process so far, of all its threads."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        total += int((harness.text_of(path).split() or ["0"])[0])
    return total


def private_bytes(pid):
    """Memory that the process has written and does not share. The pages of libraries do not count: they are
    private only while no other program uses the library."""
    rollup = harness.text_of(f"/proc/{pid}/smaps_rollup")
    return 1024 * sum(int(kb) for kb in re.findall(r"^Private_Dirty:\s+(\d+) kB", rollup, re.M))


class GStreamer:
    """videotestsrc ! shmsink in one process, shmsrc ! ximagesink in another. The source draws a plain colour,
    the cheapest pattern. On a busy machine the shared memory of shmsink fills up at some point, and then
    both processes wait forever."""

    name = "GStreamer shmsrc"

    def __init__(self, bench, size, fps):
        harness.need("gst-launch-1.0")
        self.bench, self.hangs = bench, False
        width, height = map(int, size.split("x"))
        t = bench.scratch
        self.socket = f"{t.path}/gst-{len(t.processes)}"
        caps = f"video/x-raw,format=BGRx,width={width},height={height},framerate={fps or 60}/1"
        pace = "true" if fps else "false"
        self.producer = t.start(*FIRST, "gst-launch-1.0", "-q", "videotestsrc", f"is-live={pace}", "pattern=blue", "!", caps, "!",
                                "shmsink", f"socket-path={self.socket}", f"sync={pace}", "wait-for-connection=true",
                                f"shm-size={width * height * 4 * 8 + (1 << 20)}")
        try:
            self.until(lambda: os.path.exists(self.socket), "its socket")
            self.viewer = t.start(*FIRST, "gst-launch-1.0", "-v", "shmsrc", f"socket-path={self.socket}", "is-live=true", "!",
                                  caps, "!", "fpsdisplaysink", "video-sink=ximagesink sync=false", "text-overlay=false",
                                  "sync=false", "fps-update-interval=100")
            self.until(lambda: self.shown() > 10, "frames")
        except BaseException:
            self.close()
            raise

    def until(self, question, what):
        try:
            return harness.until(question, what, HANG_S)
        except AssertionError:
            raise Hangs(f"no sign of {what} within {HANG_S} s") from None

    def shown(self):
        counts = re.findall(r"rendered: (\d+)", self.viewer.out)
        return int(counts[-1]) if counts else 0

    def begin(self):
        """(frames shown, processor ns, seconds), directly after the count has changed. If it hangs, the frames
        shown before still give the cost of a frame, but not the frame rate."""
        before = self.shown()
        try:
            self.until(lambda: self.shown() != before, "the next frame")
        except Hangs:
            self.hangs = True
        return self.shown(), processor_ns(self.viewer.pid), time.monotonic()

    end = begin

    def close(self):
        for process in self.bench.scratch.processes:
            if "gst-launch-1.0" in process.command and process.is_running():
                process.kill()
        for left in glob.glob(f"/dev/shm/shmpipe.*{self.producer.pid}.*"):  # shmsink leaves it after a signal
            os.unlink(left)


class FFplay:
    """Raw frames through a pipe. The frame rate given to ffplay is high, so that it shows each frame when the
    frame arrives. It draws by software, which is faster than OpenGL without a GPU."""

    name = "pipe to ffplay"

    def __init__(self, bench, size, interval_us, count):
        harness.need("ffplay")
        t = bench.scratch
        width, height = size.split("x")
        read_end, write_end = os.pipe()
        self.viewer = t.start(
            *FIRST, "ffplay", "-loglevel", "quiet", "-f", "rawvideo", "-pixel_format", "bgr0", "-video_size", size,
            "-framerate", "1000", "-fflags", "nobuffer", "-flags", "low_delay", "-probesize", "32", "-noframedrop",
            "-autoexit", "-noborder", "-left", "0", "-top", "0", "-an", "-i", "-", stdin=read_end,
            env={"SDL_RENDER_DRIVER": "software", "SDL_FRAMEBUFFER_ACCELERATION": "0"})
        self.producer = t.start(*FIRST, bench.program("bench_frames"), width, height, str(interval_us), str(count), "frames.csv",
                                stdout=write_end)
        os.close(read_end)
        os.close(write_end)

    def close(self):
        self.producer.kill()
        self.viewer.kill()
