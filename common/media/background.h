/* SPDX-License-Identifier: MIT */
/* What is visible through the transparent pixels of a frame. */
#ifndef MEDIA_BACKGROUND_H
#define MEDIA_BACKGROUND_H

#include <stdbool.h>
#include <stdint.h>

enum {
    BACKGROUND_SQUARE = 8, /* pixels, of the checkerboard */
    BACKGROUND_DARK = 0x666666,
    BACKGROUND_LIGHT = 0x999999,
};

/* All zero: the checkerboard, which begins with a light square at the frame's top left. */
struct background {
    bool has_color;
    uint32_t color; /* 0xRRGGBB */
};

/* The colour of the background at a pixel, 0xRRGGBB. */
static inline uint32_t background_at(const struct background *background, uint32_t x, uint32_t y)
{
    if (background->has_color)
        return background->color;
    return (x / BACKGROUND_SQUARE + y / BACKGROUND_SQUARE) % 2 ? BACKGROUND_DARK : BACKGROUND_LIGHT;
}

#endif
