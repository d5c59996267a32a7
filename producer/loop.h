/* SPDX-License-Identifier: MIT */
/* From source to segment, frame by frame, until there are no more or people want it to end. */
#ifndef LOOP_H
#define LOOP_H

#include "options.h"
#include "pacing.h"
#include "record.h"
#include "report.h"
#include "sources/source.h"

/* What main() has opened, and how far it has come. */
struct loop {
    const struct options *options;
    struct source *source;
    struct pf_producer *producer;
    struct pf_format format; /* of the segment */
    struct pacing pacing;
    uint64_t published;
    uint64_t no_slot; /* ticks without a free slot */
    struct report report;
    struct record record;
    int64_t progress_ns;
};

/* The source's format, with the rate that it is paced at. */
struct pf_format loop_format(const struct loop *loop);

/* Returns 0 at the end of the source or of --frames, or a negative errno, logged; -EINTR: a signal
 * asks to end; -EIO: a report could not be written. */
int loop_run(struct loop *loop);

/* Bring the report's counts up to date. */
void loop_update_report(struct loop *loop);

#endif
