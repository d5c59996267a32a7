/* SPDX-License-Identifier: MIT */
/*
 * For a viewer, only the leases are authoritative. The id file may be stale because its writer was
 * killed, so a reader also checks the lease, and the nonce in the segment that the id file names.
 * Between two producers, the lease decides as long as the lock file exists, else the mark.
 */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account.h"
#include "clock.h"
#include "held_fd.h"
#include "log.h"
#include "mark.h"

/* How long a mark of a process that exits may outlive its lease: the kernel closes its files in any
 * order. */
#define MARK_WAIT_NS NS_PER_S
#define MARK_POLL_NS (5 * NS_PER_MS)

/* ------------------------------------------------------------------ open, close */

bool channel_name_is_valid(const char *name)
{
    size_t length = strlen(name);

    return length >= 1 && length < PF_CHANNEL_BYTES && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               length;
}

void channel_file_name(const struct channel *channel, const char *suffix,
                       char name[CHANNEL_FILE_NAME_BYTES])
{
    snprintf(name, CHANNEL_FILE_NAME_BYTES, "%s%s", channel->name, suffix);
}

int channel_share_file(const struct channel *channel, int fd, mode_t mode)
{
    if (channel->group == CHANNEL_PRIVATE)
        return 0;
    /* open() applied the umask to the mode: set it again. */
    return fchown(fd, (uid_t)-1, channel->group) < 0 || fchmod(fd, mode) < 0 ? -errno : 0;
}

static int init(struct channel *channel, const char *name)
{
    *channel = (struct channel){.owner = geteuid(),
                                .group = CHANNEL_PRIVATE,
                                .dir_fd = -1,
                                .lock_fd = -1,
                                .mark_fd = -1,
                                .old_lock_fd = -1};
    if (!channel_name_is_valid(name))
        return log_failure(EINVAL,
                           "channel name \"%.80s\": not valid; use 1 to %d of A-Z a-z 0-9 . _ -, "
                           "no leading dot",
                           name, PF_CHANNEL_BYTES - 1);
    snprintf(channel->name, sizeof channel->name, "%s", name);
    return 0;
}

static int report_lock_file(const struct channel *channel, int error)
{
    return log_failure(error, "channel \"%s\": cannot open its lock file in %s: %s", channel->name,
                       channel->dir, strerror(error));
}

/* Open the file NAME`suffix` as the lock file; if `creates`, create and share it if needed. Returns
 * 0 or a negative errno, not logged. */
static int open_lock_file(struct channel *channel, const char *suffix, bool creates)
{
    char name[CHANNEL_FILE_NAME_BYTES];

    channel_file_name(channel, suffix, name);
    int fd =
        held_fd_open(channel->dir_fd, name, O_RDWR | O_NOFOLLOW | (creates ? O_CREAT : 0), 0600);
    if (fd < 0)
        return fd;
    int ret = creates ? channel_share_file(channel, fd, 0660) : 0;
    if (ret < 0)
        held_fd_close(fd);
    else
        channel->lock_fd = fd;
    return ret;
}

static int create_dir(const struct channel *channel)
{
    return runtime_dir_create(channel->dir, channel->group == CHANNEL_PRIVATE ? 0700 : 0711);
}

static int open_as_producer(struct channel *channel)
{
    char group[ACCOUNT_NAME_BYTES];

    channel->dir_fd = create_dir(channel);
    if (channel->dir_fd < 0)
        return channel->dir_fd;
    int ret = open_lock_file(channel, ".lock", true);
    if (ret == 0)
        return 0;
    if (ret == -EPERM && channel->group != CHANNEL_PRIVATE)
        log_failure(EPERM, "channel \"%s\": cannot share it with group %s: %s", channel->name,
                    account_group_name(channel->group, group), strerror(EPERM));
    else
        report_lock_file(channel, -ret);
    held_fd_close(channel->dir_fd);
    return ret;
}

int channel_open(struct channel *channel, const char *name)
{
    int ret = init(channel, name);

    runtime_dir_private_path(channel->dir);
    return ret < 0 ? ret : open_as_producer(channel);
}

int channel_open_shared(struct channel *channel, const char *name, gid_t group)
{
    int ret = init(channel, name);

    runtime_dir_shared_path(channel->dir, channel->owner);
    channel->group = group;
    return ret < 0 ? ret : open_as_producer(channel);
}

