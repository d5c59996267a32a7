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

#undef atomic_exchange_explicit
#define atomic_exchange_explicit(bell, value, order)                                               \
    ((void)(value), atomic_load_explicit(bell, memory_order_relaxed))

#endif
