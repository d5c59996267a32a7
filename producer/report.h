/* SPDX-License-Identifier: MIT */
/* What the producer measured, as JSON and as human-readable lines. */
#ifndef PRODUCER_REPORT_H
#define PRODUCER_REPORT_H

#include "pageflip.h"
#include "program/histogram.h"

struct report {
    const char *channel, *source;
    struct pf_format format;
    struct pf_producer_stats stats;
    uint64_t skipped; /* ticks of a live source without a frame: no free slot, or too late */
    uint64_t ahead;   /* frames that waited in a pipe before their tick */
    int64_t start_ns, start_cpu_ns; /* after all preparations, before the first frame */
    int64_t last_publish_ns;
    uint64_t user_copies;      /* copies and conversions of all published frames in this process */
    struct histogram render;   /* begin to publish */
    struct histogram interval; /* publish to publish */
};

/* Record a frame that has just been published, after `copies` of its pixels. */
void report_frame(struct report *report, const struct pf_frame *frame, uint32_t copies);

/* Returns 0 or a negative errno, logged. */
int report_write_json(const struct report *report, const char *path);

void report_print(const struct report *report);

#endif
