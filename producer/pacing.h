/* SPDX-License-Identifier: MIT */
/*
 * When the next frame is due: a grid of absolute CLOCK_MONOTONIC times, so that being late once
 * does not shift all that follows. After a stall the ticks that passed are left out, never caught
 * up in a burst.
 */
#ifndef PACING_H
#define PACING_H

#include <stdint.h>

struct pacing {
    uint32_t num, den; /* frames per second; num 0: unpaced */
    int64_t start_ns;  /* time of tick 0 */
    uint64_t tick;     /* the next one */
    uint64_t missed;   /* ticks left out because they had passed */
};

void pacing_init(struct pacing *pacing, uint32_t num, uint32_t den, int64_t now_ns);

/* When tick `tick` is due. Exact for hours at any rate: no rounding adds up. */
int64_t pacing_due_ns(const struct pacing *pacing, uint64_t tick);

/*
 * When the next frame is due, and move on. Ticks whose successor is due already at `now_ns` are
 * left out, and the one frame that stands for them all was due when the first of them was: so a
 * stall shows in its latency, and cannot hide itself.
 */
int64_t pacing_next_ns(struct pacing *pacing, int64_t now_ns);

/* Sleep until `due_ns`. Returns 0, or -EINTR. */
int pacing_sleep_until(int64_t due_ns);

#endif
