# SPDX-License-Identifier: MIT
"""X servers that cannot read the producer's memory, or that have another segment of the same number: the screen shows only the
producer's pixels. And connections that carry the pixels, however slow they are."""
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time

from harness import *
from xproxy import Proxy

libc = ctypes.CDLL(None, use_errno=True)
FOREIGN = bytes([0x2A] * 12)

# Four segments full of one byte, in the namespace of the command that follows.
WITH_SEGMENTS = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
for _ in range(4):
    shmid = libc.shmget(0, ctypes.c_size_t(int(sys.argv[1])), 0o1666)
    ctypes.memset(libc.shmat(shmid, None, 0), 0x2A, int(sys.argv[1]))
os.execvp(sys.argv[2], sys.argv[2:])
"""


def need_namespaces(t):
    need("unshare")
    try:
        t.run("unshare", "-i", "true")
    except subprocess.CalledProcessError:
        raise Skip("this machine does not permit an IPC namespace") from None


def picture(t, size, name="0.png"):
    os.makedirs(f"{t.path}/stills", exist_ok=True)
    path = f"{t.path}/stills/{name}"
    t.run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}", "-frames:v", "1", "-pix_fmt", "rgb24", path)
    return path


def shows(t, display, viewer, expected):
    """Wait until the window shows this image; returns the window. Foreign memory is never there meanwhile."""
    find = ["xdotool", "search", "--sync", "--onlyvisible", "--class", "pageflip-viewer"]
    window = t.run(*find).split()[-1].decode()

    def same():
        image = display.grab(window)
        assert FOREIGN not in image.pixels, f"foreign memory on the screen: {viewer.err}"
        return image.same_as(expected)
    until(same, f"the image: {viewer.err}")
    return window


@test
def a_servers_own_segment_of_the_same_number_is_never_shown(t):
    """In new IPC namespaces the numbers of segments are alike. Small segments are too small for the frames, large ones are not.
    In a PID namespace of their own the programs cannot compare namespaces either."""
    need_namespaces(t)
    expected = Image.from_file(t, picture(t, "320x240"))
    both = (f"{PRODUCER} -q {t.path}/stills --loop & p=$!; {VIEWER} --wait 100 \"$@\" & v=$!; trap 'kill $v' TERM;"
            f" wait $v; code=$?; kill $p; wait; exit $code")
    for size, flags in ((4096, []), (1 << 20, []), (64 << 20, []), (64 << 20, ["-p", "-f", "--kill-child", "--mount-proc"])):
        t.wrap_server = ["unshare", "-i", sys.executable, "-c", WITH_SEGMENTS, str(size)]
        display = Display(t)

        def start(*arguments):
            return t.start("unshare", "-i", *flags, "sh", "-c", both, "sh", *arguments)
        for presenter in ("x11", "x11-put"):
            start("--presenter", presenter).ends_with(12, presenter, "segment", "namespace")
        viewer = start("-v", "--presenter", "auto")
        viewer.prints("x11-send")
        shows(t, display, viewer, expected)
        if flags:
            viewer.kill()  # ends all processes of the namespace; unshare ignores SIGTERM
        else:
            viewer.signal(signal.SIGTERM)
        viewer.wait()
        display.server.signal(signal.SIGTERM)
        display.server.wait()


class Mode(ctypes.Structure):
    """struct shmid_ds, as far as the mode."""
    _fields_ = [("key", ctypes.c_int), ("owner", ctypes.c_uint * 4), ("mode", ctypes.c_ushort), ("rest", ctypes.c_byte * 256)]


@test
def a_segment_that_the_server_cannot_attach_is_sent_from_then_on(t):
    """The server runs as another user. It may attach the first segment, whose mode the test changes, but not the next ones."""
    if os.getuid() != 0:
        raise Skip("only root can start a server as another user")
    need("setpriv")
    large, small = picture(t, "320x240"), picture(t, "160x120", "1.png")
    t.wrap_server = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    display = Display(t, "1280x800x24", "-ac")
    for presenter in ("auto", "x11"):
        producer = t.producer(large, small, "-r", "2", "--loop")
        shmid = until(lambda: [s["shmid"] for s in segments() if s["cpid"] == producer.pid], "a segment")[0]
        until(lambda: "default" in t.run(VIEWER, "--list").decode(), "a channel")
        producer.signal(signal.SIGSTOP)
        info = Mode()
        shmid = [s["shmid"] for s in segments() if s["cpid"] == producer.pid][-1]
        equal(libc.shmctl(shmid, 2, ctypes.byref(info)), 0, "IPC_STAT")
        info.mode = 0o666
        equal(libc.shmctl(shmid, 1, ctypes.byref(info)), 0, "IPC_SET")
        viewer = t.viewer("-v", presenter=presenter)
        viewer.prints("x11-present")
        producer.signal(signal.SIGCONT)
        if presenter == "auto":
            viewer.prints("sent")
            window = display.window_of(viewer)
            image = Image.from_file(t, small, times=display.grab(window).width // 160)
            until(lambda: display.grab(window).same_as(image), "the next image")
            viewer.signal(signal.SIGINT)
            viewer.ends_with(130, "x11-send")
        else:
            viewer.ends_with(12, "x11", "attach")
        producer.signal(signal.SIGINT)
        producer.ends_with(130)


# ---------------------------------------------------------------- connections


class Link(Proxy):
    """Forwards TCP connections to the display, `bytes_per_s` to the server at most, as ssh -X does with a slow link. Sets
    DISPLAY."""

    def __init__(self, display, bytes_per_s=None):
        self.bytes_per_s = bytes_per_s
        super().__init__(display)
        display.scratch.env["DISPLAY"] = self.name

    def listen(self, number):
        self.name = f"127.0.0.1:{number}"
        listener = socket.create_server(("127.0.0.1", 6000 + number))
        if self.bytes_per_s:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # of its connections as well
        return listener

    def requests_of(self, connection):
        while data := connection.client.recv(16384):
            connection.server.sendall(data)
            if self.bytes_per_s:
                time.sleep(len(data) / self.bytes_per_s)

    def messages_of(self, connection):
        while data := connection.server.recv(16384):
            connection.client.sendall(data)


@test
def pixels_go_through_a_proxy(t):
    """The server attaches the segment, if it is on this machine, and proves it; x11-send needs nothing but the connection."""
    expected = Image.from_file(t, picture(t, "320x240"))
    display = Display(t)
    t.producer(f"{t.path}/stills", "--loop")
    Link(display)
    for presenter, way in (("auto", "x11-present"), ("x11-put", "x11-putimage"), ("x11-send", "x11-send")):
        viewer = t.viewer("-v", presenter=presenter)
        viewer.prints(way)
        shows(t, display, viewer, expected)
        viewer.signal(signal.SIGINT)
        viewer.ends_with(130)


@test
def a_frame_that_takes_long_to_send_does_not_lose_the_display(t):
    """A frame takes about 8 s here, longer than the limit for a display that does not answer."""
    expected = Image.from_file(t, picture(t, "1024x768"))
    display = Display(t)
    t.producer(f"{t.path}/stills", "--loop")
    direct = display.name
    Link(display, 400_000)
    viewer = t.viewer("-q", "--frames", "2", "--json", "v.json", presenter="x11-send")
    display.scratch.env["DISPLAY"] = direct
    window = display.window_of(viewer)
    until(lambda: display.grab(window).same_as(expected), f"the image: {viewer.err}", 60)
    viewer.ends_with(0, seconds=120)
    report = report_of(f"{t.path}/v.json")
    equal(report["frames"]["shown"], 2)
    assert report["user_copies_per_frame"] >= 1, report


def running_seconds(process):
    return int(text_of(f"/proc/{process.pid}/schedstat").split()[0]) / 1e9


@test
def a_server_that_is_slow_to_read_large_frames_is_not_lost(t):
    """The server runs at a sixtieth of its speed. To read the slots it needs longer than the limit for a display that does not
    answer."""
    display = Display(t)
    producer = t.producer("-r", "1", "-s", "8192x4096", "--buffers", "4", "-q")
    viewer = t.viewer("-v", "--frames", "1", presenter="x11")

    def attached():
        return [s for s in segments() if s["cpid"] == producer.pid and s["lpid"] == display.server.pid]
    deadline = time.monotonic() + 60
    while not attached() and viewer.is_running() and time.monotonic() < deadline:
        time.sleep(0.001)
    started = time.monotonic()
    while viewer.is_running() and "x11-present" not in viewer.err and time.monotonic() < started + 120:
        before = running_seconds(display.server)
        display.server.signal(signal.SIGCONT)
        time.sleep(0.001)
        display.server.signal(signal.SIGSTOP)
        time.sleep(0.01 + 60 * (running_seconds(display.server) - before))
    display.server.signal(signal.SIGCONT)
    viewer.ends_with(0, "x11-present")
    assert time.monotonic() - started > 5, "the server was not slow enough to test this"


if __name__ == "__main__":
    main()
