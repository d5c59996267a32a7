/* SPDX-License-Identifier: MIT */
/* Claims and eviction, step by step: a frame that a viewer has is whole and stays so, whatever the
 * producer does meanwhile. */
#include "interleave.h"

TestSuite(steps, .init = quiet, .fini = finish, .timeout = 60);

/* ------------------------------------------------------------------ a claim */

static void every_frame_viewer_with_two_slots(void)
{
    begin_again(2, 2);
    open_viewer(true);
}

static void every_frame_viewer_with_three_slots(void)
{
    begin_again(3, 2);
    open_viewer(true);
}

static void frame_in_hand_is_whole(void)
{
    cr_assert_eq(got, 0, "there was a frame, and acquire says %d", got);
    give_back(0);
}

Test(steps, a_latest_frame_is_claimed_while_the_producer_goes_on)
{
    for (ahead = 0; ahead <= 4; ahead++)
        interleave(latest_viewer_with_two_slots, take, go_on_drawing, frame_in_hand_is_whole);
}

Test(steps, the_next_frame_is_claimed_while_the_producer_goes_on)
{
    for (ahead = 0; ahead <= 4; ahead++) {
        interleave(every_frame_viewer_with_two_slots, take, go_on_drawing, frame_in_hand_is_whole);
        interleave(every_frame_viewer_with_three_slots, take, go_on_drawing,
                   frame_in_hand_is_whole);
    }
}

static uint64_t last_taken;

static void take_three(void)
{
    last_taken = 1; /* it joins at frame 2 */
    for (int i = 0; i < 3; i++) {
        take();
        if (got < 0)
            continue;
        cr_assert_eq(in_hand[0].sequence, ++last_taken);
        give_back(0);
    }
}

static void nothing_is_left_out(void)
{
    expect_all_after(last_taken);
}

Test(steps, every_frame_comes_in_turn_while_the_producer_goes_on)
{
    for (ahead = 0; ahead <= 4; ahead++)
        interleave(every_frame_viewer_with_three_slots, take_three, go_on_drawing,
                   nothing_is_left_out);
}

Test(steps, a_frame_is_taken_while_the_producer_draws)
{
    interleave(latest_viewer_with_two_slots, draw_three, take, frame_in_hand_is_whole);
    interleave(every_frame_viewer_with_two_slots, draw_three, take, frame_in_hand_is_whole);
    interleave(every_frame_viewer_with_three_slots, draw_three, take, frame_in_hand_is_whole);
}

/* What it holds stays held, whatever becomes of a second claim of the same slot. */
static void latest_viewer_with_a_frame_in_hand(void)
{
    begin_again(3, 1);
    open_viewer(false);
    take_one(1, 0);
}

static void take_newest(void)
{
    got = pf_viewer_acquire_latest(viewer, &in_hand[0]);
}

static void draw_over_all_that_is_free(void)
{
    for (int i = 0; i < 4; i++)
        draw_three();
}

static void both_in_hand_are_whole(void)
{
    cr_assert_eq(got, 0);
    draw_over_all_that_is_free();
    give_back(0);
    draw_over_all_that_is_free();
    give_back(1);
}

Test(steps, a_frame_in_hand_stays_while_another_is_claimed)
{
    interleave(latest_viewer_with_a_frame_in_hand, take_newest, draw_over_all_that_is_free,
               both_in_hand_are_whole);
}

/* ------------------------------------------------------------------ eviction */

static void impatient_producer_held_up(void)
{
    begin_again(3, 0);
    pf_producer_close(producer);
    open_producer(3, 1); /* patience for a nanosecond */
    open_viewer(true);
    for (int i = 0; i < 3; i++)
        publish_next();
    take_one(1, 0);
}

/* The first look starts the clock of its patience, the second finds that it has run out. */
static void evict(void)
{
    struct pf_frame frame;

    for (int i = 0; i < 2; i++)
        if (pf_producer_begin(producer, 0, &frame) == 0) {
            draw(&frame, (uint8_t)frame.sequence);
            pf_producer_publish(producer, &frame);
        }
}

/* Evicted: it is told once, and is a viewer of the latest from then on. Else it has each frame. */
static void held_are_safe_and_the_viewer_knows(void)
{
    struct pf_producer_stats stats;
    uint64_t last = in_hand[0].sequence ? in_hand[0].sequence : in_hand[1].sequence;

    pf_producer_stats(producer, &stats);
    give_back(0);
    give_back(1);
    if (!stats.evicted) {
        expect_all_after(last);
        return;
    }
    if (got != -ESTALE) {
        take();
        cr_assert_eq(got, -ESTALE, "evicted, and acquire says %d", got);
    }
    for (int i = 0; i < 4; i++)
        publish_next(); /* it holds nobody up any more */
    take();
    cr_assert_eq(got, 0);
    cr_assert_eq(in_hand[0].sequence, published(), "it gets the latest");
    give_back(0);
}

Test(steps, eviction_meets_a_viewer_that_takes_a_frame)
{
    interleave(impatient_producer_held_up, take, evict, held_are_safe_and_the_viewer_knows);
    interleave(impatient_producer_held_up, evict, take, held_are_safe_and_the_viewer_knows);
}
