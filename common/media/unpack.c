/* SPDX-License-Identifier: MIT */
/*
 * One function for each kind of format converts a row, or a whole frame of Y, Cb and Cr. Samples
 * of RGB go through a table, which is the identity for 8 bits of full range.
 */
#include "unpack.h"

#include <string.h>

#include "core/format.h"
#include "yuv.h"

enum { LEVELS_MAX = 1024 };

bool unpack_supports(const struct pf_format *format)
{
    struct pf_color color = format_color(format);

    if (color.transfer != PF_TRANSFER_SRGB && color.transfer != PF_TRANSFER_709)
        return false;
    switch (format->fourcc) {
    case PF_FOURCC_XR24:
    case PF_FOURCC_AR24:
    case PF_FOURCC_R8:
    case PF_FOURCC_YU12:
    case PF_FOURCC_NV12:
    case PF_FOURCC_YUYV:
    case PF_FOURCC_XR30: return true;
    default: return false;
    }
}

bool unpack_is_copy(const struct pf_format *format)
{
    struct pf_color color = format_color(format);

    return (format->fourcc == PF_FOURCC_XR24 || format->fourcc == PF_FOURCC_AR24) &&
           color.range == PF_RANGE_FULL && color.alpha == PF_ALPHA_NONE;
}

/* ------------------------------------------------------------------ RGB and grey */

/* a * b / 255, rounded, for a and b of 0..255. RENDER computes the same. */
static inline uint32_t share(uint32_t a, uint32_t b)
{
    uint32_t product = a * b + 128;

    return (product + (product >> 8)) >> 8;
}

/* The level 0..255 of each sample of `bits` bits. */
static void fill_levels(uint8_t levels[LEVELS_MAX], int bits, bool is_limited)
{
    int32_t black = is_limited ? 16 << (bits - 8) : 0;
    int32_t white = is_limited ? 235 << (bits - 8) : (1 << bits) - 1, steps = white - black;

    for (int32_t i = 0; i < 1 << bits; i++) {
        int32_t inside = i < black ? 0 : i > white ? steps : i - black;
        levels[i] = (uint8_t)((inside * 255 + steps / 2) / steps);
    }
}

static void unpack_grey(const uint8_t *from, const uint8_t *levels, uint32_t width, uint8_t *to)
{
    for (uint32_t x = 0; x < width; x++) {
        uint32_t pixel = levels[from[x]] * 0x010101u | 0xff000000;
        memcpy(to + 4 * (size_t)x, &pixel, 4);
    }
}

static void unpack_rgb30(const uint8_t *from, const uint8_t *levels, uint32_t width, uint8_t *to)
{
    for (uint32_t x = 0; x < width; x++) {
        uint32_t word;
        memcpy(&word, from + 4 * (size_t)x, 4);
        to[4 * x] = levels[word & 0x3ff];
        to[4 * x + 1] = levels[word >> 10 & 0x3ff];
        to[4 * x + 2] = levels[word >> 20 & 0x3ff];
        to[4 * x + 3] = 255;
    }
}

/* One channel of a pixel over the background. */
static inline uint8_t over(uint32_t level, uint32_t alpha, bool is_straight, uint32_t behind)
{
    uint32_t sum = (is_straight ? share(level, alpha) : level) + share(behind, 255 - alpha);

    return (uint8_t)(sum > 255 ? 255 : sum); /* premultiplied colours may exceed their alpha */
}

/* One channel of a pixel, not premultiplied. */
static inline uint8_t straight(uint32_t level, uint32_t alpha, bool is_straight)
{
    if (is_straight)
        return (uint8_t)level;
    if (alpha == 0)
        return 0;
    return (uint8_t)(level >= alpha ? 255 : (level * 255 + alpha / 2) / alpha);
}

