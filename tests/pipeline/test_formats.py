# SPDX-License-Identifier: MIT
"""Each pixel format from the producer to the screen: the content of the segment's planes is compared, by formulas of its own,
with what the display shows and with what a snapshot contains."""
import ctypes
import glob
import os
import signal
import struct

from frames import CHECKERBOARD, Frames, at_most, difference, over
from harness import *
from witness import png

FORMATS = ("XR24", "AR24", "R8", "YU12", "NV12", "YUYV", "XR30")
WAYS = (("x11", "x11-present"), ("x11-put", "x11-putimage"), ("x11-send", "x11-send"))


def colours(width, height):
    """A PNG whose pixels differ from each other."""
    return png(width, height, bytes((x * 41 + y * 23 + x * y * c * 5 + 60 * c) % 256
                                    for y in range(height) for x in range(width) for c in range(3)))


def still(t, width, height):
    with open(f"{t.path}/still.png", "wb") as file:
        file.write(colours(width, height))
    return f"{t.path}/still.png"


def end(viewer, t):
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)
    return report_of(f"{t.path}/v.json")


@test
def every_format_is_on_the_screen_by_every_way(t):
    """At odd sizes, one of which is narrower than a chroma block of some rows."""
    display = Display(t)
    for width, height in ((131, 37), (57, 3)):
        path = still(t, width, height)
        for fourcc in FORMATS:
            producer = t.producer(path, "--loop", "--rate", "20", "--format", fourcc)
            with Frames(t, producer) as frames:
                equal((frames.fourcc, frames.width, frames.height), (fourcc, width, height))
                until(lambda: frames.newest() >= 1, "a frame")
                expected = over(frames.samples(), CHECKERBOARD)
            for presenter, way in WAYS:
                viewer = t.viewer("--json", "v.json", presenter=presenter)
                window = display.window_of(viewer)
                until(lambda: difference(display.grab(window), expected) <= at_most(fourcc),
                      f"{fourcc} {width}x{height} by {way}")
                report = end(viewer, t)
                equal((report["presenter"], report["format"]["fourcc"]), (way, fourcc))
                # Redrawn frames count as copies too, so there may be a few more than one for a frame.
                is_sent = way == "x11-send"
                least = is_sent + (fourcc not in ("XR24", "AR24", "R8") or is_sent and fourcc != "XR24")
                copies = report["user_copies_per_frame"]
                assert copies >= least and (copies > 0) == (least > 0), report
            producer.kill()


@test
def alpha_is_composed_over_the_chosen_background(t):
    """The card has pixels of every alpha. A pattern moves, so the frame is the only one of a paused producer."""
    display = Display(t)
    producer = t.producer("-s", "321x181", "--format", "AR24", "-r", "30")
    with Frames(t, producer) as frames:
        until(lambda: frames.newest() >= 3, "frames")
        producer.stop()
        rows = frames.samples()
        alphas = {pixel[3] for row in rows for pixel in row}
        assert {0, 128, 255} <= alphas and len(alphas) > 100, alphas
        assert all(max(pixel[:3]) <= pixel[3] for row in rows for pixel in row), "premultiplied"
        for value, background in ((None, CHECKERBOARD), ("black", (0, 0, 0)), ("#4080ff", (0x40, 0x80, 0xFF))):
            expected = over(rows, background)
            for presenter, way in WAYS:
                viewer = t.viewer(*(["--background", value] if value else []), "--json", "v.json", presenter=presenter)
                window = display.window_of(viewer)
                until(lambda: difference(display.grab(window), expected) <= 0.51, f"{value} by {way}")
                end(viewer, t)


@test
def tags_that_the_server_cannot_follow_are_converted(t):
    """Straight alpha, and grey of limited range: a still frame whose header is changed to them."""
    display = Display(t)
    for fourcc, at, value, number in (("AR24", 103, 3, 1), ("R8", 101, 1, 2)):
        producer = t.producer("-s", "99x61", "--format", fourcc, "-r", "30")
        poke(producer, at, bytes([value]))
        with Frames(t, producer) as frames:
            until(lambda: frames.newest() >= 3, "frames")
            producer.stop()
            rows = frames.samples()
        if fourcc == "AR24":
            rows = [[(*(c * pixel[3] / 255 for c in pixel[:3]), pixel[3]) for pixel in row] for row in rows]
        else:
            rows = [[(*(min(max((c - 16) / 219, 0), 1) * 255 for c in pixel[:3]), 255) for pixel in row] for row in rows]
        expected = over(rows, CHECKERBOARD)
        for presenter, way in WAYS:
            viewer = t.viewer("--json", "v.json", presenter=presenter)
            window = display.window_of(viewer)
            until(lambda: difference(display.grab(window), expected) <= 1, f"{fourcc} by {way}")
            assert end(viewer, t)["user_copies_per_frame"] >= 1
        producer.kill()


