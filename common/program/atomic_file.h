/* SPDX-License-Identifier: MIT */
/*
 * A file that is written whole or not at all: under a temporary name beside it, synced, then
 * renamed. What is there and is no regular file (/dev/null, a pipe) is written to as it is. "-" is
 * standard output.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdio.h>

/* Of the reports that both programs write as JSON; README.md describes it. One more when a field
 * goes or changes its meaning; a new field does not change it. */
enum { OUTPUT_REPORT_SCHEMA = 1 };

struct output {
    FILE *file; /* to write to */
    const char *path;
    char *temporary; /* NULL: written in place */
};

/* Returns 0 and an output to be ended with output_finish() or output_abandon(), or a negative
 * errno, logged. `path` must stay as it is until then. */
int output_open(struct output *output, const char *path);

/* Could it be written? Leaves nothing behind. Returns 0, or a negative errno, logged. */
int output_check(const char *path);

/* Put it in its place. Returns 0, or a negative errno, logged: then `path` is as it was. */
int output_finish(struct output *output);

/* As if it had never been opened. */
void output_abandon(struct output *output);

/* First of all in main(): a standard file that is closed stays so. Else what is opened next, the
 * channel's lock file perhaps, would get its number, and the words that are meant for people. */
void output_guard_standard_files(void);

/* Is all that was printed on standard output out? Returns 0 or a negative errno, logged. */
int output_finish_stdout(void);

#endif
