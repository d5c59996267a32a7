/* SPDX-License-Identifier: MIT */
/* An image in memory to draw on: XRGB8888, 4 bytes a pixel, of which B, G and R are used. */
#ifndef MEDIA_CANVAS_H
#define MEDIA_CANVAS_H

#include <stdint.h>

struct canvas {
    uint8_t *pixels;
    uint32_t stride_bytes;  /* from one row to the next */
    uint32_t width, height; /* pixels */
};

#endif
