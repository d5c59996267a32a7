# SPDX-License-Identifier: MIT
"""Images with known pixels, and screens that were read without pageflip, in the pixel format of the screen."""
import functools
import random
import re
import struct

from witness import png

# What the processes of foreign.py fill their segments with.
FOREIGN = 0x2A
# Levels that stay exact on screens with 5, 6 and 10 bits a channel, whether the server rounds or truncates.
LEVELS = [v for v in range(256) if v >> 3 == round(v * 31 / 255) and v >> 2 == round(v * 63 / 255)
          and v << 2 | v >> 6 == round(v * 1023 / 255) and v != FOREIGN]


class Picture:
    """Random pixels, other ones for each seed, so that no image of an earlier cell equals this one. The width is not
    a multiple of 16 pixels, so rows in the segment are padded."""

    width, height = 330, 250

    def __init__(self, seed):
        table = bytes(LEVELS[value % len(LEVELS)] for value in range(256))
        self.pixels = random.Random(seed).randbytes(3 * self.width * self.height).translate(table)  # red, green, blue

    def write_png(self, path):
        with open(path, "wb") as file:
            file.write(png(self.width, self.height, self.pixels))

    @functools.lru_cache
    def rows(self, pixel_bytes, masks):
        """The rows in a screen's format; `masks` are those of red, green and blue in a little-endian pixel."""
        count, total = self.width * self.height, 0
        for channel, mask in enumerate(masks):
            low, bits = (mask & -mask).bit_length() - 1, mask.bit_count()
            values = [v >> 8 - bits if bits <= 8 else v << bits - 8 | v >> 16 - bits for v in range(256)]
            spread = bytearray(count * pixel_bytes)  # the channel in the lowest bits of each pixel
            for byte in range(2):
                spread[byte::pixel_bytes] = self.pixels[channel::3].translate(bytes(v >> 8 * byte & 255 for v in values))
            total |= int.from_bytes(spread, "little") << low
        data = total.to_bytes(count * pixel_bytes, "little")
        stride = self.width * pixel_bytes
        return [data[start : start + stride] for start in range(0, len(data), stride)]


class Screen:
    """One reading of a screen."""

    def __init__(self, data, stride, pixel_bytes, masks):
        # Bits that belong to no channel may have any value.
        used = sum(masks).to_bytes(pixel_bytes, "little") * (len(data) // pixel_bytes)
        data = data[: len(used)]
        self.data = (int.from_bytes(data, "little") & int.from_bytes(used, "little")).to_bytes(len(data), "little")
        self.stride, self.pixel_bytes, self.masks = stride, pixel_bytes, masks

    @classmethod
    def from_xwd(cls, data):
        """X11/XWDFile.h: 25 words, big endian. The framebuffer file of Xvfb has the same format."""
        head = struct.unpack(">25I", data[:100])
        start, height, order, bits, stride = head[0] + 12 * head[19], head[5], head[7], head[11], head[12]
        if order != 0:
            raise AssertionError("the screen has big-endian pixels")
        return cls(data[start : start + height * stride], stride, bits // 8, head[14:17])

    @classmethod
    def from_ppm(cls, data):
        head = re.match(rb"P6\s(\d+)\s(\d+)\s255\s", data)
        if not head:
            raise AssertionError(f"not a binary PPM of 8 bits: {data[:20]!r}")
        return cls(data[head.end() :], 3 * int(head[1]), 3, (0xFF, 0xFF00, 0xFF0000))

    def shows(self, picture):
        """Is the picture anywhere on it, exactly?"""
        rows = picture.rows(self.pixel_bytes, self.masks)
        at = self.data.find(rows[0])
        while at >= 0:
            if all(self.data.startswith(row, at + y * self.stride) for y, row in enumerate(rows)):
                return True
            at = self.data.find(rows[0], at + 1)
        return False

    def shows_foreign_memory(self):
        return self.pixel_bytes == 4 and bytes([FOREIGN] * 3 + [0]) * 16 in self.data

    def is_black(self):
        return not any(self.data)
