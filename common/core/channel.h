/* SPDX-License-Identifier: MIT */
/*
 * A channel: its name, its files, and the leases that show which processes are running.
 *
 *     NAME.lock   never unlinked by pageflip. Byte 0 is the producer's lease, byte 16 + i that of
 *                 lane i. If another program removes it, a running producer creates it again:
 *                 channel_restore().
 *     NAME.id     the segment of the producer: see id_file.h.
 *
 * A lease is an OFD lock: it belongs to the open file, and the kernel drops it when the process
 * exits, also for one that was killed by SIGKILL and has not been waited for. Whether the holder
 * of a lease is running is never decided by its process id.
 */
#ifndef CORE_CHANNEL_H
#define CORE_CHANNEL_H

#include "pageflip.h"
#include "runtime_dir.h"

struct channel {
    char name[PF_CHANNEL_BYTES];
    char dir[RUNTIME_DIR_PATH_BYTES];
    uid_t owner; /* of the runtime directory */
    gid_t group; /* of a producer: whose members may join. CHANNEL_PRIVATE: only this user */
    int dir_fd;  /* the runtime directory */
    int lock_fd; /* negative: not open */
    /* Of a producer; negative: none. */
    int mark_fd;     /* the directory with its mark: channel_claim() */
    int old_lock_fd; /* a lock file that was removed while viewers had leases in it */
    bool is_lost;    /* its files cannot be created again: reported */
    bool is_busy;    /* channel_restore() waits for the viewers of old_lock_fd: reported */
};

#define CHANNEL_PRIVATE ((gid_t)-1)

enum { CHANNEL_PRODUCER = 0, CHANNEL_LANE_0 = 16 }; /* bytes of the lock file */

/* [A-Za-z0-9._-]{1,64}, no leading dot. */
bool channel_name_is_valid(const char *name);

/*
 * As the producer: open a channel; create the runtime directory and the lock file if needed. A
 * shared channel is one that members of `group` may join as well. Its files are in the shared
 * runtime directory of its owner, in which no other user can write, so the directory proves the
 * owner of the channel.
 *
 * Returns 0 and *channel, to be closed with channel_close(), which drops its leases; or a negative
 * errno, logged: -EINVAL for an invalid name, -EPERM if this user is not a member of the group,
 * else from the system.
 */
int channel_open(struct channel *channel, const char *name);
int channel_open_shared(struct channel *channel, const char *name, gid_t group);

/*
 * As a viewer: open a private channel of this user, or the shared one of `owner`. Creates nothing.
 * Returns as channel_open(), or
 *   -ECONNREFUSED   there is no such channel; not logged
 *   -EACCES         this user may not join; logged
 */
int channel_join(struct channel *channel, const char *name);
int channel_join_shared(struct channel *channel, const char *name, uid_t owner);

/* Open the channel `like` again, as a viewer: its lock file may be another one now. */
int channel_join_again(struct channel *channel, const struct channel *like);
void channel_close(struct channel *channel); /* accepts a channel that is not open */

/* Is the lock file at the channel's path still the channel's? */
enum channel_file { CHANNEL_FILE_IN_PLACE, CHANNEL_FILE_REMOVED, CHANNEL_FILE_REPLACED };
enum channel_file channel_check_file(const struct channel *channel);

/*
 * As the producer: take the producer's lease and mark. The mark is in a directory (mark.h), so that
 * it also keeps a second producer away after the lock file was removed. It is in XDG_RUNTIME_DIR,
 * or, if other users could set a mark there, in the runtime directory.
 *
 * Returns 0, or -EAGAIN (another process has one of them), or another negative errno, logged.
 */
int channel_claim(struct channel *channel);

/*
 * As the producer: if the lock file or the runtime directory was removed or replaced, warn and
 * create it again. Viewers that joined through the old lock file keep their leases: the producer
 * also keeps the old file open, and holds the leases of their lanes in the new one. It can keep
 * one old file: if the new one is also removed while viewers use the old one, it waits for these.
 *
 * Never waits. Returns 0, or -EBUSY (viewers still use the old file: call it again; logged once),
 * or another negative errno; such a failure is logged, once, and not tried again.
 */
int channel_restore(struct channel *channel);

/* After channel_restore(): drop the leases of lanes whose viewers have left the old lock file, and
 * close it after the last. */
void channel_release_old_lock(struct channel *channel);

/* Is a producer running on the private channel `name` in this directory? Logs nothing. */
bool channel_is_in(const char *dir, const char *name);

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
