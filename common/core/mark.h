/* SPDX-License-Identifier: MIT */
/*
 * A mark shows that a process is running that does something by a name, such as to produce a
 * channel. It is a shared lock on one byte of a directory. Another process can remove it only
 * together with the directory, and the kernel releases it when its process exits, as it does with
 * a lease (channel.h). The byte is a hash of what is done and of the name.
 *
 * Several processes can have the same mark, since a directory cannot be opened for writing, which
 * an exclusive lock needs. Only a process that can read the directory can set a mark in it.
 */
#ifndef CORE_MARK_H
#define CORE_MARK_H

#include <stdbool.h>
#include <sys/types.h>

/* The byte of the mark for doing `what` by the name `name` in the runtime directory `path`, such as
 * "/run/user/1000/pageflip", of which only the last part is used. */
off_t mark_byte(const char *what, const char *path, const char *name);

/* `fd` is the directory, opened for reading. Closing it clears its marks. Returns 0 or a negative
 * errno, not logged. */
int mark_set(int fd, off_t byte);
void mark_clear(int fd, off_t byte);

/* Does another open file have this mark? False on error. */
bool mark_is_set(int fd, off_t byte);

#endif
