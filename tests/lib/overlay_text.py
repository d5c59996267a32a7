# SPDX-License-Identifier: MIT
"""Read the viewer's overlay from a screenshot, at scale 1: its text letter by letter, and the colours of its strip. Each pixel
must be exactly that of a letter of assets/glyphs.png in one of the overlay's colours."""
from harness import Image

BACK, TEXT, FAINT = 0x12161C, 0xE8E8E8, 0x56606C
LATE, RENDER, HANDOFF, PRESENT = 0xE05050, 0x4A90D9, 0x60C060, 0xFFB000
COLOURS = (TEXT, FAINT, LATE, RENDER, HANDOFF, PRESENT)
CELL_WIDTH, CELL_HEIGHT, GLYPHS_PER_ROW = 12, 24, 16
MARGIN, LINES, COLUMNS = 8, 8, 40
STRIP_TOP, STRIP_HEIGHT, BARS, BAR_WIDTH = 2 * MARGIN + LINES * CELL_HEIGHT, 96, 120, 4


class Font:
    def __init__(self, scratch, source):
        """`source`: the root of the source tree."""
        glyphs = Image.from_file(scratch, f"{source}/assets/glyphs.png")
        self.letters = {}  # the three channels of a cell: (letter, its colour)
        for index in range(ord("~") - ord(" ") + 1):
            row, column = divmod(index, GLYPHS_PER_ROW)
            cell = glyphs.crop(column * CELL_WIDTH, row * CELL_HEIGHT, CELL_WIDTH, CELL_HEIGHT)
            cover = cell.pixels[::4]
            for colour in COLOURS:
                self.letters.setdefault(tuple(blend(cover, BACK >> s & 255, colour >> s & 255) for s in (0, 8, 16)),
                                        (chr(ord(" ") + index), colour))

    def letter(self, image, x, y):
        """(letter, colour) of a cell, or None: it is no letter."""
        cell = image.crop(x, y, CELL_WIDTH, CELL_HEIGHT).pixels
        return self.letters.get(tuple(cell[channel::4] for channel in range(3)))

    def lines(self, image):
        """Each line of the overlay in the top left corner of the image as (text, {colours}), or None: there is no overlay."""
        found = []
        for line in range(LINES):
            cells = [self.letter(image, MARGIN + column * CELL_WIDTH, MARGIN + line * CELL_HEIGHT) for column in range(COLUMNS)]
            if None in cells:
                return None
            found.append(("".join(letter for letter, _ in cells).rstrip(),
                          {colour for letter, colour in cells if letter != " "}))
        return found


def blend(cover, below, above):
    """One channel of a text's pixels: how much of the text's colour covers the background."""
    return bytes((below * (255 - c) + above * c + 127) // 255 for c in cover)


def full_scale_ns(totals_ns):
    """What the height of the strip stands for: the smallest 1, 2 or 5 times a power of ten milliseconds that at most one bar in
    40 exceeds."""
    power = 1000000
    while True:
        for step in (1, 2, 5):
            if sum(total > step * power for total in totals_ns) <= BARS // 40:
                return step * power
        power *= 10


def strip_of(frames):
    """The expected rows of colours of the strip. `frames`: (late, render, handoff, present) in ns, the latest last."""
    frames = frames[-BARS:]
    full = full_scale_ns([sum(parts) for parts in frames])
    width = BARS * BAR_WIDTH
    rows = [[FAINT if y in (0, STRIP_HEIGHT // 2) else BACK] * width for y in range(STRIP_HEIGHT)]
    for number, parts in enumerate(frames, BARS - len(frames)):
        below = 0
        for part, colour in zip(parts, (LATE, RENDER, HANDOFF, PRESENT)):
            bottom = below * STRIP_HEIGHT // full
            below += part
            for height in range(bottom, min(below * STRIP_HEIGHT // full, STRIP_HEIGHT)):
                left, right = number * BAR_WIDTH, (number + 1) * BAR_WIDTH - 1
                rows[STRIP_HEIGHT - 1 - height][left:right] = [colour] * (right - left)
    return rows


def strip(image):
    """The rows of colours of the strip in the image."""
    return [[image.at(MARGIN + x, STRIP_TOP + y) for x in range(BARS * BAR_WIDTH)] for y in range(STRIP_HEIGHT)]
