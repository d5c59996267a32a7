/* SPDX-License-Identifier: MIT */
/*
 * The loop waits for a frame at the viewer's doorbell, and cannot wait for the display at the same
 * time. So a thread waits in epoll for the display's connections. When one becomes readable, the
 * thread marks it (readiness.h) and rings that doorbell with pf_viewer_wake(). It reads nothing.
 */
#ifndef VIEWER_PRESENTERS_X11_WAKER_H
#define VIEWER_PRESENTERS_X11_WAKER_H

#include <pthread.h>

#include "pageflip.h"
#include "readiness.h"

struct waker {
    struct pf_viewer *viewer;
    pthread_t thread;
    int epoll_fd;
    int stop_fd;
    bool is_running;
};

/* Watch `count` connections until waker_stop(). Returns 0 or a negative errno, logged. */
int waker_start(struct waker *waker, struct pf_viewer *viewer, struct readiness *connections,
                int count);

/* Accepts one that is all zero. The caller closes the connections, afterwards. */
void waker_stop(struct waker *waker);

#endif
