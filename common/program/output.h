/* SPDX-License-Identifier: MIT */
/*
 * The files that options name for output, written from the beginning to the end. "-" is standard
 * output; /dev/stdout, /dev/stderr and /dev/fd/N are descriptors that this process already has, and
 * are written from their current position.
 */
#ifndef PROGRAM_OUTPUT_H
#define PROGRAM_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

/* Is `path` anything but a plain file of this user: a descriptor, a link, a device, a FIFO, a mount
 * point, or a file of another owner? Such a file is written, never replaced by another one. */
bool output_is_in_place(const char *path);

/*
 * Open `path` for writing and truncate it. The open of a FIFO waits for its reader. Returns 0, or a
 * negative errno, logged; -EINTR if an exit was requested during that wait.
 *
 * No signal ends a write to the stream. But after a request to exit, a write fails with EINTR if a
 * pipe's reader has read nothing for a second. A write to a full pipe with O_NONBLOCK fails with
 * EAGAIN.
 */
int output_open(FILE **stream, const char *path);

/* Log the `error` (an errno; 0 counts as EIO) of a write to `path`. If an exit was requested, EINTR
 * is only worth a warning. Returns the negative errno. */
int output_failed(const char *path, int error);

/* Check that output_open() can open `path`. Truncates nothing, and opens no FIFO and no device: the
 * other end would notice. Returns 0, or a negative errno, logged. */
int output_check(const char *path);

#endif
