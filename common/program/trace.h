/* SPDX-License-Identifier: MIT */
/*
 * Chrome trace events (the "Trace Event Format" of the Chromium project), which Perfetto and
 * chrome://tracing can open. A process has a track for each stage, and a frame is a slice on each
 * track. A flow leads from a frame's publication to each viewer's presentation. Times are
 * microseconds of CLOCK_MONOTONIC, so files of several processes can be merged.
 *
 * Each event is a line of its own, so that trace_merge() needs no JSON parser.
 */
#ifndef PROGRAM_TRACE_H
#define PROGRAM_TRACE_H

#include <stdint.h>
#include <stdio.h>

enum {
    TRACE_STAGES_MAX = 4,
    TRACE_ROWS_MAX = 8,   /* tracks of one stage, for slices that overlap */
    TRACE_TID_RENDER = 1, /* of the producer: the flows of viewers begin there */
};

struct trace {
    int pid;
    const char *process;                                  /* the program's name */
    const char *stages[TRACE_STAGES_MAX];                 /* NULL: no more stages */
    int64_t row_end_ns[TRACE_STAGES_MAX][TRACE_ROWS_MAX]; /* end of the last slice on each track */
    uint64_t flows;                                       /* so far */
};

/* Write the beginning of a file, with the process's name, and its end. `trace` is a struct trace:
 * the signature is that of struct recorder_format. */
void trace_begin(FILE *file, void *trace);
void trace_end(FILE *file, void *trace);

/*
 * Write a slice of `stage` from `start_ns` to `end_ns`, on the stage's first track that is free at
 * that time. Returns the track's thread id.
 */
int trace_slice(FILE *file, struct trace *trace, int stage, int64_t start_ns, int64_t end_ns,
                uint64_t sequence);

/* Write a flow from the slice of process `from_pid` that ends at `from_ns` on track `from_tid` to
 * the slice of this process that begins at `to_ns` on track `to_tid`. */
void trace_flow(FILE *file, struct trace *trace, int from_pid, int from_tid, int64_t from_ns,
                int to_tid, int64_t to_ns);

/*
 * Write the events of all `paths`, in order of their times, as one trace to `file`, whose errors
 * the caller checks.
 *
 * Returns 0, or -EINTR: a signal requested an exit before anything was written, or, logged, -ENOMEM
 * or -EBADMSG: a path cannot be read or is not a complete trace of pageflip.
 */
int trace_merge(FILE *file, char **paths, int count);

#endif
