/* SPDX-License-Identifier: MIT */
/* Edge-triggered: the thread must not spin while the loop has not read yet what it was woken for.
 */
#include "waker.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/log.h"
#include "program/threads.h"

enum { STOP = WAKER_FDS_MAX }; /* the index of stop_fd */

static void *watch(void *argument)
{
    struct waker *waker = argument;
    struct epoll_event event;

    for (;;) {
        int count = epoll_wait(waker->epoll_fd, &event, 1, -1);
        if (count < 0 && errno != EINTR)
            return NULL; /* not possible with descriptors of ours; the loop still looks every 100 ms
                          */
        if (count > 0 && event.data.u32 == STOP)
            return NULL;
        if (count > 0) {
            /* In this order: who is woken finds it. */
            atomic_store(&waker->has_news[event.data.u32], true);
            pf_viewer_wake(waker->viewer);
        }
    }
}

static int add(struct waker *waker, int fd, uint32_t index)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = index};

    return epoll_ctl(waker->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

int waker_start(struct waker *waker, struct pf_viewer *viewer, const int *fds, int count)
{
    *waker = (struct waker){.viewer = viewer,
                            .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
                            .stop_fd = eventfd(0, EFD_CLOEXEC)};
    int ret = waker->epoll_fd < 0 || waker->stop_fd < 0 || add(waker, waker->stop_fd, STOP) < 0
                  ? -errno
                  : 0;
    for (int i = 0; i < count && ret == 0; i++) {
        atomic_store(&waker->has_news[i], true); /* what came before anybody watched */
        ret = add(waker, fds[i], (uint32_t)i) < 0 ? -errno : 0;
    }
    if (ret == 0)
        ret = thread_start(&waker->thread, watch, waker);
    waker->is_running = ret == 0;
    if (ret < 0) {
        log_error("waiting for the display: %s; close other programs", strerror(-ret));
        close(waker->epoll_fd);
        close(waker->stop_fd);
    }
    return ret;
}

bool waker_take_news(struct waker *waker, int index)
{
    return atomic_exchange(&waker->has_news[index], false);
}

void waker_stop(struct waker *waker)
{
    uint64_t one = 1;

    if (!waker->is_running)
        return;
    while (write(waker->stop_fd, &one, sizeof one) < 0)
        ; /* a fresh eventfd has no reason to refuse, and a thread that is not told never ends */
    pthread_join(waker->thread, NULL);
    close(waker->epoll_fd);
    close(waker->stop_fd);
    waker->is_running = false;
}
