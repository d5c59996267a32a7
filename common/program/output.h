/* SPDX-License-Identifier: MIT */
/* Files that are written from the beginning to the end. */
#ifndef PROGRAM_OUTPUT_H
#define PROGRAM_OUTPUT_H

#include <stdio.h>

/*
 * Open a file for writing; "-" is standard output. The open of a FIFO waits for its reader. Returns
 * 0, or a negative errno, logged; -EINTR if an exit was requested during that wait.
 *
 * No signal ends a write to the stream. But after a request to exit, a write fails with EINTR if a
 * pipe's reader has read nothing for a second.
 */
int output_open(FILE **stream, const char *path);

#endif
