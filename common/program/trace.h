/* SPDX-License-Identifier: MIT */
/*
 * Chrome trace events (the "Trace Event Format" of the Chromium project), as Perfetto and
 * chrome://tracing open them: a process has a track for each stage, a frame is a slice on each, and
 * a flow leads from its publication to each viewer's presentation. Times are microseconds of
 * CLOCK_MONOTONIC, so files of several processes fit together.
 *
 * One event a line, so that files can be merged without a parser: trace_merge().
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdint.h>
#include <stdio.h>

enum {
    TRACE_STAGES_MAX = 4,
    TRACE_ROWS_MAX = 8,   /* tracks of one stage, for slices that overlap */
    TRACE_TID_RENDER = 1, /* of the producer: where viewers let their flows begin */
};

struct trace {
    int pid;
    const char *process;                  /* "pageflip-viewer", ... */
    const char *stages[TRACE_STAGES_MAX]; /* NULL: no more */
    int64_t row_end_ns[TRACE_STAGES_MAX][TRACE_ROWS_MAX];
    uint64_t flows;
};

/* The head of a file, with the process's name; and its tail. `trace` is a struct trace: these two
 * are verbs of a struct recorder_format. */
void trace_begin(FILE *file, void *trace);
void trace_end(FILE *file, void *trace);

/*
 * A slice of `stage` from `start_ns` to `end_ns`, on the stage's first track that is free then.
 * Returns the track's thread id.
 */
int trace_slice(FILE *file, struct trace *trace, int stage, int64_t start_ns, int64_t end_ns,
                uint64_t sequence);

/* An arrow out of the slice of process `from_pid` that ends at `from_ns`, on its track `from_tid`,
 * into our slice that begins at `to_ns`. */
void trace_flow(FILE *file, struct trace *trace, int from_pid, int from_tid, int64_t from_ns,
                int to_tid, int64_t to_ns);

/*
 * All events of the files, in order of their times, as one trace on `file`. Returns 0, or -EBADMSG
 * (no trace of ours, or one that was cut off), -ENOMEM, or the errno of reading or writing, logged.
 */
int trace_merge(FILE *file, char **paths, int count);

#endif
