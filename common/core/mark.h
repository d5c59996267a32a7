/* SPDX-License-Identifier: MIT */
/*
 * A mark shows that a process is running which does something by a name, such as to produce a
 * channel. It is a shared lock on one byte of a directory, which no user can remove without
 * removing the directory itself, and it ends with its process, as a lease does (channel.h). The
 * byte is a hash of what is done and of the name.
 *
 * Several processes can have the same mark, since a directory cannot be opened for writing, which
 * an exclusive lock needs. Only a process that can read the directory can set a mark in it.
 */
#ifndef CORE_MARK_H
#define CORE_MARK_H

#include <stdbool.h>
#include <sys/types.h>

/* The byte for `what` by the process of `path` ("/run/user/1000/pageflip": its last part counts)
 * and `name`. */
off_t mark_byte(const char *what, const char *path, const char *name);

/* `fd` is the directory, opened for reading. Closing it clears its marks. Returns 0 or a negative
 * errno, not logged. */
int mark_set(int fd, off_t byte);
void mark_clear(int fd, off_t byte);

/* Has another open file this mark? False on error. */
bool mark_is_set(int fd, off_t byte);

#endif
