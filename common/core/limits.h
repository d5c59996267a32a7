/* SPDX-License-Identifier: MIT */
/*
 * Limits of the system: whether there is memory for a segment, and which limit a failed shmget()
 * hit. Pages are made present before the first frame, because a page that is first touched while a
 * frame is drawn delays that frame.
 */
#ifndef CORE_LIMITS_H
#define CORE_LIMITS_H

#include <stdint.h>

/* Returns 0, or -ENOMEM, logged: the machine or this control group has less than `bytes` of
 * memory. Shared memory is not charged when a segment is created: without this check the kernel
 * would kill a process later. */
int limits_check_memory(uint64_t bytes);

/* Make every page present and writable. Returns 0, or -ENOMEM, logged. */
int limits_populate_pages(void *pages, uint64_t bytes);

/* Log why shmget() failed with `error`, naming the limit. Returns the negative errno to pass on. */
int limits_report_shmget(int error, uint64_t bytes);

/* The number that a file of /proc or /sys contains; UINT64_MAX: no such file, or "max". */
uint64_t limits_read_number(const char *path);

#endif
