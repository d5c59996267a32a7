# SPDX-License-Identifier: MIT
"""What the producer has written into the slots of the segment, read without the library: colours of Y4M for each matrix and
range, and the stamp that --stamp adds."""
import ctypes
import struct
import subprocess
import time

from harness import *
from witness import Witness

LEVELS = 0.6  # at most this far from the formula: common/media/yuv.h


class Pixels(Witness):
    """The newest frame of a segment, as the header of the segment describes it (common/core/layout.h)."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        header = ctypes.string_at(self.base, 88)
        _, self.slots_offset, self.slot_stride = struct.unpack_from("<3Q", header, 32)
        self.width, self.height, _, _, self.stride = struct.unpack_from("<5I", header, 68)

    def row(self, y):
        """The pixels of a row as (red, green, blue)."""
        at = self.base + self.slots_offset + self.newest_slot() * self.slot_stride + y * self.stride
        data = ctypes.string_at(at, 4 * self.width)
        return [(data[i + 2], data[i + 1], data[i]) for i in range(0, len(data), 4)]


def exact(matrix, is_full, y, cb, cr):
    """ITU-R BT.601-7, 2.5, and BT.709-6, 3: red, green and blue, 0..255."""
    kr, kb = {601: (0.299, 0.114), 709: (0.2126, 0.0722)}[matrix]
    luma, chroma = (y / 255, 255) if is_full else ((y - 16) / 219, 224)
    red, blue = luma + 2 * (1 - kr) * (cr - 128) / chroma, luma + 2 * (1 - kb) * (cb - 128) / chroma
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return [255 * min(max(channel, 0), 1) for channel in (red, green, blue)]


def shade(seed, count):
    """Bytes that differ from each other and between planes."""
    return bytes((seed * 71 + i * 89 + i // 7 * 31) % 256 for i in range(count))


def shown(t, name, head, data, *options):
    """A producer that publishes this frame, and waits for the next."""
    producer = t.start(PRODUCER, "-q", "-", "-n", name, *options, stdin=subprocess.PIPE)
    producer.popen.stdin.write(head.encode() + b"\nFRAME\n" + data)
    producer.popen.stdin.flush()
    until(lambda: f"pid {producer.pid}\n" in text_of(f"{t.path}/pageflip/{name}.id") or not producer.is_running(), "a segment")
    assert producer.is_running(), producer.err
    return producer


def end(producer):
    producer.popen.stdin.close()
    producer.ends_with(0)


# ---------------------------------------------------------------- colours

LAYOUTS = {"420": (2, 2), "420mpeg2": (2, 2), "422": (2, 1), "444": (1, 1), "mono": (0, 0)}  # pixels for a chroma sample


class Frame:
    """A Y4M frame of samples that differ from each other."""

    def __init__(self, width, height, layout):
        self.width, self.height = width, height
        self.across, self.down = LAYOUTS[layout]
        self.columns = -(-width // self.across) if self.across else 0
        samples = self.columns * -(-height // self.down) if self.down else 0
        self.planes = [shade(1, width * height), shade(2, samples), shade(3, samples)]

    def samples(self, x, y):
        """Y, Cb and Cr of a pixel."""
        luma, cb, cr = self.planes
        if not self.across:
            return luma[y * self.width + x], 128, 128
        at = y // self.down * self.columns + x // self.across
        return luma[y * self.width + x], cb[at], cr[at]


def compare(segment, frame, matrix, is_full, what):
    """All pixels of a small frame, some of a large one."""
    until(lambda: segment.newest() == 1, "a frame")
    equal((segment.width, segment.height), (frame.width, frame.height), what)
    for y in range(0, frame.height, 1 + frame.height // 20):
        for x, got in list(enumerate(segment.row(y)))[:: 1 + frame.width // 20]:
            expected = exact(matrix, is_full, *frame.samples(x, y))
            worst = max(abs(a - b) for a, b in zip(got, expected))
            assert worst < LEVELS, f"{what}: {got}, not {expected}, at {x},{y}"


@test
def options_and_tags_choose_the_formula(t):
    """The default matrix is BT.601 at every size, and the default range is limited."""
    small, large = (7, 5), (1280, 720)
    cases = (
        (small, "444", "", [], 601, False),
        (small, "444", "", ["--matrix", "601"], 601, False),
        (small, "444", "", ["--matrix", "709"], 709, False),
        (small, "420", " XCOLORRANGE=FULL", [], 601, True),
        (small, "420mpeg2", " XCOLORRANGE=LIMITED", ["--matrix", "709"], 709, False),
        (small, "422", " XCOLORRANGE=FULL", ["--matrix", "709"], 709, True),
        (small, "422", " XCOLORRANGE=LIMITED", [], 601, False),
        (small, "mono", " XCOLORRANGE=FULL", [], 601, True),
        (large, "420", "", [], 601, False),
        (large, "420", "", ["--matrix", "709"], 709, False),
    )
    producers = []
    for number, (size, layout, tags, options, _, _) in enumerate(cases):
        frame = Frame(*size, layout)
        head = f"YUV4MPEG2 W{frame.width} H{frame.height} F25:1 C{layout}{tags}"
        producers.append((shown(t, f"c{number}", head, b"".join(frame.planes), *options), frame))
    for number, ((producer, frame), case) in enumerate(zip(producers, cases)):
        with Pixels(t, producer, f"c{number}") as segment:
            compare(segment, frame, *case[-2:], case)
        end(producer)


# ---------------------------------------------------------------- stamps


def crc16(value, bits):
    """CRC-16/CCITT-FALSE of a number, bit by bit."""
    crc = 0xFFFF
    for bit in reversed(range(bits)):
        mixed = crc >> 15 ^ value >> bit & 1
        crc = crc << 1 & 0xFFFF ^ (0x1021 if mixed else 0)
    return crc


@test
def files_get_a_stamp_that_changes_no_other_pixel(t):
    """A cell of 130 / 64 pixels is 2 wide and 2 high. The number is that of the frame, the time that of its begin."""
    width, height, cell, grey = 130, 16, 2, 100
    head = f"YUV4MPEG2 W{width} H{height} F25:1 Cmono XCOLORRANGE=FULL"
    for option, rows in (["--stamp"], cell), ([], 0):
        before = time.monotonic_ns() // 1000000
        producer = shown(t, "default", head, bytes([grey]) * (width * height), *option)
        with Pixels(t, producer) as segment:
            until(lambda: segment.newest() == 1, "a frame")
            for sequence in (1, 2, 3):
                lines = [segment.row(y) for y in range(height)]
                for y in range(rows, height - rows):
                    equal(lines[y], [(grey,) * 3] * width, f"row {y}")
                for y in (*range(rows), *range(height - rows, height)):
                    equal(set(lines[y]), {(0,) * 3, (255,) * 3}, f"colours of row {y}")
                    cells = [lines[y][i * cell : (i + 1) * cell] for i in range(64)]
                    assert all(len(set(pixels)) == 1 for pixels in cells), lines[y]
                    bits = sum((pixels[0][0] == 255) << 63 - i for i, pixels in enumerate(cells))
                    equal((bits >> 32, bits & 0xFFFF), (sequence, crc16(bits >> 16, 48)), f"stamp in row {y}")
                    now = time.monotonic_ns() // 1000000
                    assert (bits >> 16) - before & 0xFFFF <= now - before, "the time of its begin"
                producer.popen.stdin.write(b"FRAME\n" + bytes([grey]) * (width * height))
                producer.popen.stdin.flush()
                until(lambda: segment.newest() == sequence + 1, "the next frame")
        end(producer)


if __name__ == "__main__":
    main()
