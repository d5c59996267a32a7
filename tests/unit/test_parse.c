/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "program/parse.h"

Test(parse, reads_decimals_with_a_point)
{
    const char *bad[] = {"", ".", "1,5", "1e3", "0x1", "nan", "inf", "-1", "1.2.3", " 1", "2s"};
    double value = 7;

    cr_assert(parse_double("2.5", 0, 10, &value));
    cr_assert_float_eq(value, 2.5, 1e-12);
    cr_assert(parse_double("10", 0, 10, &value));
    cr_assert_float_eq(value, 10, 1e-12);
    cr_assert(parse_double(".25", 0, 10, &value));
    cr_assert_float_eq(value, 0.25, 1e-12);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(parse_double(bad[i], 0, 10, &value), "\"%s\" was accepted", bad[i]);
    cr_assert_not(parse_double("10.01", 0, 10, &value));
    cr_assert_float_eq(value, 0.25, 1e-12, "changed by a refusal");
}

Test(parse, reads_sizes)
{
    const char *bad[] = {"",     "x",   "1x",    "x1",   "0x1",  "1x0",  "17x1",
                         "1x17", "4X4", "4x4x4", "4 x4", "-4x4", "4x4 ", "99999999999999999999x1"};
    uint32_t width = 1, height = 2;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(parse_size(bad[i], 16, &width, &height), "\"%s\" was accepted", bad[i]);
    cr_assert_eq(width, 1);
    cr_assert_eq(height, 2);
    cr_assert(parse_size("16x9", 16, &width, &height));
    cr_assert_eq(width, 16);
    cr_assert_eq(height, 9);
}

Test(parse, reads_rates)
{
    const struct {
        const char *text;
        uint32_t num, den;
    } good[] = {{"0", 0, 1},
                {"60", 60, 1},
                {"30000/1001", 30000, 1001},
                {"29.97", 2997, 100},
                {"1.001", 1001, 1000}};
    const char *bad[] = {"",     "fast",  "-1",        "1/0",          "0/0",     "1/",       "/1",
                         "1//2", "24fps", "1e2",       "nan",          "1/2x",    "1x/2",     "inf",
                         "1/x",  "0/1",   "2000001/1", "4294967296/1", "1000001", "0.0000001"};
    uint32_t num = 1, den = 2;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(parse_rate(bad[i], &num, &den), "\"%s\" was accepted", bad[i]);
    cr_assert_eq(num, 1);
    cr_assert_eq(den, 2);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        cr_assert(parse_rate(good[i].text, &num, &den), "\"%s\" was refused", good[i].text);
        cr_assert_float_eq((double)num / den, (double)good[i].num / good[i].den, 1e-9,
                           "\"%s\": %u/%u", good[i].text, num, den);
    }
}
