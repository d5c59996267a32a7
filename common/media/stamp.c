/* SPDX-License-Identifier: MIT */
/*
 * Cells are drawn in pure black and white and read by the brightness of their middle, so that a
 * stamp survives scaling and colour conversion. The CRC distinguishes a frame with a stamp from a
 * frame without.
 */
#include "stamp.h"

#include <string.h>

#include "core/fault.h"
#include "core/format.h"

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

/* ------------------------------------------------------------------ cells in each format */

/* Of plane 0. A pixel of 4 bytes is a little-endian word, whose 8 bits from `shift` on are its
 * brightness; a smaller one begins with the byte that is. */
struct cells {
    uint32_t pixel_bytes;
    uint32_t shift;
    uint32_t black, white; /* whole pixels; for YUYV the bytes Y and chroma */
};

static const struct cells cells_xr24 = {4, 8, 0xff000000, 0xffffffff};

/* pixel_bytes is 0 if frames of this fourcc cannot have a stamp. */
static struct cells cells_of(const struct pf_format *format)
{
    bool is_limited = format_color(format).range == PF_RANGE_LIMITED;

    switch (format->fourcc) {
    case PF_FOURCC_XR24:
    case PF_FOURCC_AR24:
        return is_limited ? (struct cells){4, 8, 0xff101010, 0xffebebeb} : cells_xr24;
    case PF_FOURCC_XR30:
        return is_limited ? (struct cells){4, 12, 0xc4010040, 0xfaceb3ac}
                          : (struct cells){4, 12, 0xc0000000, 0xffffffff};
    case PF_FOURCC_R8:
    case PF_FOURCC_YU12:
    case PF_FOURCC_NV12: return (struct cells){1, 0, is_limited ? 16 : 0, is_limited ? 235 : 255};
    case PF_FOURCC_YUYV:
        return (struct cells){2, 0, is_limited ? 0x8010 : 0x8000, is_limited ? 0x80eb : 0x80ff};
    default: return (struct cells){0};
    }
}

bool stamp_supports(uint32_t fourcc)
{
    const struct pf_format format = {.fourcc = fourcc, .width = 1, .height = 1};

    return cells_of(&format).pixel_bytes != 0;
}

static void put_pixel(uint8_t *to, uint32_t pixel, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        to[i] = (uint8_t)(pixel >> (8 * i));
}

/* The rows `first` to `last` of a chroma plane, which pixels of two rows share. */
static void fill_chroma(const struct pf_plane *plane, uint32_t row_bytes, uint32_t first,
                        uint32_t last)
{
    for (uint32_t y = first; y <= last; y++)
        memset(plane->pixels + (uint64_t)y * plane->stride_bytes, 128, row_bytes);
}

/* Copy the row `top` to `rows` rows from y on. */
static void fill_rows(const struct pf_format *format, const struct pf_plane *planes,
                      const uint8_t *top, uint32_t y, uint32_t rows)
{
    const struct pf_format_planes layout = format_planes(format);

    for (uint32_t row = y; row < y + rows; row++) {
        uint8_t *to = planes[0].pixels + (uint64_t)row * planes[0].stride_bytes;
        if (to != top)
            memcpy(to, top, layout.row_bytes[0]);
    }
    for (uint32_t p = 1; p < layout.count; p++)
        fill_chroma(&planes[p], layout.row_bytes[p], y / 2, (y + rows - 1) / 2);
}

void stamp_draw(struct stamp stamp, const struct pf_format *format, const struct pf_plane *planes)
{
    const struct cells cells = cells_of(format);
    uint64_t bits = encode(stamp);
    uint32_t width = format->width, cell = stamp_rows(width);
    uint8_t *top = planes[0].pixels;

    for (uint32_t x = 0; x < width; x++) {
        uint32_t bit = x / cell;
        bool is_white = bit < CELLS && (bits >> (CELLS - 1 - bit) & 1);
        put_pixel(top + (uint64_t)cells.pixel_bytes * x, is_white ? cells.white : cells.black,
                  cells.pixel_bytes);
    }
    if (format->fourcc == PF_FOURCC_YUYV && width % 2) /* the pair of the last pixel */
        put_pixel(top + 2 * (uint64_t)width, cells.black, 2);
    fill_rows(format, planes, top, 0, cell);
    FAULT_POINT(producer_drew_half); /* the two stamps differ now */
    fill_rows(format, planes, top, format->height - cell, cell);
}

static bool is_white(const struct cells *cells, const uint8_t *pixel)
{
    uint32_t word = pixel[0];

    if (cells->pixel_bytes == 4)
        memcpy(&word, pixel, sizeof word);
    return (word >> cells->shift & 0xff) >= 128;
}

static bool read_row(const struct cells *cells, const uint8_t *row, uint32_t width,
                     struct stamp *stamp)
{
    uint32_t cell = stamp_rows(width);
    uint64_t bits = 0;

    for (uint32_t i = 0; i < CELLS; i++) {
        uint64_t middle = (uint64_t)cells->pixel_bytes * (i * cell + cell / 2);
        bits = bits << 1 | is_white(cells, row + middle);
    }
    *stamp = (struct stamp){.sequence = (uint32_t)(bits >> SEQUENCE_SHIFT),
                            .milliseconds = (uint16_t)(bits >> MILLISECONDS_SHIFT)};
    return crc16(bits >> 16, 6) == (uint16_t)bits;
}

bool stamp_read_row(const uint8_t *row, uint32_t width, struct stamp *stamp)
{
    return read_row(&cells_xr24, row, width, stamp);
}

enum stamp_result stamp_read(const struct pf_format *format, const struct pf_plane *planes,
                             struct stamp *stamp)
{
    const struct cells cells = cells_of(format);
    const uint8_t *pixels = planes[0].pixels;
    uint32_t width = format->width, height = format->height, cell = stamp_rows(width);
    uint64_t stride_bytes = planes[0].stride_bytes;
    struct stamp top, bottom;

    if (!cells.pixel_bytes || !stamp_fits(width, height))
        return STAMP_ABSENT;
    bool is_top_valid = read_row(&cells, pixels + cell / 2 * stride_bytes, width, &top);
    bool is_bottom_valid =
        read_row(&cells, pixels + (height - cell + cell / 2) * stride_bytes, width, &bottom);
    if (!is_top_valid && !is_bottom_valid)
        return STAMP_ABSENT;
    if (!is_top_valid || !is_bottom_valid || top.sequence != bottom.sequence ||
        top.milliseconds != bottom.milliseconds)
        return STAMP_TORN;
    *stamp = top;
    return STAMP_WHOLE;
}
