/* SPDX-License-Identifier: MIT */
/*
 * Weights of red, green and blue in fixed-point arithmetic of 32 bits, with 20 bits of fraction: a
 * sum over four pixels is exact to 1/100 level.
 */
#include "pack.h"

#include <math.h>
#include <string.h>

#include "core/format.h"
#include "yuv.h"

enum { FRACTION_BITS = 20 };

/* A sample is (blue * weight + green * weight + red * weight) >> FRACTION_BITS, plus the offset. */
struct weights {
    int32_t blue, green, red;
    int32_t offset; /* with half a level, for rounding */
};

struct yuv_weights {
    struct weights y, cb, cr;
};

static int32_t fixed(double value)
{
    return (int32_t)lround(value * (1 << FRACTION_BITS));
}

/* Green is the rest of the sum, so that the weights of a grey add up without a rounding error. */
static struct weights weights_of(double blue, double red, double sum, double black)
{
    struct weights weights = {.blue = fixed(blue), .red = fixed(red), .offset = fixed(black + 0.5)};

    weights.green = fixed(sum) - weights.blue - weights.red;
    return weights;
}

/* ITU-R BT.601-7, 2.5.1 and 2.5.3. */
static struct yuv_weights yuv_weights_of(const struct pf_color *color)
{
    bool is_full = color->range == PF_RANGE_FULL;
    double y = is_full ? 1 : 219.0 / 255, c = is_full ? 1 : 224.0 / 255, kr, kb;

    yuv_parts(color->matrix == PF_MATRIX_709    ? 709
              : color->matrix == PF_MATRIX_2020 ? 2020
                                                : 601,
              &kr, &kb);
    return (struct yuv_weights){
        .y = weights_of(kb * y, kr * y, y, is_full ? 0 : 16),
        .cb = weights_of(c / 2, -kr * c / (2 * (1 - kb)), 0, 128),
        .cr = weights_of(-kb * c / (2 * (1 - kr)), c / 2, 0, 128),
    };
}

/* From the sums of `1 << shift` pixels. */
static inline uint8_t sample(const struct weights *w, const int32_t sums[3], int shift)
{
    int32_t value = ((sums[0] * (w->blue >> shift) + sums[1] * (w->green >> shift) +
                      sums[2] * (w->red >> shift) + w->offset) >>
                     FRACTION_BITS);

    return (uint8_t)(value > 255 ? 255 : value);
}

/* ------------------------------------------------------------------ packed formats */

static void pack_alpha(const uint8_t *from, uint32_t width, uint8_t *to)
{
    for (uint32_t x = 0; x < width; x++) {
        memcpy(to + 4 * (size_t)x, from + 4 * (size_t)x, 3);
        to[4 * (size_t)x + 3] = 255;
    }
}

static uint32_t ten_bits(uint8_t level)
{
    return (level * 1023u + 127) / 255;
}

static void pack_rgb30(const uint8_t *from, uint32_t width, uint8_t *to)
{
    for (uint32_t x = 0; x < width; x++, from += 4, to += 4) {
        uint32_t word =
            3u << 30 | ten_bits(from[2]) << 20 | ten_bits(from[1]) << 10 | ten_bits(from[0]);
        memcpy(to, &word, 4);
    }
}

/* One sample for each pixel, `step` bytes apart. */
static void pack_luma(const struct weights *weights, const uint8_t *from, uint32_t width,
                      uint8_t *to, size_t step)
{
    const struct weights w = *weights;

    for (uint32_t x = 0; x < width; x++, from += 4) {
        const int32_t levels[3] = {from[0], from[1], from[2]};
        to[x * step] = sample(&w, levels, 0);
    }
}

/* ------------------------------------------------------------------ chroma */

/* Cb and Cr of two pixels side by side in each of `rows` rows. At an odd edge the last pixel counts
 * twice, which is the mean of those that exist. */
static void pack_chroma(const struct yuv_weights *weights, const uint8_t *from,
                        uint32_t stride_bytes, uint32_t width, uint32_t rows, uint8_t *cb,
                        uint8_t *cr, size_t step)
{
    const struct yuv_weights w = *weights;
    const uint8_t *below = rows > 1 ? from + stride_bytes : from;

    for (uint32_t x = 0; x < width; x += 2, cb += step, cr += step) {
        size_t left = 4 * (size_t)x, right = x + 1 < width ? left + 4 : left;
        int32_t sums[3];
        for (size_t c = 0; c < 3; c++)
            sums[c] = from[left + c] + from[right + c] + below[left + c] + below[right + c];
        *cb = sample(&w.cb, sums, 2);
        *cr = sample(&w.cr, sums, 2);
    }
}

/* Convert `rows` rows from y on, which share their chroma samples. */
static void pack_yuv_rows(const struct pf_format *format, const struct yuv_weights *weights,
                          const uint8_t *from, uint32_t stride_bytes, uint32_t y, uint32_t rows,
                          const struct pf_plane *planes)
{
    uint32_t width = format->width;
    uint8_t *luma = planes[0].pixels + (size_t)y * planes[0].stride_bytes;
    uint8_t *cb, *cr;
    size_t luma_step = 1, step = 1;

    switch (format->fourcc) {
    case PF_FOURCC_YU12:
        cb = planes[1].pixels + (size_t)(y / 2) * planes[1].stride_bytes;
        cr = planes[2].pixels + (size_t)(y / 2) * planes[2].stride_bytes;
        break;
    case PF_FOURCC_NV12:
        cb = planes[1].pixels + (size_t)(y / 2) * planes[1].stride_bytes;
        cr = cb + 1;
        step = 2;
        break;
    default: /* YUYV */
        cb = luma + 1;
        cr = luma + 3;
        luma_step = 2;
        step = 4;
        break;
    }
    for (uint32_t row = 0; row < rows; row++)
        pack_luma(&weights->y, from + (size_t)row * stride_bytes, width,
                  luma + (size_t)row * planes[0].stride_bytes, luma_step);
    if (luma_step == 2 && width % 2)
        luma[2 * (size_t)width] = luma[2 * (size_t)width - 2]; /* its pair has no second pixel */
    pack_chroma(weights, from, stride_bytes, width, rows, cb, cr, step);
}

void pack(const struct pf_format *format, const uint8_t *pixels, uint32_t stride_bytes,
          const struct pf_plane *planes)
{
    const struct pf_color color = format_color(format);
    const struct yuv_weights yuv = yuv_weights_of(&color);
    const struct weights grey =
        yuv_weights_of(&(struct pf_color){PF_MATRIX_709, PF_RANGE_FULL, 0, 0}).y;
    bool is_yuv = format_is_yuv(format->fourcc);
    uint32_t shared = is_yuv && format->fourcc != PF_FOURCC_YUYV ? 2 : 1;

    for (uint32_t y = 0; y < format->height; y += shared) {
        const uint8_t *from = pixels + (size_t)y * stride_bytes;
        uint8_t *to = planes[0].pixels + (size_t)y * planes[0].stride_bytes;
        uint32_t rows = format->height - y < shared ? 1 : shared;

        switch (format->fourcc) {
        case PF_FOURCC_XR24:
        case PF_FOURCC_AR24: pack_alpha(from, format->width, to); break;
        case PF_FOURCC_R8: pack_luma(&grey, from, format->width, to, 1); break;
        case PF_FOURCC_XR30: pack_rgb30(from, format->width, to); break;
        default: pack_yuv_rows(format, &yuv, from, stride_bytes, y, rows, planes); break;
        }
    }
}
