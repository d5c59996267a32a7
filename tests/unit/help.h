/* SPDX-License-Identifier: MIT */
/* What --help prints. */
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

/* Every option of the table is in --help, and no line is longer than 80 columns; the lines are
 * checked up to `end`, or all of them if it is NULL. */
static inline void expect_help(const struct option_table *table, const char *end)
{
    char *text = help_text(table), *rest = text;

    for (size_t i = 0; i < table->entry_count; i++) {
        const struct option_entry *entry = &table->entries[i];
        char option[80];

        snprintf(option, sizeof option, " --%s%s%s", entry->name, entry->value ? " " : "",
                 entry->value ? entry->value : "");
        cr_assert_not_null(strstr(text, option), "no%s", option);
        cr_assert(entry->help && *entry->help, "no help for%s", option);
    }
    for (char *line; (line = strsep(&rest, "\n")) && (!end || strcmp(line, end) != 0);)
        cr_assert_leq(strlen(line), (size_t)80, "\"%s\"", line);
    free(text);
}

#endif
