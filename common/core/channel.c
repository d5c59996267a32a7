/* SPDX-License-Identifier: MIT */
/*
 * Rendezvous: how two programs that know one name find each other, and how each knows that the
 * other lives.
 *
 * Truth is in the leases alone. The id file may be stale (its writer was killed), so whoever reads
 * it checks the lease, and the nonce in the segment that it leads to.
 */
#include "channel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account.h"
#include "fault.h"
#include "log.h"

enum { FILE_NAME_BYTES = PF_CHANNEL_BYTES + 32, PATH_BYTES = 256, ID_BYTES = 512 };

/* ------------------------------------------------------------------ fork */

/* An OFD lock lives as long as any copy of its file. A child made by fork() must not keep its
 * parent's leases alive, so it closes their files at once. */
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

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static void remember(struct channel *channel)
{
    pthread_once(&fork_once, watch_forks);
    pthread_mutex_lock(&open_channels_mutex);
    channel->next = open_channels;
    open_channels = channel;
    pthread_mutex_unlock(&open_channels_mutex);
}

static void forget(struct channel *channel)
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

/* ------------------------------------------------------------------ files */

bool channel_name_is_valid(const char *name)
{
    size_t length = strlen(name);

    return length >= 1 && length < PF_CHANNEL_BYTES && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               length;
}

static void runtime_path(char path[PATH_BYTES])
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    if (runtime && runtime[0] == '/' && strlen(runtime) + sizeof "/pageflip" <= PATH_BYTES)
        snprintf(path, PATH_BYTES, "%s/pageflip", runtime);
    else
        snprintf(path, PATH_BYTES, "/tmp/pageflip-%u", (unsigned)geteuid());
}

/* The owner's directory, that nobody else can write to. Anybody may have made it before, in /tmp.
 */
static int open_dir(const char *path, uid_t owner, const char *what_to_do)
{
    struct stat info;
    /* O_PATH: to look up names in another user's it takes no right to read it */
    int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        int ret = -errno;
        log_error("runtime directory %s: %s; %s", path, strerror(-ret), what_to_do);
        return ret;
    }
    if (fstat(fd, &info) < 0 || info.st_uid != owner || (info.st_mode & 022)) {
        char name[ACCOUNT_NAME_BYTES];
        log_error("runtime directory %s: others may write to it: it belongs to %s, mode %04o; %s",
                  path, account_user_name(info.st_uid, name), (unsigned)info.st_mode & 07777,
                  what_to_do);
        close(fd);
        return -EPERM;
    }
    return fd;
}

static int make_dir(const char *path, mode_t mode, const char *what_to_do)
{
    if (mkdir(path, mode) < 0 && errno != EEXIST) {
        int ret = -errno;
        log_error("runtime directory %s: cannot make it: %s; %s", path, strerror(-ret), what_to_do);
        return ret;
    }
    return open_dir(path, geteuid(), what_to_do);
}

/* For people: where the channel's files are. */
static char *dir_path(const struct channel *channel, char path[PATH_BYTES])
{
    char link[64];

    snprintf(link, sizeof link, "/proc/self/fd/%d", channel->dir_fd);
    ssize_t length = readlink(link, path, PATH_BYTES - 1);
    if (length < 0)
        length = snprintf(path, PATH_BYTES, "the runtime directory");
    path[length] = '\0';
    return path;
}

static void file_name(char name[FILE_NAME_BYTES], const struct channel *channel, const char *suffix)
{
    snprintf(name, FILE_NAME_BYTES, "%s%s", channel->name, suffix);
}

static int start(struct channel *channel, const char *name)
{
    *channel = (struct channel){.dir_fd = -1, .lock_fd = -1, .group = CHANNEL_PRIVATE};
    if (!channel_name_is_valid(name)) {
        log_error(
            "channel name \"%.80s\": not valid; use 1 to %d of A-Z a-z 0-9 . _ -, not a dot first",
            name, PF_CHANNEL_BYTES - 1);
        return -EINVAL;
    }
    snprintf(channel->name, sizeof channel->name, "%s", name);
    return 0;
}

