/* SPDX-License-Identifier: MIT */
/*
 * Polling in place of a sleep, with one property of the sleep: a signal ends it. A thread cannot
 * find out that a signal handler has run in it, so this thread's signals are blocked while it
 * polls. Once per SPIN_TURN_NS, ppoll() unblocks them for a moment: the handlers of those that
 * arrived run, and ppoll() fails with EINTR. Signals that report a fault of the thread itself are
 * not blocked.
 */
#ifndef CORE_SPIN_H
#define CORE_SPIN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"

#define SPIN_TURN_NS NS_PER_MS

/* All zero: has not begun. */
struct spin {
    int64_t until_ns; /* 0: has not begun */
    int64_t turn_ns;  /* end of this turn */
    bool is_blocking;
    sigset_t before; /* the signal mask of the caller */
};

/*
 * Begin a turn; the first call begins the spin, of `spin_ns` in total. Returns 0 (poll until
 * spin->turn_ns), -EINTR (a signal), or -ETIMEDOUT (it has ended: sleep). The caller ends the spin
 * with spin_end() before it returns or sleeps.
 */
int spin_turn(struct spin *spin, int64_t spin_ns, int64_t now_ns);

void spin_end(struct spin *spin);

#endif