static void unpack_rgba(const uint8_t *from, const uint8_t *levels, uint32_t width,
                        const struct pf_color *color, const struct background *background,
                        uint32_t y, uint8_t *to)
{
    bool is_straight = color->alpha == PF_ALPHA_STRAIGHT;

    for (uint32_t x = 0; x < width; x++, from += 4, to += 4) {
        uint32_t alpha = color->alpha == PF_ALPHA_NONE ? 255 : from[3];
        uint32_t behind = background ? background_at(background, x, y) : 0;
        for (int c = 0; c < 3; c++)
            to[c] = background ? over(levels[from[c]], alpha, is_straight, behind >> (8 * c) & 0xff)
                               : straight(levels[from[c]], alpha, is_straight);
        to[3] = background ? 255 : (uint8_t)alpha;
    }
}

static void unpack_row(const struct pf_format *format, const struct pf_color *color,
                       const uint8_t *levels, const struct background *background, uint32_t y,
                       const uint8_t *from, uint8_t *to)
{
    switch (format->fourcc) {
    case PF_FOURCC_R8: unpack_grey(from, levels, format->width, to); break;
    case PF_FOURCC_XR30: unpack_rgb30(from, levels, format->width, to); break;
    default: unpack_rgba(from, levels, format->width, color, background, y, to); break;
    }
}

/* ------------------------------------------------------------------ Y, Cb and Cr */

static struct yuv_samples samples_of(uint32_t fourcc, const struct pf_plane *planes)
{
    struct yuv_samples samples = {.y = planes[0].pixels,
                                  .y_stride = planes[0].stride_bytes,
                                  .y_step = 1,
                                  .chroma_step = 1};

    switch (fourcc) {
    case PF_FOURCC_YU12:
        samples.cb = planes[1].pixels;
        samples.cr = planes[2].pixels;
        samples.cb_stride = planes[1].stride_bytes;
        samples.cr_stride = planes[2].stride_bytes;
        break;
    case PF_FOURCC_NV12:
        samples.cb = planes[1].pixels;
        samples.cr = planes[1].pixels + 1;
        samples.cb_stride = samples.cr_stride = planes[1].stride_bytes;
        samples.chroma_step = 2;
        break;
    default: /* YUYV */
        samples.cb = planes[0].pixels + 1;
        samples.cr = planes[0].pixels + 3;
        samples.cb_stride = samples.cr_stride = planes[0].stride_bytes;
        samples.y_step = 2;
        samples.chroma_step = 4;
        break;
    }
    return samples;
}

static void unpack_yuv(const struct pf_format *format, const struct pf_color *color,
                       const struct pf_plane *planes, uint8_t *pixels, uint32_t stride_bytes)
{
    const struct yuv_format yuv = {
        .chroma = format->fourcc == PF_FOURCC_YUYV ? YUV_422 : YUV_420,
        .width = format->width,
        .height = format->height,
        .matrix = color->matrix == PF_MATRIX_709    ? 709
                  : color->matrix == PF_MATRIX_2020 ? 2020
                                                    : 601,
        .is_full_range = color->range == PF_RANGE_FULL,
    };
    const struct yuv_samples samples = samples_of(format->fourcc, planes);

    yuv_convert(&yuv, &samples, pixels, stride_bytes);
}

void unpack(const struct pf_format *format, const struct pf_plane *planes,
            const struct background *background, uint8_t *pixels, uint32_t stride_bytes)
{
    const struct pf_color color = format_color(format);
    uint8_t levels[LEVELS_MAX];

    if (format_is_yuv(format->fourcc)) {
        unpack_yuv(format, &color, planes, pixels, stride_bytes);
        return;
    }
    fill_levels(levels, format->fourcc == PF_FOURCC_XR30 ? 10 : 8, color.range == PF_RANGE_LIMITED);
    for (uint32_t y = 0; y < format->height; y++)
        unpack_row(format, &color, levels, background, y,
                   planes[0].pixels + (size_t)y * planes[0].stride_bytes,
                   pixels + (size_t)y * stride_bytes);
}
