/* SPDX-License-Identifier: MIT */
#include "spin.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>

static void block_signals(sigset_t *before)
{
    static const int faults[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    sigset_t all;

    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_BLOCK, &all, before);
}

/* Deliver the signals that have arrived. Returns 0 or -EINTR. */
static int deliver_signals(const sigset_t *mask)
{
    const struct timespec now = {0};

    return ppoll(NULL, 0, &now, mask) < 0 && errno == EINTR ? -EINTR : 0;
}

int spin_turn(struct spin *spin, int64_t spin_ns, int64_t now_ns)
{
    if (!spin->until_ns) {
        spin->until_ns = clock_deadline_ns(now_ns, spin_ns);
        spin->turn_ns = clock_earlier(spin->until_ns, now_ns + SPIN_TURN_NS);
        block_signals(&spin->before);
        spin->is_blocking = true;
        return 0;
    }
    if (now_ns < spin->turn_ns)
        return 0;
    if (spin->is_blocking && deliver_signals(&spin->before) < 0)
        return -EINTR;
    if (now_ns >= spin->until_ns)
        return -ETIMEDOUT;
    spin->turn_ns = clock_earlier(spin->until_ns, now_ns + SPIN_TURN_NS);
    return 0;
}

void spin_end(struct spin *spin)
{
    if (spin->is_blocking)
        pthread_sigmask(SIG_SETMASK, &spin->before, NULL);
    spin->is_blocking = false;
}
