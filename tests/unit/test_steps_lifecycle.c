/* SPDX-License-Identifier: MIT */
/* Joining, leaving, format changes, doorbells and the creation of a segment, step by step. */
#include <sys/shm.h>

#include "core/doorbell.h"
#include "core/handoff.h"
#include "interleave.h"

TestSuite(steps_lifecycle, .init = init_stream, .fini = finish_stream, .timeout = 600);

/* ------------------------------------------------------------------ joining and leaving */

static void start_producer_alone(void)
{
    start_stream(2, 3);
}

static void open_every_frame(void)
{
    open_viewer(true);
}

static void expect_first_frame_and_all_after(void)
{
    acquire();
    cr_assert_eq(got, 0, "no frame after joining: %d", got);
    expect_all_after(held[0].sequence);
}

Test(steps_lifecycle, a_joining_every_frame_viewer_gets_every_later_frame)
{
    for (ahead = 0; ahead <= 4; ahead++)
        interleave(start_producer_alone, open_every_frame, publish_ahead,
                   expect_first_frame_and_all_after);
}

/* The producer creates its files again with the next frame. */
static void remove_the_runtime_directory(void)
{
    char path[512];

    scratch_path(path, scratch, "pageflip");
    scratch_empty(path);
    cr_assert_eq(rmdir(path), 0);
    paused_s++; /* its next check of them is due */
    publish_next();
}

Test(steps_lifecycle, a_viewer_can_join_while_the_runtime_directory_is_removed)
{
    interleave(start_producer_alone, open_every_frame, remove_the_runtime_directory,
               expect_first_frame_and_all_after);
}

static struct pf_viewer *second;

static void open_second(void)
{
    cr_assert_eq(pf_viewer_open(&second, "test", NULL), 0);
}

static void expect_two_lanes(void)
{
    struct pf_producer_stats stats;

    pf_producer_stats(producer, &stats);
    pf_viewer_close(second);
    cr_assert_eq(stats.viewers, 2, "%u lanes for two viewers", stats.viewers);
    expect_all_after(published() - 1);
}

Test(steps_lifecycle, two_viewers_that_join_together_get_a_lane_each)
{
    interleave(start_producer_alone, open_every_frame, open_second, expect_two_lanes);
}

/* Make the lane of a killed viewer: the lane requires every frame, and its lease is free. */
static void make_crashed_lane(uint32_t lane)
{
    struct segment segment;

    open_viewer(false);
    int shmid = pf_viewer_segment(viewer)->shmid;
    pf_viewer_close(viewer);
    viewer = NULL;
    cr_assert_eq(segment_attach(&segment, shmid, NULL), 0);
    handoff_join(&segment, lane, LANE_EVERY);
    segment_close(&segment);
}

static void block_producer_by_crashed_viewer(void)
{
    start_stream(2, 1);
    make_crashed_lane(0);
    publish_next();
}

Test(steps_lifecycle, a_crashed_viewer_does_not_block_the_producer)
{
    struct pf_producer_stats stats;

    block_producer_by_crashed_viewer();
    publish_next();
    pf_producer_stats(producer, &stats);
    cr_assert_eq(stats.reaped, 1);
}

Test(steps_lifecycle, a_viewer_can_join_while_its_lane_is_reclaimed)
{
    for (ahead = 0; ahead <= 4; ahead++)
        interleave(block_producer_by_crashed_viewer, open_every_frame, publish_ahead,
                   expect_first_frame_and_all_after);
}

static void draw_and_close(void)
{
    publish_next();
    pf_producer_close(producer);
    producer = NULL;
}

static void expect_last_frame_then_end(void)
{
    if (got == -EAGAIN)
        acquire();
    cr_assert_eq(got, 0, "the frame before the end: acquire returned %d", got);
    cr_assert_eq(held[0].sequence, 2, "the last frame is %d", (int)held[0].sequence);
    release(0);
    acquire_into(0, PF_FOREVER);
    cr_assert_eq(got, -EPIPE);
}

static void open_viewer_that_has_seen_all(void)
{
    open_latest_viewer_with_two_slots();
    acquire();
    release(0);
}

Test(steps_lifecycle, the_last_frame_is_seen_before_the_end)
{
    interleave(open_viewer_that_has_seen_all, acquire, draw_and_close, expect_last_frame_then_end);
}

static void close_producer(void)
{
    pf_producer_close(producer);
    producer = NULL;
}

/* The viewer has polled, found nothing and is about to sleep: its doorbell must have been rung
 * since the poll. */
static void expect_a_ring(void)
{
    struct segment segment;

    cr_assert_eq(segment_attach(&segment, pf_viewer_segment(viewer)->shmid, NULL), 0);
    cr_assert_eq(doorbell_wait(&segment.viewers->lane[0].doorbell, 0), 0,
                 "the doorbell was not rung");
    segment_close(&segment);
}

