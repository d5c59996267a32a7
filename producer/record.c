/* SPDX-License-Identifier: MIT */
#include "record.h"

#include <unistd.h>

#include "program/recorder.h"

enum { STAGE_RENDER, STAGE_LATE };

static void write_frame(FILE *file, void *state, const void *record)
{
    const struct pf_frame *frame = record;

    if (frame->due_ns < frame->begin_ns)
        trace_slice(file, state, STAGE_LATE, frame->due_ns, frame->begin_ns, frame->sequence);
    trace_slice(file, state, STAGE_RENDER, frame->begin_ns, frame->publish_ns, frame->sequence);
}

static const struct recorder_format trace_format = {
    .record_bytes = sizeof(struct pf_frame),
    .begin = trace_begin,
    .record = write_frame,
    .end = trace_end,
};

int record_open(struct record *record, const char *path)
{
    *record = (struct record){.trace_state = {.pid = getpid(),
                                              .process = "pageflip-producer",
                                              .stages = {"render", "late"}}};
    return path ? recorder_open(&record->trace, path, &trace_format, &record->trace_state) : 0;
}

void record_frame(struct record *record, const struct pf_frame *frame)
{
    recorder_add(record->trace, frame);
}

int record_close(struct record *record)
{
    int ret = recorder_close(record->trace);

    record->trace = NULL;
    return ret;
}
