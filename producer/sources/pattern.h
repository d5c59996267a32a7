/* SPDX-License-Identifier: MIT */
/* A test pattern: a picture for every time, drawn from nothing but the time. */
#ifndef PATTERN_H
#define PATTERN_H

#include "media/canvas.h"

/* Which picture: of frame `number`, at `seconds` since the first. */
struct pattern_time {
    uint64_t number;
    double seconds;
    uint32_t fps; /* for the timecode, rounded; 0: unpaced */
};

struct pattern {
    const char *name, *summary;
    /* Draw every pixel of the canvas. */
    void (*draw)(const struct canvas *canvas, struct pattern_time time);
};

extern const struct pattern pattern_card, pattern_plasma, pattern_waves, pattern_stars;

static inline uint32_t *pattern_row(const struct canvas *canvas, uint32_t y)
{
    return (uint32_t *)(void *)(canvas->pixels + (uint64_t)y * canvas->stride_bytes);
}

/* 0xRRGGBB as a pixel. */
static inline uint32_t pattern_pixel(uint32_t color)
{
    return 0xff000000 | color;
}

#endif
