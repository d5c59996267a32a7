/* SPDX-License-Identifier: MIT */
/*
 * The calls in pageflip.h, as any program would use them. Producer and viewers are in one process;
 * the behaviour of the calls does not depend on that.
 */
#include <errno.h>
#include <pthread.h>

#include "core/doorbell.h"
#include "core/handoff.h"
#include "stream.h"

TestSuite(stream, .init = init_stream, .fini = finish_stream);

Test(stream, hands_a_frame_over)
{
    open_producer(0, 0);
    open_viewer(false);
    cr_assert_eq(publish(7), 0);
    expect(7);
}

Test(stream, shows_the_producers_own_pages)
{
    struct pf_frame drawn, seen;

    open_producer(0, 0);
    open_viewer(false);
    cr_assert_eq(pf_producer_begin(producer, 0, &drawn), 0);
    pf_producer_publish(producer, &drawn);
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &seen), 0);
    /* A published frame must not be written to; here it shows that no copy was made. */
    drawn.plane[0].pixels[5] = 99;
    cr_assert_eq(seen.plane[0].pixels[5], 99);
    pf_viewer_release(viewer, &seen);
}

Test(stream, nothing_published_is_eagain)
{
    struct pf_frame frame;

    open_producer(0, 0);
    open_viewer(false);
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &frame), -EAGAIN);
    cr_assert_eq(pf_viewer_acquire_latest(viewer, &frame), -EAGAIN);
}

Test(stream, a_latest_viewer_skips_frames)
{
    struct pf_viewer_stats stats;

    open_producer(3, 0);
    open_viewer(false);
    cr_assert_eq(publish(1), 0);
    expect(1);
    for (uint32_t i = 2; i <= 10; i++)
        cr_assert_eq(publish(i), 0);
    expect(10);
    pf_viewer_stats(viewer, &stats);
    cr_assert_eq(stats.skipped, 8, "skipped %d", (int)stats.skipped);
    cr_assert_eq(stats.lost, 0);
}

Test(stream, a_latest_viewer_that_holds_one_of_three_slots_never_blocks)
{
    struct pf_frame held;

    open_producer(3, 0);
    open_viewer(false);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &held), 0);
    for (uint32_t i = 2; i < 1000; i++)
        cr_assert_eq(publish(i % 250), 0, "at frame %u", i);
    cr_assert_eq(held.plane[0].pixels[0], 1, "the held slot was drawn in");
    pf_viewer_release(viewer, &held);
}

Test(stream, an_every_frame_viewer_blocks_the_producer)
{
    struct pf_producer_stats stats;

    open_producer(2, 0);
    open_viewer(true);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(publish(2), 0);
    cr_assert_eq(publish(3), -EAGAIN);
    pf_producer_stats(producer, &stats);
    cr_assert_eq(stats.no_slot, 1);
    cr_assert_eq(stats.viewers, 1);
    expect(1);
    cr_assert_eq(publish(3), 0);
    expect(2);
    expect(3);
}

Test(stream, a_late_every_frame_viewer_starts_with_the_newest)
{
    open_producer(2, 0);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(publish(2), 0);
    open_viewer(true);
    cr_assert_eq(publish(3), 0);
    expect(2);
    expect(3);
}

Test(stream, eviction_releases_required_frames_and_not_the_held_one)
{
    struct pf_frame held, frame;
    struct pf_viewer_stats stats;

    open_producer(3, 20 * NS_PER_MS);
    open_viewer(true);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &held), 0);
    cr_assert_eq(publish(2), 0);
    cr_assert_eq(publish(3), 0);
    cr_assert_eq(pf_producer_begin(producer, HANG_NS, &frame), 0, "no slot despite the eviction");
    memset(frame.plane[0].pixels, 4, 64);
    frame.pts_ns = 4;
    pf_producer_publish(producer, &frame);
    cr_assert_eq(held.plane[0].pixels[0], 1, "the held slot was drawn in");
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &frame), -ESTALE);
    pf_viewer_stats(viewer, &stats);
    cr_assert_eq(stats.lost, 2, "lost %d", (int)stats.lost);
    cr_assert_eq(stats.lost_first, 2);
    cr_assert_eq(stats.lost_last, 3);
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &frame), 0);
    cr_assert_eq(frame.pts_ns, 4);
    pf_viewer_release(viewer, &frame);
    pf_viewer_release(viewer, &held);
}

