/* SPDX-License-Identifier: MIT */
/*
 * The overlay that the key `o` shows and hides: frame rate, counts and percentiles as a table, and
 * below it the latest frames as stacked bars, with a colour for each stage. This module only draws
 * into a canvas; each presenter lays that over the window in its own way and changes no frame.
 */
#ifndef VIEWER_OVERLAY_H
#define VIEWER_OVERLAY_H

#include "media/font.h"
#include "report.h"

enum { OVERLAY_FRAMES = 120 };

struct overlay {
    struct overlay_frame {
        int64_t late_ns, render_ns, handoff_ns, present_ns;
    } recent[OVERLAY_FRAMES]; /* a ring */
    uint64_t frames;          /* added since the start */
    struct canvas canvas;     /* owns its pixels */
};

/* Add a frame that was shown. Constant time. */
void overlay_add(struct overlay *overlay, const struct presented *done);

/*
 * Draw the whole overlay, magnified by `scale` (1 or 2). Returns its canvas, which is valid until
 * the next call, or NULL if out of memory.
 */
const struct canvas *overlay_draw(struct overlay *overlay, const struct report *report, double fps,
                                  uint32_t scale);

void overlay_finish(struct overlay *overlay);

#endif
