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
        cr_assert_not(text_to_int(bad[i], INT64_MIN, INT64_MAX, &value), "\"%s\" was accepted",
                      bad[i]);
    cr_assert_eq(value, 7, "changed by a refusal");
}

Test(text, keeps_a_number_in_its_range)
{
    int64_t value = 7;

    cr_assert_not(text_to_int("1", 2, 8, &value));
    cr_assert_not(text_to_int("9", 2, 8, &value));
    cr_assert(text_to_int("2", 2, 8, &value));
    cr_assert(text_to_int("8", 2, 8, &value));
}

Test(text, prints_bytes_in_decimal_units)
{
    char out[TEXT_BYTES_SIZE];

    cr_assert_str_eq(text_bytes(33177600, out), "33.2 MB");
    cr_assert_eq(text_bytes(0, out), out);
    cr_assert_lt(strlen(text_bytes(UINT64_MAX, out)), (size_t)TEXT_BYTES_SIZE);
}