Test(stream, the_end_is_reported_after_the_last_frame)
{
    struct pf_frame frame;

    open_producer(2, 0);
    open_viewer(true);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(publish(2), 0);
    pf_producer_close(producer);
    producer = NULL;
    expect(1);
    expect(2);
    cr_assert_eq(pf_viewer_acquire(viewer, PF_FOREVER, &frame), -EPIPE);
    cr_assert_eq(pf_viewer_state(viewer), PF_ENDED);
    cr_assert_eq(pf_viewer_acquire_latest(viewer, &frame), 0, "the last frame stays readable");
    pf_viewer_release(viewer, &frame);
}

Test(stream, a_producer_sleeps_while_an_evicted_viewer_holds_a_slot)
{
    struct pf_frame held, frame;
    struct pf_producer_stats stats;

    open_producer(2, 10 * NS_PER_MS);
    open_viewer(true);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &held), 0);
    cr_assert_eq(publish(2), 0);
    cr_assert_eq(pf_producer_begin(producer, 100 * NS_PER_MS, &frame), -EAGAIN);
    pf_producer_stats(producer, &stats);
    cr_assert_eq(stats.evicted, 1);
    int64_t before_ns = clock_cpu_ns();
    cr_assert_eq(pf_producer_begin(producer, 300 * NS_PER_MS, &frame), -EAGAIN);
    int64_t spent_ns = clock_cpu_ns() - before_ns;
    cr_assert_lt(spent_ns, 100 * NS_PER_MS, "%d ms of CPU time", (int)(spent_ns / NS_PER_MS));
    pf_viewer_release(viewer, &held);
    cr_assert_eq(publish(3), 0);
}

Test(stream, a_frame_held_twice_is_free_after_the_second_release)
{
    struct pf_frame frame;

    open_producer(2, 0);
    open_viewer(false);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    pf_viewer_hold(viewer, &frame);
    cr_assert_eq(publish(2), 0);
    pf_viewer_release(viewer, &frame);
    cr_assert_eq(publish(3), -EAGAIN);
    pf_viewer_release(viewer, &frame);
    cr_assert_eq(publish(3), 0);
}

Test(stream, the_state_is_known_without_an_acquire)
{
    open_producer(2, 0);
    open_viewer(false);
    cr_assert_eq(pf_viewer_state(viewer), PF_RUNNING);
    pf_producer_close(producer);
    producer = NULL;
    cr_assert_eq(pf_viewer_state(viewer), PF_ENDED);
}

Test(stream, a_crashed_viewer_is_reclaimed_during_a_long_wait)
{
    struct pf_producer_stats before, after;
    struct pf_frame frame;
    struct segment segment;

    open_producer(2, 0);
    open_viewer(true);
    /* A lane whose lease is free, and that keeps no slot from the producer. */
    cr_assert_eq(segment_attach(&segment, pf_viewer_segment(viewer)->shmid, NULL), 0);
    while (publish(1) == 0)
        ;
    pf_producer_stats(producer, &before);
    handoff_join(&segment, 5, LANE_LATEST);
    cr_assert_eq(pf_producer_begin(producer, 4 * DOORBELL_SLEEP_MAX_NS, &frame), -EAGAIN);
    pf_producer_stats(producer, &after);
    cr_assert_eq(after.reaped, before.reaped + 1);
    cr_assert_eq(handoff_lane_mode(&segment, 5), LANE_FREE);
    segment_close(&segment);
}