static void expect_end(void)
{
    if (got == -EAGAIN)
        expect_a_ring();
    acquire_into(0, PF_FOREVER);
    cr_assert_eq(got, -EPIPE);
}

Test(steps_lifecycle, the_end_rings_a_viewer_that_is_about_to_sleep)
{
    interleave(open_viewer_that_has_seen_all, close_producer, acquire, expect_end);
}

static void change_format(void)
{
    struct pf_format larger = size(128, 96);

    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
}

static void expect_next_segment_joined(void)
{
    cr_assert(got == -EAGAIN || got == -EREMCHG, "acquire returned %d", got);
    acquire();
    cr_assert_eq(got, -EREMCHG, "acquire returned %d", got);
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    cr_assert_eq(pf_viewer_segment(viewer)->format.width, 128);
}

/* Acquire a second after the last frame, when the viewer checks the producer's lease. */
static void acquire_later(void)
{
    paused_s++;
    acquire();
}

Test(steps_lifecycle, a_format_change_is_not_reported_as_an_end)
{
    interleave(open_viewer_that_has_seen_all, change_format, acquire, expect_next_segment_joined);
    interleave(open_viewer_that_has_seen_all, change_format, acquire_later,
               expect_next_segment_joined);
    interleave(open_viewer_that_has_seen_all, acquire, change_format, expect_next_segment_joined);
}

static void change_format_and_draw(void)
{
    change_format();
    draw_three();
}

static void publish_one_frame_alone(void)
{
    start_stream(2, 1);
}

/* The viewer's producer has exited, and a new one has published a frame. */
static void start_next_producer(void)
{
    start_stream(2, 0);
    open_viewer(true);
    close_producer();
    wait_and_acquire();
    cr_assert_eq(got, -EPIPE);
    open_producer(2, 0);
    publish_next();
}

static void join_next_producer(void)
{
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
}

/* In whichever segment the viewer has joined, it gets every frame after its first one. */
static void expect_none_missing(void)
{
    struct pf_viewer_stats stats;
    uint64_t last = 0;

    while (last < published()) {
        acquire();
        if (got == -EREMCHG) {
            cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
            continue;
        }
        cr_assert_eq(got, 0, "frame %d: acquire returned %d", (int)last + 1, got);
        bool is_second = pf_viewer_segment(viewer)->format.width == 128;
        uint64_t number = held[0].sequence + is_second; /* the first segment has one frame */
        /* A viewer that joins the first segment gets its frame; one that joins the second segment
         * may start with its newest frame. */
        cr_assert(last == 0 ? number == 1 || is_second : number == last + 1, "%d after %d",
                  (int)number, (int)last);
        last = number;
        release(0);
    }
    pf_viewer_stats(viewer, &stats);
    cr_assert_eq(stats.lost, 0);
}

static struct segment next; /* the segment in which the viewer is expected */

/* The viewer has seen one frame and must reattach; the next segment keeps two frames for it. */
static void stop_before_reattach(void)
{
    struct pf_format wider = size(80, 48);
    struct pf_viewer *other; /* finds the next segment */

    start_stream(2, 0);
    open_viewer(true);
    publish_next();
    acquire();
    release(0);
    cr_assert_eq(pf_producer_change_format(producer, &wider), 0);
    cr_assert_eq(pf_viewer_open(&other, "test", NULL), 0);
    cr_assert_eq(segment_attach(&next, pf_viewer_segment(other)->shmid, NULL), 0);
    pf_viewer_close(other);
    draw_three();
    cr_assert_eq(published(), 3);
    acquire();
    cr_assert_eq(got, -EREMCHG);
}

/* The same, and the producer evicts the viewer. */
static void evict_before_reattach(void)
{
    stop_before_reattach();
    cr_assert(handoff_evict(&next, 0, LANE_WORD(LANE_EXPECTED, 1)));
}

/* A producer changes its format again only after the expected viewer has joined. */
static void change_format_if_joined(void)
{
    if (handoff_lane_mode(&next, 0) == LANE_EVERY)
        change_format_and_draw();
}

static uint64_t lost_by_reattach;

static void reattach(void)
{
    struct pf_viewer_stats stats;

    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    pf_viewer_stats(viewer, &stats);
    lost_by_reattach = stats.lost;
}

