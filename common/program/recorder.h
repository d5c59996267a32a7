/* SPDX-License-Identifier: MIT */
/*
 * A file with a record for each frame, written by a thread of its own, so that a slow disk never
 * delays a frame. Records pass through a ring; when it is full they are dropped and counted.
 */
#ifndef PROGRAM_RECORDER_H
#define PROGRAM_RECORDER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { RECORDER_SLOTS = 4096 }; /* a minute at 60 frames a second */

/* How the file is written. `state` is the format's own memory between records. */
struct recorder_format {
    size_t record_bytes;
    void (*begin)(FILE *file, void *state);
    void (*record)(FILE *file, void *state, const void *record);
    void (*end)(FILE *file, void *state);
};

struct recorder;

/*
 * Create or truncate `path` and write the beginning. `path`, `format` and `state` must stay valid
 * until recorder_close(). Returns 0, or a negative errno, logged; -EINTR as output_open().
 */
int recorder_open(struct recorder **recorder, const char *path,
                  const struct recorder_format *format, void *state);

/* Add a record, from one thread at a time; never waits for the disk. Does nothing for NULL. */
void recorder_add(struct recorder *recorder, const void *record);

uint64_t recorder_dropped(const struct recorder *recorder); /* records; 0 for NULL */

/* Write the remaining records and the end of the file. After a request to exit,
 * fails if the reader of a pipe has read nothing for a second. Accepts NULL. Returns 0, or a
 * negative errno, logged. */
int recorder_close(struct recorder *recorder);

#endif
