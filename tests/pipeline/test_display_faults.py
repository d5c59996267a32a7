# SPDX-License-Identifier: MIT
"""Displays that exit, stop, or close the window while frames are in flight: the viewer exits with the right code and
message, its lane is free, and the producer continues. This takes at most two seconds, but a stopped display gets five."""
import ctypes
import json
import signal
import subprocess
import sys
import time

from harness import *

SMALL = ["-s", "320x240"]
WAYS = ("x11", "x11-put", "x11-send")
QUICK = 2 if not SANITIZED else 8  # seconds
STOPPED, CLOSED = ("display", "no answer"), ("display", "connection")  # words of the two errors


def shows_something(display, viewer):
    window = display.window_of(viewer)
    until(lambda: any(display.grab(window).pixels), f"a frame by {viewer.command}: {viewer.err}", 5)
    return window


def channels(t):
    """The rows of --list: name -> (frames, viewers)."""
    rows = [line.split() for line in t.run(VIEWER, "--list").decode().splitlines()[1:]]
    return {row[0]: (int(row[6]), int(row[7])) for row in rows}


def all_is_well(t, *names):
    """No lane is taken, and each producer continues."""
    until(lambda: all(channels(t)[name][1] == 0 for name in names), "no viewer on the list", QUICK)
    before = channels(t)
    until(lambda: all(channels(t)[name][0] > before[name][0] for name in names), "frames after its exit", QUICK)


def has_counted(t, viewer, name):
    """Has the viewer counted a frame? A frame is visible shortly before the server confirms it, so this reads a report."""
    viewer.signal(signal.SIGUSR1)
    text = text_of(f"{t.path}/{name}.json")
    return text and json.loads(text)["frames"]["shown"] > 0


def three(t, way, *arguments, every=True):
    """For each of `way`: a private display with a viewer. Yields display, name, viewer, window."""
    for presenter in way:
        for mode in ([], ["--every-frame"])[: 1 + every]:
            display = Display(t)
            name = presenter + "".join(mode)
            t.producer(*SMALL, "-r", "200", "-n", name)
            viewer = t.viewer("-q", "-n", name, "--json", f"{name}.json", *mode, *arguments, presenter=presenter)
            window = shows_something(display, viewer)
            until(lambda: has_counted(t, viewer, name), "a frame that is counted")
            yield display, name, viewer, window


@test
def a_server_killed_in_mid_stream_ends_the_viewer(t):
    for display, name, viewer, _ in three(t, WAYS):
        display.server.kill()
        viewer.fails_with(12, *CLOSED, seconds=QUICK)
        assert report_of(f"{t.path}/{name}.json")["frames"]["shown"] > 0, "the report is written"
        all_is_well(t, name)


def all_stop(t, stopped, started):
    """Check that the watchdog ends these viewers, and not before the display had some seconds to answer."""
    for viewer in stopped:
        viewer.fails_with(12, *STOPPED)
    assert time.monotonic() - started > 3, "the watchdog ended a display that may only be slow"


@test
def a_server_stopped_in_mid_stream_ends_the_viewer(t):
    both = list(three(t, WAYS, every=False))
    started = time.monotonic()
    for display, *_ in both:
        display.server.signal(signal.SIGSTOP)
    all_stop(t, [viewer for _, _, viewer, _ in both], started)
    for display, name, _, _ in both:
        assert report_of(f"{t.path}/{name}.json")["frames"]["shown"] > 0, "the report is written"
        display.server.signal(signal.SIGCONT)
    all_is_well(t, *(name for _, name, *_ in both))


@test
def a_server_stopped_before_the_viewer_starts_ends_it(t):
    viewers, started = [], time.monotonic()
    for presenter in ("x11", "x11-send"):
        display = Display(t)
        t.producer(*SMALL, "-n", presenter)
        display.server.signal(signal.SIGSTOP)
        viewers.append(t.viewer("-q", "-n", presenter, presenter=presenter))
    all_stop(t, viewers, started)
    all_is_well(t, "x11", "x11-send")


