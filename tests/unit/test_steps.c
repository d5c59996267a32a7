/* SPDX-License-Identifier: MIT */
/*
 * Two sides, step by step. One side does something; before its first, its second, ... its last step
 * the other side does something whole, and after each of these runs everything must be in order.
 * So each bad moment between two processes is met for sure, and again in the next run.
 *
 * A sleep without a ring is a fault here, too: what the bound of 100 ms would hide.
 */
#include <errno.h>
#include <sys/shm.h>

#include "handoff.h"
#include "stream.h"

/* ------------------------------------------------------------------ the stepping */

/* Declared in steps.h, which is not for this file: it takes the real calls away. */
void step(void);
int steps_sleep(sem_t *bell);

static int steps_left = -1; /* until the other side runs; below 0: it has run */
static bool has_slept;      /* it ran in a sleep: all steps before that are through */
static int overslept;
static void (*other_side)(void);

static void run_other_side(void)
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

int steps_sleep(sem_t *bell)
{
    if (steps_left >= 0) {
        has_slept = true;
        run_other_side();
    }
    if (sem_trywait(bell) == 0)
        return 0;
    overslept++;
    errno = ETIMEDOUT;
    return -1;
}

/* `setup`, then `one` with `other` before its step 0, 1, 2, ... until it has no more; each time
 * `check` at the end. */
