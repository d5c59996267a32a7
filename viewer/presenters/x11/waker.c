/* SPDX-License-Identifier: MIT */
/* Edge-triggered: the thread must not spin until the loop has read what it was woken for. */
#include "waker.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/log.h"
#include "program/threads.h"

static void *watch(void *argument)
{
    struct waker *waker = argument;
    struct epoll_event event;

    for (;;) {
        int count = epoll_wait(waker->epoll_fd, &event, 1, -1);
        if (count < 0 && errno != EINTR)
            return NULL; /* impossible with these descriptors; the loop reads every 100 ms anyway */
        if (count <= 0)
            continue;
        struct readiness *connection = event.data.ptr;
        if (!connection) /* stop_fd */
            return NULL;
        /* Mark first, then wake, so that the loop finds the mark. */
        readiness_mark(connection);
        pf_viewer_wake(waker->viewer);
    }
}

static int add(struct waker *waker, int fd, struct readiness *connection)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = connection};

    return epoll_ctl(waker->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

int waker_start(struct waker *waker, struct pf_viewer *viewer, struct readiness *connections,
                int count)
{

    *waker = (struct waker){.viewer = viewer,
                            .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
                            .stop_fd = eventfd(0, EFD_CLOEXEC)};
    int ret = waker->epoll_fd < 0 || waker->stop_fd < 0 || add(waker, waker->stop_fd, NULL) < 0
                  ? -errno
                  : 0;
    for (int i = 0; i < count && ret == 0; i++)
        ret = add(waker, connections[i].fd, &connections[i]) < 0 ? -errno : 0;
    if (ret == 0)
        ret = thread_start(&waker->thread, watch, waker);
    waker->is_running = ret == 0;
    if (ret < 0) {
        log_error("cannot start the thread that waits for the display: %s", strerror(-ret));
        close(waker->epoll_fd);
        close(waker->stop_fd);
    }
    return ret;
}

void waker_stop(struct waker *waker)
{
    uint64_t one = 1;

    if (!waker->is_running)
        return;
    while (write(waker->stop_fd, &one, sizeof one) < 0)
        ; /* EINTR; the thread must get it, or pthread_join() never returns */
    pthread_join(waker->thread, NULL);
    close(waker->epoll_fd);
    close(waker->stop_fd);
    waker->is_running = false;
}
