/* SPDX-License-Identifier: MIT */
/*
 * Put before every file of the library for stress_claim and stress_threads: the bells, the only
 * words that are exchanged, are silent. They carry no truth, so nothing may hang on the order that
 * they bring along: the locked instruction of a ring would empty the producer's store buffer right
 * behind the store of `newest`, and to ThreadSanitizer a ring would order what comes before it.
 */
#ifndef QUIET_BELLS_H
#define QUIET_BELLS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

static inline uint32_t quiet_exchange(void *bell, uint32_t value)
{
    (void)value;
    return atomic_load_explicit((_Atomic uint32_t *)bell, memory_order_relaxed);
}

/* A flag within one process is no bell. */
static inline uint32_t quiet_exchange_flag(void *flag, uint32_t value)
{
    return atomic_exchange((atomic_bool *)flag, (bool)value);
}

#undef atomic_exchange_explicit
#define atomic_exchange_explicit(object, value, order)                                             \
    _Generic((object), _Atomic uint32_t *: quiet_exchange, default: quiet_exchange_flag)(object,   \
                                                                                         value)

#endif
