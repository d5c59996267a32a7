# SPDX-License-Identifier: MIT
"""The real programs with a damaged or foreign segment: a viewer refuses it with exit code 5 and the field's name, or accepts
it because it is consistent, and never writes to it. A peer that overwrites the control pages during a stream crashes no
program."""
import ctypes
import os
import random
import signal
import sys
import time

from harness import *

PAGE = 4096
CONTROL = 35 * PAGE  # everything before the slots
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p


class Header(ctypes.Structure):
    """struct layout_header of layout.h."""

    _fields_ = [
        ("magic", ctypes.c_uint32), ("version", ctypes.c_uint32), ("layout_hash", ctypes.c_uint32),
        ("header_bytes", ctypes.c_uint32), ("nonce", ctypes.c_uint8 * 16), ("total_bytes", ctypes.c_uint64),
        ("slots_offset", ctypes.c_uint64), ("slot_stride_bytes", ctypes.c_uint64), ("page_bytes", ctypes.c_uint32),
        ("slots", ctypes.c_uint32), ("fourcc", ctypes.c_uint32), ("width", ctypes.c_uint32), ("height", ctypes.c_uint32),
        ("rate_num", ctypes.c_uint32), ("rate_den", ctypes.c_uint32), ("stride_bytes", ctypes.c_uint32 * 4),
        ("matrix", ctypes.c_uint8), ("range", ctypes.c_uint8), ("transfer", ctypes.c_uint8), ("alpha", ctypes.c_uint8),
        ("plane_offset", ctypes.c_uint64 * 4), ("user_offset", ctypes.c_uint64), ("user_bytes", ctypes.c_uint32),
        ("producer_pid", ctypes.c_int32), ("channel", ctypes.c_char * 65),
    ]


class Raw:
    """A segment as a peer can map it: writable as a whole."""

    def __init__(self, shmid, size):
        self.shmid, self.size = shmid, size
        self.address = libc.shmat(shmid, None, 0)
        assert self.address != ctypes.c_void_p(-1).value, "shmat"
        self.header = Header.from_address(self.address)

    @classmethod
    def of(cls, producer):
        found = next(s for s in segments() if s["cpid"] == producer.pid)
        return cls(found["shmid"], found["size"])

    def bytes(self):
        return ctypes.string_at(self.address, self.size)

    def close(self):
        libc.shmdt(ctypes.c_void_p(self.address))


class Foreign(Raw):
    """A segment that another program has created."""

    def __init__(self, size, fill=0):
        shmid = libc.shmget(0, size, 0o1600)  # IPC_PRIVATE, IPC_CREAT
        assert shmid >= 0, "shmget"
        super().__init__(shmid, size)
        ctypes.memset(self.address, fill, size)

    def close(self):
        super().close()
        libc.shmctl(self.shmid, 0, None)  # IPC_RMID


def view(t, *more):
    return t.viewer("-q", "--frames", "1", "--seconds", "5", *more)


# ---------------------------------------------------------------- the header

# The fields that a viewer may report when this field is wrong: the field itself, or one that no longer fits it.
NAMES = {
    "width": {"width", "stride_bytes"}, "height": {"height", "plane_offset"}, "slots": {"slots", "total_bytes"},
    "slot_stride_bytes": {"slot_stride_bytes", "plane_offset", "total_bytes"},
    "stride_bytes": {"stride_bytes", "plane_offset"}, "user_bytes": {"user_bytes", "user_offset"},
}
INFORMATIONAL = {"rate_num", "rate_den", "producer_pid"}  # any value is accepted
EXACT = {"magic", "version", "layout_hash", "header_bytes", "page_bytes", "slots_offset", "fourcc"}


