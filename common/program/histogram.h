/* SPDX-License-Identifier: MIT */
/*
 * A log-linear histogram of durations: 128 buckets for each power of two, so that a percentile is
 * at most 1/128 (0.8 %) too high. Plain memory, constant time per record, no allocation.
 * The idea is that of HdrHistogram (Gil Tene, hdrhistogram.org).
 */
#ifndef PROGRAM_HISTOGRAM_H
#define PROGRAM_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

enum {
    HISTOGRAM_SUB_BITS = 7,  /* 2^7 buckets for each power of two */
    HISTOGRAM_MAX_BITS = 38, /* values up to 2^38 ns = 275 s; longer ones are counted as that */
    HISTOGRAM_BUCKETS = (HISTOGRAM_MAX_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS,
};

struct histogram {
    uint64_t count;
    int64_t min_ns, max_ns; /* exact; 0 when empty */
    uint32_t bucket[HISTOGRAM_BUCKETS];
};

/* A zeroed struct is an empty histogram. A negative duration counts as 0. */
void histogram_record(struct histogram *histogram, int64_t duration_ns);

/*
 * The smallest value that at least `fraction` (0..1) of the records do not exceed, within 1/128;
 * never more than the exact maximum. 0 when empty.
 */
int64_t histogram_percentile_ns(const struct histogram *histogram, double fraction);

/* Write {"count":N,"p50":X,"p90":X,"p99":X,"p999":X,"max":X} in microseconds, without a newline. */
void histogram_write_json(const struct histogram *histogram, FILE *file);

/* Write the five numbers of a table row, p50 p90 p99 p99.9 max, in microseconds: "   12.3  ...".
 * No label, no newline. */
void histogram_write_row(const struct histogram *histogram, FILE *file);

#endif
