/* SPDX-License-Identifier: MIT */
/*
 * A channel: its name, its files, and the leases that show which processes are running.
 *
 *     NAME.lock   never renamed, never unlinked. Byte 0 is the producer's lease, byte 16 + i that
 *                 of lane i.
 *     NAME.id     the segment of the producer: see id_file.h.
 *
 * A lease is an OFD lock: it belongs to the open file, and the kernel drops it when the process
 * exits, also for one that was killed by SIGKILL and has not been waited for. Whether the holder
 * of a lease is running is never decided by its process id.
 */
#ifndef CORE_CHANNEL_H
#define CORE_CHANNEL_H

#include "pageflip.h"

struct channel {
    struct channel *next; /* list of all open channels: a forked child closes their files */
    char name[PF_CHANNEL_BYTES];
    int dir_fd;  /* the runtime directory */
    int lock_fd; /* negative: not open */
    gid_t group; /* of a producer: whose members may join. CHANNEL_PRIVATE: only this user */
};

#define CHANNEL_PRIVATE ((gid_t)-1)

enum { CHANNEL_PRODUCER = 0, CHANNEL_LANE_0 = 16 }; /* bytes of the lock file */

/* [A-Za-z0-9._-]{1,64}, no leading dot. */
bool channel_name_is_valid(const char *name);

/*
 * Open a private channel; create the runtime directory and the lock file if needed. Returns 0 and
 * *channel, to be closed with channel_close(), which drops its leases; or a negative errno, logged:
 * -EINVAL for an invalid name, else from the system.
 */
int channel_open(struct channel *channel, const char *name);

/*
 * Open a channel that other users may join. Its files are in the shared runtime directory of its
 * owner, in which no other user can write, so the directory proves the owner of the channel.
 *
 * channel_open_shared(): as the producer, for `group`. -EPERM: this user is not a member.
 *
 * channel_join_shared(): as a viewer of `owner`'s channel; creates nothing. -ECONNREFUSED, not
 * logged: there is no such channel. -EACCES, logged: this user may not join.
 */
int channel_open_shared(struct channel *channel, const char *name, gid_t group);
int channel_join_shared(struct channel *channel, const char *name, uid_t owner);
void channel_close(struct channel *channel); /* accepts a channel that is not open */

/* Take the lease `byte`. Returns 0, -EAGAIN (another process holds it), or another negative errno,
 * logged. */
int channel_lease(struct channel *channel, int byte);
void channel_unlease(struct channel *channel, int byte);

/* Does another process hold the lease `byte`? */
bool channel_is_leased(const struct channel *channel, int byte);

/* The channel's name and `suffix`, such as ".lock", relative to the runtime directory. */
enum { CHANNEL_FILE_NAME_BYTES = PF_CHANNEL_BYTES + 32 };
void channel_file_name(const struct channel *channel, const char *suffix,
                       char name[CHANNEL_FILE_NAME_BYTES]);

/* For a shared channel, give a file to the group with `mode`; for a private one, do nothing.
 * Returns 0 or a negative errno, not logged. */
int channel_share_file(const struct channel *channel, int fd, mode_t mode);

#endif
