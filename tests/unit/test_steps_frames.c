/* SPDX-License-Identifier: MIT */
/*
 * Events and damage, step by step. Every event that was sent is taken once, whole and in order. The
 * damage that a viewer reads contains all that has changed, whatever the producer does meanwhile.
 */
#include "interleave.h"

#include <setjmp.h>

#include "core/events.h"

TestSuite(steps_frames, .init = init_stream, .fini = finish_stream, .timeout = 600);

/* ------------------------------------------------------------------ events */

static uint64_t sent, taken, taken_before;

static struct pf_event next_event(void)
{
    return (struct pf_event){.kind = PF_EVENT_USER, .time_ns = 1, .user = {sent + 1, ~(sent + 1)}};
}

static void send_next(void)
{
    struct pf_event event = next_event();
    int ret = pf_viewer_send(viewer, &event);

    cr_assert(ret == 0 || ret == -EAGAIN, "%d", ret);
    sent += ret == 0;
}

static void send_three(void)
{
    for (int i = 0; i < 3; i++)
        send_next();
}

static void take_all(void)
{
    struct pf_event event;

    while (pf_producer_next_event(producer, &event) == 0) {
        taken++;
        cr_assert_eq(event.user[0], taken, "event %d, not %d", (int)event.user[0], (int)taken);
        cr_assert_eq(event.user[1], ~taken, "half of another event");
    }
}

static void expect_all_taken(void)
{
    for (int i = 0; i < 2; i++)
        take_all();
    cr_assert_eq(taken, sent, "%d of %d events", (int)taken, (int)sent);
}

static void open_with_events(uint64_t count)
{
    start_stream(2, 0);
    open_viewer(false);
    sent = taken = 0;
    /* The ring is reused, and its entries contain earlier events. */
    while (sent < LAYOUT_EVENTS + 3) {
        send_three();
        take_all();
    }
    take_all();
    for (uint64_t i = 0; i < count; i++)
        send_next();
    taken_before = taken;
}

static void open_with_an_empty_ring(void)
{
    open_with_events(0);
}

static void open_with_two_events(void)
{
    open_with_events(2);
}

static void open_with_a_full_ring(void)
{
    open_with_events(LAYOUT_EVENTS);
}

Test(steps_frames, events_are_taken_in_order_while_the_viewer_sends)
{
    interleave(open_with_an_empty_ring, send_three, take_all, expect_all_taken);
    interleave(open_with_two_events, send_three, take_all, expect_all_taken);
    interleave(open_with_an_empty_ring, take_all, send_three, expect_all_taken);
    interleave(open_with_two_events, take_all, send_three, expect_all_taken);
}

Test(steps_frames, events_of_a_full_ring_are_not_overwritten)
{
    interleave(open_with_a_full_ring, send_three, take_all, expect_all_taken);
    interleave(open_with_a_full_ring, take_all, send_three, expect_all_taken);
}

static void wait_and_take(void)
{
    cr_assert_eq(pf_producer_wait_event(producer, PF_FOREVER), 0);
    take_all();
}

Test(steps_frames, an_event_ends_the_wait_at_every_step)
{
    interleave(open_with_an_empty_ring, wait_and_take, send_three, expect_all_taken);
}

static void change_size(void)
{
    struct pf_format format = size(80, 48);

    cr_assert_eq(pf_producer_change_format(producer, &format), 0);
}

/* Events that were sent before the change arrive. An event that is sent after the copy, before the
 * viewer sees MOVED, does not. */
static void expect_events_of_before(void)
{
    uint64_t sent_before = taken_before + 2;

    for (int i = 0; i < 2; i++)
        take_all();
    cr_assert_geq(taken, sent_before, "%d of %d events", (int)taken, (int)sent_before);
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    sent = taken;
    send_three();
    cr_assert_eq(sent, taken + 3);
    expect_all_taken();
}

static void send_unless_moved(void)
{
    struct pf_event event = next_event();
    int ret = pf_viewer_send(viewer, &event);

    cr_assert(ret == 0 || ret == -EREMCHG, "%d", ret);
}

Test(steps_frames, events_sent_before_a_format_change_arrive)
{
    interleave(open_with_two_events, change_size, send_unless_moved, expect_events_of_before);
}

/* A kill: the send ends before a step, and the lane is free. */
static jmp_buf killed;
static bool is_sending;
static struct segment attached;

static void open_second_mapping(void)
{
    open_with_events(1);
    cr_assert_eq(segment_attach(&attached, pf_viewer_segment(viewer)->shmid, NULL), 0);
    cr_assert_eq(segment_open_ring(&attached, 0), 0);
}

static void send_until_killed(void)
{
    struct pf_event event = next_event();

    is_sending = true;
    if (!setjmp(killed))
        events_send(&attached, 0, &event);
    is_sending = false;
}

static void end_the_send(void)
{
    if (is_sending)
        longjmp(killed, 1);
}

