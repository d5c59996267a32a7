# SPDX-License-Identifier: MIT
"""For the tests that kill: a look at a segment from outside, by none of our own code, and waits that are quick enough
for thousands of processes. Programs are those of PAGEFLIP_BUILD (default: build-tests) unless meson says otherwise."""
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
FAULTY_PRODUCER = os.environ.get("PAGEFLIP_FAULTY_PRODUCER", f"{BUILD}/tests/faulty-producer")
FAULTY_VIEWER = os.environ.get("PAGEFLIP_FAULTY_VIEWER", f"{BUILD}/tests/faulty-viewer")

from harness import SANITIZED, Scratch, segments, text_of  # noqa: E402 (after the environment is there)

RECOVERY = 10 if SANITIZED else 2  # seconds in which survivors must be themselves again
SLOW = 60 if SANITIZED else 15     # seconds until what the test itself prepares is said to hang
POLL = 0.002

SHM_RDONLY, IPC_RMID = 0o10000, 0
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
libc.shmdt.argtypes = [ctypes.c_void_p]

# common/core/layout.h
PAGE, LANE, LANES, FREE, LATEST, EVERY = 4096, 128, 16, 0, 1, 2


# A shell that starts something in the background has it ignore SIGINT, and its children, too, until they ask for it.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Failure(Exception):
    pass


def check(good, what):
    if not good:
        raise Failure(what)


def soon(question, what, seconds=SLOW):
    """Ask again until it says yes; returns what it said."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(POLL)


def is_stopped(process):
    try:
        return os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False  # it has ended


def wait_stopped(process):
    """Until it has stopped itself at the place that PAGEFLIP_FAULT names."""
    soon(lambda: is_stopped(process) or not process.is_running(), f"{process.command} stops")
    check(process.is_running(), f"{process.command} ended instead of stopping: {process.err}")


def wait_killed(process, seconds=SLOW):
    """Until it has killed itself. None: it never came by that place."""
    try:
        return soon(lambda: not process.is_running(), "", seconds) and process.popen.returncode == -signal.SIGKILL
    except Failure:
        return False


def wait_exit(process, codes, what, seconds=RECOVERY):
    soon(lambda: not process.is_running(), f"{what}: {' '.join(process.command)} ends: {process.err}", seconds)
    check(process.wait() in codes, f"{what}: {' '.join(process.command)}: exit {process.wait()}, wanted {codes}: {process.err}")


def is_sane(process):
    """What a sanitizer says need not change an exit code."""
    return "runtime error:" not in process.err and "Sanitizer" not in process.err


class Witness:
    """Attached read-only to the segment that a channel's id file names now. Nobody counts it: it has no lane."""

    def __init__(self, scratch, producer, name="default"):
        path = f"{scratch.path}/pageflip/{name}.id"
        text = soon(lambda: (lambda t: t if f"\npid {producer.pid}\n" in t else "")(text_of(path)), f"an id file of {producer.pid}")
        self.base = libc.shmat(int(text.split("shmid ")[1].split()[0]), None, SHM_RDONLY)
        check(self.base != ctypes.c_void_p(-1).value, "the segment is gone")

    def word(self, offset):
        return ctypes.c_uint64.from_address(self.base + offset).value

    def newest(self):
        return self.word(PAGE) >> 3

    def newest_slot(self):
        return self.word(PAGE) & 7

    def lane_word(self, viewer):
        return self.word(2 * PAGE + LANE * [self.pid(lane) for lane in range(LANES)].index(viewer.pid))

    def held(self, viewer):
        """The slots that it holds, one bit each."""
        return self.lane_word(viewer) >> 2 & 0xFF

    def wanted(self, viewer):
        """The frame that a viewer of every frame takes next."""
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


def segments_of(processes):
    pids = {process.pid for process in processes}
    return [s for s in segments() if s["cpid"] in pids]


def remove_segment(shmid):
    libc.shmctl(shmid, IPC_RMID, None)


def rows_of(path):
    """Of a viewer's --csv file: (sequence, pid of the producer), but for pictures that were only shown again."""
    found = []
    for line in text_of(path).splitlines()[1:]:
        cells = line.split(",")
        if cells[-2] == "0":
            found.append((int(cells[0]), int(cells[1])))
    return found


def table_of(path):
    """All of a viewer's --csv file, by the names of its columns."""
    with open(path) as file:
        return list(csv.DictReader(file))


def png(width, height, shade):
    """A small picture in grey, as the bytes of a PNG file."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes([shade]) * width for _ in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
