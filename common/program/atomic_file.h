/* SPDX-License-Identifier: MIT */
/*
 * A file that appears complete or not at all: it is written under a temporary name in the same
 * folder, synced, then renamed. What cannot be replaced (output_is_in_place()) is written in place.
 */
#ifndef PROGRAM_ATOMIC_FILE_H
#define PROGRAM_ATOMIC_FILE_H

#include <stdio.h>

struct atomic_file {
    FILE *stream; /* the caller writes here */
    const char *path;
    char *temporary; /* NULL: written in place */
};

/* `path` must stay valid until atomic_file_finish() or atomic_file_abandon(), one of which must
 * follow. Returns 0, or a negative errno, logged; -EINTR as output_open(). */
int atomic_file_open(struct atomic_file *file, const char *path);

/* Check that `path` can be opened, like output_check(). Returns 0, or a negative errno, logged. */
int atomic_file_check(const char *path);

/* Sync the file and give it its name. Returns 0, or a negative errno, logged: then a file that was
 * at `path` before is unchanged. */
int atomic_file_finish(struct atomic_file *file);

/* Discard what was written. */
void atomic_file_abandon(struct atomic_file *file);

#endif
