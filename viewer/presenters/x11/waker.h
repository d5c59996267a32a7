/* SPDX-License-Identifier: MIT */
/*
 * The loop sleeps for a frame in the viewer's doorbell, and cannot sleep for the display at the
 * same time. So a thread sleeps in epoll for the display's connections, and rings that doorbell
 * (pf_viewer_wake()) when one of them has news. It reads nothing. The loop asks which one it was,
 * so that it need not ask a connection (several system calls each) that has nothing to say.
 */
#ifndef WAKER_H
#define WAKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "pageflip.h"

enum { WAKER_FDS_MAX = 2 };

struct waker {
    struct pf_viewer *viewer;
    atomic_bool
        has_news[WAKER_FDS_MAX]; /* something has come on that connection since it was asked */
    pthread_t thread;
    int epoll_fd;
    int stop_fd;
    bool is_running;
};

/* Watch `count` file descriptors, up to WAKER_FDS_MAX. Returns 0 or a negative errno, logged. */
int waker_start(struct waker *waker, struct pf_viewer *viewer, const int *fds, int count);

/* Has something come on the descriptor with this index since the last call? Then read it all: what
 * comes from now on is said by the next call, whoever reads it. True at first. */
bool waker_take_news(struct waker *waker, int index);

/* Accepts one that is all zero. The descriptors are still the caller's. */
void waker_stop(struct waker *waker);

#endif
