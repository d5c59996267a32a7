/* SPDX-License-Identifier: MIT */
/*
 * The options of a program as one constant table, from which getopt_long()'s arrays and --help are
 * generated. A new option is one entry, and a setter if its value is more than a text.
 */
#ifndef PROGRAM_OPTIONS_H
#define PROGRAM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum { OPTION_ENTRIES_MAX = 48 };

struct option_entry {
    const char *name;  /* without "--" */
    char letter;       /* of the short form; 0: none */
    const char *value; /* what --help calls its value, like "SECONDS"; NULL: takes no value */
    const char *help;  /* meaning, unit, range and default; wrapped by option_table_print() */
    bool is_last;      /* the words after it are not read, as for --help */

    /* Store `value` (NULL for an option without one) in the program's `options`. Returns false if
     * the value is not valid; then the message is `expected`, like "give 2 to 8". */
    bool (*set)(void *options, const char *value);
    const char *expected;
    /* If `set` is NULL: offset in `options` of the const char * that gets the value. For an option
     * without a value, of the bool that becomes true, or of the enum that becomes *constant. */
    size_t field;
    const int *constant;
};

/* The last entries of each program's table. The program's struct options has `json`, `trace`,
 * `log_level` and `action`; its enum action has ACTION_HELP and ACTION_VERSION. */
/* clang-format off */
#define OPTION_ENTRIES_OF_EACH_PROGRAM                                                           \
    {.name = "json",                                                                             \
     .value = "FILE",                                                                            \
     .help = "write the report to FILE as JSON at the end, and on SIGUSR1; - is standard output",\
     .field = offsetof(struct options, json)},                                                   \
    {.name = "trace",                                                                            \
     .value = "FILE",                                                                            \
     .help = "write the times of each frame to FILE as Chrome trace events",                     \
     .field = offsetof(struct options, trace)},                                                  \
    {.name = "verbose",                                                                          \
     .letter = 'v',                                                                              \
     .help = "also print informational messages: what was chosen and why",                       \
     .constant = &(const int){PF_LOG_INFO},                                                      \
     .field = offsetof(struct options, log_level)},                                              \
    {.name = "quiet",                                                                            \
     .letter = 'q',                                                                              \
     .help = "print errors only",                                                 \
     .constant = &(const int){PF_LOG_ERROR},                                                     \
     .field = offsetof(struct options, log_level)},                                              \
    {.name = "help",                                                                             \
     .letter = 'h',                                                                              \
     .help = "print this help",                                                                  \
     .is_last = true,                                                                            \
     .constant = &(const int){ACTION_HELP},                                                      \
     .field = offsetof(struct options, action)},                                                 \
    {.name = "version",                                                                          \
     .help = "print the version",                                                                \
     .is_last = true,                                                                            \
     .constant = &(const int){ACTION_VERSION},                                                   \
     .field = offsetof(struct options, action)}
/* clang-format on */

/* A part of --help after the options. */
struct option_section {
    const char *title;
    const char *text;    /* wrapped by option_table_print(); NULL: none */
    void (*print)(void); /* prints rows, see option_table_print_row(); NULL: none */
};

struct option_table {
    const char *usage;   /* lines of "program [OPTION]...", separated by \n */
    const char *summary; /* paragraphs, wrapped by option_table_print() */
    const struct option_entry *entries;
    size_t entry_count; /* at most OPTION_ENTRIES_MAX */
    const struct option_section *sections;
    size_t section_count;
};

/*
 * Read the command line into `options`, which holds the defaults. getopt_long() moves the words
 * that are not options to the end of argv.
 *
 * Returns the index of the first of them (argc if there are none), or -EINVAL, logged.
 */
int option_table_parse(const struct option_table *table, void *options, int argc, char **argv);

/* Print --help on standard output, at most 80 columns wide. */
void option_table_print(const struct option_table *table);

/* Print "  NAME       TEXT", wrapped: a row of a section. */
void option_table_print_row(const char *name, const char *text);

#endif
