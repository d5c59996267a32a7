# SPDX-License-Identifier: MIT
"""Displays that die, stop, or lose the window, in the middle of frames: the viewer ends with the right code and words,
its lane is free, and the producer goes on. Two seconds are enough for all of it, but for a display that has stopped:
that is given five."""
import ctypes
import json
import signal
import subprocess
import sys
import time

from harness import *

SMALL = ["-s", "320x240"]
WAYS = ("x11", "x11-put", "sdl")
QUICK = 2 if not SANITIZED else 8  # seconds
STOPPED, CLOSED = ("display", "5 s"), ("display", "connection")  # words of the two errors


def shows_something(display, viewer):
    window = display.window_of(viewer)
    until(lambda: any(display.grab(window).pixels), f"a picture by {viewer.command}: {viewer.err}", 5)
    return window


def channels(t):
    """The rows of --list: name -> (frames, viewers)."""
    rows = [line.split() for line in t.run(VIEWER, "--list").decode().splitlines()[1:]]
    return {row[0]: (int(row[6]), int(row[7])) for row in rows}


def nobody_is_missed(t, *names):
    """No lane is taken, and each producer goes on."""
    until(lambda: all(channels(t)[name][1] == 0 for name in names), "no viewer on the list", QUICK)
    before = channels(t)
    until(lambda: all(channels(t)[name][0] > before[name][0] for name in names), "frames after its end", QUICK)


def has_counted(t, viewer, name):
    """In the report that SIGUSR1 asks for: a picture can be seen a little before the server says so."""
    viewer.signal(signal.SIGUSR1)
    text = text_of(f"{t.path}/{name}.json")
    return text and json.loads(text)["frames"]["shown"] > 0


def three(t, way, *arguments, every=True):
    """For each of `way`: a display of its own with a viewer in it. Yields display, name, viewer, window."""
    for presenter in way:
        for mode in ([], ["--every-frame"])[: 1 + every]:
            display = Display(t)
            name = presenter + "".join(mode)
            t.producer(*SMALL, "-r", "0", "-n", name)
            viewer = t.viewer("-q", "-n", name, "--json", f"{name}.json", *mode, *arguments, presenter=presenter)
            window = shows_something(display, viewer)
            until(lambda: has_counted(t, viewer, name), "a frame that is counted")
            yield display, name, viewer, window


@test
def a_server_that_dies_in_mid_frame(t):
    for display, name, viewer, _ in three(t, WAYS):
        display.server.kill()
        viewer.fails_with(12, *CLOSED, seconds=QUICK)
        assert report_of(f"{t.path}/{name}.json")["frames"]["shown"] > 0, "the report is written"
        nobody_is_missed(t, name)


