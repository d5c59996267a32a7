/* SPDX-License-Identifier: MIT */
/* The loop updates the numbers; this file formats them. */
#include "report.h"

#include <inttypes.h>

#include "core/clock.h"
#include "core/format.h"
#include "program/atomic_file.h"

void report_frame(struct report *report, const struct pf_frame *frame)
{
    histogram_record(&report->render, frame->publish_ns - frame->begin_ns);
    if (report->last_publish_ns)
        histogram_record(&report->interval, frame->publish_ns - report->last_publish_ns);
    report->last_publish_ns = frame->publish_ns;
}

static double seconds(const struct report *report)
{
    return (double)(clock_now_ns() - report->start_ns) / 1e9;
}

static double cpu_us_per_frame(const struct report *report)
{
    double cpu_us = (double)(clock_cpu_ns() - report->start_cpu_ns) / 1e3;

    return report->stats.published ? cpu_us / (double)report->stats.published : 0;
}

int report_write_json(const struct report *report, const char *path)
{
    const struct pf_producer_stats *stats = &report->stats;
    struct output output;
    int ret = output_open(&output, path);

    if (ret < 0)
        return ret;
    FILE *file = output.file;
    /* The names of channels and sources need no escapes. */
    fprintf(file,
            "{\"schema\":%d,\"channel\":\"%s\",\"role\":\"producer\",\"source\":\"%s\",\n"
            " \"format\":{\"fourcc\":\"%s\",\"width\":%u,\"height\":%u},\n"
            " \"frames\":{\"published\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"no_slot\":%" PRIu64
            "},\n \"viewers\":{\"now\":%u,\"reaped\":%" PRIu64 ",\"evicted\":%" PRIu64
            "},\n \"latency_us\":{\"render\":",
            OUTPUT_REPORT_SCHEMA, report->channel, report->source,
            format_name(report->format.fourcc).text, report->format.width, report->format.height,
            stats->published, report->skipped, stats->no_slot, stats->viewers, stats->reaped,
            stats->evicted);
    histogram_write_json(&report->render, file);
    fputs("},\n \"interval_us\":", file);
    histogram_write_json(&report->interval, file);
    fprintf(file, ",\n \"cpu_us_per_frame\":%.1f,\"seconds\":%.3f}\n", cpu_us_per_frame(report),
            seconds(report));
    return output_finish(&output);
}

void report_print(const struct report *report)
{
    if (!report->stats.published)
        return;
    fprintf(stderr, "%s: %" PRIu64 " frames of %ux%u in %.1f s, %" PRIu64 " skipped\n",
            report->channel, report->stats.published, report->format.width, report->format.height,
            seconds(report), report->skipped);
    fputs("microseconds     p50       p90       p99     p99.9       max\n", stderr);
    fputs("render    ", stderr);
    histogram_write_row(&report->render, stderr);
    fputs("\ninterval  ", stderr);
    histogram_write_row(&report->interval, stderr);
    fputs("\n", stderr);
}
