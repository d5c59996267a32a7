/* SPDX-License-Identifier: MIT */
/* For getopt_long(), entry i is the number LONG_BASE + i; a short form is its letter. */
#include "options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "messages.h"

enum {
    LONG_BASE = 256, /* above every letter */
    WIDTH = 80,      /* columns of --help */
    HELP_COLUMN = 24,
    ROW_COLUMN = 13,
};

/* ------------------------------------------------------------------ parsing */

struct getopt_arrays {
    struct option longs[OPTION_ENTRIES_MAX + 1];
    char letters[2 * OPTION_ENTRIES_MAX + 2];
};

static void make_arrays(const struct option_table *table, struct getopt_arrays *arrays)
{
    char *letter = arrays->letters;

    assert(table->entry_count <= OPTION_ENTRIES_MAX);
    *arrays = (struct getopt_arrays){0};
    *letter++ = ':'; /* return ':' for a missing value */
    for (size_t i = 0; i < table->entry_count; i++) {
        const struct option_entry *entry = &table->entries[i];

        arrays->longs[i] =
            (struct option){entry->name, entry->value ? required_argument : no_argument, NULL,
                            LONG_BASE + (int)i};
        if (entry->letter)
            *letter++ = entry->letter;
        if (entry->letter && entry->value)
            *letter++ = ':';
    }
}

/* The entry of what getopt_long() returns, or stores in optopt. NULL: none. */
static const struct option_entry *find(const struct option_table *table, int option)
{
    if (option >= LONG_BASE)
        return &table->entries[option - LONG_BASE];
    for (size_t i = 0; i < table->entry_count; i++)
        if (option && table->entries[i].letter == option)
            return &table->entries[i];
    return NULL;
}

static int set(const struct option_entry *entry, void *options, const char *value)
{
    char *field = (char *)options + entry->field, option[64];

    if (!entry->set && entry->value)
        memcpy(field, &value, sizeof value);
    else if (entry->constant)
        memcpy(field, entry->constant, sizeof *entry->constant);
    else if (!entry->set)
        memcpy(field, &(bool){true}, sizeof(bool));
    else if (!entry->set(options, value)) {
        snprintf(option, sizeof option, "--%s", entry->name);
        return messages_bad_value(option, value, entry->expected);
    }
    return 0;
}

int option_table_parse(const struct option_table *table, void *options, int argc, char **argv)
{
    struct getopt_arrays arrays;
    int option;

    make_arrays(table, &arrays);
    /* 0 resets the state that the GNU implementation keeps of an earlier command line. */
    optind = 0;
    opterr = 0; /* the messages are our own */
    while ((option = getopt_long(argc, argv, arrays.letters, arrays.longs, NULL)) != -1) {
        bool is_known = option != ':' && option != '?';
        const struct option_entry *entry = find(table, is_known ? option : optopt);

        if (option == ':')
            log_error("option --%s requires a value; see --help", entry->name);
        else if (option == '?' && entry)
            log_error("option --%s takes no value; see --help", entry->name);
        else if (option == '?')
            messages_unknown_option(argv[optind - 1]);
        if (!is_known || set(entry, options, optarg) < 0)
            return -EINVAL;
        if (entry->is_last)
            break;
    }
    return optind;
}

/* ------------------------------------------------------------------ --help */

/* Print words from `column` on, with the cursor now in column `at`; \n ends a line. */
static void print_wrapped(size_t at, size_t column, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, " \n");

        if (at > column && at + 1 + length > WIDTH) {
            putchar('\n');
            at = 0;
        }
        size_t gap = at < column ? column - at : at > column ? 1 : 0;
        printf("%*s%.*s", (int)gap, "", (int)length, text);
        at += gap + length;
        text += length;
        if (*text == '\n') {
            putchar('\n');
            at = 0;
        }
        if (*text)
            text++;
    }
    putchar('\n');
}

static void print_item(const char *head, size_t column, const char *text)
{
    size_t at = strlen(head);

    fputs(head, stdout);
    if (at + 2 > column) {
        putchar('\n');
        at = 0;
    }
    print_wrapped(at, column, text);
}

static void print_entry(const struct option_entry *entry)
{
    char head[WIDTH], letter[] = {'-', entry->letter, ',', '\0'};

    snprintf(head, sizeof head, "  %3s --%s%s%s", entry->letter ? letter : "", entry->name,
             entry->value ? " " : "", entry->value ? entry->value : "");
    print_item(head, HELP_COLUMN, entry->help);
}

void option_table_print(const struct option_table *table)
{
    const char *head = "Usage: ";

    for (const char *line = table->usage; *line; head = "       ") {
        size_t length = strcspn(line, "\n");
        printf("%s%.*s\n", head, (int)length, line);
        line += length + (line[length] == '\n');
    }
    print_wrapped(0, 0, table->summary);
    puts("\nOptions:");
    for (size_t i = 0; i < table->entry_count; i++)
        print_entry(&table->entries[i]);
    for (size_t i = 0; i < table->section_count; i++) {
        const struct option_section *section = &table->sections[i];

        printf("\n%s:\n", section->title);
        if (section->text)
            print_item("", 2, section->text);
        if (section->print)
            section->print();
    }
}

void option_table_print_row(const char *name, const char *text)
{
    char head[WIDTH];

    snprintf(head, sizeof head, "  %s", name);
    print_item(head, ROW_COLUMN, text);
}
