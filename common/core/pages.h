/* SPDX-License-Identifier: MIT */
/* Is there memory for a segment, and get it now: a page that is first touched while a frame is
 * drawn costs that frame. */
#ifndef PAGES_H
#define PAGES_H

#include <stdint.h>

/* Returns 0, or -ENOMEM, logged: the machine or this container does not have so much. Shared memory
 * is not counted when it is made, so without this the kernel would kill somebody instead. */
int pages_check(uint64_t bytes);

/* Make every page present and writable. Returns 0, or -ENOMEM, logged. */
int pages_populate(void *pages, uint64_t bytes);

/* The number that a file of /proc or /sys holds; UINT64_MAX: none, or "max". */
uint64_t pages_read_number(const char *path);

#endif
