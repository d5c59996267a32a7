# SPDX-License-Identifier: MIT
"""Displays that lack something: another presenter, or exit code 12 and a message with the reason. Displays that exit or stop
are in test_display_faults.py."""
import os
import signal
import subprocess
import time

from harness import *

SMALL = ["-s", "320x240"]


def shows_something(display, viewer):
    window = display.window_of(viewer)
    until(lambda: any(display.grab(window).pixels), f"a frame by {viewer.command}: {viewer.err}", 5)


@test
def without_shared_memory_auto_sends_the_pixels(t):
    display = Display(t, "1280x800x24", "-extension", "MIT-SHM")
    t.producer(*SMALL)
    viewer = t.viewer("-v", presenter="auto")
    viewer.prints("x11", "MIT-SHM")
    viewer.prints("x11-send")
    shows_something(display, viewer)
    t.viewer(presenter="x11").fails_with(12, "x11", "MIT-SHM")


@test
def without_render_the_viewer_scales(t):
    """There is nothing to scale with in the server. A pause shows the same; unscaled frames need no copy."""
    display = Display(t, "1280x800x24", "-extension", "RENDER")
    path = f"{t.path}/stills/a.png"
    os.makedirs(os.path.dirname(path))
    t.run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x208,format=rgb24,crop=317:201",
          "-frames:v", "1", path)
    t.producer(os.path.dirname(path), "--loop")
    once, twice = Image.from_file(t, path), Image.from_file(t, path, times=2)
    for presenter, way in (("x11", "x11-putimage"), ("x11-put", "x11-putimage"), ("x11-send", "x11-send")):
        viewer = t.viewer("-v", "--json", "v.json", "--verify", presenter=presenter)
        viewer.prints(way)
        window = display.window_of(viewer)
        until(lambda: display.grab(window).same_as(once), f"the frame by {way}")
        t.run("xdotool", "windowsize", window, "634", "462")

        def is_doubled():
            image = display.grab(window)
            bars = image.crop(0, 0, 634, 30).pixels + image.crop(0, 432, 634, 30).pixels
            return image.crop(0, 30, 634, 402).same_as(twice) and not any(any(bars[c::4]) for c in range(3))
        until(is_doubled, f"each pixel as four, and black bars, by {way}")
        display.key(window, "space")
        time.sleep(0.3)
        until(is_doubled, f"the same while paused, by {way}")
        viewer.signal(signal.SIGINT)
        viewer.ends_with(130)


@test
def frames_that_the_viewer_scales_leave_no_memory_behind(t):
    """On a server without RENDER. A scaled frame has more than 1 MB."""
    if SANITIZED or WRAPPER:
        raise Skip("a sanitizer or memcheck keeps freed memory")
    display = Display(t, "1280x800x24", "-extension", "RENDER")
    t.producer(*SMALL, "-r", "200")
    for presenter in ("x11", "x11-send"):
        viewer = t.viewer("-q", "--json", "v.json", presenter=presenter)
        t.run("xdotool", "windowsize", "--sync", display.window_of(viewer), "600", "500")

        def memory_after(frames):
            until(lambda: t.counters(viewer, "v.json")["shown"] >= frames, f"{frames} frames by {presenter}")
            return int(re.search(r"VmRSS:\s*(\d+)", text_of(f"/proc/{viewer.pid}/status"))[1])
        before = memory_after(50)
        grown = memory_after(150) - before
        assert grown < 20 * 1024, f"{presenter}: {grown} KiB more after 100 frames"
        viewer.kill()


def close_to(got, expected):
    return all(abs((got >> shift & 255) - (expected >> shift & 255)) <= 8 for shift in (0, 8, 16))


