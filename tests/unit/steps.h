/* SPDX-License-Identifier: MIT */
/*
 * Put before every file of the library when `test_steps` is built: each access to a word that two
 * processes share, each bell and each lease is a step, and before a step the other side may run.
 * The library's own lines stay as they are.
 *
 * One thread plays both sides, so every order of memory is as good as another here, and none is
 * looked at: that is what stress_claim and dekker.pml are for.
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

/* The next step comes: the other side may go first. */
void step(void);

/* Instead of futex(): to wait lets the other side run now, if it has not yet. Returns 0 if it rang
 * the bell. */
long steps_futex(_Atomic uint32_t *bell, int operation, uint32_t asleep);

/* Instead of nanosleep(): the same, without a bell. Once the other side has run, time goes on. */
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

static inline bool steps_exchange_if(_Atomic uint64_t *word, uint64_t *expected, uint64_t wanted)
{
    return atomic_compare_exchange_strong(word, expected, wanted);
}

static inline uint32_t steps_exchange(void *bell, uint32_t value)
{
    step();
    return atomic_exchange((_Atomic uint32_t *)bell, value);
}

/* A flag within one process is no step. */
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
#define atomic_compare_exchange_strong_explicit(object, expected, wanted, order, failed)           \
    (step(), steps_exchange_if(object, expected, wanted))

/* A name inside its own macro is not expanded again: these are the real ones. */
#define syscall(number, bell, operation, value, deadline, ...)                                     \
    ((void)(deadline), steps_futex(bell, operation, value))
#define clock_gettime(clock, now) steps_clock(clock, now)
#define nanosleep(pause, left) ((void)(pause), steps_pause())
#define fcntl(...) (step(), fcntl(__VA_ARGS__))
#define memcpy(...) (step(), memcpy(__VA_ARGS__))

#endif
