/* SPDX-License-Identifier: MIT */
/*
 * Two sides, step by step. One side does something; before its first, its second, ... its last step
 * the other side does something whole, and after each of these runs everything must be in order.
 * So each bad moment between two processes is met for sure, and again in the next run.
 *
 * A sleep without a ring is a fault here, too: what the bound of 100 ms would hide.
 */
#ifndef TESTS_UNIT_INTERLEAVE_H
#define TESTS_UNIT_INTERLEAVE_H

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>

#include "stream.h"

/* ------------------------------------------------------------------ the stepping */

/* Declared in steps.h, which is not for this file: it takes the real calls away. */
void step(void);
long steps_futex(_Atomic uint32_t *bell, int operation, uint32_t asleep);
int steps_pause(void);
int steps_clock(clockid_t clock, struct timespec *now);

static int steps_left = -1; /* until the other side runs; below 0: it has run */
static bool has_slept;      /* it ran in a sleep: all steps before that are through */
static int overslept;
static time_t paused_s; /* how far the clock was put forward instead of waiting */
static void (*other_side)(void);

static inline void run_other_side(void)
{
    steps_left = -1; /* first, for its own steps are none of ours */
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
        has_slept = true;
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

long steps_futex(_Atomic uint32_t *bell, int operation, uint32_t asleep)
{
    if (operation != FUTEX_WAIT_BITSET)
        return 0; /* nobody sleeps: one thread plays both sides */
    if (steps_left >= 0)
        steps_pause();
    if (*bell != asleep)
        return 0;
    overslept++;
    errno = ETIMEDOUT;
    return -1;
}

/* `setup`, then `one` with `other` before its step 0, 1, 2, ... until it has no more; each time
 * `check` at the end. */
static inline void interleave(void (*setup)(void), void (*one)(void), void (*other)(void),
                              void (*check)(void))
{
    bool was_within = true;

    for (int at = 0; was_within; at++) {
        cr_assert_lt(at, 10000, "there is no end of steps");
        overslept = 0;
        has_slept = false;
        setup();
        other_side = other;
        steps_left = at;
        one();
        was_within = steps_left < 0 && !has_slept;
        if (steps_left >= 0)
            run_other_side();
        check();
        cr_assert_eq(overslept, 0, "step %d: slept with something to do", at);
        cr_assert_gt(at + was_within, 0, "there was no step at all");
        pf_viewer_close(viewer);
        pf_producer_close(producer);
        viewer = NULL;
        producer = NULL;
    }
}

/* ------------------------------------------------------------------ what both sides do */

/* The picture is the frame's number, in its first and in its last row. */
static struct pf_frame in_hand[2];
static int got;   /* what the last acquire said */
static int ahead; /* how many frames the producer goes on by, see go_on_drawing() */

static inline uint64_t published(void)
{
    struct pf_producer_stats stats;

    pf_producer_stats(producer, &stats);
    return stats.published;
}

static inline void draw(struct pf_frame *frame, uint8_t value)
{
    frame->plane[0].pixels[0] = value;
    step(); /* half a picture */
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

/* Publish `ahead` frames, or for how many there are slots; then scribble over one slot more. */
static inline void go_on_drawing(void)
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

static inline void begin_again(uint32_t slots, uint64_t frames)
{
    memset(in_hand, 0, sizeof in_hand);
    got = -EAGAIN;
    open_producer(slots, 0);
    while (published() < frames)
        publish_next();
}

static inline void expect_whole(const struct pf_frame *frame)
{
    uint8_t top = frame->plane[0].pixels[0];
    uint8_t bottom = frame->plane[0].pixels[frame->plane[0].stride_bytes * 47];

    cr_assert(top == (uint8_t)frame->sequence && bottom == top, "frame %d shows %d above, %d below",
              (int)frame->sequence, top, bottom);
}

static inline void take_one(int hand, int64_t timeout_ns)
{
    got = pf_viewer_acquire(viewer, timeout_ns, &in_hand[hand]);
    if (got == 0)
        expect_whole(&in_hand[hand]);
}

static inline void take(void)
{
    take_one(0, 0);
}

static inline void wait_and_take(void)
{
    take_one(0, PF_FOREVER);
}

static inline void give_back(int hand)
{
    if (!in_hand[hand].sequence)
        return;
    expect_whole(&in_hand[hand]);
    pf_viewer_release(viewer, &in_hand[hand]);
    in_hand[hand].sequence = 0;
}

static inline void give_back_first(void)
{
    give_back(0);
}

/* An every-frame viewer that has had `last` gets each one after it, whole and in turn. */
static inline void expect_all_after(uint64_t last)
{
    give_back(0);
    while (last < published()) {
        take();
        cr_assert_eq(got, 0, "frame %d is missing: %d", (int)last + 1, got);
        cr_assert_eq(in_hand[0].sequence, ++last);
        give_back(0);
    }
}

static inline void latest_viewer_with_two_slots(void)
{
    begin_again(2, 1);
    open_viewer(false);
}

#endif
