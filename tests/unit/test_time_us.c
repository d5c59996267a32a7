/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>

#include "program/time_us.h"

Test(time_us, prints_nanoseconds_as_three_decimals)
{
    const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0.000"},
        {7, "0.007"},
        {1010, "1.010"},
        {12345, "12.345"},
        {-1, "-0.001"},
        {-2500, "-2.500"},
        {INT64_MAX, "9223372036854775.807"},
        {INT64_MIN, "-9223372036854775.808"},
    };
    char text[64];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, TIME_US, TIME_US_OF(cases[i].ns));
        cr_expect_str_eq(text, cases[i].text);
    }
}
