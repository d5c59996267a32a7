/* SPDX-License-Identifier: MIT */
/*
 * 1000 durations whose percentiles all differ: 500 short ones, then 400, 90, 9 and 1 of the next
 * longer classes. So p50, p90, p99, p99.9 and the maximum are the durations of class 0 to 4.
 * The duration of a class is the largest value of a bucket, so that each percentile is exact.
 */
#ifndef TESTS_UNIT_SKEWED_H
#define TESTS_UNIT_SKEWED_H

#include <stdint.h>

enum { SKEWED_COUNT = 1000 };

static inline int skewed_class(int rank)
{
    return (rank >= 500) + (rank >= 900) + (rank >= 990) + (rank >= 999);
}

static inline int64_t skewed_ns(int class, int shift)
{
    return ((int64_t)(130 + 10 * class) << shift) - 1;
}

#endif
