/* SPDX-License-Identifier: MIT */
/*
 * Text in pictures: the glyph atlas (assets/glyphs.png, built into the program) drawn onto XRGB8888
 * pixels. Printable ASCII; anything else shows as '?'. Monospaced; sizes are whole multiples of the
 * atlas's cell.
 */
#ifndef GLYPHS_H
#define GLYPHS_H

#include <stdint.h>

struct canvas {
    uint8_t *pixels;
    uint32_t stride_bytes, width, height;
};

enum {
    GLYPH_WIDTH = 12, /* pixels, at scale 1 */
    GLYPH_HEIGHT = 24,
};

/* Draw `text` with its top left at x, y; clipped to the canvas. `color` is 0xRRGGBB. `scale` is 1
 * or more. */
void glyphs_draw(const struct canvas *canvas, int32_t x, int32_t y, uint32_t scale, uint32_t color,
                 const char *text);

/* Width in pixels of `text`. */
uint32_t glyphs_width(uint32_t scale, const char *text);

#endif
