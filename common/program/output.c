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
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "messages.h"
#include "signals.h"

#define POLL_MS 100
#define STALLED_NS NS_PER_S

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
    int fd = strcmp(path, "-") == 0 ? dup(STDOUT_FILENO)
                                    : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    *stream = fd < 0 ? NULL : fopencookie((void *)(intptr_t)fd, "w", functions);
    if (*stream)
        return 0;
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (error != EINTR || !signals_quit())
        return messages_cannot_write(path, error);
    log_warning("%s: not written: it has no reader", path);
    return -EINTR;
}
