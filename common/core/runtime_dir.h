/* SPDX-License-Identifier: MIT */
/*
 * The directories that contain the files of channels. Private channels: $XDG_RUNTIME_DIR/pageflip,
 * else /tmp/pageflip-UID, mode 0700. Shared channels: /tmp/pageflip-UID-shared, mode 0711, because
 * XDG_RUNTIME_DIR is closed to other users. Each must belong to the user in question, and no other
 * user may write to it: in /tmp another user may have created the name first.
 *
 * The descriptors are O_PATH: they serve openat() and need no read permission.
 */
#ifndef CORE_RUNTIME_DIR_H
#define CORE_RUNTIME_DIR_H

#include <sys/types.h>

enum { RUNTIME_DIR_PATH_BYTES = 256 };

/* Open this user's private directory; create it if needed. Returns a descriptor, or a negative
 * errno, logged. */
int runtime_dir_open(void);

/* The same for this user's shared directory. */
int runtime_dir_open_own_shared(void);

/* Open the shared directory of `owner`. Returns a descriptor, or -ECONNREFUSED (not logged): there
 * is none, or another negative errno, logged. */
int runtime_dir_open_shared(uid_t owner);

/* For messages: the path of an open directory, into `path`. Returns `path`. */
char *runtime_dir_path(int fd, char path[RUNTIME_DIR_PATH_BYTES]);

/* The names of all lock files in the private directory, without the suffix, sorted. Returns their
 * number and an array; the caller frees each name and the array. Or returns a negative errno,
 * logged. */
int runtime_dir_list(char ***names);

#endif