@test
def converted_frames_keep_no_slot_of_the_producer(t):
    """With two slots the producer could draw no third frame."""
    Display(t)
    for fourcc in FORMATS:
        producer = t.producer("-s", "99x61", "--format", fourcc, "-r", "60")
        for presenter, way in WAYS:
            viewer = t.viewer("--every-frame", "--frames", "12", "--verify", "--json", "v.json", presenter=presenter)
            viewer.ends_with(0)
            frames = report_of(f"{t.path}/v.json")["frames"]
            equal((frames["shown"], frames["torn"], frames["lost"]), (12, 0, 0), f"{fourcc} by {way}")
        producer.kill()


@test
def a_server_without_render_or_of_another_depth_shows_each_format(t):
    """RENDER is what reads AR24 and R8; without it, and on other screens, they are converted or rounded."""
    for arguments, limit in ((("1280x800x24", "-extension", "RENDER"), 0), (("1280x800x16",), 8)):
        display = Display(t, *arguments)
        for fourcc in FORMATS:
            producer = t.producer("-s", "64x32", "--format", fourcc, "-r", "30")
            with Frames(t, producer) as frames:
                until(lambda: frames.newest() >= 3, "frames")
                producer.stop()
                expected = {tuple(pixel) for pixel in over(frames.samples(), CHECKERBOARD)[16]}
            viewer = t.viewer("--json", "v.json", presenter="x11")
            window = display.window_of(viewer)

            def is_shown():
                shown = display.colours(window, 16)
                return shown and all(any(max(abs((colour >> s & 255) - c) for s, c in zip((16, 8, 0), pixel))
                                         <= limit + at_most(fourcc) for pixel in expected) for colour in shown)
            until(is_shown, f"{fourcc} on {arguments}")
            end(viewer, t)
            producer.kill()
        display.server.kill()


@test
def ten_bits_are_exact_on_a_screen_of_30_bits(t):
    """Without a copy; scaled to twice the size as well."""
    display = Display(t, "640x480x30")
    producer = t.producer(still(t, 101, 51), "--loop", "--rate", "20", "--format", "XR30")
    with Frames(t, producer) as frames:
        until(lambda: frames.newest() >= 1, "a frame")
        expected = [[[round(c * 1023 / 255) for c in pixel[:3]] for pixel in row] for row in frames.samples()]

    def shown(window):
        data = display.dump(window)
        head = struct.unpack(">25I", data[:100])
        size, width, height, stride, colors = head[0], head[4], head[5], head[12], head[19]
        rows = [struct.unpack_from(f"<{width}I", data, size + colors * 12 + y * stride) for y in range(height)]
        return [[[word >> shift & 1023 for shift in (20, 10, 0)] for word in row] for row in rows]
    for presenter, way in WAYS[:2]:
        viewer = t.viewer("--json", "v.json", presenter=presenter)
        window = display.window_of(viewer)
        until(lambda: shown(window) == expected, f"10 bits by {way}")
        t.run("xdotool", "windowsize", "--sync", window, "202", "102")
        double = [[pixel for pixel in row for _ in (0, 1)] for row in expected for _ in (0, 1)]
        until(lambda: shown(window) == double, f"10 bits, twice as large, by {way}")
        equal(end(viewer, t)["user_copies_per_frame"], 0)


@test
def a_background_of_no_colour_is_refused(t):
    for value in ("white", "#12345", "#1234567", "#12345g", "4080ff", ""):
        t.viewer("--background", value).fails_with(2, "--background", "#4080ff")
    t.producer("-s", "64x64")
    viewer = t.viewer("--background", "black", "--frames", "1")
    viewer.ends_with(0, "--background", "no window")


@test
def formats_that_are_not_listed_are_refused_by_the_producer(t):
    for value in ("R16", "AB4H", "RGB", "xr24", "", "YU12 "):
        t.start(PRODUCER, "--format", value).fails_with(2, "--format", "YUYV")


