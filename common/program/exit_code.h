/* SPDX-License-Identifier: MIT */
/* How both programs end. The README has the same table. */
#ifndef EXIT_CODE_H
#define EXIT_CODE_H

#include <errno.h>

#include "atomic_file.h"

enum exit_code {
    EXIT_OK = 0,
    EXIT_USAGE = 2,
    EXIT_BUSY = 3, /* the channel has a producer, or no lane is free */
    EXIT_NO_PRODUCER = 4,
    EXIT_REJECTED = 5, /* the segment is foreign, damaged or of another version */
    EXIT_LIMIT = 6,    /* a system limit, or another failure of the system */
    EXIT_PERMISSION = 7,
    EXIT_BAD_INPUT = 8,
    EXIT_OUTPUT_FAILED = 9,
    EXIT_PRODUCER_LOST = 10,
    EXIT_EVICTED = 11,
    EXIT_DISPLAY_LOST = 12,
    EXIT_BROKEN = 13,  /* what must never happen: a torn frame */
    EXIT_SIGNAL = 128, /* + the signal's number */
};

/* What a negative errno of pf_producer_open(), pf_viewer_open() and their kin means to the shell.
 */
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
    case EPIPE: return EXIT_PRODUCER_LOST;
    case ESTALE: return EXIT_EVICTED;
    default: return EXIT_LIMIT; /* ENOSPC, ENOMEM, EMFILE, ...: whatever a system call may say */
    }
}

/* After words on standard output were all there was to do. */
static inline int exit_code_of_stdout(void)
{
    return output_finish_stdout() < 0 ? EXIT_OUTPUT_FAILED : EXIT_OK;
}

#endif