/* The last step of each way to open a channel. */
static int open_lock(struct channel *channel)
{
    char lock_name[FILE_NAME_BYTES], path[PATH_BYTES];

    if (channel->dir_fd < 0)
        return channel->dir_fd;
    file_name(lock_name, channel, ".lock");
    channel->lock_fd =
        openat(channel->dir_fd, lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (channel->lock_fd < 0) {
        int ret = -errno;
        log_error("channel \"%s\": cannot open its lock file: %s; look at %s", channel->name,
                  strerror(-ret), dir_path(channel, path));
        close(channel->dir_fd);
        return ret;
    }
    remember(channel);
    return 0;
}

int channel_open(struct channel *channel, const char *name)
{
    char path[PATH_BYTES];
    int ret = start(channel, name);

    if (ret < 0)
        return ret;
    runtime_path(path);
    channel->dir_fd = make_dir(path, 0700, "set XDG_RUNTIME_DIR to a directory of yours");
    return open_lock(channel);
}

void channel_close(struct channel *channel)
{
    if (channel->lock_fd < 0)
        return;
    forget(channel);
    close(channel->lock_fd);
    close(channel->dir_fd);
    channel->lock_fd = channel->dir_fd = -1;
}

/* ------------------------------------------------------------------ for other users */

/* Not below XDG_RUNTIME_DIR, which is closed to everybody else. */
static void shared_path(char path[PATH_BYTES], uid_t owner)
{
    snprintf(path, PATH_BYTES, "/tmp/pageflip-%u-shared", (unsigned)owner);
}

/* Whoever made it chose the mode with our umask: say it once more. */
static int give_to_group(int fd, gid_t group, mode_t mode)
{
    return fchown(fd, (uid_t)-1, group) < 0 || fchmod(fd, mode) < 0 ? -errno : 0;
}

int channel_open_shared(struct channel *channel, const char *name, gid_t group)
{
    char path[PATH_BYTES], group_name[ACCOUNT_NAME_BYTES];
    int ret = start(channel, name);

    if (ret < 0)
        return ret;
    shared_path(path, geteuid());
    channel->dir_fd = make_dir(path, 0711, "remove it, or ask its owner to");
    channel->group = group;
    ret = open_lock(channel);
    if (ret < 0)
        return ret;
    /* To find by name, not to list. A descriptor of O_PATH cannot be given to fchmod(). */
    ret = chmod(path, 0711) < 0 ? -errno : give_to_group(channel->lock_fd, group, 0660);
    if (ret < 0) {
        log_error("channel \"%s\": cannot share it with group %s: %s; take a group of this user's",
                  name, account_group_name(group, group_name), strerror(-ret));
        channel_close(channel);
    }
    return ret;
}

static int explain_no_access(const struct channel *channel, const char *lock_name, uid_t owner)
{
    char user[ACCOUNT_NAME_BYTES], group[ACCOUNT_NAME_BYTES];
    struct stat info = {0};

    if (fstatat(channel->dir_fd, lock_name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return -ECONNREFUSED;
    log_error("channel \"%s\" of %s: no permission: it is shared with group %s, mode %04o; run the "
              "viewer as a member of it",
              channel->name, account_user_name(owner, user), account_group_name(info.st_gid, group),
              (unsigned)info.st_mode & 07777);
    return -EACCES;
}

int channel_join_shared(struct channel *channel, const char *name, uid_t owner)
{
    char path[PATH_BYTES], lock_name[FILE_NAME_BYTES];
    int ret = start(channel, name);

    if (ret < 0)
        return ret;
    shared_path(path, owner);
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return -ECONNREFUSED;
    channel->dir_fd = open_dir(path, owner, "ask that user for a directory that is theirs alone");
    if (channel->dir_fd < 0)
        return channel->dir_fd;
    file_name(lock_name, channel, ".lock");
    channel->lock_fd = openat(channel->dir_fd, lock_name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (channel->lock_fd < 0) {
        ret = errno == ENOENT   ? -ECONNREFUSED
              : errno == EACCES ? explain_no_access(channel, lock_name, owner)
                                : -errno;
        if (ret != -ECONNREFUSED && ret != -EACCES)
            log_error("channel \"%s\": cannot open its lock file: %s; look at %s", name,
                      strerror(-ret), path);
        close(channel->dir_fd);
        return ret;
    }
    remember(channel);
    return 0;
}

/* ------------------------------------------------------------------ leases */

static struct flock lock_of(short type, int byte)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
}

int channel_lease(struct channel *channel, int byte)
{
    struct flock lock = lock_of(F_WRLCK, byte);

    if (fcntl(channel->lock_fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    if (errno == EAGAIN || errno == EACCES)
        return -EAGAIN;
    int ret = -errno;
    log_error(
        "channel \"%s\": cannot lock byte %d: %s; is the runtime directory on a local file system?",
        channel->name, byte, strerror(-ret));
    return ret;
}

void channel_unlease(struct channel *channel, int byte)
{
    struct flock lock = lock_of(F_UNLCK, byte);

    fcntl(channel->lock_fd, F_OFD_SETLK, &lock);
}

bool channel_is_leased(const struct channel *channel, int byte)
{
    struct flock lock = lock_of(F_WRLCK, byte);

    /* No answer is not a no: nobody is called dead for it. */
    return fcntl(channel->lock_fd, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

/* ------------------------------------------------------------------ the id file */

uint64_t channel_ipc_namespace(void)
{
    struct stat info;

    return stat("/proc/self/ns/ipc", &info) == 0 ? info.st_ino : 0;
}

#define ID_FORMAT                                                                                  \
    "pageflip %d\nshmid %d\nnonce %s\nbytes %" PRIu64 "\npid %d\nuid %u\n"                         \
    "ipc-namespace %" PRIu64 "\n"
#define ID_SCAN                                                                                    \
    "pageflip %d shmid %d nonce %32[0-9a-f] bytes %" SCNu64 " pid %d uid %u "                      \
    "ipc-namespace %" SCNu64

enum { HEX_BYTES = 2 * LAYOUT_NONCE_BYTES + 1 };

static void to_hex(char hex[HEX_BYTES], const uint8_t nonce[LAYOUT_NONCE_BYTES])
{
    for (int i = 0; i < LAYOUT_NONCE_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", nonce[i]);
}

static bool from_hex(uint8_t nonce[LAYOUT_NONCE_BYTES], const char *hex)
{
    if (strlen(hex) != HEX_BYTES - 1)
        return false;
    for (int i = 0; i < LAYOUT_NONCE_BYTES; i++)
        sscanf(hex + 2 * i, "%2hhx", &nonce[i]);
    return true;
}

int channel_write_id(const struct channel *channel, struct channel_id *id)
{
    char temporary[FILE_NAME_BYTES], final[FILE_NAME_BYTES], text[ID_BYTES];
    char nonce[HEX_BYTES], path[PATH_BYTES];
    int saved;

    id->pid = getpid();
    id->ipc_namespace = channel_ipc_namespace();
    to_hex(nonce, id->nonce);
    int length = snprintf(text, sizeof text, ID_FORMAT, LAYOUT_VERSION, id->shmid, nonce, id->bytes,
                          (int)id->pid, (unsigned)geteuid(), id->ipc_namespace);

    /* Only the holder of the producer's lease writes here: one temporary name is enough. */
    file_name(temporary, channel, ".id.new");
    file_name(final, channel, ".id");
    int fd = openat(channel->dir_fd, temporary,
                    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        goto failed;
    if (channel->group != CHANNEL_PRIVATE && give_to_group(fd, channel->group, 0640) < 0) {
        saved = errno;
        close(fd);
        errno = saved;
        goto failed;
    }
    ssize_t written = write(fd, text, (size_t)length);
    if (written >= 0 && written < length)
        errno = ENOSPC;
    saved = errno;
    if (close(fd) < 0 || written < length) {
        errno = written < length ? saved : errno;
        goto failed;
    }
    FAULT_POINT(start_wrote_id);
    if (renameat(channel->dir_fd, temporary, channel->dir_fd, final) == 0)
        return 0;
failed:;
    int ret = -errno;
    log_error("channel \"%s\": cannot write its id file: %s; look at %s", channel->name,
              strerror(-ret), dir_path(channel, path));
    unlinkat(channel->dir_fd, temporary, 0);
    return ret;
}

bool channel_parse_id(const char *text, struct channel_id *id)
{
    char nonce[HEX_BYTES];
    int version, pid;
    unsigned uid;

    if (sscanf(text, ID_SCAN, &version, &id->shmid, nonce, &id->bytes, &pid, &uid,
               &id->ipc_namespace) != 7)
        return false;
    id->pid = pid;
    return from_hex(id->nonce, nonce);
}

int channel_read_id(const struct channel *channel, struct channel_id *id)
{
    char name[FILE_NAME_BYTES], text[ID_BYTES];

    file_name(name, channel, ".id");
    int fd = openat(channel->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -ENOENT;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0)
        return -ENOENT;
    text[length] = '\0';
    return channel_parse_id(text, id) ? 0 : -ENOENT;
}

void channel_remove_id(const struct channel *channel)
{
    char name[FILE_NAME_BYTES];

    file_name(name, channel, ".id");
    unlinkat(channel->dir_fd, name, 0);
}

/* ------------------------------------------------------------------ all channels */

static int is_lock_file(const struct dirent *entry)
{
    const char *suffix = strrchr(entry->d_name, '.');

    return suffix && strcmp(suffix, ".lock") == 0;
}

int channel_names(char ***names)
{
    char path[PATH_BYTES];
    struct dirent **entries;

    *names = NULL;
    runtime_path(path);
    int count = scandir(path, &entries, is_lock_file, alphasort);
    if (count < 0 && errno == ENOENT)
        return 0;
    if (count < 0) {
        int ret = -errno;
        log_error("runtime directory %s: cannot read it: %s; set XDG_RUNTIME_DIR to a directory of "
                  "yours",
                  path, strerror(-ret));
        return ret;
    }

    char **found = calloc((size_t)count + 1, sizeof *found);
    int valid = 0;
    for (int i = 0; i < count; i++) {
        char *name = strndup(entries[i]->d_name, strlen(entries[i]->d_name) - strlen(".lock"));
        if (found && name && channel_name_is_valid(name))
            found[valid++] = name;
        else
            free(name);
        free(entries[i]);
    }
    free(entries);
    *names = found;
    return found ? valid : log_out_of_memory("list of channels");
}