static void expect_whole_events_of_the_next_viewer(void)
{
    segment_close(&attached);
    pf_viewer_close(viewer);
    open_viewer(false); /* on the same lane */
    take_all();
    cr_assert(taken == sent || taken == sent + 1, "%d of %d events", (int)taken, (int)sent);
    sent = taken;
    send_three();
    cr_assert_eq(sent, taken + 3);
    expect_all_taken();
}

Test(steps_frames, a_viewer_killed_within_an_event_leaves_none_or_all_of_it)
{
    interleave(open_second_mapping, send_until_killed, end_the_send,
               expect_whole_events_of_the_next_viewer);
}

/* ------------------------------------------------------------------ damage */

enum { FIRST = 8, LAST = FIRST + LAYOUT_HISTORY };

static struct pf_frame seen, shown;
static struct pf_rect rects[PF_DAMAGE_MAX];
static int count;
static bool is_history_lost; /* it may be overwritten while the viewer reads it */

/* Four pixels in the first frame of each history, and in each later frame nothing: united, they are
 * still four pixels, so that none can be missing. */
static struct pf_rect rect_of(uint64_t sequence, int k)
{
    bool is_first = sequence % LAYOUT_HISTORY == (FIRST + 1) % LAYOUT_HISTORY;

    return (struct pf_rect){(uint16_t)(sequence % 64), (uint16_t)(12 * k), is_first, is_first};
}

static void publish_frames(int frames)
{
    struct pf_frame frame;

    for (int i = 0; i < frames; i++) {
        cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
        frame.damage_count = PF_DAMAGE_MAX;
        for (int k = 0; k < PF_DAMAGE_MAX; k++)
            frame.damage[k] = rect_of(frame.sequence, k);
        cr_assert_eq(pf_producer_publish(producer, &frame), 0);
    }
}

static void publish_one(void)
{
    publish_frames(1);
}

static void publish_two_histories(void)
{
    is_history_lost = true;
    publish_frames(2 * LAYOUT_HISTORY);
}

/* The viewer has seen frame FIRST, and holds frame LAST. */
static void open_with_a_full_history(void)
{
    start_stream(3, 0);
    open_viewer(false);
    publish_frames(FIRST);
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &seen), 0);
    pf_viewer_release(viewer, &seen);
    publish_frames(LAST - FIRST);
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &shown), 0);
    count = -1;
    is_history_lost = false;
}

static void read_damage(void)
{
    count = pf_viewer_damage_since(viewer, &shown, &seen, rects);
}

static void claim_and_read_damage(void)
{
    cr_assert_eq(pf_viewer_acquire_latest(viewer, &shown), 0);
    read_damage();
}

static bool contains(const struct pf_rect *all, uint32_t number, int x, int y)
{
    for (uint32_t i = 0; i < number; i++)
        if (x >= all[i].x && x < all[i].x + all[i].width && y >= all[i].y &&
            y < all[i].y + all[i].height)
            return true;
    return false;
}

static void expect_damage_of_all_frames(void)
{
    cr_assert(count >= 1 && count <= PF_DAMAGE_MAX, "%d", count);
    if (!is_history_lost)
        cr_assert_eq(shown.damage_count, PF_DAMAGE_MAX, "its damage is not in the history");
    for (uint64_t sequence = seen.sequence + 1; sequence <= shown.sequence; sequence++)
        for (int k = 0; k < PF_DAMAGE_MAX; k++) {
            struct pf_rect rect = rect_of(sequence, k);
            for (int y = rect.y; y < rect.y + rect.height; y++)
                for (int x = rect.x; x < rect.x + rect.width; x++)
                    cr_assert(contains(rects, (uint32_t)count, x, y), "frame %d: %d,%d",
                              (int)sequence, x, y);
        }
    if (shown.damage_count == 0)
        return; /* the whole frame */
    cr_assert_eq(shown.damage_count, PF_DAMAGE_MAX);
    for (int k = 0; k < PF_DAMAGE_MAX; k++) {
        struct pf_rect rect = rect_of(shown.sequence, k), got_rect = shown.damage[k];
        cr_assert_eq(got_rect.width, rect.width, "of another frame");
        cr_assert(!rect.width || got_rect.x == rect.x, "of another frame");
    }
}

Test(steps_frames, damage_contains_all_changes_while_the_producer_publishes)
{
    interleave(open_with_a_full_history, read_damage, publish_one, expect_damage_of_all_frames);
    interleave(open_with_a_full_history, read_damage, publish_two_histories,
               expect_damage_of_all_frames);
    interleave(open_with_a_full_history, claim_and_read_damage, publish_one,
               expect_damage_of_all_frames);
    interleave(open_with_a_full_history, claim_and_read_damage, publish_two_histories,
               expect_damage_of_all_frames);
}

Test(steps_frames, damage_contains_all_changes_at_every_step_of_a_publication)
{
    interleave(open_with_a_full_history, publish_one, read_damage, expect_damage_of_all_frames);
    interleave(open_with_a_full_history, publish_one, claim_and_read_damage,
               expect_damage_of_all_frames);
}
