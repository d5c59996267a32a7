/* SPDX-License-Identifier: MIT */
/* The exchanges order memory: what was written before a ring is visible to the check that follows
 * the clear or the wait. */
#include "doorbell.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* QUIET is 0: a new segment is all zero. */
enum { QUIET, RUNG, ASLEEP };

void doorbell_clear(_Atomic uint32_t *doorbell)
{
    /* Only if it was rung: an unconditional write would steal the cache line from the ringer.
     * acquire: pairs with the release in doorbell_ring(). */
    if (atomic_load_explicit(doorbell, memory_order_relaxed) != QUIET)
        atomic_exchange_explicit(doorbell, QUIET, memory_order_acquire);
}

bool doorbell_is_rung(const _Atomic uint32_t *doorbell)
{
    return atomic_load_explicit(doorbell, memory_order_relaxed) != QUIET;
}

int doorbell_wait(_Atomic uint32_t *doorbell, int64_t deadline_ns)
{
    struct timespec deadline = clock_timespec(deadline_ns); /* CLOCK_MONOTONIC, absolute */
    int error = 0;

    if (atomic_exchange_explicit(doorbell, ASLEEP, memory_order_acquire) != RUNG &&
        syscall(SYS_futex, doorbell, FUTEX_WAIT_BITSET, ASLEEP, &deadline, NULL,
                FUTEX_BITSET_MATCH_ANY) < 0)
        error = errno;
    /* EAGAIN: the word changed before the kernel read it, by a ring or by damage. */
    if (atomic_exchange_explicit(doorbell, QUIET, memory_order_acquire) == RUNG || error == EAGAIN)
        return 0;
    return -error;
}

void doorbell_ring(_Atomic uint32_t *doorbell)
{
    /* release: pairs with the acquires above. A value that is none of the three is damage; a
     * process may still be asleep, so wake it. */
    uint32_t before = atomic_exchange_explicit(doorbell, RUNG, memory_order_release);

    if (before != QUIET && before != RUNG)
        syscall(SYS_futex, doorbell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

int doorbell_throttle(int *rings)
{
    const struct timespec pause = {.tv_nsec = DOORBELL_PAUSE_NS};

    if (++*rings <= DOORBELL_RINGS_MAX)
        return 0;
    return nanosleep(&pause, NULL) < 0 && errno == EINTR ? -EINTR : 0;
}
