/* SPDX-License-Identifier: MIT */
/*
 * Messages from one process to another. The ways take turns, one message each, so that other work
 * on the machine affects all of them. One direction is measured: from directly before send() until
 * receive() has returned.
 */
#ifndef TESTS_BENCH_PING_H
#define TESTS_BENCH_PING_H

#include <stdbool.h>
#include <stdint.h>

#include "pageflip.h"

/* The content of a message: the size of a frame, and private memory for a frame in each process. */
struct ping_frame {
    struct pf_format format;
    size_t bytes;
    uint8_t *pixels;
};

/* How to send a message. Each function may be NULL: nothing to do. */
struct way {
    const char *name;
    bool spins;                                      /* the receiver does not sleep */
    int (*open)(const struct ping_frame *frame);     /* before the fork */
    int (*sender)(const struct ping_frame *frame);   /* in the sending process */
    int (*receiver)(const struct ping_frame *frame); /* in the receiving process, later */
    void (*prepare)(void);                           /* not measured, before each send */
    void (*send)(const struct ping_frame *frame);
    void (*receive)(const struct ping_frame *frame);
    void (*release)(void); /* not measured, after each receive */
    void (*leave)(void);   /* in the receiving process, at the end */
    void (*close)(void);   /* in the sending process, after that */
};

extern const struct way way_sleep, way_spin; /* pageflip, in way_pageflip.c */

/*
 * The main() of a ping program: PROGRAM WIDTH HEIGHT COUNT WAY...
 *
 * Prints a line of figures for each WAY. Returns the exit code.
 */
int ping_main(int argc, char **argv, const struct way *const *ways);

#endif
