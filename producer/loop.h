/* SPDX-License-Identifier: MIT */
/* From source to segment, frame by frame, until the source ends or a signal arrives. */
#ifndef PRODUCER_LOOP_H
#define PRODUCER_LOOP_H

#include "core/pacing.h"
#include "options.h"
#include "record.h"
#include "report.h"
#include "sources/source.h"

/* What main() has opened, and the state of the run. */
struct loop {
    const struct options *options;
    struct source *source;
    struct pf_producer *producer;
    struct pf_format format; /* of the segment */
    struct pacing media;     /* times of the frames in the input; not for live sources */
    uint64_t on_time, ahead; /* frames that did not wait in a pipe; those since then that did */
    bool has_warned_ahead;
    uint64_t published;
    uint64_t slotless_ticks; /* ticks without a free slot */
    struct report report;
    bool has_failed_report; /* the one for SIGUSR1 could not be written */
    struct record record;
    int64_t progress_ns;
};

/* The source's format, with the rate of --rate if that is given. */
struct pf_format loop_format(const struct loop *loop);

/* Start the clocks. Call it directly before loop_run(). */
void loop_start(struct loop *loop);

/* Returns 0 at the end of the source or after --frames frames, or a negative errno, logged;
 * -EINTR: a signal requested an exit; -EIO: a report could not be written. */
int loop_run(struct loop *loop);

/* Update the report's counts. */
void loop_update_report(struct loop *loop);

#endif
