/* SPDX-License-Identifier: MIT */
/*
 * One message after another from one process to another, each by another way in turn, so that all
 * ways see the same machine: whatever disturbs one disturbs its neighbours. What is measured is one
 * direction: from just before send() until receive() has returned.
 */
#ifndef TESTS_BENCH_PING_H
#define TESTS_BENCH_PING_H

#include <stdbool.h>
#include <stdint.h>

#include "pageflip.h"

/* What a message carries: the size of a frame, and private memory for one in each process. */
struct ping_frame {
    struct pf_format format;
    size_t bytes;
    uint8_t *pixels;
};

/* Each verb may be NULL: nothing to do. */
struct way {
    const char *name;
    bool spins;                                      /* the receiver does not sleep */
    int (*open)(const struct ping_frame *frame);     /* before there are two processes */
    int (*sender)(const struct ping_frame *frame);   /* in the one that sends */
    int (*receiver)(const struct ping_frame *frame); /* in the one that receives, later */
    void (*prepare)(void);                           /* not measured, before each send */
    void (*send)(const struct ping_frame *frame);
    void (*receive)(const struct ping_frame *frame);
    void (*release)(void); /* not measured, after each receive */
    void (*leave)(void);   /* in the receiver, at the end */
    void (*close)(void);   /* in the sender, after that */
};

extern const struct way way_sleep, way_spin; /* pageflip's own, way_pageflip.c */

/*
 * main() of such a program: PROGRAM WIDTH HEIGHT COUNT WAY...
 *
 * Prints a line of figures for each WAY. Returns the exit code.
 */
int ping_main(int argc, char **argv, const struct way *const *ways);

#endif
