/* SPDX-License-Identifier: MIT */
/* Errnos in pageflip's terms. An errno with several meanings has one text that covers them. */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "log.h"

static const struct {
    int error;
    const char *text;
} texts[] = {
    {0, "success"},
    {EAGAIN, "not in time"},
    {EINTR, "interrupted by a signal or a wake"},
    {EPIPE, "the producer has exited"},
    {EREMCHG, "the format has changed: reattach"},
    {ESTALE, "the frame is not held or begun, or the viewer was evicted"},
    {EINVAL, "invalid argument"},
    {EBUSY, "in use: the channel, its lanes or the key; or a frame is begun"},
    {EEXIST, "the key belongs to another program"},
    {EOVERFLOW, "the frame is held too often"},
    {ECONNREFUSED, "the channel has no producer"},
    {EPROTO, "not a segment of this version of pageflip, or damaged"},
    {EXDEV, "the producer is in another IPC namespace"},
    {ENOMEM, "not enough memory"},
    {ENOSPC, "a limit of the system for segments, or a full runtime directory"},
    {EMFILE, "too many open files in this process"},
    {ENFILE, "too many open files in the system"},
    {EACCES, "no permission for the channel, its files or its segment"},
    {EPERM, "the runtime directory or the channel belongs to another user"},
    {ENOENT, "XDG_RUNTIME_DIR does not exist"},
    {ENOTDIR, "the runtime directory is not a directory"},
    {ELOOP, "a file of the channel is a symbolic link"},
    {EISDIR, "a file of the channel is a directory"},
    {EROFS, "the runtime directory is read-only"},
};

const char *pf_strerror(int ret)
{
    static THREAD_LOCAL char text[64];
    int error = ret < 0 && ret != INT_MIN ? -ret : ret;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].error == error)
            return texts[i].text;
    return strerror_r(error, text, sizeof text);
}
