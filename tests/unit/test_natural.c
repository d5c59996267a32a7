/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "producer/sources/natural.h"

Test(natural, sorts_numbers_by_value_and_words_by_letter)
{
    const char *sorted[] = {"a",    "a1",  "a01", "a2",       "a10",
                            "a10b", "a11", "b",   "frame002", "frame10"};
    const int count = sizeof sorted / sizeof *sorted;

    for (int i = 0; i < count; i++)
        for (int k = 0; k < count; k++) {
            int order = natural_compare(sorted[i], sorted[k]);
            cr_assert_eq((order > 0) - (order < 0), (i > k) - (i < k), "%s against %s: %d",
                         sorted[i], sorted[k], order);
        }
}

Test(natural, compares_long_runs_of_digits)
{
    cr_assert_lt(natural_compare("f99999999999999999998", "f99999999999999999999"), 0);
    cr_assert_gt(natural_compare("f100000000000000000000", "f99999999999999999999"), 0);
    cr_assert_neq(natural_compare("f01", "f1"), 0, "different names compare as equal");
}
