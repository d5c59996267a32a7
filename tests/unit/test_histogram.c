/* SPDX-License-Identifier: MIT */
/* Compares the histogram's percentiles with the exact ones of the same data, sorted. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "program/histogram.h"
#include "skewed.h"

enum { RECORDS = 20000 };

/* An xorshift generator (G. Marsaglia): the same numbers on every machine. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int in_order(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* The exact percentile by rank, as histogram.h defines it. */
static int64_t exact(const int64_t *sorted, size_t count, double fraction)
{
    size_t rank = (size_t)ceil(fraction * (double)count);

    return sorted[rank ? rank - 1 : 0];
}

Test(histogram, starts_empty)
{
    static struct histogram histogram;

    cr_assert_eq(histogram_percentile_ns(&histogram, 0.5), 0);
    cr_assert_eq(histogram_percentile_ns(&histogram, 1), 0);
    cr_assert_eq(histogram.count, 0);
}

Test(histogram, percentiles_are_never_below_and_at_most_one_percent_above)
{
    static const double fractions[] = {0, 0.01, 0.5, 0.9, 0.99, 0.999, 1};
    static int64_t values[RECORDS];
    uint64_t state = 20240607;

    for (int round = 0; round < 8; round++) {
        static struct histogram histogram;
        memset(&histogram, 0, sizeof histogram);
        for (size_t i = 0; i < RECORDS; i++) {
            /* The same number of each magnitude, from 1 ns to more than a minute. */
            values[i] = (int64_t)(next_random(&state) >> (28 + next_random(&state) % 36));
            histogram_record(&histogram, values[i]);
        }
        qsort(values, RECORDS, sizeof *values, in_order);
        cr_assert_eq(histogram.count, RECORDS);
        cr_assert_eq(histogram.min_ns, values[0]);
        cr_assert_eq(histogram.max_ns, values[RECORDS - 1]);
        for (size_t i = 0; i < sizeof fractions / sizeof *fractions; i++) {
            int64_t expected = exact(values, RECORDS, fractions[i]);
            int64_t got = histogram_percentile_ns(&histogram, fractions[i]);
            cr_assert_geq(got, expected, "p%g: %" PRId64 " < %" PRId64, fractions[i], got,
                          expected);
            cr_assert_leq((double)got, (double)expected * (1 + 1.0 / 128),
                          "p%g: %" PRId64 " for %" PRId64, fractions[i], got, expected);
        }
    }
}

Test(histogram, values_next_to_a_bucket_border_are_at_most_one_percent_off)
{
    for (int bits = 0; bits < HISTOGRAM_MAX_BITS; bits++)
        for (int64_t step = -1; step <= 1; step++) {
            static struct histogram histogram;
            int64_t value = (INT64_C(1) << bits) + step;
            memset(&histogram, 0, sizeof histogram);
            histogram_record(&histogram, value);
            histogram_record(&histogram, INT64_C(1) << 37); /* else the exact maximum is returned */
            int64_t got = histogram_percentile_ns(&histogram, 0.5);
            cr_assert(got >= value && got - value <= value / 128, "%" PRId64 " for %" PRId64, got,
                      value);
        }
}

Test(histogram, the_maximum_is_exact_and_bounds_every_percentile)
{
    static struct histogram histogram;

    histogram_record(&histogram, 1000001);
    cr_assert_eq(histogram.min_ns, 1000001);
    cr_assert_eq(histogram.max_ns, 1000001);
    cr_assert_eq(histogram_percentile_ns(&histogram, 0.5), 1000001);
    cr_assert_eq(histogram_percentile_ns(&histogram, 1), 1000001);
}

Test(histogram, durations_out_of_range_are_counted_at_the_limits)
{
    static struct histogram histogram;

    histogram_record(&histogram, -5);
    histogram_record(&histogram, INT64_MIN);
    histogram_record(&histogram, INT64_MAX);
    cr_assert_eq(histogram.count, 3);
    cr_assert_eq(histogram.min_ns, 0);
    cr_assert_eq(histogram.max_ns, INT64_MAX);
    cr_assert_eq(histogram_percentile_ns(&histogram, 0.5), 0);
    cr_assert_eq(histogram_percentile_ns(&histogram, 1), (INT64_C(1) << HISTOGRAM_MAX_BITS) - 1);
}

static void written(char text[256], void (*write)(const struct histogram *, FILE *),
                    const struct histogram *histogram)
{
    memset(text, 0, 256);
    FILE *file = fmemopen(text, 255, "w");
    cr_assert_not_null(file);
    write(histogram, file);
    fclose(file);
}

Test(histogram, is_written_in_microseconds)
{
    static struct histogram histogram;
    char text[256];

    written(text, histogram_write_json, &histogram);
    cr_assert_str_eq(text, "{\"count\":0,\"p50\":0.0,\"p90\":0.0,\"p99\":0.0,\"p999\":0.0,"
                           "\"max\":0.0}");
    for (int i = 0; i < 9; i++)
        histogram_record(&histogram, 100);
    histogram_record(&histogram, 2500);
    written(text, histogram_write_json, &histogram);
    cr_assert_str_eq(text, "{\"count\":10,\"p50\":0.1,\"p90\":0.1,\"p99\":2.5,\"p999\":2.5,"
                           "\"max\":2.5}");
    written(text, histogram_write_row, &histogram);
    cr_assert_str_eq(text, "       0.1       0.1       2.5       2.5       2.5");
}

/* An interval, for example, of which one in a thousand is long. */
Test(histogram, has_each_percentile_under_its_name)
{
    static struct histogram histogram;
    char text[256];

    for (int i = 0; i < SKEWED_COUNT; i++)
        histogram_record(&histogram, skewed_ns(skewed_class(i * 7 % SKEWED_COUNT), 10));
    written(text, histogram_write_json, &histogram);
    cr_assert_str_eq(text, "{\"count\":1000,\"p50\":133.1,\"p90\":143.4,\"p99\":153.6,"
                           "\"p999\":163.8,\"max\":174.1}");
    written(text, histogram_write_row, &histogram);
    cr_assert_str_eq(text, "     133.1     143.4     153.6     163.8     174.1");
}
