/* SPDX-License-Identifier: MIT */
/*
 * What the viewer reports while it runs: the window's title, the overlay, and a warning about a
 * producer that is running but sends no frames.
 */
#ifndef VIEWER_STATUS_H
#define VIEWER_STATUS_H

#include "overlay.h"
#include "report.h"

enum status_state { STATUS_SHOWING, STATUS_PAUSED, STATUS_WAITING };

struct status {
    struct overlay overlay;
    struct histogram recent; /* report_total_ns() of the frames shown since measured_ns */
    int64_t measured_ns;     /* time of the last measurement of fps and ms */
    uint64_t measured_shown; /* report.shown at that time */
    double fps, ms;          /* frames shown per second, median of `recent` */
    int64_t updated_ns;      /* when title and overlay were last set; 0: set them immediately */
    char title[256];         /* as last set */
    uint32_t overlay_scale;  /* as last set */
    char note[128];          /* the title ends with it until note_end_ns */
    int64_t note_end_ns;
    int64_t silent_since_ns;
    bool has_warned; /* about this silence */
};

/* Undone by status_finish(). */
void status_init(struct status *status, int64_t now_ns);
void status_finish(struct status *status);

/* Count a frame that was shown. */
void status_add_frame(struct status *status, const struct presented *done);

/* Start measuring a silence of the producer at `since_ns`, the time of a new frame for example. */
void status_restart_silence(struct status *status, int64_t since_ns);

/* Let the title end with "saved PATH" for 3 s. */
void status_show_saved(struct status *status, const char *path);

/* Make the next status_update() set the title and the overlay. */
void status_invalidate(struct status *status);

/*
 * Set title and overlay twice a second, or immediately after status_invalidate() or a change of the
 * overlay's scale. Warn once about a producer that has been silent for 5 s while STATUS_SHOWING.
 * If the presenter has a window, updates report->stats. Never waits.
 */
void status_update(struct status *status, enum status_state state, struct presenter *presenter,
                   struct report *report, int64_t now_ns);

#endif
