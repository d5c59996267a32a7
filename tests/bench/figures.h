/* SPDX-License-Identifier: MIT */
/* The output of the measuring programs: one line of JSON for each name. The unit is nanoseconds,
 * because the viewer's reports round to 0.1 us, which is longer than a cache line transfer. */
#ifndef TESTS_BENCH_FIGURES_H
#define TESTS_BENCH_FIGURES_H

#include <inttypes.h>
#include <stdio.h>

#include "program/histogram.h"

static inline void figures_print(const char *name, const struct histogram *seen)
{
    printf("{\"name\":\"%s\",\"count\":%" PRIu64 ",\"min\":%" PRId64 ",\"p50\":%" PRId64
           ",\"p99\":%" PRId64 ",\"max\":%" PRId64 "}\n",
           name, seen->count, seen->min_ns, histogram_percentile_ns(seen, 0.5),
           histogram_percentile_ns(seen, 0.99), seen->max_ns);
}

#endif
