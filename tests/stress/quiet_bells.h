/* SPDX-License-Identifier: MIT */
/*
 * Put before every file of the library for stress_claim: the bells, the only words that are
 * exchanged, are silent. The locked instruction of a ring would empty the producer's store buffer
 * right behind the store of `newest`, and hide what the stress is to show.
 */
#ifndef QUIET_BELLS_H
#define QUIET_BELLS_H

#include <stdatomic.h>

#undef atomic_exchange_explicit
#define atomic_exchange_explicit(bell, value, order)                                               \
    ((void)(value), atomic_load_explicit(bell, memory_order_relaxed))

#endif
