/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <string.h>

#include "core/text.h"

Test(text, reads_a_whole_number_or_none)
{
    const char *bad[] = {"",     " ",   "12x", " 12", "1 2",
                         "0x10", "1.5", "+",   "-",   "99999999999999999999"};
    int64_t value = 7;

    cr_assert(text_to_int("0", 0, 10, &value));
    cr_assert_eq(value, 0);
    cr_assert(text_to_int("-5", -5, 5, &value));
    cr_assert_eq(value, -5);
    cr_assert(text_to_int("9223372036854775807", 0, INT64_MAX, &value));
    cr_assert_eq(value, INT64_MAX);
    value = 7;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(text_to_int(bad[i], INT64_MIN, INT64_MAX, &value), "\"%s\" was taken",
                      bad[i]);
    cr_assert_eq(value, 7, "touched by a refusal");
}

Test(text, keeps_a_number_in_its_range)
{
    int64_t value = 7;

    cr_assert_not(text_to_int("1", 2, 8, &value));
    cr_assert_not(text_to_int("9", 2, 8, &value));
    cr_assert(text_to_int("2", 2, 8, &value));
    cr_assert(text_to_int("8", 2, 8, &value));
}

Test(text, reads_decimals_with_a_point)
{
    const char *bad[] = {"", ".", "1,5", "1e3", "0x1", "nan", "inf", "-1", "1.2.3", " 1", "2s"};
    double value = 7;

    cr_assert(text_to_double("2.5", 0, 10, &value));
    cr_assert_float_eq(value, 2.5, 1e-12);
    cr_assert(text_to_double("10", 0, 10, &value));
    cr_assert_float_eq(value, 10, 1e-12);
    cr_assert(text_to_double(".25", 0, 10, &value));
    cr_assert_float_eq(value, 0.25, 1e-12);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(text_to_double(bad[i], 0, 10, &value), "\"%s\" was taken", bad[i]);
    cr_assert_not(text_to_double("10.01", 0, 10, &value));
    cr_assert_float_eq(value, 0.25, 1e-12, "touched by a refusal");
}

Test(text, reads_sizes)
{
    const char *bad[] = {"",     "x",   "1x",    "x1",   "0x1",  "1x0",  "17x1",
                         "1x17", "4X4", "4x4x4", "4 x4", "-4x4", "4x4 ", "99999999999999999999x1"};
    uint32_t width = 1, height = 2;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(text_to_size(bad[i], 16, &width, &height), "\"%s\" was taken", bad[i]);
    cr_assert_eq(width, 1);
    cr_assert_eq(height, 2);
    cr_assert(text_to_size("16x9", 16, &width, &height));
    cr_assert_eq(width, 16);
    cr_assert_eq(height, 9);
}

Test(text, reads_rates)
{
    const struct {
        const char *text;
        uint32_t num, den;
    } good[] = {{"0", 0, 1}, {"60", 60, 1}, {"30000/1001", 30000, 1001}, {"29.97", 2997, 100}};
    const char *bad[] = {"",     "fast",  "-1",        "1/0",          "0/0",     "1/",       "/1",
                         "1//2", "24fps", "1e2",       "nan",          "1/2x",    "1x/2",     "inf",
                         "1/x",  "0/1",   "2000001/1", "4294967296/1", "1000001", "0.0000001"};
    uint32_t num = 1, den = 2;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(text_to_rate(bad[i], &num, &den), "\"%s\" was taken", bad[i]);
    cr_assert_eq(num, 1);
    cr_assert_eq(den, 2);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        cr_assert(text_to_rate(good[i].text, &num, &den), "\"%s\" was refused", good[i].text);
        cr_assert_float_eq((double)num / den, (double)good[i].num / good[i].den, 1e-9,
                           "\"%s\": %u/%u", good[i].text, num, den);
    }
}

Test(text, sorts_as_people_do)
{
    const char *sorted[] = {"a",    "a1",  "a01", "a2",       "a10",
                            "a10b", "a11", "b",   "frame002", "frame10"};
    const int count = sizeof sorted / sizeof *sorted;

    for (int i = 0; i < count; i++)
        for (int k = 0; k < count; k++) {
            int order = text_compare_natural(sorted[i], sorted[k]);
            cr_assert_eq((order > 0) - (order < 0), (i > k) - (i < k), "%s against %s: %d",
                         sorted[i], sorted[k], order);
        }
}

Test(text, compares_long_runs_of_digits)
{
    cr_assert_lt(text_compare_natural("f99999999999999999998", "f99999999999999999999"), 0);
    cr_assert_gt(text_compare_natural("f100000000000000000000", "f99999999999999999999"), 0);
    cr_assert_neq(text_compare_natural("f01", "f1"), 0, "two names, one place");
}

Test(text, says_bytes_in_decimal_units)
{
    char out[TEXT_BYTES_SIZE];

    cr_assert_str_eq(text_bytes(33177600, out), "33.2 MB");
    cr_assert_eq(text_bytes(0, out), out);
    cr_assert_lt(strlen(text_bytes(UINT64_MAX, out)), (size_t)TEXT_BYTES_SIZE);
}
