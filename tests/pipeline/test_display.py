# SPDX-License-Identifier: MIT
"""Displays that lack something: a fallback or exit code 12, and words that help. Those that go away or
stop are in test_display_faults.py."""
import signal
import subprocess
import time

from harness import *

SMALL = ["-s", "320x240"]


def shows_something(display, viewer):
    window = display.window_of(viewer)
    until(lambda: any(display.grab(window).pixels), f"a picture by {viewer.command}: {viewer.err}", 5)


@test
def without_shared_memory_auto_takes_sdl(t):
    display = Display(t, "1280x800x24", "-extension", "MIT-SHM")
    t.producer(*SMALL)
    viewer = t.viewer("-v", presenter="auto")
    viewer.says("x11", "MIT-SHM")
    viewer.says("sdl-surface")
    shows_something(display, viewer)
    t.viewer(presenter="x11").fails_with(12, "x11", "MIT-SHM")


@test
def without_render_frames_are_put_one_to_one(t):
    display = Display(t, "1280x800x24", "-extension", "RENDER")
    t.producer(*SMALL)
    viewer = t.viewer("-v", presenter="x11")
    viewer.says("x11-putimage")
    shows_something(display, viewer)


def close_to(got, wanted):
    return all(abs((got >> shift & 255) - (wanted >> shift & 255)) <= 8 for shift in (0, 8, 16))


@test
def sixteen_and_thirty_bit_screens_get_the_right_colours(t):
    """The server converts. Read back from the screen: bars of the card, as exactly as it can."""
    bars = (0xBFBF00, 0x00BFBF, 0x00BF00, 0xBF00BF, 0xBF0000, 0x0000BF)
    for depth in (16, 30):
        display = Display(t, f"800x600x{depth}")
        producer = t.producer("-s", "640x360")
        for presenter, way in (("x11", "x11-present"), ("x11-put", "x11-putimage"), ("sdl", "sdl-surface")):
            viewer = t.viewer("-v", presenter=presenter)
            if (depth, presenter) == (30, "sdl"):  # which SDL knows no pixel format for
                viewer.ends_with(12, "sdl", "cannot draw")
                continue
            viewer.says(way)
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
def another_ipc_namespace_is_named(t):
    need("unshare")
    display = Display(t)
    try:
        t.run("unshare", "-i", "true")
    except subprocess.CalledProcessError:
        raise Skip("this machine lets nobody make an IPC namespace") from None
    both = f"{PRODUCER} -q -s 320x240 & {VIEWER} -v --wait 5 --frames 10; kill $!; wait"
    process = t.start("unshare", "-i", "sh", "-c", both)
    process.ends_with(0, "x11", "IPC namespace")
    process.says("sdl-surface")
    assert display.server.is_running()


@test
def the_display_is_asked_only_when_it_has_news(t):
    """To look at a connection that has said nothing takes several system calls, and there are two of
    them: with a look at both whenever the loop wakes up, it is 14 calls a frame."""
    need("strace")
    display = Display(t)
    t.producer("-r", "60", *SMALL)
    viewer = t.viewer("--frames", "120", "--vsync", "off", presenter="x11",
                      env={"ASAN_OPTIONS": "detect_leaks=0"})  # which does not work under strace
    display.window_of(viewer)
    counter = t.start("strace", "-c", "-f", "-e", "trace=recvmsg,writev", "-o", f"{t.path}/counts", "-p", str(viewer.pid))
    viewer.ends_with(0)
    counter.wait()
    calls = {words[-1]: int(words[3]) for words in map(str.split, open(f"{t.path}/counts"))
             if words and words[-1] in ("recvmsg", "writev")}
    if "writev" not in calls:
        raise Skip("strace may not attach here")
    # One write sends a frame. Its answer takes one read, and one that finds no more; titles take some.
    if calls["recvmsg"] > 7 * calls["writev"]:
        raise AssertionError(f"{calls['recvmsg']} reads for {calls['writev']} writes")


@test
def it_is_killed_while_frames_are_on_their_way(t):
    """The server keeps an attach of its own: that goes, too."""
    display = Display(t)
    producer = t.producer(*SMALL, "-r", "0")
    for _ in range(3):
        viewer = t.viewer(presenter="x11")
        shows_something(display, viewer)
        viewer.kill()
    producer.kill()
    until(lambda: not [s for s in segments() if s["cpid"] == producer.pid], "the segment is gone", 2)


if __name__ == "__main__":
    main()
