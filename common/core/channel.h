/* SPDX-License-Identifier: MIT */
/*
 * A channel's name, and what it leads to: the files in the runtime directory, the leases, the id.
 *
 *     NAME.lock   never renamed, never unlinked. Byte 0 is the producer's lease, byte 16+i that
 *                 of lane i.
 *     NAME.id     which segment the producer made: written whole under another name, then renamed.
 *
 * A lease is an OFD lock: it belongs to the open file, and the kernel drops it with the process,
 * even a SIGKILLed one that nobody has waited for. No decision is made by a process id.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "layout.h"

struct channel {
    struct channel *next; /* of all open ones: a forked child closes their files */
    char name[PF_CHANNEL_BYTES];
    int dir_fd;
    int lock_fd;
    gid_t group; /* whose members may join, too; CHANNEL_PRIVATE: nobody's */
};

#define CHANNEL_PRIVATE ((gid_t)-1)

/* What NAME.id says. */
struct channel_id {
    int shmid;
    uint8_t nonce[LAYOUT_NONCE_BYTES];
    uint64_t bytes;
    pid_t pid;              /* for people */
    uint64_t ipc_namespace; /* inode of /proc/self/ns/ipc; 0: not known */
};

enum { CHANNEL_PRODUCER = 0, CHANNEL_LANE_0 = 16 }; /* bytes of the lock file */

/* [A-Za-z0-9._-]{1,64}, and not a dot first. */
bool channel_name_is_valid(const char *name);

/*
 * Find or make the runtime directory and the channel's lock file. Returns 0 and *channel, to be
 * closed with channel_close(), which drops its leases; or, logged, -EINVAL (the name) or what the
 * system says.
 */
int channel_open(struct channel *channel, const char *name);

/*
 * The same for a channel that other users may join. Its files are in a place of its own,
 * /tmp/pageflip-UID-shared: others find it when they know the user, and nobody else can write
 * there, so they know whose it is.
 *
 * channel_open_shared(): as the producer, for `group`. -EPERM: this user is not in it.
 *
 * channel_join_shared(): as a viewer of `owner`'s channel; makes nothing. -ECONNREFUSED, not
 * logged: there is none. -EACCES, logged with who may: this user may not.
 */
int channel_open_shared(struct channel *channel, const char *name, gid_t group);
int channel_join_shared(struct channel *channel, const char *name, uid_t owner);
void channel_close(struct channel *channel); /* accepts one that was not opened, lock_fd < 0 */

/* Take the lease `byte`. Returns 0, -EAGAIN (somebody has it), or another negative errno, logged.
 */
int channel_lease(struct channel *channel, int byte);
void channel_unlease(struct channel *channel, int byte);

/* Does somebody else hold the lease `byte`? */
bool channel_is_leased(const struct channel *channel, int byte);

/* Fill in what is of this process, and write the id whole. Returns 0 or a negative errno, logged.
 */
int channel_write_id(const struct channel *channel, struct channel_id *id);

/* Is `text` what an id file says? Fills *id then; else *id may be half filled. */
bool channel_parse_id(const char *text, struct channel_id *id);

/* Returns 0, or -ENOENT: there is none, or none that can be read. */
int channel_read_id(const struct channel *channel, struct channel_id *id);
void channel_remove_id(const struct channel *channel);

/* The inode of this process's IPC namespace; 0: not known. */
uint64_t channel_ipc_namespace(void);

/* The names of all channels, in order. Returns their number and an array to be freed, each name
 * too; or a negative errno, logged. */
int channel_names(char ***names);

#endif