@test
def a_viewer_asked_to_end_leaves_a_stopped_server(t):
    """No frame is in flight to a paused window, so the watchdog has no reason to end the viewer before the signal."""
    both = []
    for display, name, viewer, window in three(t, ("x11", "x11-send"), every=False):
        display.pause(window)  # now: keys go to the display that was started last
        display.server.signal(signal.SIGSTOP)
        both.append((display, name, viewer, window))
    started = time.monotonic()
    for _, _, viewer, _ in both:
        viewer.signal(signal.SIGINT)
    all_stop(t, [viewer for _, _, viewer, _ in both], started)
    all_is_well(t, *(name for _, name, *_ in both))


@test
def a_viewer_that_was_stopped_itself_continues(t):
    both = list(three(t, WAYS, every=False))
    for _, _, viewer, _ in both:
        viewer.signal(signal.SIGSTOP)
    time.sleep(8)
    for _, _, viewer, _ in both:
        viewer.signal(signal.SIGCONT)
    time.sleep(1)
    for _, name, viewer, _ in both:
        assert viewer.is_running(), viewer.err
        viewer.signal(signal.SIGINT)
        viewer.ends_with(130)


@test
def a_window_destroyed_in_mid_stream_ends_the_viewer_with_0(t):
    """Another program that has only the window's id destroys it. Without a handler Xlib would print "X Error" and exit with 1."""
    for display, name, viewer, window in three(t, WAYS):
        t.run("xdotool", "windowclose", window)
        viewer.ends_with(0, seconds=QUICK)
        equal(viewer.err, "")
        all_is_well(t, name)


@test
def a_window_destroyed_under_a_window_manager_ends_the_viewer_with_0(t):
    """The window manager destroys its frame at the same time, so requests for the window fail before SDL gets the event."""
    display = Display(t)
    display.start_window_manager()
    for presenter in WAYS:
        t.producer(*SMALL, "-r", "200", "-n", presenter)
        for _ in range(4):
            viewer = t.viewer("-q", "-n", presenter, presenter=presenter)
            t.run("xdotool", "windowclose", shows_something(display, viewer))
            viewer.ends_with(0)
            equal(viewer.err, "")


@test
def a_window_destroyed_while_paused_ends_the_viewer_with_0(t):
    for display, name, viewer, window in three(t, ("x11", "x11-send"), every=False):
        display.pause(window)
        t.run("xdotool", "windowclose", window)
        viewer.ends_with(0, seconds=QUICK)
        all_is_well(t, name)


@test
def a_client_killed_by_the_server_ends_the_viewer_with_12(t):
    """As by xkill: the server closes the connection that created the window."""
    for display, name, viewer, window in three(t, WAYS):
        t.run("xdotool", "windowkill", window)
        viewer.fails_with(12, *CLOSED, seconds=QUICK)
        all_is_well(t, name)


@test
def a_window_closed_by_its_user_ends_the_viewer_with_0(t):
    display = Display(t)
    display.start_window_manager()
    for presenter in WAYS:
        t.producer(*SMALL, "-r", "200", "-n", presenter)
        viewer = t.viewer("-q", "-n", presenter, "--every-frame", presenter=presenter)
        window = shows_something(display, viewer)
        t.run("xdotool", "windowfocus", "--sync", window)
        # More than once: the window manager may not be ready yet.
        until(lambda: t.run("xdotool", "key", "alt+F4") or not viewer.is_running(), "its exit", QUICK)
        viewer.ends_with(0)
        equal(viewer.err, "")
        all_is_well(t, presenter)


