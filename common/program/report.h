/* SPDX-License-Identifier: MIT */
/* What the reports of both programs have in common. */
#ifndef PROGRAM_REPORT_H
#define PROGRAM_REPORT_H

#include <stdint.h>
#include <stdio.h>

#include "histogram.h"
#include "pageflip.h"

/*
 * Begin the JSON object: schema, channel, role, the name of the `part` that is in use (a source or
 * a presenter), and the format, with a comma after it. No string may need JSON escapes.
 */
void report_begin_json(FILE *file, const char *channel, const char *role, const char *part,
                       const char *name, const struct pf_format *format);

/* On standard error: the head of a table of percentiles, and a row of it. */
void report_print_head(void);
void report_print_row(const char *name, const struct histogram *histogram);

double report_seconds_since(int64_t start_ns);
double report_cpu_us_per_frame(int64_t start_cpu_ns, uint64_t frames); /* 0 without frames */

#endif