Test(stream, a_restarted_producer_is_joined)
{
    struct pf_frame frame;

    open_producer(2, 0);
    open_viewer(false);
    pf_producer_close(producer);
    cr_assert_eq(pf_viewer_acquire(viewer, PF_FOREVER, &frame), -EPIPE);
    cr_assert_eq(pf_viewer_reattach(viewer, 0), -EAGAIN);
    open_producer(2, 0);
    cr_assert_eq(publish(5), 0);
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    expect(5);
}

Test(stream, a_reattach_does_not_return_the_same_segment)
{
    open_producer(2, 0);
    open_viewer(false);
    cr_assert_eq(pf_viewer_reattach(viewer, 0), -EAGAIN);
    cr_assert_eq(publish(5), 0);
    expect(5);
}

Test(stream, a_channel_has_one_producer)
{
    struct pf_producer *second;
    struct pf_format format = size(8, 8);

    open_producer(0, 0);
    cr_assert_eq(pf_producer_open(&second, "test", &format, NULL), -EBUSY);
    cr_assert_eq(publish(1), 0);
}

Test(stream, a_channel_has_sixteen_viewers)
{
    struct pf_viewer *viewers[PF_VIEWERS_MAX], *more;
    struct pf_producer_stats stats;

    open_producer(0, 0);
    for (int i = 0; i < PF_VIEWERS_MAX; i++)
        cr_assert_eq(pf_viewer_open(&viewers[i], "test", NULL), 0);
    pf_producer_stats(producer, &stats);
    cr_assert_eq(stats.viewers, PF_VIEWERS_MAX);
    cr_assert_eq(pf_viewer_open(&more, "test", NULL), -EBUSY);
    for (int i = 0; i < PF_VIEWERS_MAX; i++)
        pf_viewer_close(viewers[i]);
    cr_assert_eq(pf_viewer_open(&viewer, "test", NULL), 0);
}

Test(stream, refuses_bad_names_and_options)
{
    struct pf_format format = size(8, 8), wide = size(PF_SIZE_MAX + 1, 8), flat = size(8, 0);
    struct pf_format unknown = {.fourcc = 1, .width = 8, .height = 8};
    struct pf_producer_options one_slot = {.slots = 1}, nine_slots = {.slots = 9};
    const char *bad[] = {
        "",        "../x", "a b",
        ".hidden", "x\n",  "12345678901234567890123456789012345678901234567890123456789012345"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(pf_producer_open(&producer, bad[i], &format, NULL), -EINVAL, "%s", bad[i]);
        cr_assert_eq(pf_viewer_open(&viewer, bad[i], NULL), -EINVAL, "%s", bad[i]);
    }
    cr_assert_eq(pf_producer_open(&producer, "test", &wide, NULL), -EINVAL);
    cr_assert_eq(pf_producer_open(&producer, "test", &flat, NULL), -EINVAL);
    cr_assert_eq(pf_producer_open(&producer, "test", &unknown, NULL), -EINVAL);
    cr_assert_eq(pf_producer_open(&producer, "test", &format, &one_slot), -EINVAL);
    cr_assert_eq(pf_producer_open(&producer, "test", &format, &nine_slots), -EINVAL);
}

Test(stream, no_producer_is_refused)
{
    cr_assert_eq(pf_viewer_open(&viewer, "test", NULL), -ECONNREFUSED);
}

static void *open_producer_later(void *unused)
{
    (void)unused;
    usleep(50 * 1000);
    open_producer(0, 0);
    return NULL;
}