def values_for(bits, right):
    top = (1 << bits) - 1
    chosen = random.Random(bits * right)
    return {0, 1, top, top - 1, 1 << (bits - 1), right - 1, right + 1, right + PAGE, right * 2,
            chosen.getrandbits(bits), chosen.getrandbits(bits // 2)} - {right}


@test
def every_wrong_header_field_is_refused_by_name(t):
    producer = t.producer("-s", "641x479", "--buffers", "3")
    raw = Raw.of(producer)
    refusals = taken = 0
    for name, kind in Header._fields_:
        if name in ("nonce", "channel"):
            continue
        field = getattr(raw.header, name)
        array = field if isinstance(field, ctypes.Array) else None
        right = array[0] if array else field
        bits = 8 * ctypes.sizeof(array._type_ if array else kind)
        for value in sorted(v % (1 << bits) for v in values_for(bits, right)):
            if array:
                array[0] = value
            else:
                setattr(raw.header, name, value)
            process = view(t)
            code = process.wait()
            what = f"{name} = {value}: exit {code}: {process.err}"
            if code == 5:
                refusals += 1
                process.fails_with(5, f"segment {raw.shmid}", "|".join(f'"{wrong}"' for wrong in NAMES.get(name, {name})))
            else:
                taken += 1
                equal(code, 0, what)
            assert code == 5 or name not in EXACT, what
            assert code == 0 or name not in INFORMATIONAL, what
            # A larger width may fit into a row's padding. These fields have no padding.
            assert code == 5 or name not in ("total_bytes", "slots", "slot_stride_bytes") or value < right, what
            if array:
                array[0] = right
            else:
                setattr(raw.header, name, right)
    assert refusals > 100 and taken > 10, f"{refusals} refused, {taken} taken"
    view(t).ends_with(0)
    raw.close()


@test
def a_wrong_nonce_or_channel_name_is_refused(t):
    raw = Raw.of(t.producer("-s", "64x64"))
    raw.header.nonce[5] ^= 1
    view(t).fails_with(5, "nonce")
    raw.header.nonce[5] ^= 1
    for name in (b"", b"../up", b"a b", b"x" * 65):
        ctypes.memset(ctypes.addressof(raw.header) + Header.channel.offset, 0, 65)
        ctypes.memmove(ctypes.addressof(raw.header) + Header.channel.offset, name, len(name))
        view(t).fails_with(5, f"segment {raw.shmid}", '"channel"')
    raw.close()


@test
def a_refused_segment_is_never_attached_writable(t):
    """There is one attach, read-only, then a detach, and no second attach."""
    need("strace")
    raw = Raw.of(t.producer("-s", "64x64"))
    raw.header.total_bytes += 1
    log = f"{t.path}/strace"
    t.start("strace", "-o", log, "-e", "trace=shmat,shmdt,mprotect", VIEWER, "--presenter", "null",
            env={"ASAN_OPTIONS": "detect_leaks=0"}  # the leak check uses ptrace()
            ).fails_with(5, f"segment {raw.shmid}", "total_bytes")
    calls = [line for line in open(log) if line.startswith("shm")]
    equal([line.split("(")[0] for line in calls], ["shmat", "shmdt"])
    contains(calls[0], "SHM_RDONLY")
    raw.close()


@test
def a_segment_smaller_than_in_its_header_is_refused(t):
    """A valid header in a segment that ends in the middle of a slot, after the control pages, or within them."""
    producer = t.producer("-s", "64x64")
    good = Raw.of(producer)
    path = f"{t.path}/pageflip/default.id"
    text = open(path).read()
    producer.signal(signal.SIGSTOP)  # while it runs, it writes the id file again
    for size in (good.size - PAGE, CONTROL + PAGE, CONTROL, 4 * PAGE, 3 * PAGE, 2 * PAGE, PAGE, 16):
        small = Foreign(size)
        ctypes.memmove(small.address, good.address, min(size, ctypes.sizeof(Header)))
        before = small.bytes()
        with open(path, "w") as file:
            file.write(text.replace(f"shmid {good.shmid}\n", f"shmid {small.shmid}\n"))
        view(t).fails_with(5, f"segment {small.shmid}", "size|total_bytes")
        assert small.bytes() == before, "the viewer wrote to it"
        small.close()
    good.close()


@test
def an_id_file_with_a_foreign_segment_is_refused(t):
    """The viewer does not write to it."""
    producer = t.producer("-s", "64x64")
    good = Raw.of(producer)
    path = f"{t.path}/pageflip/default.id"
    text = open(path).read()
    producer.signal(signal.SIGSTOP)  # while it runs, it writes the id file again
    for size, fill, word in ((16, 0x5A, "size"), (1 << 20, 0, "magic"), (1 << 20, 0xFF, "magic"), (good.size, None, "nonce")):
        foreign = Foreign(size, fill or 0)
        if fill is None:  # another run of a producer
            ctypes.memmove(foreign.address, good.address, size)
            foreign.header.nonce[0] ^= 0x80
        before = foreign.bytes()
        with open(path, "w") as file:
            file.write(text.replace(f"shmid {good.shmid}\n", f"shmid {foreign.shmid}\n"))
        view(t).fails_with(5, word)
        t.run(VIEWER, "--list")
        assert foreign.bytes() == before, "the viewer wrote to it"
        foreign.close()
    good.close()
    assert producer.is_running()


@test
def an_invalid_id_file_counts_as_no_producer(t):
    producer = t.producer("-s", "64x64")
    path = f"{t.path}/pageflip/default.id"
    text = open(path).read()
    producer.signal(signal.SIGSTOP)  # while it runs, it writes the id file again
    for damaged in ("", "\0" * 400, "x" * 5000, text[: len(text) // 2], text.replace("nonce ", "nonce x"),
                    text.replace("shmid ", "shmid -"), text.replace("shmid ", "shmid 99999999999999999999"),
                    "%s%n" * 50):
        with open(path, "w") as file:
            file.write(damaged)
        view(t).fails_with(4, "default", "no producer")
        t.run(VIEWER, "--list")
    with open(path, "w") as file:
        file.write(text)
    producer.signal(signal.SIGCONT)
    view(t).ends_with(0)


# ---------------------------------------------------------------- a peer that scribbles


def scribble(shmid, seconds):
    """When this file is started with "scribble", it writes random bytes over pages 1 and 2, with pauses. The producer can
    publish frames in a pause; while the lanes change all the time it may have to wait."""
    raw = Raw(shmid, 0)
    chosen = random.Random(42)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for _ in range(200):
            ctypes.memmove(raw.address + PAGE, chosen.randbytes(2 * PAGE), 2 * PAGE)
        time.sleep(0.02)
    raw.close()


def scribbler(t, producer, seconds):
    shmid = next(s["shmid"] for s in segments() if s["cpid"] == producer.pid)
    return t.start(sys.executable, os.path.abspath(__file__), "scribble", str(shmid), str(seconds))


def cpu_seconds(process):
    fields = text_of(f"/proc/{process.pid}/stat").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def recovers(t, raw, *viewer_options):
    """After the scribbler and the viewer that may have a damaged lane have exited, the producer continues, and a new viewer
    gets its frames."""
    newest = ctypes.c_uint64.from_address(raw.address + PAGE)
    before = newest.value  # only the producer writes it now
    until(lambda: newest.value != before, "another frame")
    t.viewer("-q", "--frames", "5", "--json", "n.json", *viewer_options).ends_with(0)
    equal(report_of(f"{t.path}/n.json")["frames"]["shown"], 5)


def scribbled_over(t, presenter, *viewer_options):
    """Some seconds with one viewer from the start, and others that join."""
    producer = t.producer("-s", "320x240", "-r", "100", "--evict", "200", "--buffers", "3")
    raw = Raw.of(producer)
    header = ctypes.string_at(raw.address, PAGE)
    viewers = [t.viewer("-q", "--json", "v.json", *viewer_options, presenter=presenter)]
    until(lambda: "PRODUCER" in t.run(VIEWER, "--list").decode(), "a list")
    time.sleep(0.5)
    before = cpu_seconds(producer)
    peer = scribbler(t, producer, HANG_SECONDS)
    started = time.monotonic()
    drawn, shown = set(), 0
    # On a busy machine the stream makes little progress among the random bytes.
    while peer.is_running() and (time.monotonic() - started < 5 or len(drawn) < 2 or not shown):
        drawn.add(hash(ctypes.string_at(raw.address + CONTROL, raw.size - CONTROL)))
        # A damaged word soon ends an every-frame viewer, so half of these are latest-frame viewers.
        late = t.viewer("-q", "--seconds", "0.3", "--json", "l.json", *(viewer_options if len(drawn) % 2 else ()))
        # It got frames or none, or its damaged lane word means that it was evicted.
        assert late.wait() in (0, 11), f"exit {late.popen.returncode}: {late.err}"
        if late.popen.returncode == 0:
            shown += report_of(f"{t.path}/l.json")["frames"]["shown"]
        t.run(VIEWER, "--list")
    assert len(drawn) > 1 and shown > 0, f"{len(drawn)} frames drawn, {shown} shown: the stream stands still"
    peer.kill()
    spent = (cpu_seconds(producer) - before) / (time.monotonic() - started)
    assert SANITIZED or spent < 0.5, f"the producer spins: {spent:.0%} of a core"
    equal(ctypes.string_at(raw.address, PAGE), header, "the header")
    assert producer.is_running(), producer.err
    for viewer in viewers:
        viewer.signal(signal.SIGTERM)
        assert viewer.wait() in (11, 128 + signal.SIGTERM), f"exit {viewer.popen.returncode}: {viewer.err}"
        if viewer.popen.returncode != 11:
            assert os.path.exists(f"{t.path}/v.json")
    recovers(t, raw, *viewer_options)
    raw.close()
    producer.signal(signal.SIGTERM)
    producer.ends_with(128 + signal.SIGTERM)


@test
def a_scribbling_peer_crashes_neither_program(t):
    scribbled_over(t, "null")


@test
def a_scribbling_peer_crashes_no_every_frame_viewer(t):
    scribbled_over(t, "null", "--every-frame")


@test
def a_scribbling_peer_crashes_no_viewer_with_a_window(t):
    Display(t)
    scribbled_over(t, "x11")


@test
def pages_removed_by_a_peer_crash_neither_program(t):
    """After MADV_REMOVE frames are black, and nothing else happens."""
    producer = t.producer("-s", "320x240", "-r", "100")
    viewer = t.viewer("-q")
    until(lambda: " 1\n" in t.run(VIEWER, "--list").decode(), "a viewer")
    raw = Raw.of(producer)
    for _ in range(100):
        ret = libc.madvise(ctypes.c_void_p(raw.address + PAGE), ctypes.c_size_t(raw.size - PAGE), 9)
        equal(ret, 0, f"madvise: errno {ctypes.get_errno()}")
        time.sleep(0.01)
    raw.close()
    assert producer.is_running() and viewer.is_running()
    view(t).ends_with(0)
    viewer.signal(signal.SIGTERM)
    viewer.ends_with(128 + signal.SIGTERM)


if __name__ == "__main__":
    if sys.argv[1:2] == ["scribble"]:
        scribble(int(sys.argv[2]), float(sys.argv[3]))
    else:
        main()