@test
def a_paused_and_a_resized_frame_have_the_same_pixels(t):
    """Twice as large, each pixel is exactly four, also of the checkerboard."""
    display = Display(t)
    for fourcc in FORMATS:
        producer = t.producer("-s", "101x51", "-r", "30", "--format", fourcc)
        with Frames(t, producer) as frames:
            until(lambda: frames.newest() >= 3, "frames")
            producer.stop()
            rows = frames.samples()
            expected = over(rows, CHECKERBOARD)
        double = [[pixel for pixel in row for _ in (0, 1)] for row in expected for _ in (0, 1)]
        for presenter, way in WAYS:
            viewer = t.viewer("--json", "v.json", presenter=presenter)
            window = display.window_of(viewer)
            until(lambda: difference(display.grab(window), expected) <= at_most(fourcc), f"{fourcc} by {way}")
            display.pause(window)
            if way == "x11-present":
                display.key(window, "s")
                # a name that ends otherwise is that of an image that is not complete
                saved = until(lambda: glob.glob(f"{t.path}/pageflip-default-*.png"), "a snapshot")
                assert worst_of(rgba_of(saved[0])[1], rows) <= at_most(fourcc), f"a snapshot of paused {fourcc}"
                os.unlink(saved[0])
            t.run("xdotool", "windowsize", "--sync", window, "202", "102")
            until(lambda: display.grab(window).width == 202 and difference(display.grab(window), double) <= at_most(fourcc),
                  f"paused {fourcc}, twice as large, by {way}")
            display.key(window, "space")
            until(lambda: difference(display.grab(window), double) <= at_most(fourcc), f"{fourcc} after the pause by {way}")
            end(viewer, t)
        producer.kill()


# ---------------------------------------------------------------- snapshot, stamps, list


def rgba_of(path):
    """Rows of (red, green, blue, alpha) of a PNG with 8 bits a channel, as FFmpeg decodes it."""
    import subprocess

    need("ffmpeg")
    size = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=width,height,pix_fmt", "-of", "csv=p=0", path],
                          check=True, stdout=subprocess.PIPE).stdout.decode().strip().split(",")
    width, height = int(size[0]), int(size[1])
    data = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-pix_fmt", "rgba", "-f", "rawvideo", "-"],
                          check=True, stdout=subprocess.PIPE).stdout
    return size[2], [[tuple(data[(y * width + x) * 4 :][:4]) for x in range(width)] for y in range(height)]


def worst_of(saved, rows):
    """The largest difference from frames that are premultiplied."""
    worst = 0
    for y, row in enumerate(rows):
        for x, (*color, alpha) in enumerate(row):
            exact = [c * 255 / alpha if alpha else 0 for c in color] + [alpha]
            worst = max(worst, *(abs(a - b) for a, b in zip(saved[y][x], exact)))
    return worst


@test
def a_snapshot_of_each_format_has_the_exact_pixels(t):
    """Transparent pixels stay transparent: PNG has colours that are not premultiplied."""
    for fourcc in FORMATS:
        producer = t.producer("-s", "131x67", "--format", fourcc, "-r", "30")
        with Frames(t, producer) as frames:
            until(lambda: frames.newest() >= 3, "frames")
            producer.stop()
            t.viewer("--frames", "1", "--snapshot", f"{fourcc}.png").ends_with(0)
            kind, saved = rgba_of(f"{t.path}/{fourcc}.png")
            equal(kind, "rgba" if fourcc == "AR24" else "rgb24", fourcc)
            worst = worst_of(saved, frames.samples())
            assert worst <= at_most(fourcc), f"{fourcc}: {worst}"
        producer.kill()


@test
def stamps_of_each_format_are_verified(t):
    for fourcc in FORMATS:
        for size in ("65x5", "641x359"):
            producer = t.producer("-s", size, "--format", fourcc, "-r", "200")
            viewer = t.viewer("--frames", "20", "--verify", "--csv", "v.csv", "--json", "v.json")
            viewer.ends_with(0)
            frames = report_of(f"{t.path}/v.json")["frames"]
            equal((frames["verified"], frames["torn"]), (20, 0), f"{fourcc} {size}")
            equal(len(text_of(f"{t.path}/v.csv").splitlines()), 21, "rows")
            rows = t.run(VIEWER, "--list").decode()
            assert f" {fourcc} " in rows and f" {size} " in rows, rows
            producer.kill()


# ---------------------------------------------------------------- sources


@test
def every_pattern_draws_each_format(t):
    """The copies of the producer: a pattern draws XR24 and AR24 in the slot itself, and converts others."""
    for pattern in ("card", "plasma", "waves", "stars"):
        for fourcc in FORMATS:
            producer = t.start(PRODUCER, "-q", "--pattern", pattern, "--format", fourcc, "-s", "99x61", "--frames", "3",
                               "--rate", "0", "--json", "p.json")
            producer.ends_with(0)
            report = report_of(f"{t.path}/p.json")
            equal(report["format"]["fourcc"], fourcc)
            equal(report["user_copies_per_frame"], 0 if fourcc in ("XR24", "AR24") else 1, f"{pattern} {fourcc}")


def y4m(t, layout, samples, width=7, height=5, tags=""):
    path = f"{t.path}/in.y4m"
    with open(path, "wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F25:1 C{layout}{tags}\n".encode())
        file.write(b"FRAME\n" + samples)
    return path


