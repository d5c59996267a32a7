/* SPDX-License-Identifier: MIT */
/*
 * When the next frame is due: a grid of absolute CLOCK_MONOTONIC times, so that one late frame does
 * not delay the frames after it. Ticks that pass during a stall are skipped: no burst of frames
 * follows the stall.
 */
#ifndef CORE_PACING_H
#define CORE_PACING_H

#include <stdint.h>

struct pacing {
    uint32_t num, den; /* frames per second; num 0: unpaced */
    int64_t start_ns;  /* time of tick 0 */
    uint64_t tick;     /* of the next frame */
    uint64_t skipped;  /* ticks that passed before their frame was requested */
};

void pacing_init(struct pacing *pacing, uint32_t num, uint32_t den, int64_t now_ns);

/* Continue at another rate. Tick 0 of the new rate is due at `start_ns`, and is the next. */
void pacing_change_rate(struct pacing *pacing, uint32_t num, uint32_t den, int64_t start_ns);

/* When tick `tick` is due. Exact at any rate for hours: rounding does not accumulate. */
int64_t pacing_due_ns(const struct pacing *pacing, uint64_t tick);

/*
 * Return when the next frame is due, and advance by one tick. Ticks whose successor is already due
 * at `now_ns` are skipped; the frame after them keeps the due time of the first skipped tick, so
 * that the stall shows in the frame's latency.
 */
int64_t pacing_next_ns(struct pacing *pacing, int64_t now_ns);

#endif
