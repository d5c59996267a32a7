/* SPDX-License-Identifier: MIT */
/*
 * Included before every file of the library for stress_claim and stress_threads: rings have no
 * effect. Doorbells are the only words that the library exchanges. They are only hints, so that no
 * other access may depend on the memory order of a ring: its locked instruction would empty the
 * producer's store buffer directly after the store of `newest`, and ThreadSanitizer would take a
 * ring as ordering all accesses before it.
 */
#ifndef TESTS_DEEP_STRESS_QUIET_DOORBELLS_H
#define TESTS_DEEP_STRESS_QUIET_DOORBELLS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

static inline uint32_t quiet_exchange(void *doorbell, uint32_t value)
{
    (void)value;
    return atomic_load_explicit((_Atomic uint32_t *)doorbell, memory_order_relaxed);
}

/* A flag within one process is not a doorbell. */
static inline uint32_t quiet_exchange_flag(void *flag, uint32_t value)
{
    return atomic_exchange((atomic_bool *)flag, (bool)value);
}

#undef atomic_exchange_explicit
#define atomic_exchange_explicit(object, value, order)                                             \
    _Generic((object), _Atomic uint32_t *: quiet_exchange, default: quiet_exchange_flag)(object,   \
                                                                                         value)

#endif
