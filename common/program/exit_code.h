/* SPDX-License-Identifier: MIT */
/* The exit codes of both programs. The man pages have the same table. */
#ifndef PROGRAM_EXIT_CODE_H
#define PROGRAM_EXIT_CODE_H

#include <errno.h>

#include "signals.h"
#include "standard_files.h"

enum exit_code {
    EXIT_OK = 0,
    EXIT_USAGE = 2,
    EXIT_BUSY = 3, /* the channel has a producer, or no lane is free */
    EXIT_NO_PRODUCER = 4,
    EXIT_REJECTED = 5, /* the segment is of another program, damaged or of another version */
    EXIT_LIMIT = 6,    /* a system limit, or another failure of the system */
    EXIT_PERMISSION = 7,
    EXIT_BAD_INPUT = 8,
    EXIT_OUTPUT_FAILED = 9,
    EXIT_PRODUCER_CRASHED = 10,
    EXIT_EVICTED = 11,
    EXIT_DISPLAY_LOST = 12,
    EXIT_BROKEN = 13,  /* a torn frame, which must never happen */
    EXIT_SIGNAL = 128, /* + the signal's number */
};

/* The exit code for a negative errno of the library or of a source or presenter. */
static inline int exit_code_of(int error)
{
    switch (-error) {
    case 0: return EXIT_OK;
    case EINVAL: return EXIT_USAGE;
    case EBUSY: return EXIT_BUSY;
    case ECONNREFUSED:
    case EXDEV: return EXIT_NO_PRODUCER;
    case EPROTO:
    case EEXIST: return EXIT_REJECTED;
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOTDIR:
    case ELOOP:
    case ENOENT: return EXIT_PERMISSION;
    case EBADMSG: return EXIT_BAD_INPUT;
    case EPIPE: return EXIT_PRODUCER_CRASHED;
    case ESTALE: return EXIT_EVICTED;
    default: return EXIT_LIMIT; /* ENOSPC, ENOMEM, EMFILE, ... */
    }
}

/* The exit code after a failure to write a file. A request to exit that ended the wait for its
 * reader is no failure. */
static inline int exit_code_of_output(int error)
{
    return error == -EINTR && signals_quit() ? EXIT_SIGNAL + signals_quit() : EXIT_OUTPUT_FAILED;
}

/* The exit code of an action that only prints on standard output: --help, for example. */
static inline int exit_code_of_stdout(void)
{
    int ret = standard_files_flush_output();

    return ret < 0 ? exit_code_of_output(ret) : EXIT_OK;
}

#endif
