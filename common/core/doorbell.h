/* SPDX-License-Identifier: MIT */
/*
 * A doorbell: a binary semaphore in one futex word of the segment, with one sleeper. Doorbells are
 * only hints: the sleeper clears its doorbell, checks the words that matter, and sleeps if there is
 * nothing to do. A ring after the clear ends the sleep. A spurious ring costs one check, a lost one
 * a sleep of DOORBELL_SLEEP_MAX_NS.
 * This is the only module that calls futex().
 *
 * This is not a sem_t, which stores flags for the kernel next to its count, in the segment: glibc
 * aborts the process that posts or waits after another process has overwritten them. Here any value
 * of the word is at worst a spurious or a lost ring.
 */
#ifndef CORE_DOORBELL_H
#define CORE_DOORBELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"

/* Upper bound on any sleep: a process that was killed never rings. */
#define DOORBELL_SLEEP_MAX_NS (100 * NS_PER_MS)

/* A ring that does not end the wait costs one check. More than this many in one wait are damage,
 * malice, or many frames during pf_viewer_wait(); then each also costs a sleep, so that no other
 * process can keep a core busy. */
#define DOORBELL_RINGS_MAX 64
#define DOORBELL_PAUSE_NS NS_PER_MS

/* Clear pending rings. Call it before checking the condition again. */
void doorbell_clear(_Atomic uint32_t *doorbell);

/* Has it been rung since it was cleared? */
bool doorbell_is_rung(const _Atomic uint32_t *doorbell);

/* Sleep until the doorbell is rung, or until `deadline_ns`. Returns 0, -ETIMEDOUT or -EINTR. */
int doorbell_wait(_Atomic uint32_t *doorbell, int64_t deadline_ns);

void doorbell_ring(_Atomic uint32_t *doorbell);

/* Count a ring that did not end the wait; sleep if there were too many. Returns 0 or -EINTR. */
int doorbell_throttle(int *rings);

#endif
