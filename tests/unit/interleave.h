/* SPDX-License-Identifier: MIT */
/*
 * Two sides, step by step. The first side runs one operation in many runs; in run N the other side
 * runs its whole operation before step N of the first side. After each run a check must pass. In
 * this way a test meets every point between two steps, in the same order each time.
 *
 * A sleep that no ring ends is a failure here, although DOORBELL_SLEEP_MAX_NS would end that sleep
 * in the programs.
 */
#ifndef TESTS_UNIT_INTERLEAVE_H
#define TESTS_UNIT_INTERLEAVE_H

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>

#include "stream.h"

/* ------------------------------------------------------------------ the stepping */

/* Also declared in steps.h, which this file cannot include: steps.h replaces the system calls that
 * this file makes. */
void step(void);
long steps_futex(_Atomic uint32_t *doorbell, int operation, uint32_t asleep);
int steps_pause(void);
int steps_clock(clockid_t clock, struct timespec *now);

static int steps_left = -1;   /* until the other side runs; below 0: the other side has run */
static bool has_run_in_sleep; /* the other side ran in a sleep of the first side */
static int sleeps_without_ring;
static time_t paused_s; /* seconds by which the clock was advanced instead of waiting */
static void (*other_side)(void);

static inline void run_other_side(void)
{
    steps_left = -1; /* first, because the steps of the other side do not count */
    other_side();
}

void step(void)
{
    if (steps_left > 0)
        steps_left--;
    else if (steps_left == 0)
        run_other_side();
}

int steps_pause(void)
{
    if (steps_left >= 0) {
        has_run_in_sleep = true;
        run_other_side();
    } else {
        paused_s++;
    }
    return 0;
}

int steps_clock(clockid_t clock, struct timespec *now)
{
    int ret = clock_gettime(clock, now);

    now->tv_sec += paused_s;
    return ret;
}

long steps_futex(_Atomic uint32_t *doorbell, int operation, uint32_t asleep)
{
    if (operation != FUTEX_WAIT_BITSET)
        return 0; /* there is no sleeper to wake: one thread runs both sides */
    if (steps_left >= 0)
        steps_pause();
    if (*doorbell != asleep)
        return 0;
    sleeps_without_ring++;
    errno = ETIMEDOUT;
    return -1;
}

/* Run `setup`, then `first` with `other` before its step 0, 1, 2, ... until `first` has no more
 * steps; run `check` at the end of each run. */
static inline void interleave(void (*setup)(void), void (*first)(void), void (*other)(void),
                              void (*check)(void))
{
    bool was_within = true;

    for (int at = 0; was_within; at++) {
        cr_assert_lt(at, 10000, "the steps do not end");
        sleeps_without_ring = 0;
        has_run_in_sleep = false;
        setup();
        other_side = other;
        steps_left = at;
        first();
        was_within = steps_left < 0 && !has_run_in_sleep;
        if (steps_left >= 0)
            run_other_side();
        check();
        cr_assert_eq(sleeps_without_ring, 0, "step %d: slept although there was work", at);
        cr_assert_gt(at + was_within, 0, "no step was made");
        pf_viewer_close(viewer);
        pf_producer_close(producer);
        viewer = NULL;
        producer = NULL;
    }
}

/* ------------------------------------------------------------------ what both sides do */

/* A frame contains its number in its first and in its last row. */
static struct pf_frame held[2];
static int got;   /* what the last acquire returned */
static int ahead; /* how many frames publish_ahead() publishes */

static inline uint64_t published(void)
{
    struct pf_producer_stats stats;

    pf_producer_stats(producer, &stats);
    return stats.published;
}

static inline void draw(struct pf_frame *frame, uint8_t value)
{
    frame->plane[0].pixels[0] = value;
    step(); /* half of the frame is drawn */
    frame->plane[0].pixels[frame->plane[0].stride_bytes * 47] = value;
}

static inline void publish_next(void)
{
    struct pf_frame frame;

    cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
    draw(&frame, (uint8_t)frame.sequence);
    pf_producer_publish(producer, &frame);
}

static inline void draw_three(void)
{
    struct pf_frame frame;

    for (int i = 0; i < 3 && pf_producer_begin(producer, 0, &frame) == 0; i++) {
        draw(&frame, (uint8_t)frame.sequence);
        pf_producer_publish(producer, &frame);
    }
}

/* Publish `ahead` frames, or fewer if no slot is free; then draw in one more and abandon it. */
static inline void publish_ahead(void)
{
    struct pf_frame frame;

    for (int i = 0; i <= ahead && pf_producer_begin(producer, 0, &frame) == 0; i++) {
        draw(&frame, i < ahead ? (uint8_t)frame.sequence : 0xee);
        if (i < ahead)
            pf_producer_publish(producer, &frame);
        else
            pf_producer_abandon(producer, &frame);
    }
}

static inline void start_stream(uint32_t slots, uint64_t frames)
{
    memset(held, 0, sizeof held);
    got = -EAGAIN;
    open_producer(slots, 0);
    while (published() < frames)
        publish_next();
}

static inline void expect_whole(const struct pf_frame *frame)
{
    uint8_t top = frame->plane[0].pixels[0];
    uint8_t bottom = frame->plane[0].pixels[frame->plane[0].stride_bytes * 47];

    cr_assert(top == (uint8_t)frame->sequence && bottom == top,
              "frame %d has %d in its first row, %d in its last", (int)frame->sequence, top,
              bottom);
}

static inline void acquire_into(int index, int64_t timeout_ns)
{
    got = pf_viewer_acquire(viewer, timeout_ns, &held[index]);
    if (got == 0)
        expect_whole(&held[index]);
}

static inline void acquire(void)
{
    acquire_into(0, 0);
}

static inline void wait_and_acquire(void)
{
    acquire_into(0, PF_FOREVER);
}

static inline void release(int index)
{
    if (!held[index].sequence)
        return;
    expect_whole(&held[index]);
    pf_viewer_release(viewer, &held[index]);
    held[index].sequence = 0;
}

static inline void release_first(void)
{
    release(0);
}

/* An every-frame viewer that has acquired `last` gets every later frame, whole and in order. */
static inline void expect_all_after(uint64_t last)
{
    release(0);
    while (last < published()) {
        acquire();
        cr_assert_eq(got, 0, "frame %d is missing: %d", (int)last + 1, got);
        cr_assert_eq(held[0].sequence, ++last);
        release(0);
    }
}

static inline void open_latest_viewer_with_two_slots(void)
{
    start_stream(2, 1);
    open_viewer(false);
}

#endif
