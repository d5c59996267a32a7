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

/* Our own directory, that nobody else can write to. Anybody may have made it before us in /tmp. */
static int open_runtime_dir(void)
{
    char path[PATH_BYTES];
    struct stat info;

    runtime_path(path);
    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        int ret = -errno;
        log_error(
            "runtime directory %s: cannot make it: %s; set XDG_RUNTIME_DIR to a directory of yours",
            path, strerror(-ret));
        return ret;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        int ret = -errno;
        log_error("runtime directory %s: %s; set XDG_RUNTIME_DIR to a directory of yours", path,
                  strerror(-ret));
        return ret;
    }
    if (fstat(fd, &info) < 0 || info.st_uid != geteuid() || (info.st_mode & 022)) {
        log_error(
            "runtime directory %s: others may write to it; set XDG_RUNTIME_DIR to a directory "
            "of yours",
            path);
        close(fd);
        return -EPERM;
    }
    return fd;
}

static void file_name(char name[FILE_NAME_BYTES], const struct channel *channel, const char *suffix)
{
    snprintf(name, FILE_NAME_BYTES, "%s%s", channel->name, suffix);
}

int channel_open(struct channel *channel, const char *name)
{
    char lock_name[FILE_NAME_BYTES];

    *channel = (struct channel){.dir_fd = -1, .lock_fd = -1};
    if (!channel_name_is_valid(name)) {
        log_error(
            "channel name \"%.80s\": not valid; use 1 to %d of A-Z a-z 0-9 . _ -, not a dot first",
            name, PF_CHANNEL_BYTES - 1);
        return -EINVAL;
    }
    snprintf(channel->name, sizeof channel->name, "%s", name);

    channel->dir_fd = open_runtime_dir();
    if (channel->dir_fd < 0)
        return channel->dir_fd;

    file_name(lock_name, channel, ".lock");
    channel->lock_fd =
        openat(channel->dir_fd, lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (channel->lock_fd < 0) {
        int ret = -errno;
        log_error("channel \"%s\": cannot open its lock file: %s; look at the runtime directory",
                  name, strerror(-ret));
        close(channel->dir_fd);
        return ret;
    }
    remember(channel);
    return 0;
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

    return fcntl(channel->lock_fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* ------------------------------------------------------------------ the id file */

uint64_t channel_ipc_namespace(void)
{
    struct stat info;

    return stat("/proc/self/ns/ipc", &info) == 0 ? info.st_ino : 0;
}

#define ID_FORMAT                                                                                  \
    "pageflip %d\nshmid %d\nnonce %s\nbytes %" PRIu64 "\npid %d\nuid %u\nipc-namespace %" PRIu64   \
    "\n"
#define ID_SCAN                                                                                    \
    "pageflip %d shmid %d nonce %32[0-9a-f] bytes %" SCNu64 " pid %d uid %u ipc-namespace "        \
    "%" SCNu64

int channel_write_id(const struct channel *channel, struct channel_id *id)
{
    char temporary[FILE_NAME_BYTES], final[FILE_NAME_BYTES], text[ID_BYTES];
    char nonce[2 * LAYOUT_NONCE_BYTES + 1];

    id->pid = getpid();
    id->ipc_namespace = channel_ipc_namespace();
    for (int i = 0; i < LAYOUT_NONCE_BYTES; i++)
        snprintf(nonce + 2 * i, 3, "%02x", id->nonce[i]);
    int length = snprintf(text, sizeof text, ID_FORMAT, LAYOUT_VERSION, id->shmid, nonce, id->bytes,
                          (int)id->pid, (unsigned)geteuid(), id->ipc_namespace);

    /* Only the holder of the producer's lease writes here: one temporary name is enough. */
    file_name(temporary, channel, ".id.new");
    file_name(final, channel, ".id");
    int fd = openat(channel->dir_fd, temporary,
                    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        goto failed;
    ssize_t written = write(fd, text, (size_t)length);
    if (written >= 0 && written < length)
        errno = ENOSPC;
    int saved = errno;
    if (close(fd) < 0 || written < length) {
        errno = written < length ? saved : errno;
        goto failed;
    }
    FAULT_POINT(S6);
    if (renameat(channel->dir_fd, temporary, channel->dir_fd, final) == 0)
        return 0;
failed:;
    int ret = -errno;
    log_error("channel \"%s\": cannot write its id file: %s; look at the runtime directory",
              channel->name, strerror(-ret));
    unlinkat(channel->dir_fd, temporary, 0);
    return ret;
}

int channel_read_id(const struct channel *channel, struct channel_id *id)
{
    char name[FILE_NAME_BYTES], text[ID_BYTES], nonce[2 * LAYOUT_NONCE_BYTES + 1];
    int version, pid;
    unsigned uid;

    file_name(name, channel, ".id");
    int fd = openat(channel->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -ENOENT;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0)
        return -ENOENT;
    text[length] = '\0';
    if (sscanf(text, ID_SCAN, &version, &id->shmid, nonce, &id->bytes, &pid, &uid,
               &id->ipc_namespace) != 7 ||
        strlen(nonce) != 2 * LAYOUT_NONCE_BYTES)
        return -ENOENT;
    id->pid = pid;
    for (int i = 0; i < LAYOUT_NONCE_BYTES; i++)
        sscanf(nonce + 2 * i, "%2hhx", &id->nonce[i]);
    return 0;
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
    if (count < 0)
        return errno == ENOENT ? 0 : -errno;

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
    return found ? valid : -ENOMEM;
}
