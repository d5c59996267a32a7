#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write the grey values of an 8-bit greyscale PNG as rows of C initializers.

    make_font.py glyphs.png coverage.inc

The build runs this, so it needs nothing but the standard library. It reads no other kind of PNG.
"""
import struct
import sys
import zlib


def chunks(png):
    """(type, data) of each chunk."""
    at = 8
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        yield kind, png[at + 8:at + 8 + length]
        at += length + 12  # length, type, data, CRC


def paeth(left, up, corner):
    """The PNG specification's predictor (9.4): the neighbour that is nearest to left + up - corner."""
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))


def unfilter(kind, row, above):
    """Undo the filter of one row of 1-byte pixels (PNG specification, 9.2)."""
    done = []
    for x, value in enumerate(row):
        left, corner = (done[x - 1], above[x - 1]) if x else (0, 0)
        predicted = (0, left, above[x], (left + above[x]) // 2, paeth(left, above[x], corner))[kind]
        done.append((value + predicted) % 256)
    return done


def rows(png):
    found = {}
    for kind, data in chunks(png):
        found[kind] = found.get(kind, b"") + data
    width, height, *form = struct.unpack(">IIBBBBB", found[b"IHDR"])
    if form != [8, 0, 0, 0, 0]:
        sys.exit("make_font.py: error: not an 8-bit greyscale PNG without interlace")
    data = zlib.decompress(found[b"IDAT"])
    above = [0] * width
    for at in range(0, height * (width + 1), width + 1):
        above = unfilter(data[at], data[at + 1:at + 1 + width], above)
        yield above


def main(source, target):
    with open(source, "rb") as file:
        png = file.read()
    with open(target, "w", encoding="ascii") as file:
        for row in rows(png):
            print("{" + ",".join(map(str, row)) + "},", file=file)


main(*sys.argv[1:])
