/* SPDX-License-Identifier: MIT */
/*
 * The order of waker_wake() is: count, load the pointer, ring, count back. That of waker_use() is:
 * store the pointer, wait for the count to be 0. All four are sequentially consistent: either the
 * wake loads the new pointer, or waker_use() reads that it is counted.
 */
#include "waker.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

#include "doorbell.h"

void waker_wake(struct waker *waker)
{
    int saved = errno;

    /* Before the ring: the thread that the ring wakes takes it. */
    atomic_store(&waker->is_woken, true);
    doorbell_ring(&waker->own_doorbell);
    atomic_fetch_add(&waker->users, 1);
    _Atomic uint32_t *doorbell = atomic_load(&waker->doorbell);
    if (doorbell)
        doorbell_ring(doorbell);
    atomic_fetch_sub(&waker->users, 1);
    errno = saved;
}

void waker_use(struct waker *waker, _Atomic uint32_t *doorbell)
{
    const struct timespec pause = {.tv_nsec = 20 * NS_PER_US};

    atomic_store(&waker->doorbell, doorbell);
    /* A sleep, not a yield: the other thread may have a lower priority. */
    while (atomic_load(&waker->users))
        nanosleep(&pause, NULL);
}

bool waker_take(struct waker *waker)
{
    return atomic_load(&waker->is_woken) && atomic_exchange(&waker->is_woken, false);
}