static void interleave(void (*setup)(void), void (*one)(void), void (*other)(void),
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

TestSuite(steps, .init = quiet, .fini = finish, .timeout = 60);

/* ------------------------------------------------------------------ what both sides do */

static struct pf_frame in_hand[2], drawing;
static uint8_t was[2]; /* the pixel, when it came to hand */
static int got;        /* what the last acquire said */
static uint32_t drawn; /* value of the last frame drawn */
static bool wants_every;
static struct pf_viewer *second;

static void begin_again(uint32_t slots, bool every_frame, uint32_t frames)
{
    wants_every = every_frame;
    memset(in_hand, 0, sizeof in_hand);
    got = -EAGAIN;
    open_producer(slots, 0);
    for (drawn = 0; drawn < frames;)
        cr_assert_eq(publish(++drawn), 0);
}

static void draw(struct pf_frame *frame, uint32_t value)
{
    frame->pts_ns = value;
    frame->plane[0].pixels[0] = (uint8_t)value;
    step(); /* half a picture */
    frame->plane[0].pixels[frame->plane[0].stride_bytes * 47] = (uint8_t)value;
}

/* Begin as many frames as there are slots for, up to three; publish all but the last. */
static void go_on_drawing(void)
{
    for (int i = 0; i < 3 && pf_producer_begin(producer, 0, &drawing) == 0; i++) {
        draw(&drawing, ++drawn);
        if (i == 2)
            pf_producer_abandon(producer, &drawing);
        else
            pf_producer_publish(producer, &drawing);
    }
}

static void publish_next(void)
{
    cr_assert_eq(publish(++drawn), 0);
}

static bool is_whole(const struct pf_frame *frame, uint32_t value)
{
    return frame->plane[0].pixels[0] == (uint8_t)value &&
           frame->plane[0].pixels[frame->plane[0].stride_bytes * 47] == (uint8_t)value;
}

static void take_one(int hand, int64_t timeout_ns)
{
    got = pf_viewer_acquire(viewer, timeout_ns, &in_hand[hand]);
    if (got < 0)
        return;
    cr_assert(is_whole(&in_hand[hand], (uint32_t)in_hand[hand].pts_ns), "torn: frame %d",
              (int)in_hand[hand].pts_ns);
    was[hand] = in_hand[hand].plane[0].pixels[0];
}

static void take(void)
{
    take_one(0, 0);
}

static void wait_and_take(void)
{
    take_one(0, PF_FOREVER);
}

static void give_back(int hand)
{
    if (!in_hand[hand].sequence)
        return;
    cr_assert(is_whole(&in_hand[hand], was[hand]), "frame %d was drawn over while it was held",
              (int)in_hand[hand].pts_ns);
    pf_viewer_release(viewer, &in_hand[hand]);
    in_hand[hand].sequence = 0;
}

static void give_back_first(void)
{
    give_back(0);
}

/* All that has been published comes, whole, each after the other. */
static void drain_in_order(uint64_t last)
{
    give_back(0);
    while (last < drawn) {
        cr_assert_eq(pf_viewer_acquire(viewer, 0, &in_hand[0]), 0, "frame %d is missing",
                     (int)last + 1);
        was[0] = (uint8_t)in_hand[0].pts_ns;
        if (wants_every)
            cr_assert_eq(in_hand[0].sequence, last + 1);
        cr_assert_gt(in_hand[0].sequence, last);
        last = in_hand[0].sequence;
        give_back(0);
    }
}

/* ------------------------------------------------------------------ a claim */

static void latest_viewer_with_two_slots(void)
{
    begin_again(2, false, 1);
    open_viewer(false);
}

static void every_frame_viewer_with_two_slots(void)
{
    begin_again(2, true, 2);
    open_viewer(true);
}

static void every_frame_viewer_with_three_slots(void)
{
    begin_again(3, true, 2);
    open_viewer(true);
}

static void frame_in_hand_is_whole(void)
{
    cr_assert_eq(got, 0, "there was a frame, and acquire says %d", got);
    give_back(0);
}

Test(steps, a_latest_frame_is_claimed_or_not_while_the_producer_goes_on)
{
    interleave(latest_viewer_with_two_slots, take, go_on_drawing, frame_in_hand_is_whole);
}

Test(steps, the_next_frame_is_claimed_while_the_producer_goes_on)
{
    interleave(every_frame_viewer_with_two_slots, take, go_on_drawing, frame_in_hand_is_whole);
    interleave(every_frame_viewer_with_three_slots, take, go_on_drawing, frame_in_hand_is_whole);
}

static void take_three(void)
{
    for (int i = 0; i < 3; i++) {
        take();
        if (got == 0 && i < 2)
            give_back(0);
    }
}

static void nothing_is_left_out(void)
{
    uint64_t last = in_hand[0].sequence;

    /* go_on_drawing() may have abandoned its last one */
    struct pf_producer_stats stats;
    pf_producer_stats(producer, &stats);
    drawn = (uint32_t)stats.published;
    if (!last)
        last = drawn; /* the third acquire found nothing: the frames before were all */
    drain_in_order(last);
}

Test(steps, every_frame_comes_in_turn_while_the_producer_goes_on)
{
    interleave(every_frame_viewer_with_three_slots, take_three, go_on_drawing, nothing_is_left_out);
}

static void draw_three(void)
{
    for (int i = 0; i < 3 && pf_producer_begin(producer, 0, &drawing) == 0; i++) {
        draw(&drawing, ++drawn);
        pf_producer_publish(producer, &drawing);
    }
}

Test(steps, a_frame_is_taken_while_the_producer_draws)
{
    interleave(latest_viewer_with_two_slots, draw_three, take, frame_in_hand_is_whole);
    interleave(every_frame_viewer_with_two_slots, draw_three, take, frame_in_hand_is_whole);
}

/* ------------------------------------------------------------------ coming and going */

static void producer_alone(void)
{
    begin_again(2, true, 3);
}

static void open_every_frame(void)
{
    open_viewer(true);
}

static void the_first_frame_is_there_and_all_after_it(void)
{
    struct pf_producer_stats stats;

    pf_producer_stats(producer, &stats);
    drawn = (uint32_t)stats.published;
    take();
    cr_assert_eq(got, 0, "nothing to see after joining: %d", got);
    drain_in_order(in_hand[0].sequence);
}

Test(steps, an_every_frame_viewer_joins_while_the_producer_goes_on)
{
    interleave(producer_alone, open_every_frame, go_on_drawing,
               the_first_frame_is_there_and_all_after_it);
}

static void open_second(void)
{
    cr_assert_eq(pf_viewer_open(&second, "test", NULL), 0);
}

static void both_have_a_lane(void)
{
    struct pf_producer_stats stats;

    pf_producer_stats(producer, &stats);
    pf_viewer_close(second);
    cr_assert_eq(stats.viewers, 2, "%u lanes for two viewers", stats.viewers);
    drain_in_order(drawn - 1);
}

Test(steps, two_viewers_come_at_once_and_have_a_lane_each)
{
    interleave(producer_alone, open_every_frame, open_second, both_have_a_lane);
}

static void draw_and_close(void)
{
    publish_next();
    pf_producer_close(producer);
    producer = NULL;
}

static void the_last_frame_and_the_end(void)
{
    if (got == -EAGAIN)
        take();
    cr_assert_eq(got, 0, "the frame before the end: %d", got);
    cr_assert_eq(in_hand[0].pts_ns, drawn, "the last frame is %d", (int)in_hand[0].pts_ns);
    give_back(0);
    take_one(0, PF_FOREVER);
    cr_assert_eq(got, -EPIPE);
}

static void viewer_that_has_seen_all(void)
{
    latest_viewer_with_two_slots();
    take();
    give_back(0);
}

Test(steps, the_last_frame_is_seen_before_the_end)
{
    interleave(viewer_that_has_seen_all, take, draw_and_close, the_last_frame_and_the_end);
}

static void close_producer(void)
{
    pf_producer_close(producer);
    producer = NULL;
}

static void the_end_is_heard(void)
{
    take_one(0, PF_FOREVER);
    cr_assert_eq(got, -EPIPE);
}

Test(steps, the_end_is_heard_by_a_sleeper)
{
    interleave(viewer_that_has_seen_all, close_producer, take, the_end_is_heard);
}

/* ------------------------------------------------------------------ bells */

static void a_frame_has_come(void)
{
    cr_assert_eq(got, 0, "acquire says %d", got);
    cr_assert_eq(in_hand[0].pts_ns, drawn);
    give_back(0);
}

Test(steps, a_frame_wakes_a_sleeper)
{
    interleave(viewer_that_has_seen_all, wait_and_take, publish_next, a_frame_has_come);
}

/* The other way round: it looks, finds nothing and is about to sleep while a frame is published. */
static void wait_if_there_was_nothing(void)
{
    if (got == -EAGAIN)
        wait_and_take();
    a_frame_has_come();
}

Test(steps, a_frame_is_heard_by_who_has_just_looked)
{
    interleave(viewer_that_has_seen_all, publish_next, take, wait_if_there_was_nothing);
}

static void first_frame_to_come(void)
{
    begin_again(2, false, 0);
}

static void open_and_take(void)
{
    open_viewer(false);
    take();
}

Test(steps, the_first_frame_is_heard_by_who_has_just_come)
{
    interleave(first_frame_to_come, publish_next, open_and_take, wait_if_there_was_nothing);
}

/* An every-frame viewer has one of two slots in hand: the producer has none to draw in. */
static void producer_held_up(void)
{
    begin_again(2, true, 0);
    open_viewer(true);
    publish_next();
    publish_next();
    take();
}

static void wait_for_a_slot(void)
{
    cr_assert_eq(pf_producer_begin(producer, PF_FOREVER, &drawing), 0);
    draw(&drawing, ++drawn);
    pf_producer_publish(producer, &drawing);
}

static void all_is_well(void)
{
}

Test(steps, a_release_wakes_the_producer)
{
    interleave(producer_held_up, wait_for_a_slot, give_back_first, all_is_well);
}

static void close_viewer(void)
{
    pf_viewer_close(viewer);
    viewer = NULL;
}

Test(steps, a_viewer_that_leaves_wakes_the_producer)
{
    interleave(producer_held_up, wait_for_a_slot, close_viewer, all_is_well);
}

/* ------------------------------------------------------------------ eviction */

static void impatient_producer_held_up(void)
{
    begin_again(3, true, 0);
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
    for (int i = 0; i < 2; i++)
        if (pf_producer_begin(producer, 0, &drawing) == 0) {
            draw(&drawing, ++drawn);
            pf_producer_publish(producer, &drawing);
        }
}

static void held_are_safe_and_the_evicted_know(void)
{
    struct pf_producer_stats stats;

    pf_producer_stats(producer, &stats);
    give_back(0);
    give_back(1);
    if (stats.evicted && got != -ESTALE) {
        take();
        cr_assert_eq(got, -ESTALE, "evicted, and acquire says %d", got);
    }
    for (int i = 0; i < 4; i++)
        publish_next(); /* it holds nobody up any more */
    if (stats.evicted) {
        take();
        cr_assert_eq(in_hand[0].pts_ns, drawn, "a latest-frame viewer gets the latest");
        give_back(0);
    }
}

/* Not evicted in time: then it still has to have each frame. */
static void held_are_safe(void)
{
    struct pf_producer_stats stats;

    pf_producer_stats(producer, &stats);
    if (stats.evicted) {
        held_are_safe_and_the_evicted_know();
        return;
    }
    uint64_t last = in_hand[1].sequence;
    if (in_hand[0].sequence)
        last = in_hand[0].sequence;
    give_back(1);
    drain_in_order(last);
}

Test(steps, eviction_meets_a_viewer_that_takes_a_frame)
{
    interleave(impatient_producer_held_up, take, evict, held_are_safe);
    interleave(impatient_producer_held_up, evict, take, held_are_safe);
}

/* ------------------------------------------------------------------ a segment is made */

static char key_file[512];

static void a_key_file(void)
{
    scratch_path(key_file, scratch, "key");
    fclose(fopen(key_file, "w"));
}

static void open_keyed(void)
{
    struct pf_format format = size(64, 48);
    struct pf_producer_options options = {.key_file = key_file};

    cr_assert_eq(pf_producer_open(&producer, "test", &format, &options), 0);
}

/* Who sees the magic sees the whole header. */
static void look_by_key(void)
{
    struct segment segment;
    int shmid = shmget(ftok(key_file, 'p'), 0, 0);

    if (shmid < 0)
        return;
    const struct layout_header *header = shmat(shmid, NULL, SHM_RDONLY);
    cr_assert_neq(header, (void *)-1);
    bool is_ready = header->magic == LAYOUT_MAGIC;
    shmdt(header);
    if (!is_ready)
        return;
    cr_assert_eq(segment_attach(&segment, shmid, NULL), 0, "the magic before the rest");
    cr_assert_str_eq(segment.channel, "test");
    segment_close(&segment);
}

Test(steps, the_magic_comes_last)
{
    interleave(a_key_file, open_keyed, look_by_key, look_by_key);
}