static int report_no_access(const struct channel *channel)
{
    char user[ACCOUNT_NAME_BYTES], group[ACCOUNT_NAME_BYTES], name[CHANNEL_FILE_NAME_BYTES];
    struct stat info = {0};

    channel_file_name(channel, ".lock", name);
    if (fstatat(channel->dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return -ECONNREFUSED;
    /* The producer has created the file and not shared it yet: open_lock_file(). */
    if (!(info.st_mode & 060))
        return -ECONNREFUSED;
    return log_failure(EACCES,
                       "channel \"%s\" of %s: no permission: it is shared with group %s, mode %04o",
                       channel->name, account_user_name(channel->owner, user),
                       account_group_name(info.st_gid, group), (unsigned)info.st_mode & 07777);
}

static int open_as_viewer(struct channel *channel)
{
    channel->dir_fd = runtime_dir_open(channel->dir, channel->owner);
    if (channel->dir_fd < 0)
        return channel->dir_fd;
    int ret = open_lock_file(channel, ".lock", false);
    if (ret == 0)
        return 0;
    if (ret == -ENOENT)
        ret = -ECONNREFUSED;
    else if (ret == -EACCES)
        ret = report_no_access(channel);
    else
        report_lock_file(channel, -ret);
    held_fd_close(channel->dir_fd);
    return ret;
}

int channel_join(struct channel *channel, const char *name)
{
    int ret = init(channel, name);

    runtime_dir_private_path(channel->dir);
    return ret < 0 ? ret : open_as_viewer(channel);
}

int channel_join_shared(struct channel *channel, const char *name, uid_t owner)
{
    int ret = init(channel, name);

    runtime_dir_shared_path(channel->dir, owner);
    channel->owner = owner;
    return ret < 0 ? ret : open_as_viewer(channel);
}

int channel_join_again(struct channel *channel, const struct channel *like)
{
    *channel = *like;
    return open_as_viewer(channel);
}

void channel_close(struct channel *channel)
{
    if (channel->lock_fd < 0)
        return;
    held_fd_close(channel->old_lock_fd);
    held_fd_close(channel->lock_fd);
    /* After the lease: the next producer waits for a mark, but not for a lease. */
    held_fd_close(channel->mark_fd);
    held_fd_close(channel->dir_fd);
    channel->lock_fd = channel->dir_fd = channel->mark_fd = channel->old_lock_fd = -1;
}

enum channel_file channel_check_file(const struct channel *channel)
{
    char path[RUNTIME_DIR_PATH_BYTES + CHANNEL_FILE_NAME_BYTES];
    struct stat found, own;

    /* By its path: the directory may have been removed as well. */
    snprintf(path, sizeof path, "%s/%s.lock", channel->dir, channel->name);
    if (lstat(path, &found) < 0)
        return errno == ENOENT ? CHANNEL_FILE_REMOVED : CHANNEL_FILE_IN_PLACE;
    if (fstat(channel->lock_fd, &own) < 0)
        return CHANNEL_FILE_IN_PLACE;
    return found.st_dev == own.st_dev && found.st_ino == own.st_ino ? CHANNEL_FILE_IN_PLACE
                                                                    : CHANNEL_FILE_REPLACED;
}

/* ------------------------------------------------------------------ leases */

/* Returns 0 or -1 and errno, as fcntl(). */
static int lock_byte(int fd, int command, short type, int byte, struct flock *lock)
{
    *lock = (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(fd, command, lock);
}

static int lease_in(const struct channel *channel, int fd, int byte)
{
    struct flock lock;

    if (lock_byte(fd, F_OFD_SETLK, F_WRLCK, byte, &lock) == 0)
        return 0;
    if (errno == EAGAIN || errno == EACCES)
        return -EAGAIN;
    return log_failure(errno,
                       "channel \"%s\": cannot lock byte %d of its lock file: %s; the runtime "
                       "directory must be on a local file system",
                       channel->name, byte, strerror(errno));
}

static void unlease_in(int fd, int byte)
{
    struct flock lock;

    lock_byte(fd, F_OFD_SETLK, F_UNLCK, byte, &lock);
}

static bool is_leased_in(int fd, int byte)
{
    struct flock lock;

    /* On error assume that the lease is held; never report a process as crashed. */
    return lock_byte(fd, F_OFD_GETLK, F_WRLCK, byte, &lock) < 0 || lock.l_type != F_UNLCK;
}

int channel_lease(struct channel *channel, int byte)
{
    bool has_old = channel->old_lock_fd >= 0;
    int ret = has_old ? lease_in(channel, channel->old_lock_fd, byte) : 0;

    if (ret < 0)
        return ret;
    ret = lease_in(channel, channel->lock_fd, byte);
    if (ret < 0 && has_old)
        unlease_in(channel->old_lock_fd, byte);
    return ret;
}

void channel_unlease(struct channel *channel, int byte)
{
    if (channel->old_lock_fd >= 0)
        unlease_in(channel->old_lock_fd, byte);
    unlease_in(channel->lock_fd, byte);
}

bool channel_is_leased(const struct channel *channel, int byte)
{
    return is_leased_in(channel->lock_fd, byte) ||
           (channel->old_lock_fd >= 0 && is_leased_in(channel->old_lock_fd, byte));
}

bool channel_is_in(const char *dir, const char *name)
{
    char path[RUNTIME_DIR_PATH_BYTES + CHANNEL_FILE_NAME_BYTES];
    struct stat info;
    struct flock lock;

    snprintf(path, sizeof path, "%s/%s.lock", dir, name);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool is_leased = fstat(fd, &info) == 0 && info.st_uid == geteuid() &&
                     lock_byte(fd, F_OFD_GETLK, F_WRLCK, CHANNEL_PRODUCER, &lock) == 0 &&
                     lock.l_type != F_UNLCK;
    close(fd);
    return is_leased;
}

/* ------------------------------------------------------------------ the producer's mark */

/* Open the directory that contains the mark. Returns a descriptor, or a negative errno, logged. */
static int open_mark_dir(const struct channel *channel)
{
    struct stat info;
    int fd = held_fd_open(channel->dir_fd, "..", O_RDONLY | O_DIRECTORY, 0);

    /* Only processes of this user can read a runtime directory, but all can read /tmp. */
    if (fd >= 0 && fstat(fd, &info) == 0 && info.st_uid == geteuid() && !(info.st_mode & 022))
        return fd;
    held_fd_close(fd);
    fd = held_fd_open(channel->dir_fd, ".", O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        log_failure(-fd, "channel \"%s\": cannot open %s: %s", channel->name, channel->dir,
                    strerror(-fd));
    return fd;
}

static off_t own_mark_byte(const struct channel *channel)
{
    return mark_byte("producer", channel->dir, channel->name);
}

/* Wait for the mark of a producer that exits. Returns 0, or -EAGAIN: another producer runs. */
static int wait_for_other_mark(const struct channel *channel, int fd)
{
    int64_t deadline_ns = clock_now_ns() + MARK_WAIT_NS;
    struct timespec pause = clock_timespec(MARK_POLL_NS);

    while (mark_is_set(fd, own_mark_byte(channel))) {
        if (channel_is_leased(channel, CHANNEL_PRODUCER) || clock_now_ns() >= deadline_ns)
            return -EAGAIN;
        nanosleep(&pause, NULL);
    }
    return 0;
}

/* Set the mark in the directory `fd`. Returns 0, or -EAGAIN (another process has it), or another
 * negative errno, logged. On failure `fd` is closed. Never waits. */
static int set_mark(struct channel *channel, int fd)
{
    int ret = mark_set(fd, own_mark_byte(channel));

    if (ret < 0)
        log_failure(-ret, "channel \"%s\": cannot lock a byte of its directory %s: %s",
                    channel->name, channel->dir, strerror(-ret));
    else if (mark_is_set(fd, own_mark_byte(channel)))
        ret = -EAGAIN;
    if (ret < 0)
        held_fd_close(fd);
    else
        channel->mark_fd = fd;
    return ret;
}

int channel_claim(struct channel *channel)
{
    int fd = open_mark_dir(channel);

    if (fd < 0)
        return fd;
    int ret = wait_for_other_mark(channel, fd);
    /* Not before: for a viewer, the id file belongs to the holder of this lease. */
    if (ret == 0)
        ret = channel_lease(channel, CHANNEL_PRODUCER);
    if (ret < 0) {
        held_fd_close(fd);
        return ret;
    }
    ret = set_mark(channel, fd);
    /* The lock file may have been removed after it was opened. */
    return ret < 0 ? ret : channel_restore(channel);
}

/* ------------------------------------------------------------------ removed files */

void channel_release_old_lock(struct channel *channel)
{
    bool is_used = false;

    if (channel->old_lock_fd < 0)
        return;
    for (int byte = CHANNEL_LANE_0; byte < CHANNEL_LANE_0 + PF_VIEWERS_MAX; byte++) {
        if (is_leased_in(channel->old_lock_fd, byte))
            is_used = true;
        else
            unlease_in(channel->lock_fd, byte);
    }
    if (!is_used) {
        held_fd_close(channel->old_lock_fd);
        channel->old_lock_fd = -1;
    }
}

/* In the new lock file, take the producer's lease and those of the lanes that viewers have in the
 * old one. */
static int take_over_leases(const struct channel *old, const struct channel *new)
{
    int ret = lease_in(new, new->lock_fd, CHANNEL_PRODUCER);

    for (int byte = CHANNEL_LANE_0; ret == 0 && byte < CHANNEL_LANE_0 + PF_VIEWERS_MAX; byte++)
        if (is_leased_in(old->lock_fd, byte))
            ret = lease_in(new, new->lock_fd, byte);
    return ret;
}

static bool is_same_file(int fd, int other_fd)
{
    struct stat a, b;

    return fstat(fd, &a) == 0 && fstat(other_fd, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* Set the mark for `new` unless that of `old` is in the same directory. Returns as set_mark(). */
static int set_mark_again(const struct channel *old, struct channel *new)
{
    int fd = open_mark_dir(new);

    if (fd < 0 || !is_same_file(fd, old->mark_fd))
        return fd < 0 ? fd : set_mark(new, fd);
    held_fd_close(fd);
    return 0;
}

/* Create a lock file with all leases under another name, then rename it, so that no viewer can take
 * a lane in between. Returns 0 or a negative errno, logged. */
static int create_lock_file_again(const struct channel *old, struct channel *new)
{
    char temporary[CHANNEL_FILE_NAME_BYTES], final[CHANNEL_FILE_NAME_BYTES];

    channel_file_name(new, ".lock.new", temporary);
    channel_file_name(new, ".lock", final);
    unlinkat(new->dir_fd, temporary, 0);
    int ret = open_lock_file(new, ".lock.new", true);
    if (ret < 0)
        return report_lock_file(new, -ret);
    ret = take_over_leases(old, new);
    if (ret == 0 && renameat(new->dir_fd, temporary, new->dir_fd, final) < 0)
        ret = report_lock_file(new, errno);
    if (ret < 0) {
        held_fd_close(new->lock_fd);
        unlinkat(new->dir_fd, temporary, 0);
    }
    return ret;
}

static int create_files_again(struct channel *channel)
{
    struct channel new = *channel;

    new.mark_fd = -1;
    new.dir_fd = create_dir(channel);
    if (new.dir_fd < 0)
        return new.dir_fd;
    int ret = set_mark_again(channel, &new);
    if (ret == 0)
        ret = create_lock_file_again(channel, &new);
    if (ret < 0) {
        held_fd_close(new.mark_fd);
        held_fd_close(new.dir_fd);
        return ret;
    }
    held_fd_close(channel->dir_fd);
    if (new.mark_fd < 0)
        new.mark_fd = channel->mark_fd;
    else
        held_fd_close(channel->mark_fd);
    new.old_lock_fd = channel->lock_fd;
    *channel = new;
    channel_release_old_lock(channel);
    return 0;
}

int channel_restore(struct channel *channel)
{
    channel_release_old_lock(channel);
    if (channel->is_lost)
        return -ENOENT;
    if (channel_check_file(channel) == CHANNEL_FILE_IN_PLACE)
        return 0;
    if (channel->old_lock_fd >= 0) {
        if (!channel->is_busy)
            log_warning(
                "channel \"%s\": its lock file in %s was removed or replaced again; no viewer "
                "can join until those that use the first one have left",
                channel->name, channel->dir);
        channel->is_busy = true;
        return -EBUSY;
    }
    channel->is_busy = false;
    int ret = create_files_again(channel);
    if (ret == 0) {
        log_warning("channel \"%s\": its lock file in %s was removed or replaced, and has been "
                    "created again",
                    channel->name, channel->dir);
        return 0;
    }
    channel->is_lost = true;
    log_warning("channel \"%s\": its lock file in %s was removed or replaced%s; no viewer can join "
                "any more",
                channel->name, channel->dir,
                ret == -EAGAIN ? ", and another producer uses the channel now" : "");
    return ret;
}
