/* SPDX-License-Identifier: MIT */
#include "program/line.h"

#include <inttypes.h>
#include <string.h>

#include <criterion/criterion.h>

static const char *text_of(struct line *line)
{
    static char text[LINE_MAX_BYTES + 1];

    memcpy(text, line->text, line->length);
    text[line->length] = '\0';
    return text;
}

Test(line, writes_what_was_added_in_order)
{
    struct line line;
    char written[64] = "";
    FILE *file = fmemopen(written, sizeof written, "w");

    line_begin(&line);
    line_add(&line, "frame ");
    line_add_number(&line, 42);
    line_add(&line, " after ");
    line_add_us(&line, 1234567);
    line_write(&line, file);
    fclose(file);
    cr_assert_str_eq(written, "frame 42 after 1234.567");
}

Test(line, numbers_are_as_printf_writes_them)
{
    const uint64_t numbers[] = {0, 9, 10, 999, 1000, UINT32_MAX, UINT64_MAX};
    struct line line;
    char wanted[32];

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        line_begin(&line);
        line_add_number(&line, numbers[i]);
        snprintf(wanted, sizeof wanted, "%" PRIu64, numbers[i]);
        cr_assert_str_eq(text_of(&line), wanted);
    }
}

Test(line, times_have_all_their_digits)
{
    const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0.000"},
        {7, "0.007"},
        {1010, "1.010"},
        {-1, "-0.001"},
        {-2500, "-2.500"},
        {INT64_MAX, "9223372036854775.807"},
        {INT64_MIN, "-9223372036854775.808"},
    };
    struct line line;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        line_begin(&line);
        line_add_us(&line, cases[i].ns);
        cr_assert_str_eq(text_of(&line), cases[i].text);
    }
}

Test(line, what_is_too_much_is_left_out)
{
    struct line line;

    line_begin(&line);
    for (int i = 0; i < LINE_MAX_BYTES; i++)
        line_add(&line, "abc");
    cr_assert_eq(line.length, LINE_MAX_BYTES);
    line_add_number(&line, 1);
    cr_assert_eq(line.length, LINE_MAX_BYTES);
}
