/* SPDX-License-Identifier: MIT */
/* NAME.id: the segment of a channel's producer. Written under another name, then renamed, so
 * that a reader never sees a partial file. */
#ifndef CORE_ID_FILE_H
#define CORE_ID_FILE_H

#include "channel.h"
#include "layout.h"

struct id_file {
    int shmid;
    uint8_t nonce[PF_NONCE_BYTES];
    uint64_t bytes;         /* of the segment; informational */
    pid_t pid;              /* informational */
    uint64_t ipc_namespace; /* inode of /proc/self/ns/ipc; 0: not known */
};

/* Returns the content of this segment's id file, without the pid and the namespace. */
struct id_file id_file_of(const struct pf_segment *geometry);

/* Fill in this process's pid and namespace and write the id file atomically. The caller holds the
 * producer lease. Returns 0 or a negative errno, logged. */
int id_file_write(const struct channel *channel, struct id_file *id);

/* If the id file does not name this segment, because another program has removed or changed it,
 * write it again and warn; do nothing while this process has no descriptor left to check it. The
 * caller holds the producer lease. Returns 0 or a negative errno, logged. */
int id_file_restore(const struct channel *channel, struct id_file *id);

/* Returns 0, or -ENOENT (there is no id file, or it is not valid), or another negative errno: it
 * cannot be opened. Logs nothing. */
int id_file_read(const struct channel *channel, struct id_file *id);

/* Remove the id file if it contains this nonce. The caller holds the producer lease. */
void id_file_remove(const struct channel *channel, const uint8_t nonce[PF_NONCE_BYTES]);

/* Parse the content of an id file. Returns false if `text` is not valid; then *id is undefined. */
bool id_file_parse(const char *text, struct id_file *id);

/* The inode of this process's IPC namespace; 0: not known. */
uint64_t id_file_ipc_namespace(void);

#endif