Test(stream, a_viewer_waits_for_a_producer)
{
    struct pf_viewer_options options = {.wait_ns = HANG_NS};
    pthread_t thread;

    pthread_create(&thread, NULL, open_producer_later, NULL);
    cr_assert_eq(pf_viewer_open(&viewer, "test", &options), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(publish(1), 0);
    expect(1);
}

static void *wake_later(void *unused)
{
    (void)unused;
    usleep(20 * 1000);
    pf_viewer_wake(viewer);
    return NULL;
}

Test(stream, wake_interrupts_a_sleeping_viewer)
{
    struct pf_frame frame;
    pthread_t thread;

    open_producer(0, 0);
    open_viewer(false);
    pthread_create(&thread, NULL, wake_later, NULL);
    cr_assert_eq(pf_viewer_acquire(viewer, PF_FOREVER, &frame), -EINTR);
    pthread_join(thread, NULL);
    pf_viewer_wake(viewer);
    cr_assert_eq(pf_viewer_wait(viewer, PF_FOREVER), -EINTR);
    cr_assert_eq(pf_viewer_wait(viewer, NS_PER_MS), -EAGAIN, "one wake interrupted two waits");
}

Test(stream, one_slot_may_be_held_twice)
{
    struct pf_frame first, again;

    open_producer(2, 0);
    open_viewer(false);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &first), 0);
    cr_assert_eq(pf_viewer_acquire_latest(viewer, &again), 0);
    pf_viewer_release(viewer, &first);
    cr_assert_eq(publish(2), 0);
    cr_assert_eq(publish(3), -EAGAIN, "the slot is still held once");
    cr_assert_eq(again.plane[0].pixels[0], 1);
    pf_viewer_release(viewer, &again);
    cr_assert_eq(publish(3), 0);
}

Test(stream, an_abandoned_frame_is_never_seen)
{
    struct pf_frame frame;

    open_producer(2, 0);
    open_viewer(true);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
    pf_producer_abandon(producer, &frame);
    cr_assert_eq(publish(2), 0);
    expect(1);
    expect(2);
}

Test(stream, leaves_no_segment_behind)
{
    open_producer(2, 0);
    open_viewer(false);
    int shmid = pf_viewer_segment(viewer)->shmid;

    cr_assert(scratch_segment_exists(shmid));
    pf_producer_close(producer);
    producer = NULL;
    cr_assert(scratch_segment_exists(shmid), "a viewer is attached");
    pf_viewer_close(viewer);
    viewer = NULL;
    cr_assert_not(scratch_segment_exists(shmid));
}

/* Draw and publish without pauses; every pixel of a frame is the frame's number. */
static void *draw_many(void *count)
{
    for (uint32_t i = 1; i <= *(uint32_t *)count; i++) {
        struct pf_frame frame;
        cr_assert_eq(pf_producer_begin(producer, PF_FOREVER, &frame), 0);
        uint32_t *pixels = (uint32_t *)(void *)frame.plane[0].pixels;
        for (int k = 0; k < 64 * 48; k++)
            pixels[k] = i;
        pf_producer_publish(producer, &frame);
    }
    return NULL;
}

static void run_both_threads(uint32_t slots, bool every_frame)
{
    uint32_t count = 20000, expected = 0;
    pthread_t thread;
    struct pf_frame frame;

    open_producer(slots, 0);
    open_viewer(every_frame);
    pthread_create(&thread, NULL, draw_many, &count);
    while (expected < count) {
        cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
        const uint32_t *pixels = (const uint32_t *)(const void *)frame.plane[0].pixels;
        uint32_t first = pixels[0];
        for (int k = 1; k < 64 * 48; k++)
            cr_assert_eq(pixels[k], first, "torn: %u and %u", pixels[k], first);
        cr_assert_gt(first, expected);
        if (every_frame)
            cr_assert_eq(first, expected + 1);
        cr_assert_eq(first, frame.sequence);
        expected = first;
        pf_viewer_release(viewer, &frame);
    }
    pthread_join(thread, NULL);
}

Test(stream, every_frame_comes_whole_and_in_order_with_two_slots)
{
    run_both_threads(2, true);
}

Test(stream, every_frame_comes_whole_and_in_order_with_eight_slots)
{
    run_both_threads(8, true);
}

Test(stream, the_latest_frames_arrive_whole_and_in_order)
{
    run_both_threads(3, false);
}
