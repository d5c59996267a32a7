/* SPDX-License-Identifier: MIT */
/*
 * Cells are drawn in pure black and white and read by the brightness of their middle, so that a
 * stamp survives scaling and colour conversion. The CRC distinguishes a frame with a stamp from a
 * frame without.
 */
#include "stamp.h"

#include <string.h>

#include "core/fault.h"

enum { CELLS = 64, SEQUENCE_SHIFT = 32, MILLISECONDS_SHIFT = 16 };

bool stamp_fits(uint32_t width, uint32_t height)
{
    return width >= CELLS && height >= 2 * stamp_rows(width);
}

uint32_t stamp_rows(uint32_t width)
{
    return width < CELLS ? 1 : width / CELLS;
}

/* CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xffff, most significant bit first (reveng
 * catalogue). */
static uint16_t crc16(uint64_t value, int bytes)
{
    uint16_t crc = 0xffff;

    for (int i = bytes - 1; i >= 0; i--) {
        crc ^= (uint16_t)((value >> (8 * i) & 0xff) << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

static uint64_t encode(struct stamp stamp)
{
    uint64_t value = (uint64_t)stamp.sequence << 16 | stamp.milliseconds;

    return value << 16 | crc16(value, 6);
}

void stamp_draw(struct stamp stamp, uint8_t *pixels, uint32_t stride_bytes, uint32_t width,
                uint32_t height)
{
    uint64_t bits = encode(stamp);
    uint32_t cell = stamp_rows(width);
    uint8_t *top = pixels;

    for (uint32_t x = 0; x < width; x++) {
        uint32_t bit = x / cell;
        uint32_t color = bit < CELLS && (bits >> (CELLS - 1 - bit) & 1) ? 0xffffffff : 0xff000000;
        memcpy(top + 4 * (uint64_t)x, &color, sizeof color);
    }
    for (uint32_t y = 1; y < cell; y++)
        memcpy(pixels + (uint64_t)y * stride_bytes, top, 4 * (uint64_t)width);
    FAULT_POINT(producer_drew_half); /* the two stamps differ now */
    for (uint32_t y = height - cell; y < height; y++)
        memcpy(pixels + (uint64_t)y * stride_bytes, top, 4 * (uint64_t)width);
}

bool stamp_read_row(const uint8_t *row, uint32_t width, struct stamp *stamp)
{
    uint32_t cell = stamp_rows(width);
    uint64_t bits = 0;

    for (uint32_t i = 0; i < CELLS; i++) {
        const uint8_t *pixel = row + 4 * (uint64_t)(i * cell + cell / 2);
        bits = bits << 1 | (pixel[1] >= 128); /* green is most of the brightness */
    }
    *stamp = (struct stamp){.sequence = (uint32_t)(bits >> SEQUENCE_SHIFT),
                            .milliseconds = (uint16_t)(bits >> MILLISECONDS_SHIFT)};
    return crc16(bits >> 16, 6) == (uint16_t)bits;
}

enum stamp_result stamp_read(const uint8_t *pixels, uint32_t stride_bytes, uint32_t width,
                             uint32_t height, struct stamp *stamp)
{
    uint32_t cell = stamp_rows(width);
    struct stamp top, bottom;

    if (!stamp_fits(width, height))
        return STAMP_ABSENT;
    bool is_top_valid = stamp_read_row(pixels + (uint64_t)(cell / 2) * stride_bytes, width, &top);
    bool is_bottom_valid =
        stamp_read_row(pixels + (uint64_t)(height - cell + cell / 2) * stride_bytes, width,
                       &bottom);
    if (!is_top_valid && !is_bottom_valid)
        return STAMP_ABSENT;
    if (!is_top_valid || !is_bottom_valid || top.sequence != bottom.sequence ||
        top.milliseconds != bottom.milliseconds)
        return STAMP_TORN;
    *stamp = top;
    return STAMP_WHOLE;
}