def pause(t, display, window):
    def title():  # which may not be there for a moment, while it changes
        return subprocess.run(["xdotool", "getwindowname", window], env=t.env, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout

    def paused():  # keys that come too early are lost
        display.key(window, "space")
        for _ in range(20):
            if b"paused" in title():
                return True
            time.sleep(0.1)
        return False
    until(paused, "a paused picture")


def all_stop(t, stopped):
    """These viewers end by the watchdog, all within the same seconds."""
    started = time.monotonic()
    for viewer in stopped:
        viewer.fails_with(12, *STOPPED, seconds=12 if not SANITIZED else 40)
    assert time.monotonic() - started > 3, "a display may be slow for a while"


@test
def a_server_that_stops_in_mid_frame(t):
    both = list(three(t, WAYS, every=False))
    for display, *_ in both:
        display.server.signal(signal.SIGSTOP)
    all_stop(t, [viewer for _, _, viewer, _ in both])
    for display, name, _, _ in both:
        assert report_of(f"{t.path}/{name}.json")["frames"]["shown"] > 0, "the report is written"
        display.server.signal(signal.SIGCONT)
    nobody_is_missed(t, *(name for _, name, *_ in both))


@test
def a_server_that_stops_before_the_viewer_comes(t):
    viewers = []
    for presenter in ("x11", "sdl"):
        display = Display(t)
        t.producer(*SMALL, "-n", presenter)
        display.server.signal(signal.SIGSTOP)
        viewers.append(t.viewer("-q", "-n", presenter, presenter=presenter))
    all_stop(t, viewers)
    nobody_is_missed(t, "x11", "sdl")


@test
def a_server_that_has_stopped_does_not_keep_a_viewer_from_leaving(t):
    """Nothing is on its way to a paused window, so that nothing is missed, either. Then comes the signal to end."""
    both = []
    for display, name, viewer, window in three(t, ("x11", "sdl"), every=False):
        pause(t, display, window)  # at once: keys go to the display that was started last
        display.server.signal(signal.SIGSTOP)
        both.append((display, name, viewer, window))
    for _, _, viewer, _ in both:
        viewer.signal(signal.SIGINT)
    all_stop(t, [viewer for _, _, viewer, _ in both])
    nobody_is_missed(t, *(name for _, name, *_ in both))


@test
def a_viewer_that_was_stopped_itself_does_not_blame_the_display(t):
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
def a_window_that_is_destroyed_in_mid_frame(t):
    """By another program that only knows its id; Xlib of itself would print "X Error" and exit with 1."""
    for display, name, viewer, window in three(t, WAYS):
        t.run("xdotool", "windowclose", window)
        viewer.ends_with(0, seconds=QUICK)
        equal(viewer.err, "")
        nobody_is_missed(t, name)


@test
def a_window_that_is_destroyed_while_paused(t):
    for display, name, viewer, window in three(t, ("x11", "sdl"), every=False):
        pause(t, display, window)
        t.run("xdotool", "windowclose", window)
        viewer.ends_with(0, seconds=QUICK)
        nobody_is_missed(t, name)


@test
def a_client_that_is_killed_in_mid_frame(t):
    """xkill: the server closes the connection that made the window."""
    for display, name, viewer, window in three(t, WAYS):
        t.run("xdotool", "windowkill", window)
        viewer.fails_with(12, *CLOSED, seconds=QUICK)
        nobody_is_missed(t, name)


@test
def a_window_that_its_user_closes_in_mid_frame(t):
    display = Display(t)
    display.start_window_manager()
    for presenter in WAYS:
        t.producer(*SMALL, "-r", "0", "-n", presenter)
        viewer = t.viewer("-q", "-n", presenter, "--every-frame", presenter=presenter)
        window = shows_something(display, viewer)
        t.run("xdotool", "windowfocus", "--sync", window)
        # More than once: the window manager may not listen yet.
        until(lambda: t.run("xdotool", "key", "alt+F4") or not viewer.is_running(), "its end", QUICK)
        viewer.ends_with(0)
        equal(viewer.err, "")
        nobody_is_missed(t, presenter)


@test
def a_hidden_or_tiny_window_holds_nobody_up(t):
    """A viewer of every frame, whose window is taken off the screen, and made as small as can be."""
    for display, name, viewer, window in three(t, WAYS):
        for command in (["windowunmap"], ["windowmap"], ["windowsize", window, "1", "1"],
                        ["windowsize", window, "400", "300"]):
            t.run("xdotool", *command, *([window] if len(command) == 1 else []))
            time.sleep(0.2)
            before = channels(t)[name][0]
            until(lambda: channels(t)[name][0] > before + 3, f"frames after {command}: {viewer.err}", QUICK)
        until(lambda: any(display.grab(window).pixels), "the picture is back")
        viewer.signal(signal.SIGINT)
        viewer.ends_with(130)
        frames = report_of(f"{t.path}/{name}.json")["frames"]
        equal((frames["lost"], frames["torn"]), (0, 0))


@test
def an_eight_bit_screen_gets_the_nearest_colours(t):
    """Three bits of red and green and two of blue: the server rounds. SDL has no name for such pixels, and says so."""
    display = Display(t, "800x600x8")
    t.producer("-s", "640x360")
    bars = (0xBFBF00, 0x00BFBF, 0x00BF00, 0xBF00BF, 0xBF0000, 0x0000BF)
    for presenter in ("x11", "x11-put"):
        viewer = t.viewer(presenter=presenter)
        window = display.window_of(viewer)

        def near(colour, bar):
            return all(abs((colour >> s & 255) - (bar >> s & 255)) <= most for s, most in ((16, 37), (8, 37), (0, 64)))
        until(lambda: all(any(near(c, bar) for c in display.colours(window, 360 * 38 // 100)) for bar in bars),
              f"the bars by {presenter}", 5)
        viewer.signal(signal.SIGINT)
        viewer.ends_with(130)
    t.viewer(presenter="sdl").ends_with(12, "SDL cannot draw on this display")


@test
def a_server_in_another_ipc_namespace_leaves_sdl(t):
    need("unshare")
    try:
        t.run("unshare", "-i", "true")
    except subprocess.CalledProcessError:
        raise Skip("this machine lets nobody make an IPC namespace") from None
    t.wrap_server = ["unshare", "-i"]
    display = Display(t)
    t.producer(*SMALL)
    viewer = t.viewer("-v", presenter="auto")
    viewer.says("presenter x11: passed over: the X server is in another IPC namespace")
    viewer.says("showing frames by sdl-surface")
    shows_something(display, viewer)
    t.viewer(presenter="x11").fails_with(12, "IPC namespace", seconds=QUICK)


@test
def sdls_own_segment_is_told_apart(t):
    """sdl has one more, made by the viewer, that every local user may read; with x11 there is none but the producer's.
    A kill in mid-stream leaves neither."""
    display = Display(t)
    producer = t.producer(*SMALL)
    equal([s["perms"] % 1000 for s in segments() if s["cpid"] == producer.pid], [600])
    for presenter, modes in (("x11", []), ("sdl", [777])):
        viewer = t.viewer("-q", presenter=presenter)
        shows_something(display, viewer)
        equal([s["perms"] % 1000 for s in segments() if s["cpid"] == viewer.pid], modes, presenter)
        viewer.kill()
        until(lambda: not [s for s in segments() if s["cpid"] == viewer.pid], "no segment of its own", QUICK)
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
def a_first_attach_that_was_read_only_leaves_putting(t):
    """The server keeps one attach of a segment for all of its clients, and the first chose its mode: shared pixmaps,
    which take a writable one, cannot be had any more. Frames are put, still without a copy of ours."""
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
    viewer.says("x11-putimage")
    shows_something(display, viewer)
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)
    equal(report_of(f"{t.path}/v.json")["user_copies_per_frame"], 0)


if __name__ == "__main__":
    main()