@test
def a_hidden_or_tiny_window_does_not_delay_the_producer(t):
    """The window of an every-frame viewer is unmapped, and made as small as possible."""
    for display, name, viewer, window in three(t, WAYS):
        for command in (["windowunmap"], ["windowmap"], ["windowsize", window, "1", "1"],
                        ["windowsize", window, "400", "300"]):
            t.run("xdotool", *command, *([window] if len(command) == 1 else []))
            time.sleep(0.2)
            before = channels(t)[name][0]
            until(lambda: channels(t)[name][0] > before + 3, f"frames after {command}: {viewer.err}", QUICK)
        until(lambda: any(display.grab(window).pixels), "a frame in the window again")
        viewer.signal(signal.SIGINT)
        viewer.ends_with(130)
        frames = report_of(f"{t.path}/{name}.json")["frames"]
        equal((frames["lost"], frames["torn"]), (0, 0))


@test
def an_eight_bit_screen_is_refused(t):
    """Its colours come from a map that belongs to the screen, so no frame would be shown in its colours."""
    Display(t, "800x600x8")
    t.producer(*SMALL)
    for presenter in (*WAYS, "auto"):
        t.viewer("--frames", "1", presenter=presenter).fails_with(12, "colour", "8")


@test
def with_a_server_in_another_ipc_namespace_auto_sends_the_pixels(t):
    need("unshare")
    try:
        t.run("unshare", "-i", "true")
    except subprocess.CalledProcessError:
        raise Skip("this machine does not permit an IPC namespace") from None
    t.wrap_server = ["unshare", "-i"]
    display = Display(t)
    t.producer(*SMALL)
    viewer = t.viewer("-v", presenter="auto")
    viewer.prints("x11", "IPC namespace")
    viewer.prints("x11-send")
    shows_something(display, viewer)
    t.viewer(presenter="x11").fails_with(12, "IPC namespace", seconds=QUICK)


@test
def a_viewer_creates_no_segment(t):
    """The only segment is the producer's, which no other user may read. After a kill in mid-stream it is removed."""
    display = Display(t)
    producer = t.producer(*SMALL)
    equal([s["perms"] % 1000 for s in segments() if s["cpid"] == producer.pid], [600])
    for presenter in WAYS:
        viewer = t.viewer("-q", presenter=presenter)
        shows_something(display, viewer)
        equal([s for s in segments() if s["cpid"] == viewer.pid], [], presenter)
        viewer.kill()
    producer.kill()
    until(lambda: not [s for s in segments() if s["cpid"] == producer.pid], "no segment", QUICK)


ATTACH = """
import ctypes, sys, time
class Info(ctypes.Structure):
    _fields_ = [("segment", ctypes.c_ulong), ("id", ctypes.c_int), ("address", ctypes.c_void_p), ("only", ctypes.c_int)]
x11, ext = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXext.so.6")
x11.XOpenDisplay.restype = ctypes.c_void_p
display = ctypes.c_void_p(x11.XOpenDisplay(None))
ext.XShmAttach(display, ctypes.byref(Info(0, int(sys.argv[1]), None, 1)))
x11.XSync(display, 0)
print("attached", flush=True)
time.sleep(60)
"""


@test
def after_a_read_only_attach_frames_are_put(t):
    """The server has one attach of a segment for all of its clients, and the first client chooses its mode. Shared pixmaps
    need a writable attach, so after a read-only attach the viewer puts its frames, still without a copy of its own."""
    for library in ("libX11.so.6", "libXext.so.6"):
        try:
            ctypes.CDLL(library)
        except OSError:
            raise Skip(f"{library} is not installed") from None
    display = Display(t)
    producer = t.producer(*SMALL)
    shmid = next(s["shmid"] for s in segments() if s["cpid"] == producer.pid)
    first = t.start(sys.executable, "-c", ATTACH, str(shmid))
    until(lambda: "attached" in first.out or not first.is_running(), "an attach")
    assert first.is_running(), first.err
    viewer = t.viewer("-v", "--json", "v.json", presenter="auto")
    viewer.prints("x11-putimage")
    shows_something(display, viewer)
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)
    equal(report_of(f"{t.path}/v.json")["user_copies_per_frame"], 0)


if __name__ == "__main__":
    main()
