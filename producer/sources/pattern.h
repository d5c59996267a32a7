/* SPDX-License-Identifier: MIT */
/* A test pattern: frames that depend on nothing but their number and time. */
#ifndef PRODUCER_SOURCES_PATTERN_H
#define PRODUCER_SOURCES_PATTERN_H

#include <stdbool.h>

#include "media/canvas.h"

/* Which frame to draw. */
struct pattern_time {
    uint64_t number; /* 0 for the first frame */
    double seconds;  /* since the first frame */
    uint32_t fps;    /* for the timecode, rounded; 0: unpaced */
};

struct pattern {
    const char *name, *summary;
    /* Draw every pixel of the canvas. */
    void (*draw)(const struct canvas *canvas, struct pattern_time time);
    /* Make parts of the frame that draw() has drawn transparent: byte 3 is alpha, and the colours
     * are premultiplied. NULL: every pixel is opaque. */
    void (*fade)(const struct canvas *canvas);
};

/* Is there a pattern of this name? */
bool pattern_exists(const char *name);

/* Print one row for each pattern, for --help. */
void pattern_print_table(void);

extern const struct pattern pattern_card, pattern_plasma, pattern_waves, pattern_stars;

static inline uint32_t *pattern_row(const struct canvas *canvas, uint32_t y)
{
    return (uint32_t *)(void *)(canvas->pixels + (uint64_t)y * canvas->stride_bytes);
}

/* The pixel of a colour 0xRRGGBB. */
static inline uint32_t pattern_pixel(uint32_t color)
{
    return 0xff000000 | color;
}

#endif
