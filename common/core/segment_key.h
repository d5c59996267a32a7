/* SPDX-License-Identifier: MIT */
/*
 * Keys of segments: how a segment is created under a key, found by it, and removed.
 *
 * Without a key file the key is 0x5046 ("PF") and 16 random bits. It is as private as IPC_PRIVATE,
 * because the segment is removed directly after the attach, but a segment that a killed producer
 * left between these two calls can be recognised: segment_key_sweep_orphans(). With a key file the
 * key is ftok(key_file, 'p'), and the segment stays findable until its producer removes it.
 */
#ifndef CORE_SEGMENT_KEY_H
#define CORE_SEGMENT_KEY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Create a segment of `bytes`, mode 0600. `key_file` may be NULL. Returns its shmid; or, logged,
 *   -EBUSY    the key's segment is in use
 *   -EEXIST   the key's segment belongs to another program
 *   -ENOSPC, -ENOMEM, -EINVAL   a system limit, or no such key file
 */
int segment_key_create(uint64_t bytes, const char *key_file);

/* The shmid under a key file's key, or -ECONNREFUSED: there is none. Other negative errnos are
 * logged. */
int segment_key_find(const char *key_file);

/* A name for a key file's key, which is no name of a channel: "key 0x700a1b2c". Returns false if
 * there is no such file; not logged. */
enum { SEGMENT_KEY_NAME_BYTES = 16 };
bool segment_key_name(const char *key_file, char name[SEGMENT_KEY_NAME_BYTES]);

/* Remove a segment (IPC_RMID): the kernel destroys it with its last detach. Returns 0, also if
 * another process has removed it, or a negative errno, logged. */
int segment_remove_id(int shmid);

/* Remove segments that a producer of this user left when it was killed between shmget() and
 * IPC_RMID. Returns their number. */
int segment_key_sweep_orphans(void);

#endif
