# SPDX-License-Identifier: MIT
"""For the tests that kill: read a segment from outside, without the library, and wait in steps short enough for thousands of
processes. The programs are those of PAGEFLIP_BUILD (default: build-tests) unless the environment names others."""
import csv
import ctypes
import os
import signal
import struct
import time
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("PAGEFLIP_BUILD", f"{ROOT}/build-tests")
os.environ.setdefault("PAGEFLIP_PRODUCER", f"{BUILD}/producer/pageflip-producer")
os.environ.setdefault("PAGEFLIP_VIEWER", f"{BUILD}/viewer/pageflip-viewer")
FAULTY_VIEWER = os.environ.get("PAGEFLIP_FAULTY_VIEWER", f"{BUILD}/tests/faulty-viewer")

from harness import FAULTY_PRODUCER, HANG_SECONDS, SANITIZED, Scratch, segments, text_of  # noqa: E402 (it reads the environment set above)

# Seconds in which the other processes must recover. They need less than 2; a busy machine may add much to that.
RECOVERY = 60 if SANITIZED else 30
SLOW = 240 if SANITIZED else 120  # seconds after which a step of the test itself counts as hanging
POLL = 0.002

SHM_RDONLY, IPC_RMID = 0o10000, 0
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
libc.shmdt.argtypes = [ctypes.c_void_p]

# common/core/layout.h
PAGE, LANE, LANES, FREE, LATEST, EVERY = 4096, 128, 16, 0, 1, 2


class Failure(Exception):
    pass


def check(good, what):
    if not good:
        raise Failure(what)


def soon(question, what, seconds=SLOW):
    """Repeat the question until the answer is true; returns the answer."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(POLL)


def wait_stopped(process):
    """Wait until the process has stopped itself at the place that PAGEFLIP_FAULT names."""
    soon(lambda: process.is_stopped() or not process.is_running(), f"{process.command} stops", HANG_SECONDS)
    check(process.is_running(), f"{process.command} exited instead of stopping: {process.err}")


def wait_killed(process, seconds=SLOW):
    """Wait until the process has killed itself. Returns false if it never reached that place."""
    try:
        return soon(lambda: not process.is_running(), "", seconds) and process.popen.returncode == -signal.SIGKILL
    except Failure:
        return False


def wait_exit(process, codes, what, seconds=RECOVERY):
    soon(lambda: not process.is_running(), f"{what}: {' '.join(process.command)} exits: {process.err}", seconds)
    check(process.wait() in codes, f"{what}: {' '.join(process.command)}: exit {process.wait()}, expected {codes}: {process.err}")


def is_sane(process):
    """Is there no sanitizer's report? A report does not always change the exit code."""
    return "runtime error:" not in process.err and "Sanitizer" not in process.err


class Witness:
    """Attached read-only to the segment that a channel's id file names now. It has no lane, so no program counts it."""

    def __init__(self, scratch, producer, name="default"):
        path = f"{scratch.path}/pageflip/{name}.id"
        text = soon(lambda: (lambda t: t if f"\npid {producer.pid}\n" in t else "")(text_of(path)), f"an id file of {producer.pid}")
        self.base = libc.shmat(int(text.split("shmid ")[1].split()[0]), None, SHM_RDONLY)
        check(self.base != ctypes.c_void_p(-1).value, "the segment has been removed")

    def word(self, offset):
        return ctypes.c_uint64.from_address(self.base + offset).value

    def newest(self):
        return self.word(PAGE) >> 3

    def newest_slot(self):
        return self.word(PAGE) & 7

    def lane_word(self, viewer):
        return self.word(2 * PAGE + LANE * [self.pid(lane) for lane in range(LANES)].index(viewer.pid))

    def held(self, viewer):
        """The slots that the viewer holds, one bit each."""
        return self.lane_word(viewer) >> 2 & 0xFF

    def next_of(self, viewer):
        """The frame that an every-frame viewer takes next."""
        return self.lane_word(viewer) >> 10

    def modes(self):
        return [self.word(2 * PAGE + LANE * i) & 3 for i in range(LANES)]

    def pid(self, lane):
        return ctypes.c_int32.from_address(self.base + 2 * PAGE + LANE * lane + 8).value

    def joined(self):
        return sum(mode != FREE for mode in self.modes())

    def close(self):
        if self.base:
            libc.shmdt(self.base)
        self.base = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def start_with_viewers(scratch, viewers, *command, env=None, **popen):
    """Start a command with FAULTY_PRODUCER, which stops before its first frame until this number of viewers has joined. By itself
    a producer waits for them for half a second, which may be too short on a busy machine."""
    producer = scratch.start(*command, env={"PAGEFLIP_FAULT": "start_is_open:1:stop", **(env or {})}, **popen)
    wait_stopped(producer)
    with Witness(scratch, producer) as segment:
        soon(lambda: segment.joined() == viewers, f"{viewers} viewers have joined", HANG_SECONDS)
    producer.signal(signal.SIGCONT)
    return producer


def segments_of(processes):
    pids = {process.pid for process in processes}
    return [s for s in segments() if s["cpid"] in pids]


def remove_segment(shmid):
    libc.shmctl(shmid, IPC_RMID, None)


def rows_of(path):
    """From a viewer's --csv file: (sequence, pid of the producer), without the rows of frames that were drawn again."""
    found = []
    for line in text_of(path).splitlines()[1:]:
        cells = line.split(",")
        if cells[-2] == "0":
            found.append((int(cells[0]), int(cells[1])))
    return found


def table_of(path):
    """All rows of a viewer's --csv file, by the names of its columns."""
    with open(path) as file:
        return list(csv.DictReader(file))


def rows_in_ns(path):
    """All rows of a viewer's --csv file as numbers; the times in ns, without "_us" in their names."""
    def cell(name, value):
        return (name.removesuffix("_us"), int(value.replace(".", ""))) if name.endswith("_us") else (name, int(value))
    return [dict(cell(*item) for item in row.items()) for row in table_of(path)]


def png(width, height, rgb):
    """The bytes of a PNG file. `rgb`: 3 bytes a pixel, or those of the one colour of all pixels."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    pixels = rgb * (width * height) if len(rgb) == 3 else rgb
    rows = b"".join(b"\0" + pixels[start : start + 3 * width] for start in range(0, len(pixels), 3 * width))  # filter 0
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
