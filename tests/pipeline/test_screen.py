# SPDX-License-Identifier: MIT
"""What is on the screen, read from the X server and compared pixel by pixel with images that FFmpeg decoded."""
import os
import re
import signal
import subprocess
import time

from harness import *
from witness import start_with_viewers

WAYS = (("x11", "x11-present", []), ("x11", "x11-present", ["--vsync", "off"]),
        ("x11-put", "x11-putimage", []), ("x11-send", "x11-send", []))


def still(t, size, name="still.png"):
    """A frame that does not change: a folder with one PNG, shown in a loop."""
    os.makedirs(f"{t.path}/stills", exist_ok=True)
    path = f"{t.path}/stills/{name}"
    t.run("ffmpeg", "-y", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}", "-frames:v", "1",
          "-pix_fmt", "rgb24", path)
    return path


def shows(display, window, expected, what=""):
    """Wait until the window shows this image."""
    def same():
        return display.grab(window).same_as(expected)
    until(same, f"the image in the window {what}", 5)


@test
def a_folder_of_pngs_is_on_the_screen_exactly(t):
    """By every way, at a size with padded rows and at a size without padding."""
    display = Display(t)
    for size in ("640x480", "333x77"):
        path = still(t, size)
        expected = Image.from_file(t, path)
        producer = t.producer(f"{t.path}/stills", "--rate", "30", "--loop")
        for presenter, way, more in WAYS:
            viewer = t.viewer("--json", "v.json", *more, presenter=presenter)
            shows(display, display.window_of(viewer), expected, f"{size} {way} {more}")
            viewer.signal(signal.SIGINT)
            viewer.ends_with(130)
            report = report_of(f"{t.path}/v.json")
            equal(report["presenter"], way)
            copies = report["user_copies_per_frame"]
            assert (copies >= 1) if way == "x11-send" else (copies == 0), report
        producer.signal(signal.SIGINT)
        producer.ends_with(130)


@test
def the_pngs_of_a_sequence_are_shown_in_order(t):
    display = Display(t)
    folder = os.path.join(os.environ["PAGEFLIP_SOURCE"], "assets", "frames")
    names = sorted(os.listdir(folder), key=lambda name: int("".join(filter(str.isdigit, name))))
    expected = [Image.from_file(t, f"{folder}/{name}") for name in names[:6]]
    inputs = [f"{folder}/{name}" for name in names[:6]]
    viewer = t.viewer("--every-frame", "--wait", "600", presenter="x11")
    producer = start_with_viewers(t, 1, FAULTY_PRODUCER, *inputs, "--rate", "1")
    window = display.window_of(viewer)
    seen = []
    while producer.is_running():
        try:
            grabbed = display.grab(window)
        except subprocess.CalledProcessError:
            break  # the window has closed
        for index, image in enumerate(expected):
            if grabbed.same_as(image) and index not in seen:
                seen.append(index)
    assert seen == sorted(seen) and len(seen) >= 4, seen  # a busy machine may be too slow to see each
    viewer.ends_with(0)


