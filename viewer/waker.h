/* SPDX-License-Identifier: MIT */
/*
 * The loop sleeps in the viewer's doorbell, and can sleep in no two places. So a thread sleeps in
 * epoll for the display's connections, and rings that doorbell (pf_viewer_wake()) when one of them
 * has news. It reads nothing.
 */
#ifndef WAKER_H
#define WAKER_H

#include <pthread.h>

#include "pageflip.h"

struct waker {
    struct pf_viewer *viewer;
    pthread_t thread;
    int epoll_fd;
    int stop_fd;
    bool is_running;
};

/* Watch `count` file descriptors. Returns 0 or a negative errno, logged. */
int waker_start(struct waker *waker, struct pf_viewer *viewer, const int *fds, int count);

/* Accepts one that is all zero. The descriptors are still the caller's. */
void waker_stop(struct waker *waker);

#endif
