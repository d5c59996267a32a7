/* SPDX-License-Identifier: MIT */
/*
 * The thread counts its own ticks and does not compare times: for a viewer that was stopped for an
 * hour (SIGSTOP, a closed laptop) only one tick has passed.
 */
#include "watchdog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "display_loss.h"
#include "program/exit_code.h"
#include "program/threads.h"

#define TICK_NS (100 * NS_PER_MS)
enum {
    SHUTDOWN_TICKS = 55, /* 5.5 s: the presenters' own limit of 5 s ends first */
    EXIT_TICKS = 65,     /* the call did not return: some of Xlib's waits ignore the shutdown */
};

static struct {
    pthread_t thread;
    pthread_mutex_t mutex; /* for is_stopping */
    pthread_cond_t wake;
    bool is_running, is_stopping;
    atomic_uint calls; /* odd: in a call */
    atomic_int socket;
} watchdog = {.socket = -1};

static void end_wait(int ticks)
{
    int fd = atomic_load(&watchdog.socket);

    display_loss_no_answer(5 * NS_PER_S);
    if (fd < 0 || ticks == EXIT_TICKS)
        _exit(EXIT_DISPLAY_LOST); /* the kernel releases the lane and detaches the segment */
    shutdown(fd, SHUT_RDWR);
}

static void *watch(void *unused)
{
    unsigned int last = 0;
    int ticks = 0;

    (void)unused;
    pthread_mutex_lock(&watchdog.mutex);
    while (!watchdog.is_stopping) {
        struct timespec until = clock_timespec(clock_now_ns() + TICK_NS);
        pthread_cond_timedwait(&watchdog.wake, &watchdog.mutex, &until);
        unsigned int calls = atomic_load(&watchdog.calls);
        ticks = calls == last && calls % 2 == 1 ? ticks + 1 : 0;
        last = calls;
        if (ticks == SHUTDOWN_TICKS || ticks == EXIT_TICKS)
            end_wait(ticks);
    }
    pthread_mutex_unlock(&watchdog.mutex);
    return NULL;
}

int watchdog_start(void)
{
    pthread_condattr_t monotonic;

    if (watchdog.is_running)
        return 0;
    watchdog.is_stopping = false;
    pthread_mutex_init(&watchdog.mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&watchdog.wake, &monotonic);
    pthread_condattr_destroy(&monotonic);

    int ret = thread_start(&watchdog.thread, watch, NULL);
    watchdog.is_running = ret == 0;
    if (ret < 0)
        log_error("cannot start the watchdog's thread: %s", strerror(-ret));
    return ret;
}

void watchdog_stop(void)
{
    if (!watchdog.is_running)
        return;
    pthread_mutex_lock(&watchdog.mutex);
    watchdog.is_stopping = true;
    pthread_cond_signal(&watchdog.wake);
    pthread_mutex_unlock(&watchdog.mutex);
    pthread_join(watchdog.thread, NULL);
    watchdog.is_running = false;
}

void watchdog_enter(void)
{
    atomic_fetch_add(&watchdog.calls, atomic_load(&watchdog.calls) % 2 ? 2 : 1);
}

void watchdog_leave(void)
{
    atomic_fetch_add(&watchdog.calls, 1);
}

void watchdog_set_socket(int fd)
{
    atomic_store(&watchdog.socket, fd);
}