@test
def the_pattern_is_on_the_screen(t):
    """Its bars have the colours of the standard: 75 % of each channel, so 191 of 255."""
    display = Display(t)
    producer = t.producer("-s", "640x360", "--frames", "1")  # the first frame, then the stream ends
    producer.ends_with(0)
    producer = t.producer("-s", "640x360")
    viewer = t.viewer(presenter="x11")
    window = display.window_of(viewer)

    def colours():
        image = display.grab(window)
        row = [image.at(x, image.height * 38 // 100) for x in range(image.width)]
        return [c for i, c in enumerate(row) if i % 8 == 0 and row[i : i + 8] == [c] * 8]
    for bar in (0xBFBF00, 0x00BFBF, 0x00BF00, 0xBF00BF, 0xBF0000, 0x0000BF):
        until(lambda bar=bar: bar in colours(), f"a bar of {bar:06x}", 5)
    assert producer.is_running()


@test
def y4m_of_ffmpeg_is_on_the_screen_within_rounding(t):
    """At least 40 dB compared with FFmpeg's own RGB of the same stream. 4:4:4 has no chroma filter that could differ."""
    display = Display(t)
    for pixels, least in (("yuv444p", 40), ("yuv420p", 40), ("yuv422p", 40), ("gray", 40)):
        path = f"{t.path}/{pixels}.y4m"
        t.run("ffmpeg", "-y", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=1",
              "-frames:v", "1", "-pix_fmt", pixels, path)
        # The producer enlarges chroma to the nearest sample.
        expected = Image.from_file(t, path, "-sws_flags", "neighbor+accurate_rnd")
        viewer = t.viewer("--follow", presenter="x11")
        with open(path, "rb") as file:
            producer = start_with_viewers(t, 1, FAULTY_PRODUCER, "-", "-r", "1", stdin=file)
        window = display.window_of(viewer)
        until(lambda: display.grab(window).psnr(expected) >= least,
              f"{pixels} at {least} dB; it is {display.grab(window).psnr(expected):.1f}", 10)
        producer.ends_with(0)
        viewer.kill()


def centre(image, width, height):
    return image.crop((image.width - width) // 2, (image.height - height) // 2, width, height)


@test
def a_resized_window_shows_the_frame_scaled_and_centred(t):
    """In a window twice as large with bars left and right, each pixel of the frame is exactly four."""
    display = Display(t, "1920x1080x24")
    frame = Image.from_file(t, still(t, "320x240"))
    double = Image.from_file(t, f"{t.path}/stills/still.png", times=2)
    t.producer(f"{t.path}/stills", "--loop")
    for presenter, way, more in WAYS:
        viewer = t.viewer(*more, presenter=presenter)
        window = display.window_of(viewer)
        shows(display, window, frame, way)
        t.run("xdotool", "windowsize", "--sync", window, "900", "480")

        def fits():
            image = display.grab(window)
            return image.width == 900 and centre(image, 640, 480).same_as(double)
        until(fits, f"the scaled frame by {way} {more}", 5)
        viewer.kill()


@test
def keys_toggle_fullscreen_and_one_to_one(t):
    """With a window manager."""
    display = Display(t, "1280x960x24")
    display.start_window_manager()
    frame = Image.from_file(t, still(t, "320x240"))
    four = Image.from_file(t, f"{t.path}/stills/still.png", times=4)
    t.producer(f"{t.path}/stills", "--loop")
    for presenter, way, more in WAYS[0], WAYS[2]:
        viewer = t.viewer(*more, presenter=presenter)
        window = display.window_of(viewer)
        shows(display, window, frame, way)
        display.key(window, "f")
        until(lambda: display.grab().same_as(four), f"fullscreen by {way}")
        display.key(window, "1")
        until(lambda: centre(display.grab(), 320, 240).same_as(frame), f"one-to-one by {way}")
        equal(display.grab().at(20, 20), 0, "around it")
        display.key(window, "f")
        shows(display, window, frame, "after fullscreen")
        display.key(window, "q")
        viewer.ends_with(0)


def saved(t):
    return [name for name in os.listdir(t.path) if re.fullmatch("pageflip-default-.*[.]png", name)]


@test
def a_paused_frame_stays_through_a_resize(t):
    display = Display(t)
    t.producer("-s", "320x240")
    for presenter, way, more in WAYS:
        viewer = t.viewer(*more, presenter=presenter)
        window = display.window_of(viewer)
        until(lambda: display.grab(window).at(160, 80) != 0, "a frame", 5)
        display.pause(window)
        kept = display.grab_still(window)
        time.sleep(0.4)
        assert display.grab(window).same_as(kept), f"{way}: the frame changes while paused"
        display.key(window, "s")
        name = until(lambda: saved(t), f"{way}: a snapshot")[0]
        assert Image.from_file(t, f"{t.path}/{name}").same_as(kept), f"{way}: the snapshot is not the shown frame"
        os.unlink(f"{t.path}/{name}")
        t.run("xdotool", "windowsize", "--sync", window, "640", "480")
        until(lambda: display.grab(window).at(*twice(kept)) == kept.at(*coloured(kept)), "the kept frame, twice as large", 5)
        display.key(window, "space")
        before = display.grab(window)
        until(lambda: not display.grab(window).same_as(before), f"{way}: another frame", 5)
        display.key(window, "s")
        name = until(lambda: saved(t), f"{way}: a snapshot after the pause")[0]
        assert not Image.from_file(t, f"{t.path}/{name}").same_as(kept), f"{way}: a snapshot of the pause that is over"
        os.unlink(f"{t.path}/{name}")
        viewer.kill()


def coloured(image):
    """A position that is not black, with the same colour around it."""
    for y in range(60, image.height - 60):
        for x in range(60, image.width - 60):
            colour = image.at(x, y)
            if colour and all(image.at(x + i, y + j) == colour for i in (-2, 2) for j in (-2, 2)):
                return x, y
    raise AssertionError("the frame is black")


def twice(image):
    x, y = coloured(image)
    return 2 * x, 2 * y


@test
def a_follower_keeps_the_frame_until_the_next_producer(t):
    """The first producer is killed: its frame stays, also through a resize. The next producer has another size."""
    for presenter, way, more in WAYS:
        display = Display(t)
        first = Image.from_file(t, still(t, "320x240"))
        double = Image.from_file(t, f"{t.path}/stills/still.png", times=2)
        producer = t.producer(f"{t.path}/stills", "--loop")
        viewer = t.viewer("--follow", "-v", *more, presenter=presenter)
        window = display.window_of(viewer)
        shows(display, window, first, way)
        producer.kill()
        viewer.prints(f"pid {producer.pid}", "crashed")
        shows(display, window, first, f"after the kill, {way}")
        display.key(window, "space", "space")
        t.run("xdotool", "windowsize", "--sync", window, "640", "480")
        shows(display, window, double, f"after the kill, resized, {way}")

        still(t, "160x120")
        four = Image.from_file(t, f"{t.path}/stills/still.png", times=4)
        producer = t.producer(f"{t.path}/stills", "--loop")
        shows(display, window, four, f"of the next, {way}")
        viewer.kill()
        producer.kill()
        display.server.signal(signal.SIGTERM)
        display.server.wait()


@test
def a_pause_between_two_producers_keeps_the_frame_of_the_first(t):
    """Also through a resize while the second runs. The next key shows the second."""
    display = Display(t)
    first = Image.from_file(t, still(t, "320x240"))
    double = Image.from_file(t, f"{t.path}/stills/still.png", times=2)
    producer = t.producer(f"{t.path}/stills", "--loop")
    viewer = t.viewer("--follow", "-v", presenter="x11")
    window = display.window_of(viewer)
    shows(display, window, first)
    producer.kill()
    viewer.prints(f"pid {producer.pid}", "crashed")
    display.pause(window)
    still(t, "160x120")
    four = Image.from_file(t, f"{t.path}/stills/still.png", times=4)
    t.producer(f"{t.path}/stills", "--loop")
    t.joined()
    shows(display, window, first, "while the second runs")
    t.run("xdotool", "windowsize", "--sync", window, "640", "480")
    shows(display, window, double, "resized while the second runs")
    display.key(window, "space")
    shows(display, window, four, "after the pause")


@test
def a_new_size_in_mid_stream_reaches_the_screen(t):
    display = Display(t)
    for size, name in (("320x240", "1.png"), ("160x120", "2.png")):
        still(t, size, name)
    first = Image.from_file(t, f"{t.path}/stills/1.png")
    second = Image.from_file(t, f"{t.path}/stills/2.png", times=2)
    t.producer(f"{t.path}/stills", "--loop", "-r", "2")
    for presenter, way, more in WAYS:
        viewer = t.viewer("--scale", "1", *more, presenter=presenter)
        window = display.window_of(viewer)
        t.run("xdotool", "windowsize", "--sync", window, "320", "240")
        for image in (first, second, first):
            shows(display, window, image, way)
        assert viewer.is_running(), viewer.err
        viewer.kill()


@test
def a_snapshot_is_what_was_shown(t):
    """By --snapshot at the end and by the key: both files are complete and have their own names."""
    display = Display(t)
    expected = Image.from_file(t, still(t, "320x240"))
    t.producer(f"{t.path}/stills", "--loop")
    t.viewer("--frames", "5", "--snapshot", "end.png", presenter="x11").ends_with(0)
    assert Image.from_file(t, f"{t.path}/end.png").same_as(expected), "--snapshot"
    viewer = t.viewer(presenter="x11")
    window = display.window_of(viewer)
    shows(display, window, expected)
    display.key(window, "s")
    name = until(lambda: saved(t), "a snapshot by key")[0]
    assert Image.from_file(t, f"{t.path}/{name}").same_as(expected), name
    display.key(window, "Escape")
    viewer.ends_with(0)
    equal([name for name in os.listdir(t.path) if ".tmp" in name], [], "temporary files")


@test
def a_pause_shows_the_frame_that_a_snapshot_saves(t):
    """Though an earlier frame may still wait for the vblank when the key arrives: it must not appear later."""
    display = Display(t)
    t.producer("-s", "160x120", "-r", "200", "--buffers", "4")
    for mode in ([], ["--every-frame"]):
        for scale in (1, 2):
            viewer = t.viewer(*mode, "--scale", str(scale), presenter="x11")
            window = display.window_of(viewer)
            for _ in range(4):
                display.pause(window)
                name = until(lambda: display.key(window, "s") or saved(t), "a snapshot by key")[0]
                expected = until(lambda: Image.from_file(t, f"{t.path}/{name}", times=scale), "an image")
                until(lambda: display.grab(window).same_as(expected), f"the frame of the snapshot {mode} {scale}")
                for name in saved(t):
                    os.unlink(f"{t.path}/{name}")
                display.key(window, "space")
            viewer.kill()


@test
def a_snapshot_by_key_that_cannot_be_written_is_reported(t):
    """Its folder has been removed, which also stops root. The viewer prints one line for each snapshot and continues."""
    display = Display(t)
    t.producer("-s", "320x240")
    removed = ["sh", "-c", 'mkdir removed && cd removed && rmdir ../removed && exec "$@"', "sh"]
    for presenter in ("x11", "x11-send"):
        viewer = t.start(*removed, VIEWER, "--presenter", presenter, "-q", "--json", f"{t.path}/v.json")
        window = display.window_of(viewer)
        until(lambda: any(display.grab(window).pixels), "a frame", 5)

        def shown():
            viewer.signal(signal.SIGUSR1)
            return os.path.exists(f"{t.path}/v.json") and report_of(f"{t.path}/v.json")["frames"]["shown"]
        until(lambda: display.key(window, "s") or viewer.err, "an error", 5)
        contains(viewer.err, "No such file or directory")
        before = shown()
        until(lambda: shown() > before + 20, "frames after the error", 5)
        display.key(window, "q")
        viewer.ends_with(0)
        assert all(line_with(line, [".png", "No such file"]) for line in viewer.err.splitlines()), viewer.err
        equal(saved(t), [])
        os.unlink(f"{t.path}/v.json")


@test
def a_snapshot_is_written_though_the_display_skips_frames(t):
    """If the display skips a frame shortly before the end, another frame becomes the last."""
    Display(t)
    t.producer("-s", "320x240", "-r", "300")
    for _ in range(3):
        t.viewer("--frames", "20", "--snapshot", "last.png", presenter="x11").ends_with(0)
        os.unlink(f"{t.path}/last.png")


@test
def a_key_shows_and_hides_the_overlay(t):
    display = Display(t)
    expected = Image.from_file(t, still(t, "640x480"))
    t.producer(f"{t.path}/stills", "--loop")
    for presenter, way, more in WAYS[0], WAYS[2], WAYS[3]:
        viewer = t.viewer(*more, presenter=presenter)
        window = display.window_of(viewer)
        shows(display, window, expected, way)
        display.key(window, "o")

        def overlaid():
            image = display.grab(window)
            unchanged = image.crop(500, 0, 140, 480).same_as(expected.crop(500, 0, 140, 480))
            return unchanged and not image.crop(0, 0, 480, 300).same_as(expected.crop(0, 0, 480, 300))
        until(overlaid, f"an overlay by {way}", 5)
        display.key(window, "o")
        shows(display, window, expected, f"{way} without the overlay")
        viewer.kill()


@test
def every_frame_of_a_burst_reaches_the_screen(t):
    """With vsync and an unpaced producer the display skips no frame."""
    Display(t)
    producer = t.producer("-s", "320x240", "-r", "0")
    viewer = t.viewer("--every-frame", "--csv", "v.csv", "--json", "v.json", presenter="x11")
    until(lambda: text_of(f"{t.path}/v.csv").count("\n") > 120, "frames")
    producer.signal(signal.SIGTERM)
    producer.ends_with(143)
    viewer.ends_with(0)
    frames = report_of(f"{t.path}/v.json")["frames"]
    equal((frames["skipped"], frames["lost"]), (0, 0))


if __name__ == "__main__":
    main()