@test
def sixteen_and_thirty_bit_screens_get_the_right_colours(t):
    """The server converts the colours. The bars of the pattern, read from the screen, are as exact as its depth allows."""
    bars = (0xBFBF00, 0x00BFBF, 0x00BF00, 0xBF00BF, 0xBF0000, 0x0000BF)
    for depth in (16, 30):
        display = Display(t, f"800x600x{depth}")
        producer = t.producer("-s", "640x360")
        for presenter, way in (("x11", "x11-present"), ("x11-put", "x11-putimage"), ("x11-send", "x11-send")):
            viewer = t.viewer("-v", presenter=presenter)
            viewer.prints(way)
            window = display.window_of(viewer)

            def seen():
                colours = display.colours(window, 360 * 38 // 100)
                return all(any(close_to(c, bar) for c in colours) for bar in bars)
            until(seen, f"the bars on {depth} bits by {way}", 5)
            display.key(window, "space")
            time.sleep(0.3)
            assert viewer.is_running(), viewer.err
            viewer.kill()
        producer.kill()
        display.server.signal(signal.SIGTERM)
        display.server.wait()


@test
def in_another_ipc_namespace_auto_sends_the_pixels(t):
    need("unshare")
    display = Display(t)
    try:
        t.run("unshare", "-i", "true")
    except subprocess.CalledProcessError:
        raise Skip("this machine does not permit an IPC namespace") from None
    both = f"{PRODUCER} -q -s 320x240 & {VIEWER} -v --wait 60 --frames 10; kill $!; wait"
    process = t.start("unshare", "-i", "sh", "-c", both)
    process.ends_with(0, "x11", "IPC namespace")
    process.prints("x11-send")
    assert display.server.is_running()


@test
def a_display_that_cannot_be_used_is_named_with_its_reason(t):
    """No server, no such screen, a cookie that the server refuses, an invalid name, a driver of SDL that shows nothing."""
    need("xauth")
    t.producer(*SMALL)
    for number, cookie in (("1", "11" * 16), ("2", "22" * 16)):
        t.run("xauth", "-f", f"{t.path}/cookies{number}", "add", ":0", ".", cookie)
    private = Display(t, "1280x800x24", "-auth", f"{t.path}/cookies1").name
    display = Display(t).name
    for words, env in (
        (["no X server", ":4321"], {"DISPLAY": ":4321"}),
        (["no X server", "localhost:4321"], {"DISPLAY": "localhost:4321"}),
        (["no screen"], {"DISPLAY": f"{display}.7"}),
        (["cookie"], {"DISPLAY": private, "XAUTHORITY": f"{t.path}/cookies2"}),
        (["not the name"], {"DISPLAY": "nonsense"}),
        (["DISPLAY is not set"], {"DISPLAY": ""}),
        (["SDL"], {"SDL_VIDEODRIVER": "dummy"}),
    ):
        for presenter in ("x11", "x11-send", "auto"):
            viewer = t.viewer(presenter=presenter, env=env)
            viewer.ends_with(12, *words)
    t.viewer(presenter="sdl", env={"SDL_VIDEODRIVER": "dummy"}).ends_with(12, "sdl")
    t.viewer(presenter="sdl", env={"DISPLAY": "", "WAYLAND_DISPLAY": ""}).ends_with(12, "sdl")


@test
def a_scale_that_is_too_large_is_a_usage_error(t):
    Display(t)
    t.producer("-s", "1920x1080")
    for presenter in ("x11", "x11-send", "auto"):
        t.viewer("--scale", "16", presenter=presenter).fails_with(2, "--scale", "30720x17280")


@test
def vsync_that_cannot_be_had_is_a_warning(t):
    """Only when it was requested: it is the default."""
    Display(t)
    t.producer(*SMALL)
    for presenter, arguments, warnings in (("x11", ["--vsync", "on"], 0), ("x11-put", ["--vsync", "on"], 1),
                                           ("x11-send", ["--vsync", "on"], 1), ("x11-send", [], 0),
                                           ("x11-put", ["--vsync", "off"], 0)):
        viewer = t.viewer("-q", "--frames", "3", *arguments, presenter=presenter)
        viewer.ends_with(0)
        viewer = t.viewer("--frames", "3", *arguments, presenter=presenter)
        viewer.ends_with(0)
        equal(viewer.err.count("warning: option --vsync"), warnings, viewer.err)


@test
def the_display_is_read_only_when_it_has_sent_something(t):
    """Reading a connection without data takes several system calls, and there are two connections. If the viewer read both
    each time that its loop wakes up, it would make 14 calls a frame."""
    need("strace")
    display = Display(t)
    t.producer("-r", "60", *SMALL)
    viewer = t.viewer("--vsync", "off", presenter="x11",
                      env={"ASAN_OPTIONS": "detect_leaks=0"})  # the leak check does not work under strace
    display.window_of(viewer)
    counter = t.start("strace", "-c", "-f", "-e", "trace=recvmsg,writev", "-o", f"{t.path}/counts", "-p", str(viewer.pid))
    until(lambda: "TracerPid:\t0\n" not in text_of(f"/proc/{viewer.pid}/status") or not counter.is_running(), "strace")
    time.sleep(2)
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)
    counter.wait()
    calls = {words[-1]: int(words[3]) for words in map(str.split, open(f"{t.path}/counts"))
             if words and words[-1] in ("recvmsg", "writev")}
    if "writev" not in calls:
        raise Skip("strace has no permission to attach")
    # One write sends a frame. Its answer takes one read, and another read that finds no data; titles take some more.
    if calls["recvmsg"] > 7 * calls["writev"]:
        raise AssertionError(f"{calls['recvmsg']} reads for {calls['writev']} writes")


@test
def a_kill_with_frames_in_flight_leaves_no_segment(t):
    """The server has its own attach, which must end as well."""
    display = Display(t)
    producer = t.producer(*SMALL, "-r", "0")
    for _ in range(3):
        viewer = t.viewer(presenter="x11")
        shows_something(display, viewer)
        viewer.kill()
    producer.kill()
    until(lambda: not [s for s in segments() if s["cpid"] == producer.pid], "no segment", 2)


if __name__ == "__main__":
    main()
