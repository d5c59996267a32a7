# SPDX-License-Identifier: MIT
"""The frames of a segment in any pixel format, read without the library, and the pixels that a display must show for them."""
import ctypes
import struct

from harness import equal
from witness import Witness

YUV = ("YU12", "NV12", "YUYV")
CHECKERBOARD = None


class Frames(Witness):
    """The newest frame of a segment, as its header describes it (common/core/layout.h)."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        header = ctypes.string_at(self.base, 136)
        _, self.slots_offset, self.slot_stride = struct.unpack_from("<3Q", header, 32)
        self.fourcc = header[64:68].decode().strip()
        self.width, self.height = struct.unpack_from("<2I", header, 68)
        self.stride = struct.unpack_from("<4I", header, 84)
        self.matrix, self.range, _, self.alpha = header[100:104]
        self.offset = struct.unpack_from("<4Q", header, 104)

    def samples(self):
        """Rows of (red, green, blue, alpha), 0..255 and not yet rounded, from their definitions."""
        start = self.base + self.slots_offset + self.newest_slot() * self.slot_stride

        def row(plane, y):
            return ctypes.string_at(start + self.offset[plane] + y * self.stride[plane], self.stride[plane])
        return [[self.pixel(row, x, y) for x in range(self.width)] for y in range(self.height)]

    def pixel(self, row, x, y):
        if self.fourcc in ("XR24", "AR24"):
            blue, green, red, alpha = row(0, y)[4 * x : 4 * x + 4]
            return red, green, blue, alpha if self.fourcc == "AR24" else 255
        if self.fourcc == "R8":
            return (row(0, y)[x],) * 3 + (255,)
        if self.fourcc == "XR30":
            word = int.from_bytes(row(0, y)[4 * x : 4 * x + 4], "little")
            return *((word >> shift & 1023) * 255 / 1023 for shift in (20, 10, 0)), 255
        if self.fourcc == "YUYV":
            pair = row(0, y)[x // 2 * 4 :]
            luma, cb, cr = pair[x % 2 * 2], pair[1], pair[3]
        elif self.fourcc == "NV12":
            luma, (cb, cr) = row(0, y)[x], row(1, y // 2)[x // 2 * 2 : x // 2 * 2 + 2]
        else:
            luma, cb, cr = row(0, y)[x], row(1, y // 2)[x // 2], row(2, y // 2)[x // 2]
        return *self.rgb(luma, cb, cr), 255

    def rgb(self, luma, cb, cr):
        """ITU-R BT.601-7, 2.5, and BT.709-6, 3. Zero is the usual matrix of the size, and limited range."""
        matrix = self.matrix or (2 if self.width >= 1280 or self.height >= 720 else 1)
        kr, kb = {1: (0.299, 0.114), 2: (0.2126, 0.0722)}[matrix]
        luma, chroma = (luma / 255, 255) if self.range == 2 else ((luma - 16) / 219, 224)
        red, blue = luma + 2 * (1 - kr) * (cr - 128) / chroma, luma + 2 * (1 - kb) * (cb - 128) / chroma
        green = (luma - kr * red - kb * blue) / (1 - kr - kb)
        return [255 * min(max(channel, 0), 1) for channel in (red, green, blue)]


def over(rows, background):
    """The pixels over a background, as numbers 0..255; premultiplied."""
    def behind(x, y):
        if background is CHECKERBOARD:
            return (0x99, 0x99, 0x99) if (x // 8 + y // 8) % 2 == 0 else (0x66, 0x66, 0x66)
        return background
    return [[[min(c + b * (255 - pixel[3]) / 255, 255) for c, b in zip(pixel, behind(x, y))]
             for x, pixel in enumerate(row)] for y, row in enumerate(rows)]


def difference(image, rows):
    """The largest difference of a channel from the exact values."""
    equal((image.width, image.height), (len(rows[0]), len(rows)), "size")
    return max(abs((image.at(x, y) >> shift & 255) - exact)
               for y, row in enumerate(rows) for x, pixel in enumerate(row) for shift, exact in zip((16, 8, 0), pixel))


def at_most(fourcc):
    """0.6 levels for Y, Cb and Cr, half a level where there is one rounding."""
    return 0.6 if fourcc in YUV else 0.51 if fourcc in ("AR24", "XR30") else 0
