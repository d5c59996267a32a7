/* SPDX-License-Identifier: MIT */
/* Counts frames as the loop reports them, and writes the totals as JSON or text. */
#include "report.h"

#include <inttypes.h>

#include "core/clock.h"
#include "program/atomic_file.h"
#include "program/report.h"

int64_t report_total_ns(const struct presented *presented)
{
    const struct pf_frame *frame = &presented->frame;

    return presented->done_ns - clock_earlier(frame->due_ns, frame->begin_ns);
}

void report_frame(struct report *report, const struct presented *presented)
{
    const struct pf_frame *frame = &presented->frame;

    report->user_copies += presented->user_copies;
    if (presented->again)
        return;
    if (presented->skipped) {
        report->display_skipped++;
        return;
    }
    report->shown++;
    histogram_record(&report->render, frame->publish_ns - frame->begin_ns);
    histogram_record(&report->handoff, frame->acquire_ns - frame->publish_ns);
    histogram_record(&report->present, presented->done_ns - frame->acquire_ns);
    histogram_record(&report->total, report_total_ns(presented));
    if (presented->ust_ns)
        histogram_record(&report->display_start, presented->ust_ns - frame->acquire_ns);
    if (report->last_done_ns)
        histogram_record(&report->interval, presented->done_ns - report->last_done_ns);
    report->last_done_ns = presented->done_ns;
}

void report_update(struct report *report, const struct pf_viewer *viewer, uint64_t records_dropped)
{
    pf_viewer_stats(viewer, &report->stats);
    report->records_dropped = records_dropped;
}

uint64_t report_skipped(const struct report *report)
{
    return report->stats.skipped + report->display_skipped;
}

static double copies_per_frame(const struct report *report)
{
    return report->shown ? (double)report->user_copies / (double)report->shown : 0;
}

static void write_latency(FILE *file, const char *name, const struct histogram *histogram)
{
    fprintf(file, "\n   \"%s\":", name);
    histogram_write_json(histogram, file);
}

int report_write_json(const struct report *report, const char *path)
{
    struct atomic_file output;
    int ret = atomic_file_open(&output, path);

    if (ret < 0)
        return ret;
    FILE *file = output.stream;
    report_begin_json(file, report->channel, "viewer", "presenter", report->way, &report->format);
    fprintf(file,
            " \"frames\":{\"acquired\":%" PRIu64 ",\"shown\":%" PRIu64 ",\"skipped\":%" PRIu64
            ",\"display_skipped\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"torn\":%" PRIu64
            ",\"verified\":%" PRIu64 "},\n \"latency_us\":{",
            report->stats.acquired, report->shown, report_skipped(report), report->display_skipped,
            report->stats.lost, report->torn, report->verified);
    write_latency(file, "render", &report->render);
    fputc(',', file);
    write_latency(file, "handoff", &report->handoff);
    fputc(',', file);
    write_latency(file, "present", &report->present);
    fputc(',', file);
    write_latency(file, "total", &report->total);
    fputs("},\n \"interval_us\":", file);
    histogram_write_json(&report->interval, file);
    if (report->display_start.count) {
        fputs(",\n \"display_start_us\":", file);
        histogram_write_json(&report->display_start, file);
    }
    fprintf(file,
            ",\n \"cpu_us_per_frame\":%.1f,\"user_copies_per_frame\":%g,"
            "\"records_dropped\":%" PRIu64 ",\"seconds\":%.3f}\n",
            report_cpu_us_per_frame(report->start_cpu_ns, report->shown), copies_per_frame(report),
            report->records_dropped, report_seconds_since(report->start_ns));
    return atomic_file_finish(&output);
}

void report_print(const struct report *report)
{
    fprintf(stderr,
            "%s: %" PRIu64 " frames of %ux%u shown by %s in %.1f s; %" PRIu64 " skipped, %" PRIu64
            " lost, %" PRIu64 " torn\n",
            report->channel, report->shown, report->format.width, report->format.height,
            report->way, report_seconds_since(report->start_ns), report_skipped(report),
            report->stats.lost, report->torn);
    if (report->verified)
        fprintf(stderr, "stamps verified: %" PRIu64 "\n", report->verified);
    if (!report->shown)
        return;
    report_print_head();
    report_print_row("render", &report->render);
    report_print_row("handoff", &report->handoff);
    report_print_row("present", &report->present);
    report_print_row("total", &report->total);
    fprintf(stderr, "%.1f us of processor time and %g copies a frame in this process\n",
            report_cpu_us_per_frame(report->start_cpu_ns, report->shown), copies_per_frame(report));
}
