/* SPDX-License-Identifier: MIT */
/*
 * A file with a record for each frame, written by a thread of its own, so that the way of a frame
 * never waits for a disk. Records go through a ring; when it is full they are dropped and counted.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { RECORDER_SLOTS = 4096 }; /* a minute at 60 frames a second */

/* What the file looks like. `state` is whatever the format needs to remember between records. */
struct recorder_format {
    size_t record_bytes;
    void (*begin)(FILE *file, void *state);
    void (*record)(FILE *file, void *state, const void *record);
    void (*end)(FILE *file, void *state);
};

struct recorder;

/*
 * Make `path` anew and begin it; "-" is standard output. `format` and `state` stay the caller's,
 * and stay there until recorder_close(). Returns 0 or a negative errno, logged.
 */
int recorder_open(struct recorder **recorder, const char *path,
                  const struct recorder_format *format, void *state);

/* Add a record; never waits. NULL recorder: nothing. One thread at a time. */
void recorder_add(struct recorder *recorder, const void *record);

uint64_t recorder_dropped(const struct recorder *recorder); /* 0 for NULL */

/* Write what is left, and end the file. Accepts NULL. Returns 0 or a negative errno, logged. */
int recorder_close(struct recorder *recorder);

#endif
