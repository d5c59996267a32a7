/* SPDX-License-Identifier: MIT */
/* What became of every single frame, in files: --csv and --trace. */
#ifndef RECORD_H
#define RECORD_H

#include "options.h"
#include "presenters/presenter.h"
#include "program/trace.h"

struct recorder;

/* All zero records nothing. Must stay where it is while it is open. */
struct record {
    struct recorder *csv, *trace;
    struct trace trace_state;
};

/* Open what the options name. Returns 0 or a negative errno, logged. */
int record_open(struct record *record, const struct options *options);

/* Never waits. */
void record_frame(struct record *record, const struct presented *done, pid_t producer_pid);

/* How many had to be left out because a disk was slow. */
uint64_t record_dropped(const struct record *record);

/* Returns 0 or a negative errno, logged. */
int record_close(struct record *record);

#endif