/* The frames that the viewer did not get were counted by reattach; it gets all later frames. */
static void expect_acquired_or_lost(void)
{
    struct pf_viewer_stats stats;

    segment_close(&next);
    for (int idle = 0; idle < 2;) {
        acquire();
        if (got == 0)
            release(0);
        if (got == -EREMCHG)
            cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
        idle = got == -EAGAIN ? idle + 1 : 0;
    }
    pf_viewer_stats(viewer, &stats);
    cr_assert_eq(stats.acquired + stats.lost, published(), "%d acquired, %d lost, of %d",
                 (int)stats.acquired, (int)stats.lost, (int)published());
    cr_assert_eq(stats.lost, lost_by_reattach, "frames were lost after the reattach");
}

static void expect_all_acquired(void)
{
    expect_acquired_or_lost();
    cr_assert_eq(lost_by_reattach, 0);
}

Test(steps_lifecycle, an_expected_viewer_gets_every_frame_of_a_segment_left_immediately)
{
    interleave(stop_before_reattach, reattach, change_format_if_joined, expect_all_acquired);
}

Test(steps_lifecycle, a_viewer_evicted_before_its_reattach_is_expected_again)
{
    interleave(evict_before_reattach, reattach, change_format_and_draw, expect_acquired_or_lost);
}

/* The sides are not exchanged: a viewer that joins during a change waits until the change is
 * complete, and here one thread runs both sides. segments.pml covers that order, except for the
 * next producer. */
Test(steps_lifecycle, a_viewer_joining_during_a_format_change_loses_no_frame)
{
    interleave(publish_one_frame_alone, open_every_frame, change_format_and_draw,
               expect_none_missing);
    interleave(start_next_producer, join_next_producer, change_format_and_draw,
               expect_none_missing);
}

/* ------------------------------------------------------------------ doorbells */

static void expect_frame(void)
{
    cr_assert_eq(got, 0, "acquire returned %d", got);
    cr_assert_eq(held[0].sequence, published());
    release(0);
}

Test(steps_lifecycle, a_frame_wakes_a_sleeping_viewer)
{
    interleave(open_viewer_that_has_seen_all, wait_and_acquire, publish_next, expect_frame);
}

/* If the poll found nothing: the frame published since then must have rung the viewer. */
static void expect_frame_or_ring(void)
{
    if (got == -EAGAIN) {
        expect_a_ring();
        wait_and_acquire();
    }
    expect_frame();
}

Test(steps_lifecycle, a_frame_published_after_a_poll_rings_the_viewer)
{
    interleave(open_viewer_that_has_seen_all, publish_next, acquire, expect_frame_or_ring);
}

static void start_without_frames(void)
{
    start_stream(2, 0);
}

static void open_and_acquire(void)
{
    open_viewer(false);
    acquire();
}

Test(steps_lifecycle, the_first_frame_rings_a_viewer_that_has_just_joined)
{
    interleave(start_without_frames, publish_next, open_and_acquire, expect_frame_or_ring);
}

/* An every-frame viewer holds one of two slots, and the other is the newest: none is free. */
static void block_producer(void)
{
    start_stream(2, 0);
    open_viewer(true);
    publish_next();
    publish_next();
    acquire();
}

static void wait_for_a_slot(void)
{
    struct pf_frame frame;

    cr_assert_eq(pf_producer_begin(producer, PF_FOREVER, &frame), 0);
    pf_producer_publish(producer, &frame);
}

static void expect_nothing_more(void)
{
}

Test(steps_lifecycle, a_release_wakes_the_producer)
{
    interleave(block_producer, wait_for_a_slot, release_first, expect_nothing_more);
}

static void close_viewer(void)
{
    pf_viewer_close(viewer);
    viewer = NULL;
}

Test(steps_lifecycle, a_viewer_that_leaves_wakes_the_producer)
{
    interleave(block_producer, wait_for_a_slot, close_viewer, expect_nothing_more);
}

/* ------------------------------------------------------------------ creation of a segment */

static char key_file[512];

static void create_key_file(void)
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

/* If the magic has been stored, the whole header must be valid. */
static void inspect_by_key(void)
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
    cr_assert_eq(segment_attach(&segment, shmid, NULL), 0, "the magic was stored too early");
    cr_assert_str_eq(segment.channel, "test");
    segment_close(&segment);
}

Test(steps_lifecycle, the_magic_is_stored_last)
{
    interleave(create_key_file, open_keyed, inspect_by_key, inspect_by_key);
}

/* There is no producer yet, or there is one. An unfinished segment is not reported as damaged. */
static void open_by_key(void)
{
    struct pf_viewer_options options = {.key_file = key_file};

    got = pf_viewer_open(&viewer, "test", &options);
    cr_assert(got == 0 || got == -ECONNREFUSED, "open returned %d", got);
}

static void expect_found(void)
{
    if (!viewer)
        open_by_key();
    cr_assert_eq(got, 0);
}

Test(steps_lifecycle, an_unfinished_keyed_segment_counts_as_no_producer)
{
    interleave(create_key_file, open_keyed, open_by_key, expect_found);
}
