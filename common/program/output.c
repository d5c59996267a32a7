/* SPDX-License-Identifier: MIT */
/*
 * A signal must not end a write by stdio, which would lose what it has not written yet. So the
 * streams wait in poll() before each write of at most PIPE_BUF bytes, which a pipe that is ready
 * takes without a wait.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/stat.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"
#include "messages.h"
#include "signals.h"

#define POLL_MS 100
#define STALLED_NS NS_PER_S

/* ------------------------------------------------------------------ which file */

/* The descriptor that `path` names, or -1. */
static int descriptor_of(const char *path)
{
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    int64_t fd = -1;

    if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0)
        return STDERR_FILENO;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (strncmp(path, folders[i], strlen(folders[i])) == 0)
            text_to_int(path + strlen(folders[i]), 0, INT32_MAX, &fd);
    return (int)fd;
}

bool output_is_in_place(const char *path)
{
    struct statx info;

    if (!*path || descriptor_of(path) >= 0)
        return true;
    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_UID, &info) < 0)
        return false;
    return !S_ISREG(info.stx_mode) || info.stx_uid != geteuid() ||
           (info.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* Returns 0 or errno. */
static int check_descriptor(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY ? 0 : EBADF;
}

/* Returns 0 or errno. A file that did not exist is removed again. */
static int check_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool is_new = fd >= 0;
    struct stat info;

    if (fd < 0 && errno == EEXIST) {
        is_new = stat(path, &info) < 0; /* a dangling link */
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    }
    if (fd < 0)
        return errno;
    close(fd);
    char *made = is_new ? realpath(path, NULL) : NULL;
    if (made)
        unlink(made);
    free(made);
    return 0;
}

int output_check(const char *path)
{
    int fd = descriptor_of(path), error = 0;
    struct stat info;

    if (fd >= 0)
        error = check_descriptor(fd);
    else if (stat(path, &info) < 0 || S_ISREG(info.st_mode))
        error = check_file(path);
    else if (S_ISDIR(info.st_mode))
        error = EISDIR;
    else if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0)
        error = errno;
    return error ? messages_cannot_write(path, error) : 0;
}

/* ------------------------------------------------------------------ the stream */

static int fd_of(void *cookie)
{
    return (int)(intptr_t)cookie;
}

/* Returns 0, or -EINTR: an exit was requested, and the reader has read nothing for a while. */
static int wait_until_writable(int fd)
{
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    int64_t give_up_ns = 0; /* 0: no exit has been requested */

    if (fcntl(fd, F_GETFL) & O_NONBLOCK)
        return 0; /* a write fails instead of waiting */
    while (poll(&writable, 1, POLL_MS) == 0 || writable.revents == 0) {
        int64_t now_ns = clock_now_ns();
        if (signals_quit() && !give_up_ns)
            give_up_ns = now_ns + STALLED_NS;
        else if (give_up_ns && now_ns >= give_up_ns)
            return -EINTR;
    }
    return 0;
}

/* Returns the number of bytes written; fewer than `bytes`: errno is set. */
static ssize_t write_all(void *cookie, const char *data, size_t bytes)
{
    size_t done = 0;

    while (done < bytes) {
        if (wait_until_writable(fd_of(cookie)) < 0) {
            errno = EINTR;
            break;
        }
        size_t left = bytes - done;
        ssize_t written = write(fd_of(cookie), data + done, left < PIPE_BUF ? left : PIPE_BUF);
        if (written > 0)
            done += (size_t)written;
        else if (written == 0 || errno != EINTR)
            break;
    }
    return (ssize_t)done;
}

static int close_output(void *cookie)
{
    return close(fd_of(cookie));
}

int output_open(FILE **stream, const char *path)
{
    const cookie_io_functions_t functions = {.write = write_all, .close = close_output};
    int named = descriptor_of(path);
    int fd = named < 0 ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)
                       : fcntl(named, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    *stream = fd < 0 ? NULL : fopencookie((void *)(intptr_t)fd, "w", functions);
    if (*stream)
        return 0;
    int error = errno;
    if (fd >= 0)
        close(fd);
    return output_failed(path, error);
}

int output_failed(const char *path, int error)
{
    if (error != EINTR || !signals_quit())
        return messages_cannot_write(path, error);
    log_warning("%s: not written, or not to the end: it has no reader", path);
    return -EINTR;
}
