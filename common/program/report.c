/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "core/clock.h"
#include "core/format.h"

/* The version of the JSON. Add one when a field is removed or changes its meaning; a new field does
 * not count. */
enum { REPORT_SCHEMA = 1 };

void report_begin_json(FILE *file, const char *channel, const char *role, const char *part,
                       const char *name, const struct pf_format *format)
{
    fprintf(file,
            "{\"schema\":%d,\"channel\":\"%s\",\"role\":\"%s\",\"%s\":\"%s\",\n"
            " \"format\":{\"fourcc\":\"%s\",\"width\":%u,\"height\":%u},\n",
            REPORT_SCHEMA, channel, role, part, name, format_name(format->fourcc).text,
            format->width, format->height);
}

void report_print_head(void)
{
    fputs("microseconds     p50       p90       p99     p99.9       max\n", stderr);
}

void report_print_row(const char *name, const struct histogram *histogram)
{
    fprintf(stderr, "%-10s", name);
    histogram_write_row(histogram, stderr);
    fputc('\n', stderr);
}

double report_seconds_since(int64_t start_ns)
{
    return (double)(clock_now_ns() - start_ns) / 1e9;
}

double report_cpu_us_per_frame(int64_t start_cpu_ns, uint64_t frames)
{
    return frames ? (double)(clock_cpu_ns() - start_cpu_ns) / 1e3 / (double)frames : 0;
}
