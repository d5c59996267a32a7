/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "help.h"
#include "last_message.h"

struct settings {
    const char *name;
    bool fast;
    int count;
    bool help;
};

static bool set_count(void *to, const char *value)
{
    struct settings *settings = to;

    settings->count = atoi(value);
    return settings->count > 0;
}

static bool set_help(void *to, const char *value)
{
    struct settings *settings = to;

    settings->help = !value;
    return true;
}

static void print_rows(void)
{
    option_table_print_row("first", "a row");
    option_table_print_row("a-long-name-of-a-row", "another row");
}

static const struct option_entry entries[] = {
    {.name = "name",
     .letter = 'n',
     .value = "NAME",
     .help = "a help text that is much too long for one line of eighty columns, so that it goes on "
             "in the second line and in a third line, each of them in the same column",
     .field = offsetof(struct settings, name)},
    {.name = "fast", .letter = 'f', .help = "a flag", .field = offsetof(struct settings, fast)},
    {.name = "count",
     .value = "N",
     .help = "a number",
     .set = set_count,
     .expected = "give 1 or more"},
    {.name = "an-option-with-a-long-name",
     .help = "a flag",
     .field = offsetof(struct settings, fast)},
    {.name = "help", .letter = 'h', .help = "this help", .is_last = true, .set = set_help},
};

static const struct option_section sections[] = {
    {.title = "Text", .text = "first line\nsecond line"},
    {.title = "Rows", .print = print_rows},
};

static const struct option_table table = {
    .usage = "program [OPTION]...\nprogram --help",
    .summary = "What it does.\n"
               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    .entries = entries,
    .entry_count = sizeof entries / sizeof *entries,
    .sections = sections,
    .section_count = sizeof sections / sizeof *sections,
};

TestSuite(options_table, .init = keep_messages);

#define PARSE(settings, ...) option_table_parse(&table, settings, WORDS(__VA_ARGS__))

Test(options_table, stores_texts_flags_and_what_a_setter_makes_of_a_value)
{
    struct settings settings = {0};

    cr_assert_eq(PARSE(&settings, "-n", "x", "--fast", "--count=3"), 5);
    cr_assert_str_eq(settings.name, "x");
    cr_assert(settings.fast);
    cr_assert_eq(settings.count, 3);
    cr_assert_eq(PARSE(&settings, "-fny"), 2, "letters in one word");
    cr_assert_str_eq(settings.name, "y");
}

Test(options_table, returns_the_first_word_that_is_not_an_option)
{
    struct settings settings = {0};
    char *words[] = {(char *)"",   (char *)"a",  (char *)"-f", (char *)"b",
                     (char *)"--", (char *)"-n", NULL};

    cr_assert_eq(option_table_parse(&table, &settings, 6, words), 3);
    cr_assert_str_eq(words[3], "a");
    cr_assert_str_eq(words[4], "b");
    cr_assert_str_eq(words[5], "-n");
    cr_assert(settings.fast);
    cr_assert_null(settings.name);
}

Test(options_table, reads_nothing_after_a_last_option)
{
    struct settings settings = {0};

    cr_assert_geq(PARSE(&settings, "-h", "--bogus"), 0);
    cr_assert(settings.help);
    cr_assert_eq(PARSE(&settings, "--bogus", "-h"), -EINVAL);
}

static void expect_message(int ret, const char *expected)
{
    cr_assert_eq(ret, -EINVAL, "%d, expected: %s", ret, expected);
    cr_assert_str_eq(message, expected);
}

Test(options_table, names_the_option_that_is_wrong)
{
    struct settings settings = {0};

    expect_message(PARSE(&settings, "--bogus"), "unknown option --bogus; see --help");
    expect_message(PARSE(&settings, "--bogus=1"), "unknown option --bogus=1; see --help");
    expect_message(PARSE(&settings, "-fx"), "unknown option -x; see --help");
    expect_message(PARSE(&settings, "--name"), "option --name requires a value; see --help");
    expect_message(PARSE(&settings, "-fn"), "option --name requires a value; see --help");
    expect_message(PARSE(&settings, "--fast=1"), "option --fast takes no value; see --help");
    expect_message(PARSE(&settings, "--count", "0"),
                   "option --count \"0\": not valid; give 1 or more");
}

Test(options_table, each_call_begins_with_a_new_command_line)
{
    struct settings settings = {0};

    cr_assert_eq(PARSE(&settings, "-xf"), -EINVAL);
    cr_assert_not(settings.fast);
    cr_assert_eq(PARSE(&settings, "-n", "x"), 3);
    cr_assert_not(settings.fast, "the rest of the earlier word was read");
}

Test(options_table, prints_help_in_eighty_columns)
{
    char *text = help_text(&table);

    cr_assert_str_eq(
        text, "Usage: program [OPTION]...\n"
              "       program --help\n"
              "What it does.\n"
              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n" /* both need 81 columns */
              "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
              "\n"
              "Options:\n"
              "  -n, --name NAME       a help text that is much too long for one line of eighty\n"
              "                        columns, so that it goes on in the second line and in a\n"
              "                        third line, each of them in the same column\n"
              "  -f, --fast            a flag\n"
              "      --count N         a number\n"
              "      --an-option-with-a-long-name\n"
              "                        a flag\n"
              "  -h, --help            this help\n"
              "\n"
              "Text:\n"
              "  first line\n"
              "  second line\n"
              "\n"
              "Rows:\n"
              "  first      a row\n"
              "  a-long-name-of-a-row\n"
              "             another row\n");
    free(text);
}
