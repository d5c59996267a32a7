/* SPDX-License-Identifier: MIT */
/* Claims and eviction, step by step: a frame that a viewer holds is whole and stays whole, whatever
 * the producer does meanwhile. */
#include "interleave.h"

TestSuite(steps, .init = init_stream, .fini = finish_stream, .timeout = 600);

/* ------------------------------------------------------------------ a claim */

static void open_every_frame_viewer_with_two_slots(void)
{
    start_stream(2, 2);
    open_viewer(true);
}

static void open_every_frame_viewer_with_three_slots(void)
{
    start_stream(3, 2);
    open_viewer(true);
}

static void expect_held_frame_whole(void)
{
    cr_assert_eq(got, 0, "there was a frame, but acquire returned %d", got);
    release(0);
}

Test(steps, the_latest_frame_is_claimed_whole_while_the_producer_publishes)
{
    for (ahead = 0; ahead <= 4; ahead++)
        interleave(open_latest_viewer_with_two_slots, acquire, publish_ahead,
                   expect_held_frame_whole);
}

Test(steps, the_next_frame_is_claimed_whole_while_the_producer_publishes)
{
    for (ahead = 0; ahead <= 4; ahead++) {
        interleave(open_every_frame_viewer_with_two_slots, acquire, publish_ahead,
                   expect_held_frame_whole);
        interleave(open_every_frame_viewer_with_three_slots, acquire, publish_ahead,
                   expect_held_frame_whole);
    }
}

static uint64_t last_acquired;

static void acquire_three(void)
{
    last_acquired = 1; /* the viewer joined at frame 2 */
    for (int i = 0; i < 3; i++) {
        acquire();
        if (got < 0)
            continue;
        cr_assert_eq(held[0].sequence, ++last_acquired);
        release(0);
    }
}

static void expect_no_gap(void)
{
    expect_all_after(last_acquired);
}

Test(steps, every_frame_is_acquired_in_order_while_the_producer_publishes)
{
    for (ahead = 0; ahead <= 4; ahead++)
        interleave(open_every_frame_viewer_with_three_slots, acquire_three, publish_ahead,
                   expect_no_gap);
}

Test(steps, a_frame_is_claimed_whole_while_the_producer_draws)
{
    interleave(open_latest_viewer_with_two_slots, draw_three, acquire, expect_held_frame_whole);
    interleave(open_every_frame_viewer_with_two_slots, draw_three, acquire,
               expect_held_frame_whole);
    interleave(open_every_frame_viewer_with_three_slots, draw_three, acquire,
               expect_held_frame_whole);
}

/* The held slot stays held, also if a second claim of the same slot fails. */
static void open_latest_viewer_with_a_held_frame(void)
{
    start_stream(3, 1);
    open_viewer(false);
    acquire_into(1, 0);
}

static void acquire_latest(void)
{
    got = pf_viewer_acquire_latest(viewer, &held[0]);
}

static void overwrite_free_slots(void)
{
    for (int i = 0; i < 4; i++)
        draw_three();
}

static void expect_both_held_whole(void)
{
    cr_assert_eq(got, 0);
    overwrite_free_slots();
    release(0);
    overwrite_free_slots();
    release(1);
}

Test(steps, a_held_frame_stays_whole_while_another_is_claimed)
{
    interleave(open_latest_viewer_with_a_held_frame, acquire_latest, overwrite_free_slots,
               expect_both_held_whole);
}

/* ------------------------------------------------------------------ eviction */

static void block_producer_that_evicts(void)
{
    start_stream(3, 0);
    pf_producer_close(producer);
    open_producer(3, 1); /* evict after 1 ns */
    open_viewer(true);
    for (int i = 0; i < 3; i++)
        publish_next();
    acquire_into(1, 0);
}

/* The first begin() notes when the stall began, the second evicts. */
static void evict(void)
{
    struct pf_frame frame;

    for (int i = 0; i < 2; i++)
        if (pf_producer_begin(producer, 0, &frame) == 0) {
            draw(&frame, (uint8_t)frame.sequence);
            pf_producer_publish(producer, &frame);
        }
}

/* An evicted viewer gets -ESTALE once and then the latest frames; else it gets every frame. */
static void expect_held_whole_and_eviction_reported(void)
{
    struct pf_producer_stats stats;
    uint64_t last = held[0].sequence ? held[0].sequence : held[1].sequence;

    pf_producer_stats(producer, &stats);
    release(0);
    release(1);
    if (!stats.evicted) {
        expect_all_after(last);
        return;
    }
    if (got != -ESTALE) {
        acquire();
        cr_assert_eq(got, -ESTALE, "evicted, but acquire returned %d", got);
    }
    for (int i = 0; i < 4; i++)
        publish_next(); /* the viewer does not block the producer */
    acquire();
    cr_assert_eq(got, 0);
    cr_assert_eq(held[0].sequence, published(), "not the latest frame");
    release(0);
}

Test(steps, an_eviction_during_a_claim_keeps_held_frames_and_is_reported)
{
    interleave(block_producer_that_evicts, acquire, evict, expect_held_whole_and_eviction_reported);
    interleave(block_producer_that_evicts, evict, acquire, expect_held_whole_and_eviction_reported);
}
