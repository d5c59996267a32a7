/* SPDX-License-Identifier: MIT */
/* Command lines, and what --help prints. */
#ifndef TESTS_UNIT_HELP_H
#define TESTS_UNIT_HELP_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program/options.h"

/* The caller frees it. */
static inline char *help_text(const struct option_table *table)
{
    FILE *standard_output = stdout;
    char *text = NULL;
    size_t bytes;

    stdout = open_memstream(&text, &bytes);
    cr_assert_not_null(stdout);
    option_table_print(table);
    fclose(stdout);
    stdout = standard_output;
    return text;
}

/* No line of --help is longer than 80 columns. */
static inline void expect_help_in_80_columns(const struct option_table *table)
{
    char *text = help_text(table), *rest = text;

    for (char *line; (line = strsep(&rest, "\n"));)
        cr_assert_leq(strlen(line), (size_t)80, "\"%s\"", line);
    free(text);
}

/* argc and argv of a command line, given without the program's name. getopt_long() moves the words,
 * so they are not constants. */
/* clang-format off */
#define WORDS(...)                                                                                 \
    (int)(sizeof(const char *[]){"", __VA_ARGS__} / sizeof(char *)),                               \
    (char **)(const char *[]){"", __VA_ARGS__, NULL}
/* clang-format on */

#endif
