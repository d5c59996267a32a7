/* SPDX-License-Identifier: MIT */
/* Both files are written from the same record. Times are microseconds of CLOCK_MONOTONIC with all
 * their digits. */
#include "record.h"

#include <unistd.h>

#include "program/recorder.h"
#include "program/time_us.h"

struct frame_record {
    struct presented done;
    pid_t producer_pid;
};

/* ------------------------------------------------------------------ CSV */

static void csv_begin(FILE *file, void *state)
{
    (void)state;
    fputs("sequence,producer_pid,pts_us,due_us,begin_us,publish_us,acquire_us,submit_us,done_us,"
          "display_start_us,skipped,again,user_copies\n",
          file);
}

static void csv_record(FILE *file, void *state, const void *record)
{
    const struct frame_record *frame_record = record;
    const struct presented *done = &frame_record->done;
    const struct pf_frame *frame = &done->frame;

    (void)state;
    fprintf(file,
            "%" PRIu64 ",%d," TIME_US "," TIME_US "," TIME_US "," TIME_US "," TIME_US "," TIME_US
            "," TIME_US "," TIME_US ",%d,%d,%u\n",
            frame->sequence, (int)frame_record->producer_pid, TIME_US_OF(frame->pts_ns),
            TIME_US_OF(frame->due_ns), TIME_US_OF(frame->begin_ns), TIME_US_OF(frame->publish_ns),
            TIME_US_OF(frame->acquire_ns), TIME_US_OF(done->submit_ns), TIME_US_OF(done->done_ns),
            TIME_US_OF(done->ust_ns), done->skipped, done->again, done->user_copies);
}

static void csv_end(FILE *file, void *state)
{
    (void)file;
    (void)state;
}

static const struct recorder_format csv_format = {
    .record_bytes = sizeof(struct frame_record),
    .begin = csv_begin,
    .record = csv_record,
    .end = csv_end,
};

/* ------------------------------------------------------------------ trace */

enum { STAGE_HANDOFF, STAGE_SUBMIT, STAGE_PRESENT };

static void trace_record(FILE *file, void *state, const void *record)
{
    const struct frame_record *frame_record = record;
    const struct presented *done = &frame_record->done;
    const struct pf_frame *frame = &done->frame;
    struct trace *trace = state;

    if (done->again) /* a redraw is not a new frame */
        return;
    trace_slice(file, trace, STAGE_HANDOFF, frame->publish_ns, frame->acquire_ns, frame->sequence);
    trace_slice(file, trace, STAGE_SUBMIT, frame->acquire_ns, done->submit_ns, frame->sequence);
    if (done->skipped) /* it was not shown: no presentation for an arrow to lead to */
        return;
    int tid =
        trace_slice(file, trace, STAGE_PRESENT, done->submit_ns, done->done_ns, frame->sequence);
    trace_flow(file, trace, frame_record->producer_pid, TRACE_TID_RENDER, frame->publish_ns, tid,
               done->submit_ns);
}

static const struct recorder_format trace_format = {
    .record_bytes = sizeof(struct frame_record),
    .begin = trace_begin,
    .record = trace_record,
    .end = trace_end,
};

/* ------------------------------------------------------------------ both */

int record_open(struct record *record, const struct options *options)
{
    int ret = 0;

    *record = (struct record){.trace_state = {.pid = getpid(),
                                              .process = "pageflip-viewer",
                                              .stages = {"handoff", "submit", "present"}}};
    if (options->csv)
        ret = recorder_open(&record->csv, options->csv, &csv_format, NULL);
    if (ret == 0 && options->trace)
        ret = recorder_open(&record->trace, options->trace, &trace_format, &record->trace_state);
    return ret;
}

void record_frame(struct record *record, const struct presented *done, pid_t producer_pid)
{
    struct frame_record frame_record = {.done = *done, .producer_pid = producer_pid};

    recorder_add(record->csv, &frame_record);
    recorder_add(record->trace, &frame_record);
}

uint64_t record_dropped(const struct record *record)
{
    return recorder_dropped(record->csv) + recorder_dropped(record->trace);
}

int record_close(struct record *record)
{
    int csv = recorder_close(record->csv);
    int trace = recorder_close(record->trace);

    *record = (struct record){0};
    return csv < 0 ? csv : trace;
}
