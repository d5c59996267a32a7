/* SPDX-License-Identifier: MIT */
/*
 * The directories that contain the files of channels. Private channels: $XDG_RUNTIME_DIR/pageflip,
 * else /tmp/pageflip-UID, mode 0700. Shared channels: /tmp/pageflip-UID-shared, mode 0711, because
 * XDG_RUNTIME_DIR is closed to other users. Each must belong to the user in question, and no other
 * user may write to it: in /tmp another user may have created the name first. XDG_RUNTIME_DIR must
 * belong to this user or be writable for all: files of this user in the directory of another user,
 * as left by su or sudo -E, would keep that user's programs out.
 *
 * Only a producer creates a directory.
 */
#ifndef CORE_RUNTIME_DIR_H
#define CORE_RUNTIME_DIR_H

#include <stdbool.h>
#include <sys/types.h>

enum { RUNTIME_DIR_PATH_BYTES = 256, RUNTIME_DIR_OTHERS_MAX = 2 };

/* This user's private directory, and the shared one of `owner`. */
void runtime_dir_private_path(char path[RUNTIME_DIR_PATH_BYTES]);
void runtime_dir_shared_path(char path[RUNTIME_DIR_PATH_BYTES], uid_t owner);

/* Where this user's programs have their private channels if their XDG_RUNTIME_DIR differs. Returns
 * the number of paths. */
int runtime_dir_other_paths(char paths[RUNTIME_DIR_OTHERS_MAX][RUNTIME_DIR_PATH_BYTES]);

/*
 * Open a directory of this user; create it with `mode` if needed. As long as it is open, programs
 * that remove old files, such as systemd-tmpfiles, leave its files alone. Returns a descriptor to
 * be closed with held_fd_close(), or a negative errno, logged.
 */
int runtime_dir_create(const char *path, mode_t mode);

/* Open a directory of `owner`. Returns a descriptor (O_PATH) to be closed with held_fd_close(), or
 * -ECONNREFUSED (not logged): there is none, or another negative errno, logged. */
int runtime_dir_open(const char *path, uid_t owner);

/* The names of all lock files in a directory, without the suffix, sorted. Returns their number and
 * an array; the caller frees each name and the array. Or returns a negative errno, not logged. */
int runtime_dir_list(const char *path, char ***names);

#endif
