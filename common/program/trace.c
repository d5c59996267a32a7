/* SPDX-License-Identifier: MIT */
/* The phases ("ph") are M: metadata, X: a slice with a duration, s and f: the ends of a flow. */
#include "trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "messages.h"
#include "signals.h"
#include "time_us.h"

static const char head[] = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n";
static const char tail[] = "\n]}\n";

static int tid_of(int stage, int row)
{
    return TRACE_TID_RENDER + stage * TRACE_ROWS_MAX + row;
}

static void name_track(FILE *file, const struct trace *trace, int stage, int row)
{
    fprintf(file,
            ",\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":%d,\"ts\":0,\"args\":{"
            "\"name\":\"%s%.0d\"}}",
            trace->pid, tid_of(stage, row), trace->stages[stage], row ? row + 1 : 0);
}

void trace_begin(FILE *file, void *state)
{
    const struct trace *trace = state;

    fprintf(file,
            "%s{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%d,\"ts\":0,\"args\":{\"name\":"
            "\"%s %d\"}}",
            head, trace->pid, trace->process, trace->pid);
    for (int stage = 0; stage < TRACE_STAGES_MAX && trace->stages[stage]; stage++)
        name_track(file, trace, stage, 0);
}

int trace_slice(FILE *file, struct trace *trace, int stage, int64_t start_ns, int64_t end_ns,
                uint64_t sequence)
{
    int64_t *ends_ns = trace->row_end_ns[stage];
    int row = 0;

    while (row < TRACE_ROWS_MAX - 1 && ends_ns[row] > start_ns)
        row++;
    if (row && !ends_ns[row])
        name_track(file, trace, stage, row);
    ends_ns[row] = end_ns;
    fprintf(file,
            ",\n{\"ph\":\"X\",\"name\":\"%s\",\"cat\":\"frame\",\"pid\":%d,\"tid\":%d,"
            "\"ts\":" TIME_US ",\"dur\":" TIME_US ",\"args\":{\"frame\":%" PRIu64 "}}",
            trace->stages[stage], trace->pid, tid_of(stage, row), TIME_US_OF(start_ns),
            TIME_US_OF(end_ns - start_ns), sequence);
    return tid_of(stage, row);
}

static void write_flow_end(FILE *file, const struct trace *trace, const char *phase, int pid,
                           int tid, int64_t ns)
{
    fprintf(file,
            ",\n{\"ph\":%s,\"name\":\"frame\",\"cat\":\"frame\",\"id\":\"%d.%" PRIu64
            "\",\"pid\":%d,\"tid\":%d,\"ts\":" TIME_US "}",
            phase, trace->pid, trace->flows, pid, tid, TIME_US_OF(ns));
}

void trace_flow(FILE *file, struct trace *trace, int from_pid, int from_tid, int64_t from_ns,
                int to_tid, int64_t to_ns)
{
    trace->flows++;
    /* The flow starts in the slice that contains its time, so a nanosecond before the end. */
    write_flow_end(file, trace, "\"s\"", from_pid, from_tid, from_ns - 1);
    write_flow_end(file, trace, "\"f\",\"bp\":\"e\"", trace->pid, to_tid, to_ns);
}

void trace_end(FILE *file, void *trace)
{
    (void)trace;
    fputs(tail, file);
}

/* ------------------------------------------------------------------ merge */

struct event {
    int64_t ns;
    size_t order; /* in which it was read: qsort() may swap events of the same time */
    char *line;   /* without comma and newline */
};

struct events {
    struct event *event;
    size_t count, room;
};

static int by_time(const void *a, const void *b)
{
    const struct event *x = a, *y = b;

    if (x->ns != y->ns)
        return x->ns < y->ns ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* Takes ownership of `line`. Returns 0, -EBADMSG or -ENOMEM. */
static int add_event(struct events *events, char *line)
{
    const char *ts = strstr(line, "\"ts\":");
    int64_t us = 0;
    int ns = 0;

    /* The time of metadata is 0, without a fraction. */
    if (!ts || sscanf(ts, "\"ts\":%" SCNd64 ".%3d", &us, &ns) < 1) {
        free(line);
        return -EBADMSG;
    }
    if (events->count == events->room) {
        size_t room = events->room ? 2 * events->room : 1024;
        struct event *more = reallocarray(events->event, room, sizeof *more);
        if (!more) {
            free(line);
            return -ENOMEM;
        }
        events->event = more;
        events->room = room;
    }
    events->event[events->count] =
        (struct event){.ns = us * 1000 + ns, .order = events->count, .line = line};
    events->count++;
    return 0;
}

static int read_events(struct events *events, FILE *file)
{
    char *line = NULL;
    size_t room = 0;
    bool has_tail = false;
    int ret = 0;

    if (getline(&line, &room, file) < 0 || strcmp(line, head) != 0)
        ret = -EBADMSG;
    while (ret == 0 && !has_tail && !signals_quit() && getline(&line, &room, file) >= 0) {
        has_tail = line[0] == ']';
        line[strcspn(line, "\n")] = 0;
        size_t length = strlen(line);
        if (length && line[length - 1] == ',')
            line[length - 1] = 0;
        if (!has_tail) {
            char *copy = strdup(line);
            ret = copy ? add_event(events, copy) : -ENOMEM;
        }
    }
    free(line);
    if (signals_quit())
        return -EINTR;
    return ret == 0 && !has_tail ? -EBADMSG : ret;
}

static int read_file(struct events *events, const char *path)
{
    FILE *file = fopen(path, "re");
    int ret = file ? read_events(events, file) : -errno;

    if (ret == -EBADMSG)
        log_error("%s: not a complete pageflip trace file", path);
    else if (ret < 0 && ret != -EINTR)
        log_error("%s: cannot read: %s", path, strerror(-ret));
    if (file)
        fclose(file);
    return ret == 0 || ret == -ENOMEM || ret == -EINTR ? ret : -EBADMSG;
}

int trace_merge(FILE *file, char **paths, int count)
{
    struct events events = {0};
    int ret = 0;

    for (int i = 0; i < count && ret == 0; i++)
        ret = read_file(&events, paths[i]);
    if (ret == 0) {
        if (events.count)
            qsort(events.event, events.count, sizeof *events.event, by_time);
        fputs(head, file);
        for (size_t i = 0; i < events.count && !signals_quit() && !ferror(file); i++)
            fprintf(file, "%s%s", i ? ",\n" : "", events.event[i].line);
        if (!signals_quit() && !ferror(file)) /* without its tail it is no trace */
            fputs(tail, file);
    }
    for (size_t i = 0; i < events.count; i++)
        free(events.event[i].line);
    free(events.event);
    return ret;
}
