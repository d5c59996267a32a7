/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "producer/sources/natural.h"

Test(natural, sorts_numbers_by_value_and_words_by_letter)
{
    const char *sorted[] = {
        "a",   "a1", "a01",      "a2",      "a10", "a10b",
        "a11", "b",  "frame002", "frame10", "z",   "\xc3\xa4"}; /* a letter beyond ASCII */
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

Test(natural, a_name_comes_before_longer_names_that_begin_with_it)
{
    const char *longer[] = {"a 1.png", "a-1.png", "a!.png", "a(2).png",
                            "a1.png",  "a_b.png", "ab.png"};

    for (size_t i = 0; i < sizeof longer / sizeof *longer; i++) {
        cr_assert_lt(natural_compare("a.png", longer[i]), 0, "%s", longer[i]);
        cr_assert_gt(natural_compare(longer[i], "a.png"), 0, "%s", longer[i]);
    }
    cr_assert_lt(natural_compare("a.2.png", "a.10.png"), 0);
}
