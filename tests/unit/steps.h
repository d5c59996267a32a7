/* SPDX-License-Identifier: MIT */
/*
 * Included before every file of the library when `test_steps` is built. Each access to a word that
 * two processes share, each ring and each lease becomes a step, and the other side may run before a
 * step. The source of the library is unchanged.
 *
 * One thread runs both sides, so that every memory order has the same effect here and none is
 * tested: stress_claim and dekker.pml test memory orders.
 */
#ifndef TESTS_UNIT_STEPS_H
#define TESTS_UNIT_STEPS_H

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Called before each step: runs the other side if this is its step. */
void step(void);

/* Replaces futex(). A wait runs the other side now, if it has not run yet. Returns 0 if the other
 * side rang the doorbell. */
long steps_futex(_Atomic uint32_t *doorbell, int operation, uint32_t asleep);

/* Replaces nanosleep(): runs the other side now. If that has already run, advances the clock. */
int steps_pause(void);
int steps_clock(clockid_t clock, struct timespec *now);

static inline uint64_t steps_fetch_or(_Atomic uint64_t *word, uint64_t bits)
{
    return atomic_fetch_or(word, bits);
}

static inline uint64_t steps_fetch_and(_Atomic uint64_t *word, uint64_t bits)
{
    return atomic_fetch_and(word, bits);
}

static inline bool steps_exchange_if(_Atomic uint64_t *word, uint64_t *expected, uint64_t desired)
{
    return atomic_compare_exchange_strong(word, expected, desired);
}

static inline uint32_t steps_exchange(void *doorbell, uint32_t value)
{
    step();
    return atomic_exchange((_Atomic uint32_t *)doorbell, value);
}

/* A flag within one process is not a step. */
static inline uint32_t steps_exchange_flag(void *flag, uint32_t value)
{
    return atomic_exchange((atomic_bool *)flag, (bool)value);
}

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_fetch_or_explicit
#undef atomic_fetch_and_explicit
#undef atomic_exchange_explicit
#undef atomic_compare_exchange_strong_explicit
#define atomic_load_explicit(object, order) (step(), *(object))
#define atomic_store_explicit(object, value, order) (step(), (void)(*(object) = (value)))
#define atomic_fetch_or_explicit(object, bits, order) (step(), steps_fetch_or(object, bits))
#define atomic_fetch_and_explicit(object, bits, order) (step(), steps_fetch_and(object, bits))
#define atomic_exchange_explicit(object, value, order)                                             \
    _Generic((object), _Atomic uint32_t *: steps_exchange, default: steps_exchange_flag)(object,   \
                                                                                         value)
#define atomic_compare_exchange_strong_explicit(object, expected, desired, order, failed)          \
    (step(), steps_exchange_if(object, expected, desired))

/* A macro's name is not expanded inside the macro: those fcntl and memcpy are the real ones. */
#define syscall(number, doorbell, operation, value, deadline, ...)                                 \
    ((void)(deadline), steps_futex(doorbell, operation, value))
#define clock_gettime(clock, now) steps_clock(clock, now)
#define nanosleep(pause, left) ((void)(pause), steps_pause())
#define fcntl(...) (step(), fcntl(__VA_ARGS__))
#define memcpy(...) (step(), memcpy(__VA_ARGS__))

#endif
