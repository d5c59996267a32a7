/* SPDX-License-Identifier: MIT */
/*
 * Text on a canvas. The glyphs are those of assets/glyphs.png, which the build turns into an array
 * (make_font.py): printable ASCII, monospaced. Any other byte is drawn as '?'. Sizes are whole
 * multiples of a glyph's cell.
 */
#ifndef MEDIA_FONT_H
#define MEDIA_FONT_H

#include <stdint.h>

#include "canvas.h"

enum {
    FONT_WIDTH = 12, /* pixels of a glyph's cell, at scale 1 */
    FONT_HEIGHT = 24,
};

/* Draw `text` with its top left at x, y; clipped to the canvas. `color` is 0xRRGGBB. `scale` is 1
 * or more. */
void font_draw(const struct canvas *canvas, int32_t x, int32_t y, uint32_t scale, uint32_t color,
               const char *text);

/* The width of `text` in pixels. */
uint32_t font_width(uint32_t scale, const char *text);

#endif
