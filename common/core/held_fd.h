/* SPDX-License-Identifier: MIT */
/*
 * Files with locks. A lock of an open file (fcntl(F_OFD_SETLK), flock()) is held as long as any
 * copy of its descriptor is open. A child made by fork() must not keep its parent's locks, so it
 * closes these files directly after the fork.
 */
#ifndef CORE_HELD_FD_H
#define CORE_HELD_FD_H

#include <sys/types.h>

/* openat() with O_CLOEXEC. Returns a descriptor to be closed with held_fd_close(), or a negative
 * errno, not logged. */
int held_fd_open(int dir_fd, const char *path, int flags, mode_t mode);

void held_fd_close(int fd); /* accepts a negative number */

#endif
