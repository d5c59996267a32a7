/* SPDX-License-Identifier: MIT */
/*
 * What `o` shows over the picture: frames per second, drops, percentiles, and the last frames as
 * stacked bars, a stage a colour. Only drawn here; each presenter shows it in its own way, without
 * touching a frame.
 */
#ifndef PANEL_H
#define PANEL_H

#include "media/font.h"
#include "report.h"

enum { PANEL_FRAMES = 120 };

struct panel {
    struct panel_frame {
        int64_t late_ns, render_ns, handoff_ns, present_ns;
    } recent[PANEL_FRAMES]; /* a ring */
    uint64_t frames;        /* so far */
    struct canvas canvas;   /* the pixels are the panel's */
};

/* Remember a frame that was shown. Constant time. */
void panel_add(struct panel *panel, const struct presented *done);

/*
 * Draw all of it, `scale` times as large (1 or 2). Returns its canvas, good until the next call; or
 * NULL when there is no memory for it.
 */
const struct canvas *panel_draw(struct panel *panel, const struct report *report, double fps,
                                uint32_t scale);

void panel_finish(struct panel *panel);

#endif
