/* SPDX-License-Identifier: MIT */
/*
 * Only the leases are authoritative. The id file may be stale because its writer was killed, so a
 * reader also checks the lease, and the nonce in the segment that the id file names.
 */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account.h"
#include "log.h"
#include "runtime_dir.h"

/* ------------------------------------------------------------------ fork */

/* An OFD lock is held as long as any copy of its descriptor is open. A child made by fork() must
 * not keep its parent's leases, so it closes these files directly after the fork. */
static struct channel *open_channels;
static pthread_mutex_t open_channels_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
    pthread_mutex_lock(&open_channels_mutex);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&open_channels_mutex);
}

static void after_fork_in_child(void)
{
    for (struct channel *channel = open_channels; channel; channel = channel->next) {
        close(channel->lock_fd);
        channel->lock_fd = -1;
    }
    pthread_mutex_unlock(&open_channels_mutex);
}

static void register_fork_handlers(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static void add_to_open_channels(struct channel *channel)
{
    pthread_once(&fork_once, register_fork_handlers);
    pthread_mutex_lock(&open_channels_mutex);
    channel->next = open_channels;
    open_channels = channel;
    pthread_mutex_unlock(&open_channels_mutex);
}

static void remove_from_open_channels(struct channel *channel)
{
    pthread_mutex_lock(&open_channels_mutex);
    for (struct channel **link = &open_channels; *link; link = &(*link)->next) {
        if (*link == channel) {
            *link = channel->next;
            break;
        }
    }
    pthread_mutex_unlock(&open_channels_mutex);
}

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
    *channel = (struct channel){.dir_fd = -1, .lock_fd = -1, .group = CHANNEL_PRIVATE};
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
    char path[RUNTIME_DIR_PATH_BYTES];

    return log_failure(error, "channel \"%s\": cannot open its lock file in %s: %s", channel->name,
                       runtime_dir_path(channel->dir_fd, path), strerror(error));
}

/* Returns 0 or a negative errno, not logged. */
static int open_lock_file(struct channel *channel, int flags)
{
    char name[CHANNEL_FILE_NAME_BYTES];

    channel_file_name(channel, ".lock", name);
    channel->lock_fd = openat(channel->dir_fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
    if (channel->lock_fd < 0)
        return -errno;
    add_to_open_channels(channel);
    return 0;
}

/* The last step of opening a private channel. dir_fd is a negative errno if the step before
 * failed. Returns 0 or a negative errno, logged; then dir_fd is closed. */
static int create_lock_file(struct channel *channel)
{
    if (channel->dir_fd < 0)
        return channel->dir_fd;
    int ret = open_lock_file(channel, O_CREAT);
    if (ret < 0) {
        report_lock_file(channel, -ret);
        close(channel->dir_fd);
    }
    return ret;
}

int channel_open(struct channel *channel, const char *name)
{
    int ret = init(channel, name);

    if (ret < 0)
        return ret;
    channel->dir_fd = runtime_dir_open();
    return create_lock_file(channel);
}

int channel_open_shared(struct channel *channel, const char *name, gid_t group)
{
    char group_name[ACCOUNT_NAME_BYTES];
    int ret = init(channel, name);

    if (ret < 0)
        return ret;
    channel->dir_fd = runtime_dir_open_own_shared();
    channel->group = group;
    ret = create_lock_file(channel);
    if (ret < 0)
        return ret;
    ret = channel_share_file(channel, channel->lock_fd, 0660);
    if (ret < 0) {
        log_failure(-ret, "channel \"%s\": cannot share it with group %s: %s", name,
                    account_group_name(group, group_name), strerror(-ret));
        channel_close(channel);
    }
    return ret;
}

static int report_no_access(const struct channel *channel, uid_t owner)
{
    char user[ACCOUNT_NAME_BYTES], group[ACCOUNT_NAME_BYTES], name[CHANNEL_FILE_NAME_BYTES];
    struct stat info = {0};

    channel_file_name(channel, ".lock", name);
    if (fstatat(channel->dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return -ECONNREFUSED;
    /* The producer has created the file and not shared it yet: channel_open_shared(). */
    if (!(info.st_mode & 060))
        return -ECONNREFUSED;
    return log_failure(EACCES,
                       "channel \"%s\" of %s: no permission: it is shared with group %s, mode %04o",
                       channel->name, account_user_name(owner, user),
                       account_group_name(info.st_gid, group), (unsigned)info.st_mode & 07777);
}

int channel_join_shared(struct channel *channel, const char *name, uid_t owner)
{
    int ret = init(channel, name);

    if (ret < 0)
        return ret;
    channel->dir_fd = runtime_dir_open_shared(owner);
    if (channel->dir_fd < 0)
        return channel->dir_fd;
    ret = open_lock_file(channel, 0);
    if (ret == 0)
        return 0;
    if (ret == -ENOENT)
        ret = -ECONNREFUSED;
    else if (ret == -EACCES)
        ret = report_no_access(channel, owner);
    else
        report_lock_file(channel, -ret);
    close(channel->dir_fd);
    return ret;
}

void channel_close(struct channel *channel)
{
    if (channel->lock_fd < 0)
        return;
    remove_from_open_channels(channel);
    close(channel->lock_fd);
    close(channel->dir_fd);
    channel->lock_fd = channel->dir_fd = -1;
}

/* ------------------------------------------------------------------ leases */

static struct flock lock_of_byte(short type, int byte)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
}

int channel_lease(struct channel *channel, int byte)
{
    struct flock lock = lock_of_byte(F_WRLCK, byte);

    if (fcntl(channel->lock_fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    if (errno == EAGAIN || errno == EACCES)
        return -EAGAIN;
    return log_failure(errno,
                       "channel \"%s\": cannot lock byte %d of its lock file: %s; the runtime "
                       "directory must be on a local file system",
                       channel->name, byte, strerror(errno));
}

void channel_unlease(struct channel *channel, int byte)
{
    struct flock lock = lock_of_byte(F_UNLCK, byte);

    fcntl(channel->lock_fd, F_OFD_SETLK, &lock);
}

bool channel_is_leased(const struct channel *channel, int byte)
{
    struct flock lock = lock_of_byte(F_WRLCK, byte);

    /* On error assume that the lease is held; never report a process as crashed. */
    return fcntl(channel->lock_fd, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}
