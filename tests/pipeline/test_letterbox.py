# SPDX-License-Identifier: MIT
"""Where a frame is in the window, and how large a window is: each pixel of the window against the formula. The frame has one
colour, so the test finds a missing column, a column mixed with the padding, and a bar that is not black."""
import os
import signal

from harness import *
from witness import png
from xproxy import Client

WAYS = (("x11", "x11-present"), ("x11-put", "x11-putimage"), ("x11-send", "x11-send"))


COLOUR = 0xD08040


def coloured(t, width, height):
    """Start a producer of frames of one colour."""
    path = f"{t.path}/{width}x{height}/frame.png"
    os.makedirs(os.path.dirname(path))
    with open(path, "wb") as file:
        file.write(png(width, height, COLOUR.to_bytes(3, "big")))
    return t.producer(os.path.dirname(path), "-r", "30", "--loop")


def largest(frame, window):
    """The largest size of the frame's aspect ratio in the window."""
    by_width = (window[0], window[0] * frame[1] // frame[0])
    return by_width if by_width[1] <= window[1] else (window[1] * frame[0] // frame[1], window[1])


def centred(size, window):
    """A black window with a frame of this size in its middle."""
    left, top = (window[0] - size[0]) // 2, (window[1] - size[1]) // 2
    bar = bytes(4 * window[0])
    row = bytes(4 * left) + COLOUR.to_bytes(4, "little") * size[0] + bytes(4 * (window[0] - size[0] - left))
    return Image(*window, bar * top + row * size[1] + bar * (window[1] - size[1] - top))


def shows(display, viewer, window, expected, what):
    """Wait until the window shows this image."""
    def same():
        return not viewer.is_running() or display.grab(window).same_as(expected)
    try:
        until(same, what)
    except AssertionError:
        raise AssertionError(f"{what}: {expected.width}x{expected.height}: {wrong_of(display.grab(window), expected)}") from None
    assert viewer.is_running(), viewer.err


def wrong_of(got, expected):
    if (got.width, got.height) != (expected.width, expected.height):
        return f"the window has {got.width}x{got.height}"
    wrong = [i for i in range(got.width * got.height) if got.pixels[4 * i : 4 * i + 3] != expected.pixels[4 * i : 4 * i + 3]]
    return f"{len(wrong)} pixels differ, the first at {divmod(wrong[0], got.width)[::-1]}" if wrong else "no pixel differs"


@test
def a_frame_is_as_large_as_fits_and_the_rest_is_black(t):
    """In a window that shrinks and grows, with bars at the sides, or above and below; while paused, and one to one. On a server
    without RENDER too, where the viewer draws on the window itself."""
    frame = (65, 47)
    coloured(t, *frame)
    for arguments, ways in (([], WAYS), (["-extension", "RENDER"], (("x11", "x11-putimage"), WAYS[2]))):
        display = Display(t, "1000x900x24", *arguments)
        client = Client(display)
        for presenter, way in ways:
            what = f"{way} {arguments}"
            viewer = t.viewer("--json", "v.json", presenter=presenter)
            window = display.window_of(viewer)
            shows(display, viewer, window, centred(frame, frame), what)
            for size in ((333, 200), (201, 333), (60, 31), (31, 60), (400, 289)):
                client.resize(int(window), *size)
                shows(display, viewer, window, centred(largest(frame, size), size), what)
            display.pause(window)
            for size in ((399, 200), (200, 399)):
                client.resize(int(window), *size)
                shows(display, viewer, window, centred(largest(frame, size), size), f"{what} paused")
            display.key(window, "1")
            shows(display, viewer, window, centred(frame, size), f"{what} one to one, paused")
            display.key(window, "space")
            client.resize(int(window), 300, 200)
            shows(display, viewer, window, centred(frame, (300, 200)), f"{what} one to one")
            viewer.signal(signal.SIGINT)
            viewer.ends_with(130)
            equal(report_of(f"{t.path}/v.json")["presenter"], way)
        display.server.signal(signal.SIGTERM)
        display.server.wait()


@test
def a_frame_that_exceeds_the_screen_is_reduced_until_it_is_complete(t):
    """Also if it exceeds the screen only in its width, or only in its height. With --scale the window has the size that the
    user requests."""
    display = Display(t, "640x480x24")
    for size in ((1001, 201), (301, 901), (1400, 1001), (640, 480)):
        producer = coloured(t, *size)
        window_size = largest(size, (640, 480)) if size != (640, 480) else size
        viewer = t.viewer(presenter="x11")
        shows(display, viewer, display.window_of(viewer), centred(largest(size, window_size), window_size),
              f"frame of {size}")
        viewer.kill()
        producer.kill()
    producer = coloured(t, 80, 70)
    viewer = t.viewer("--scale", "3", presenter="x11")
    shows(display, viewer, display.window_of(viewer), centred((240, 210), (240, 210)), "--scale")
    viewer.kill()


if __name__ == "__main__":
    main()
