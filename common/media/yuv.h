/* SPDX-License-Identifier: MIT */
/*
 * Frames of 8-bit Y, Cb and Cr as XRGB8888: bytes B, G, R, 255. Each channel is less than 0.6
 * levels from the exact value of the formula in ITU-R BT.601, BT.709 or BT.2020 (non-constant
 * luminance), clamped to 0..255. A chroma sample applies to all pixels that share it, without
 * interpolation.
 */
#ifndef MEDIA_YUV_H
#define MEDIA_YUV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum yuv_chroma { YUV_420, YUV_422, YUV_444, YUV_MONO };

struct yuv_format {
    enum yuv_chroma chroma;
    uint32_t width, height; /* pixels, 1 or more; chroma planes of odd sizes are rounded up */
    uint32_t matrix;        /* 601, 709 or 2020 */
    bool is_full_range;     /* Y 0..255, otherwise 16..235 */
};

/* Where the samples of a frame are. Without chroma, only those of Y. */
struct yuv_samples {
    const uint8_t *y, *cb, *cr;            /* the first of each */
    size_t y_stride, cb_stride, cr_stride; /* bytes from one row to the next */
    size_t y_step, chroma_step;            /* bytes from one sample to the next */
};

/* The red and blue parts of Y in these matrices; the rest is green. */
void yuv_parts(uint32_t matrix, double *red, double *blue);

/* Bytes of a frame: the planes Y, Cb, Cr one after the other, without padding. */
size_t yuv_frame_bytes(const struct yuv_format *format);

/* The samples of such a frame. */
struct yuv_samples yuv_samples_of(const struct yuv_format *format, const uint8_t *frame);

/* Convert a frame. Writes 4 bytes for each pixel, and nothing between the rows, which are
 * `stride_bytes` apart. */
void yuv_convert(const struct yuv_format *format, const struct yuv_samples *samples,
                 uint8_t *pixels, uint32_t stride_bytes);

#endif
