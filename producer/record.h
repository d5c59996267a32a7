/* SPDX-License-Identifier: MIT */
/* --trace: the times of each frame until its publication, as Chrome trace events. */
#ifndef PRODUCER_RECORD_H
#define PRODUCER_RECORD_H

#include "pageflip.h"
#include "program/trace.h"

struct recorder;

/* All zero: records nothing. Must not move in memory while it is open. */
struct record {
    struct recorder *trace;
    struct trace trace_state;
};

/* `path` NULL: record nothing. Returns 0 or a negative errno, logged. */
int record_open(struct record *record, const char *path);

/* Record a frame that has just been published. Never waits. */
void record_frame(struct record *record, const struct pf_frame *frame);

/* Returns 0 or a negative errno, logged. */
int record_close(struct record *record);

#endif
