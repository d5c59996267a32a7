/* SPDX-License-Identifier: MIT */
/*
 * Ends the wait of another thread, also from a signal handler: a wake locks no mutex, allocates
 * nothing and logs nothing. The waiting thread sleeps on the doorbell of a segment, which it may
 * replace and unmap, or on the waker's own doorbell. It clears the doorbell, then calls
 * waker_take(), then sleeps: a wake after the clear rings the doorbell.
 */
#ifndef CORE_WAKER_H
#define CORE_WAKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* All zero: no doorbell of a segment. */
struct waker {
    atomic_bool is_woken;
    atomic_uint users; /* calls of waker_wake() that may use the doorbell */
    _Atomic(_Atomic uint32_t *) doorbell;
    _Atomic uint32_t own_doorbell;
};

/* Any thread and signal handlers. errno is unchanged. */
void waker_wake(struct waker *waker);

/* Use another doorbell, or none (NULL). Waits until no waker_wake() uses the old doorbell, which is
 * a few system calls at most, so that the caller may unmap it afterwards. */
void waker_use(struct waker *waker, _Atomic uint32_t *doorbell);

/* Has there been a wake since the last call? */
bool waker_take(struct waker *waker);

#endif
