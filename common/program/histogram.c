/* SPDX-License-Identifier: MIT */
/*
 * Values below 2^SUB_BITS have a bucket each. Above, a value's bucket is its highest SUB_BITS + 1
 * bits and the number of bits below them: every power of two has 2^SUB_BITS buckets of equal width.
 */
#include "histogram.h"

#include <inttypes.h>

enum { SUB_BUCKETS = 1 << HISTOGRAM_SUB_BITS };

static uint32_t bucket_of(uint64_t value)
{
    if (value < SUB_BUCKETS)
        return (uint32_t)value;
    int shift = 63 - __builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    /* (value >> shift) is in SUB_BUCKETS .. 2 * SUB_BUCKETS - 1 */
    return (uint32_t)shift * SUB_BUCKETS + (uint32_t)(value >> shift);
}

/* The largest value of a bucket. */
static uint64_t upper_bound(uint32_t bucket)
{
    if (bucket < 2 * SUB_BUCKETS)
        return bucket;
    uint32_t shift = bucket / SUB_BUCKETS - 1;
    uint64_t top = bucket % SUB_BUCKETS + SUB_BUCKETS;
    return ((top + 1) << shift) - 1;
}

void histogram_record(struct histogram *histogram, int64_t duration_ns)
{
    const int64_t longest_ns = (INT64_C(1) << HISTOGRAM_MAX_BITS) - 1;
    int64_t value = duration_ns < 0 ? 0 : duration_ns;
    int64_t counted = value > longest_ns ? longest_ns : value;

    if (!histogram->count || value < histogram->min_ns)
        histogram->min_ns = value;
    if (value > histogram->max_ns)
        histogram->max_ns = value;
    histogram->bucket[bucket_of((uint64_t)counted)]++;
    histogram->count++;
}

int64_t histogram_percentile_ns(const struct histogram *histogram, double fraction)
{
    double wanted = fraction * (double)histogram->count;
    uint64_t passed = 0;

    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS && histogram->count; i++) {
        passed += histogram->bucket[i];
        if (passed && (double)passed >= wanted) {
            int64_t value = (int64_t)upper_bound(i);
            return value < histogram->max_ns ? value : histogram->max_ns;
        }
    }
    return histogram->max_ns;
}

static double percentile_us(const struct histogram *histogram, double fraction)
{
    return (double)histogram_percentile_ns(histogram, fraction) / 1e3;
}

void histogram_write_json(const struct histogram *histogram, FILE *file)
{
    fprintf(file,
            "{\"count\":%" PRIu64
            ",\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}",
            histogram->count, percentile_us(histogram, 0.5), percentile_us(histogram, 0.9),
            percentile_us(histogram, 0.99), percentile_us(histogram, 0.999),
            (double)histogram->max_ns / 1e3);
}

void histogram_write_row(const struct histogram *histogram, FILE *file)
{
    fprintf(file, "%10.1f%10.1f%10.1f%10.1f%10.1f", percentile_us(histogram, 0.5),
            percentile_us(histogram, 0.9), percentile_us(histogram, 0.99),
            percentile_us(histogram, 0.999), (double)histogram->max_ns / 1e3);
}
