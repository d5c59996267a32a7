/* SPDX-License-Identifier: MIT */
/* The loop updates the numbers; this file formats them. */
#include "report.h"

#include <inttypes.h>

#include "program/atomic_file.h"
#include "program/report.h"

void report_frame(struct report *report, const struct pf_frame *frame, uint32_t copies)
{
    report->user_copies += copies;
    histogram_record(&report->render, frame->publish_ns - frame->begin_ns);
    if (report->last_publish_ns)
        histogram_record(&report->interval, frame->publish_ns - report->last_publish_ns);
    report->last_publish_ns = frame->publish_ns;
}

int report_write_json(const struct report *report, const char *path)
{
    const struct pf_producer_stats *stats = &report->stats;
    struct atomic_file output;
    int ret = atomic_file_open(&output, path);

    if (ret < 0)
        return ret;
    FILE *file = output.stream;
    report_begin_json(file, report->channel, "producer", "source", report->source, &report->format);
    fprintf(file,
            " \"frames\":{\"published\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"no_slot\":%" PRIu64
            "},\n \"input\":{\"ahead\":%" PRIu64 "},\n \"viewers\":{\"now\":%u,\"reaped\":%" PRIu64
            ",\"evicted\":%" PRIu64 "},\n \"latency_us\":{\"render\":",
            stats->published, report->skipped, stats->no_slot, report->ahead, stats->viewers,
            stats->reaped, stats->evicted);
    histogram_write_json(&report->render, file);
    fputs("},\n \"interval_us\":", file);
    histogram_write_json(&report->interval, file);
    fprintf(file, ",\n \"cpu_us_per_frame\":%.1f,\"user_copies_per_frame\":%g,\"seconds\":%.3f}\n",
            report_cpu_us_per_frame(report->start_cpu_ns, stats->published),
            stats->published ? (double)report->user_copies / (double)stats->published : 0,
            report_seconds_since(report->start_ns));
    return atomic_file_finish(&output);
}

void report_print(const struct report *report)
{
    if (!report->stats.published)
        return;
    fprintf(stderr, "%s: %" PRIu64 " frames of %ux%u in %.1f s, %" PRIu64 " skipped",
            report->channel, report->stats.published, report->format.width, report->format.height,
            report_seconds_since(report->start_ns), report->skipped);
    if (report->ahead)
        fprintf(stderr, ", input ahead at %" PRIu64 " frames", report->ahead);
    fputc('\n', stderr);
    report_print_head();
    report_print_row("render", &report->render);
    report_print_row("interval", &report->interval);
}