@test
def y4m_of_420_is_handed_on_without_conversion(t):
    """The planes have the bytes of the file, and the header the tags of the stream."""
    luma, cb, cr = bytes(range(35)), bytes(range(100, 112)), bytes(range(200, 212))
    for tags, options, matrix, full in (("", [], 1, 1), (" XCOLORRANGE=FULL", ["--matrix", "709"], 2, 2)):
        path = y4m(t, "420", luma + cb + cr, tags=tags)
        producer = t.producer(path, "--loop", "--format", "YU12", "--json", "p.json", *options)
        with Frames(t, producer) as frames:
            until(lambda: frames.newest() >= 1, "a frame")
            equal((frames.fourcc, frames.matrix, frames.range), ("YU12", matrix, full))
            start = frames.base + frames.slots_offset + frames.newest_slot() * frames.slot_stride
            for plane, (samples, width, height) in enumerate(((luma, 7, 5), (cb, 4, 3), (cr, 4, 3))):
                got = b"".join(ctypes.string_at(start + frames.offset[plane] + y * frames.stride[plane], width)
                               for y in range(height))
                equal(got, samples, f"plane {plane}")
        producer.signal(signal.SIGINT)
        producer.ends_with(130)
        equal(report_of(f"{t.path}/p.json")["user_copies_per_frame"], 1)


@test
def y4m_of_other_layouts_is_converted_to_the_requested_format(t):
    path = y4m(t, "444", bytes(range(35)) * 3)
    producer = t.producer(path, "--loop", "--format", "YU12", "--json", "p.json")
    with Frames(t, producer) as frames:
        equal((frames.fourcc, frames.width, frames.height), ("YU12", 7, 5))
        until(lambda: frames.newest() >= 1, "a frame")
    producer.signal(signal.SIGINT)
    producer.ends_with(130)
    equal(report_of(f"{t.path}/p.json")["user_copies_per_frame"], 2)


@test
def images_of_different_sizes_keep_the_requested_format(t):
    for number, (width, height) in enumerate(((33, 21), (64, 17))):
        with open(f"{t.path}/{number}.png", "wb") as file:
            file.write(colours(width, height))
    viewer = t.viewer("--every-frame", "--wait", "60", "--json", "v.json", "--snapshot", "s.png").is_ready()
    t.start(PRODUCER, "-q", f"{t.path}/0.png", f"{t.path}/1.png", "--format", "NV12").ends_with(0)
    viewer.ends_with(0)
    report = report_of(f"{t.path}/v.json")
    equal((report["format"]["fourcc"], report["format"]["width"], report["frames"]["shown"]), ("NV12", 64, 2))


# ---------------------------------------------------------------- what cannot be shown


def poke(producer, at, data):
    """Change bytes of the segment's header."""
    libc = ctypes.CDLL(None)
    libc.shmat.restype = ctypes.c_void_p
    libc.shmdt.argtypes = [ctypes.c_void_p]
    shmid = next(s["shmid"] for s in segments() if s["cpid"] == producer.pid)
    address = libc.shmat(shmid, None, 0)
    ctypes.memmove(address + at, data, len(data))
    libc.shmdt(address)


@test
def formats_of_the_library_alone_are_named_in_one_line(t):
    """A producer whose header is changed to them: rows of 32 pixels have room for 8 bytes a pixel."""
    Display(t)
    for fourcc in (b"R16 ", b"AB4H"):
        producer = t.producer("-s", "32x32")
        poke(producer, 64, fourcc)
        name = fourcc.decode().strip()
        for presenter in ("x11", "x11-put", "x11-send"):
            t.viewer(presenter=presenter).fails_with(12, presenter, "does not support", name)
        t.viewer(presenter="auto").fails_with(12, "x11", "does not support", name, "sdl")
        viewer = t.viewer("--frames", "2", "--verify", "--json", "v.json")
        viewer.ends_with(0)
        equal(report_of(f"{t.path}/v.json")["format"]["fourcc"], name)
        t.viewer("-q", "--frames", "1", "--snapshot", "s.png").fails_with(9, "s.png", name)
        assert not os.path.exists(f"{t.path}/s.png")
        producer.kill()


@test
def samples_that_are_not_converted_are_refused_and_unknown_colours_rejected(t):
    Display(t)
    producer = t.producer("-s", "64x64", "--format", "YU12")
    for transfer in (3, 4, 5):  # linear, PQ, HLG
        poke(producer, 102, bytes([transfer]))
        t.viewer(presenter="x11").fails_with(12, "x11", "YU12", "transfer")
    for at, name in (100, "matrix"), (101, "range"), (102, "transfer"), (103, "alpha"):
        poke(producer, 100, bytes(4))
        poke(producer, at, b"\x77")
        t.viewer(presenter="x11").fails_with(5, f'"{name}"')


if __name__ == "__main__":
    main()
