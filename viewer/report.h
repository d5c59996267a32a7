/* SPDX-License-Identifier: MIT */
/* What the viewer measured: as JSON for programs, as a table for users. */
#ifndef VIEWER_REPORT_H
#define VIEWER_REPORT_H

#include "presenters/presenter.h"
#include "program/histogram.h"

struct report {
    const char *channel;
    const char *way; /* of presenting: see struct presenter */
    struct pf_format format;
    struct pf_viewer_stats stats; /* stats.skipped: frames between two acquired ones */
    uint64_t shown;
    uint64_t display_skipped; /* frames that were acquired, but replaced before the display started
                                 to show them, or not drawn */
    uint64_t torn;
    uint64_t verified;              /* frames whose stamp was read and correct */
    uint64_t user_copies;           /* whole frames that this process copied */
    uint64_t records_dropped;       /* of --csv and --trace */
    int64_t start_ns, start_cpu_ns; /* taken when the loop starts: opening does not count */
    int64_t last_done_ns;
    struct histogram render;  /* from begin to publish */
    struct histogram handoff; /* from publish to acquire */
    struct histogram
        present;            /* acquire to when the display has read the slot and drawn the frame */
    struct histogram total; /* report_total_ns() */
    struct histogram
        display_start;         /* from acquire to the display's own start time, if it has one */
    struct histogram interval; /* from done to done of the next frame */
};

/* From when the frame was due, or begun if that was earlier, until it was done: a late producer
 * must not appear fast. */
int64_t report_total_ns(const struct presented *presented);

/* Count a frame that the presenter has finished with. */
void report_frame(struct report *report, const struct presented *presented);

/* Update what the report does not count by itself. */
void report_update(struct report *report, const struct pf_viewer *viewer, uint64_t records_dropped);

/* All frames that were published but not shown. */
uint64_t report_skipped(const struct report *report);

/* Returns 0 or a negative errno, logged. */
int report_write_json(const struct report *report, const char *path);

void report_print(const struct report *report);

#endif
