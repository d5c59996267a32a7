/* SPDX-License-Identifier: MIT */
/*
 * A time in microseconds with three decimals (12.345, -0.001) for printf():
 *
 *     fprintf(file, TIME_US, TIME_US_OF(ns));
 *
 * TIME_US_OF() evaluates its argument three times.
 */
#ifndef PROGRAM_TIME_US_H
#define PROGRAM_TIME_US_H

#include <inttypes.h>

#define TIME_US "%s%" PRIu64 ".%03" PRIu64
#define TIME_US_OF(ns) (ns) < 0 ? "-" : "", time_us_size(ns) / 1000, time_us_size(ns) % 1000

static inline uint64_t time_us_size(int64_t ns)
{
    return ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
}

#endif
