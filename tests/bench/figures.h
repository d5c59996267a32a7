/* SPDX-License-Identifier: MIT */
/* How the measuring programs say what they have seen, one line of JSON for each name. Nanoseconds:
 * the product's own reports round to a tenth of a microsecond, which is more than a cache line
 * takes. */
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
