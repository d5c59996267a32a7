/* SPDX-License-Identifier: MIT */
/*
 * The table of pixel formats. A format is a list of planes; a plane stores `bytes` for each block
 * of `across` x `down` pixels: 1 x 1 in packed formats, 2 x 2 in the chroma planes of I420. A new
 * format is one line here, and a presenter that supports it.
 */
#include "format.h"

#include <stddef.h>

struct plane_shape {
    uint32_t bytes;        /* for one block */
    uint32_t across, down; /* pixels in a block */
};

static const struct format_shape {
    uint32_t fourcc;
    uint32_t planes;
    struct plane_shape plane[PF_PLANES_MAX];
} shapes[] = {
    {PF_FOURCC_XR24, 1, {{4, 1, 1}}},
};

static const struct format_shape *shape_of(uint32_t fourcc)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (shapes[i].fourcc == fourcc)
            return &shapes[i];
    return NULL;
}

bool format_is_known(uint32_t fourcc)
{
    return shape_of(fourcc) != NULL;
}

bool format_is_valid(const struct pf_format *format)
{
    return format_is_known(format->fourcc) && format->width >= 1 && format->width <= PF_SIZE_MAX &&
           format->height >= 1 && format->height <= PF_SIZE_MAX;
}

struct format_planes format_planes(const struct pf_format *format)
{
    const struct format_shape *shape = shape_of(format->fourcc);
    struct format_planes planes = {.count = shape->planes};

    for (uint32_t p = 0; p < shape->planes; p++) {
        const struct plane_shape *plane = &shape->plane[p];
        uint32_t blocks = (format->width + plane->across - 1) / plane->across;

        planes.rows[p] = (format->height + plane->down - 1) / plane->down;
        planes.row_bytes[p] = blocks * plane->bytes;
        planes.stride_bytes[p] = (planes.row_bytes[p] + FORMAT_STRIDE_ALIGN - 1) /
                                 FORMAT_STRIDE_ALIGN * FORMAT_STRIDE_ALIGN;
        planes.offset[p] = planes.bytes;
        planes.bytes += (uint64_t)planes.stride_bytes[p] * planes.rows[p];
    }
    return planes;
}

struct format_name format_name(uint32_t fourcc)
{
    struct format_name name = {""};

    for (int i = 0; i < 4; i++) {
        char c = (char)(fourcc >> (8 * i));
        name.text[i] = c >= ' ' && c <= '~' ? c : '?';
    }
    return name;
}
