/* SPDX-License-Identifier: MIT */
/* The files of --csv and --trace: a record for each frame that the presenter has finished with. */
#ifndef VIEWER_RECORD_H
#define VIEWER_RECORD_H

#include "options.h"
#include "presenters/presenter.h"
#include "program/trace.h"

struct recorder;

/* All zero: records nothing. Its address must not change while it is open. */
struct record {
    struct recorder *csv, *trace;
    struct trace trace_state;
};

/* Open the files that the options name. Returns 0 or a negative errno, logged. */
int record_open(struct record *record, const struct options *options);

/* Never waits. */
void record_frame(struct record *record, const struct presented *done, pid_t producer_pid);

/* The number of records that were dropped because a disk was slow. */
uint64_t record_dropped(const struct record *record);

/* Returns 0 or a negative errno, logged. */
int record_close(struct record *record);

#endif
