# SPDX-License-Identifier: MIT
"""Under a Wayland compositor: through Xwayland without a copy, natively with one copy."""
import os
import re
import signal
import subprocess

from frames import CHECKERBOARD, Frames, at_most, difference, over
from harness import *

QUICK = 2 if not SANITIZED else 8  # seconds


def still(t, size):
    os.makedirs(f"{t.path}/stills")
    path = f"{t.path}/stills/still.png"
    t.run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}", "-frames:v", "1",
          "-pix_fmt", "rgb24", path)
    return Image.from_file(t, path)


def weston(t, *arguments):
    need("weston")
    compositor = t.start("weston", "--socket=test", "--no-config", "--idle-time=0", *arguments)
    until(lambda: os.path.exists(f"{t.path}/test") or not compositor.is_running(),
          f"a compositor: {compositor.err}")
    compositor.is_server = True
    return compositor


@test
def xwayland_shows_frames_without_a_copy(t):
    need("Xwayland", "xwd", "xdotool")
    expected = still(t, "320x240")
    t.producer(f"{t.path}/stills", "--loop")
    compositor = weston(t, "--backend=headless-backend.so", "--xwayland")
    number = until(lambda: re.search(r"listening on display (:\d+)", compositor.err + compositor.out),
                   "an X server").group(1)
    display = Display.of(t, number)
    viewer = t.viewer("-v", "--json", "v.json", presenter="auto")
    viewer.prints("x11-present")
    window = display.window_of(viewer)

    def shown():
        try:
            return display.grab(window).same_as(expected)
        except subprocess.CalledProcessError:
            return False  # the window is not mapped yet
    until(shown, "the frame in Xwayland")
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)
    equal(report_of(f"{t.path}/v.json")["user_copies_per_frame"], 0)


# SDL unloads the drivers that leak memory here, so the suppressions cannot match them.
NATIVE = {"WAYLAND_DISPLAY": "test", "DISPLAY": "", "ASAN_OPTIONS": "detect_leaks=0"}


@test
def native_wayland_shows_frames_with_one_copy(t):
    """The compositor is itself a window on an Xvfb, where the test can read its pixels. SDL 2.26 needs a seat, which weston's
    headless backend does not have."""
    display = Display(t, "640x480x24")
    expected = still(t, "640x480")
    t.producer(f"{t.path}/stills", "--loop")
    compositor = weston(t, "--backend=x11-backend.so", "--shell=kiosk-shell.so", "--width=640",
                        "--height=480", "--use-pixman")
    viewer = t.viewer("-v", "--json", "v.json", presenter="auto",
                      env=NATIVE)
    viewer.prints("sdl-texture")
    # The pointer is in the middle of the screen.
    until(lambda: display.grab().crop(0, 0, 300, 200).same_as(expected.crop(0, 0, 300, 200)),
          "the frame on the compositor's screen")
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130, "x11", "DISPLAY", "not set")
    assert report_of(f"{t.path}/v.json")["user_copies_per_frame"] >= 1
    assert compositor.is_running()


@test
def native_wayland_shows_each_format_with_one_conversion(t):
    display = Display(t, "320x240x24")
    still(t, "320x240")
    compositor = weston(t, "--backend=x11-backend.so", "--shell=kiosk-shell.so", "--width=320",
                        "--height=240", "--use-pixman")
    for fourcc in ("AR24", "R8", "YU12", "NV12", "YUYV", "XR30"):
        producer = t.producer(f"{t.path}/stills", "--loop", "--rate", "20", "--format", fourcc)
        with Frames(t, producer) as frames:
            until(lambda: frames.newest() >= 1, "a frame")
            expected = [row[:150] for row in over(frames.samples(), CHECKERBOARD)[:110]]  # beside the pointer
        viewer = t.viewer("--json", "v.json", presenter="sdl", env=NATIVE)
        until(lambda: difference(display.grab().crop(0, 0, 150, 110), expected) <= at_most(fourcc), fourcc)
        viewer.signal(signal.SIGINT)
        viewer.ends_with(130)
        copies = report_of(f"{t.path}/v.json")["user_copies_per_frame"]
        assert 1 <= copies <= 1.5, copies
        producer.kill()
    assert compositor.is_running()


def shown(t, viewer):
    """The number of frames so far, from the report that the viewer writes on SIGUSR1."""
    viewer.signal(signal.SIGUSR1)
    return os.path.exists(f"{t.path}/v.json") and report_of(f"{t.path}/v.json")["frames"]["shown"]


@test
def a_killed_or_stopped_compositor_ends_the_viewer(t):
    for number, word in ((signal.SIGKILL, "connection"), (signal.SIGTERM, "connection"), (signal.SIGSTOP, "5 s")):
        display = Display(t, "640x480x24")
        producer = t.producer("-s", "640x480")
        compositor = weston(t, "--backend=x11-backend.so", "--shell=kiosk-shell.so", "--width=640",
                            "--height=480", "--use-pixman")
        viewer = t.viewer("-v", "--json", "v.json", presenter="sdl", env=NATIVE)
        viewer.prints("sdl-texture")
        until(lambda: any(display.grab().pixels), "a frame")
        until(lambda: shown(t, viewer), "frames")
        compositor.signal(number)
        viewer.ends_with(12, "error: ", "display", word, seconds=12 if number == signal.SIGSTOP else QUICK)
        if number != signal.SIGSTOP:  # then the viewer waits in a driver's call, which only its exit can end
            viewer.prints("frames", "640x480", "sdl-texture")
        rows = until(lambda: re.findall(r" 0$", t.run(VIEWER, "--list").decode(), re.M), "no viewer on the list", 2)
        assert rows and producer.is_running()
        compositor.kill()
        producer.kill()
        for name in ("test", "test.lock", "v.json"):
            if os.path.exists(f"{t.path}/{name}"):
                os.unlink(f"{t.path}/{name}")


if __name__ == "__main__":
    main()
