/* SPDX-License-Identifier: MIT */
/*
 * It counts its own ticks and not the time: a viewer that was stopped for an hour (SIGSTOP, a
 * laptop's lid) has had one tick.
 */
#include "watchdog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "program/exit_code.h"
#include "program/threads.h"

#define TICK_NS (100 * NS_PER_MS)
enum {
    BARK_TICKS = 55, /* 5 s, and a little more: the presenters' own 5 s are over first */
    BITE_TICKS = 65, /* the wait has not ended by itself: some of Xlib's never do */
};

static struct {
    pthread_t thread;
    pthread_mutex_t mutex; /* for is_stopping */
    pthread_cond_t wake;
    bool is_running, is_stopping;
    atomic_uint calls; /* odd: in one */
    atomic_int socket;
    atomic_bool has_barked;
} dog = {.socket = -1};

static void end_wait(int ticks)
{
    int fd = atomic_load(&dog.socket);

    if (ticks == BARK_TICKS) {
        atomic_store(&dog.has_barked, true);
        log_error("display lost: no answer for 5 s; look at the display");
    }
    if (fd < 0 || ticks == BITE_TICKS)
        _exit(EXIT_DISPLAY_LOST); /* the kernel gives lane and segment back */
    shutdown(fd, SHUT_RDWR);
}

static void *watch(void *unused)
{
    unsigned int last = 0;
    int ticks = 0;

    (void)unused;
    pthread_mutex_lock(&dog.mutex);
    while (!dog.is_stopping) {
        struct timespec until = clock_timespec(clock_now_ns() + TICK_NS);
        pthread_cond_timedwait(&dog.wake, &dog.mutex, &until);
        unsigned int calls = atomic_load(&dog.calls);
        ticks = calls == last && calls % 2 == 1 ? ticks + 1 : 0;
        last = calls;
        if (ticks == BARK_TICKS || ticks == BITE_TICKS)
            end_wait(ticks);
    }
    pthread_mutex_unlock(&dog.mutex);
    return NULL;
}

int watchdog_start(void)
{
    pthread_condattr_t monotonic;

    if (dog.is_running)
        return 0;
    dog.is_stopping = false;
    pthread_mutex_init(&dog.mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&dog.wake, &monotonic);
    pthread_condattr_destroy(&monotonic);

    int ret = thread_start(&dog.thread, watch, NULL);
    dog.is_running = ret == 0;
    if (ret < 0)
        log_error("watching the display: %s; close other programs", strerror(-ret));
    return ret;
}

void watchdog_stop(void)
{
    if (!dog.is_running)
        return;
    pthread_mutex_lock(&dog.mutex);
    dog.is_stopping = true;
    pthread_cond_signal(&dog.wake);
    pthread_mutex_unlock(&dog.mutex);
    pthread_join(dog.thread, NULL);
    dog.is_running = false;
}

void watchdog_enter(void)
{
    atomic_fetch_add(&dog.calls, atomic_load(&dog.calls) % 2 ? 2 : 1);
}

void watchdog_leave(void)
{
    atomic_fetch_add(&dog.calls, 1);
}

void watchdog_set_socket(int fd)
{
    atomic_store(&dog.socket, fd);
}

bool watchdog_has_barked(void)
{
    return atomic_load(&dog.has_barked);
}
