/* SPDX-License-Identifier: MIT */
/* pf_viewer_options.follow: an acquire joins the next segment itself. */
#include <errno.h>
#include <pthread.h>
#include <sys/shm.h>

#include "core/channel.h"
#include "core/geometry.h"
#include "core/id_file.h"
#include "core/layout.h"
#include "core/segment.h"
#include "help_system.h"
#include "stream.h"

static void init(void)
{
    kill_after(hang_s() + 5);
    init_stream();
}

TestSuite(following, .init = init, .fini = finish_stream);

static void open_following(bool every_frame)
{
    struct pf_viewer_options options = {.every_frame = every_frame, .follow = true};

    cr_assert_eq(pf_viewer_open(&viewer, "test", &options), 0);
}

static void publish_one(uint32_t value)
{
    struct pf_frame frame;

    cr_assert_eq(pf_producer_begin(producer, HANG_NS, &frame), 0);
    frame.plane[0].pixels[0] = (uint8_t)value;
    frame.pts_ns = value;
    pf_producer_publish(producer, &frame);
}

/* Acquire and release the frame `value`, of this height, and check whether it is marked. */
static void expect_frame(int64_t value, uint32_t height, bool is_new)
{
    struct pf_frame frame;
    int ret = pf_viewer_acquire(viewer, HANG_NS, &frame);

    cr_assert_eq(ret, 0, "frame %d: acquire returned %d", (int)value, ret);
    cr_assert_eq(frame.pts_ns, value, "got frame %d, not %d", (int)frame.pts_ns, (int)value);
    cr_assert_eq(frame.plane[0].pixels[0], value);
    cr_assert_eq(frame.format.height, height);
    cr_assert_eq((frame.flags & PF_FRAME_NEW_FORMAT) != 0, is_new, "frame %d", (int)value);
    cr_assert_eq(pf_viewer_release(viewer, &frame), 0);
}

static void change_height(uint32_t height)
{
    struct pf_format format = size(64, height);

    cr_assert_eq(pf_producer_change_format(producer, &format), 0);
}

Test(following, an_every_frame_viewer_gets_each_frame_across_format_changes)
{
    struct pf_viewer_stats stats;

    open_producer(3, 0);
    open_following(true);
    for (uint32_t i = 0; i < 20; i++) {
        publish_one(2 * i + 1);
        publish_one(2 * i + 2);
        change_height(50 + i);
        expect_frame(2 * i + 1, i ? 49 + i : 48, i == 0);
        expect_frame(2 * i + 2, i ? 49 + i : 48, false);
        publish_one(200 + i);
        expect_frame(200 + i, 50 + i, true);
        change_height(50 + i); /* a new segment of the same format */
        publish_one(220 + i);
        expect_frame(220 + i, 50 + i, false);
    }
    cr_assert_eq(pf_viewer_stats(viewer, &stats), 0);
    cr_assert_eq(stats.lost, 0);
    cr_assert_eq(stats.acquired, 80);
}

static void *publish_and_change(void *unused)
{
    (void)unused;
    for (uint32_t i = 1; i <= 200; i++) {
        publish_one(i);
        if (i % 3 == 0)
            change_height(48 + i % 2);
    }
    return NULL;
}

Test(following, an_every_frame_viewer_gets_each_frame_of_a_running_producer)
{
    struct pf_frame frame;
    pthread_t thread;

    open_producer(2, 0);
    open_following(true);
    pthread_create(&thread, NULL, publish_and_change, NULL);
    for (int64_t i = 1; i <= 200; i++) {
        cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
        cr_assert_eq(frame.pts_ns, i, "got frame %d, not %d", (int)frame.pts_ns, (int)i);
        cr_assert_eq(pf_viewer_release(viewer, &frame), 0);
    }
    pthread_join(thread, NULL);
}

static void *start_producer_later(void *unused)
{
    (void)unused;
    pause_ms(20);
    open_producer(2, 0);
    publish_one(5);
    return NULL;
}

Test(following, the_next_producer_is_joined_in_one_call)
{
    pthread_t thread;

    open_producer(2, 0);
    open_following(false);
    publish_one(1);
    expect_frame(1, 48, true);
    pf_producer_close(producer);
    producer = NULL;
    pthread_create(&thread, NULL, start_producer_later, NULL);
    expect_frame(5, 48, false);
    pthread_join(thread, NULL);
}

/* The lease is free, and the segment is not marked as ended. */
Test(following, the_next_producer_is_joined_after_a_crash)
{
    struct channel channel;
    struct segment segment;
    struct pf_format format = size(64, 48);

    /* The traces of a producer that crashed: an id file, and a segment with a frame. */
    cr_assert_eq(channel_open(&channel, "test"), 0);
    cr_assert_eq(channel_lease(&channel, CHANNEL_PRODUCER), 0);
    cr_assert_eq(segment_create(&segment, "test", NULL, &format, 2, 0), 0);
    struct id_file id = {.shmid = segment.geometry.shmid};
    memcpy(id.nonce, segment.geometry.nonce, sizeof id.nonce);
    cr_assert_eq(id_file_write(&channel, &id), 0);
    open_following(false);
    channel_close(&channel);
    segment_close(&segment);
    pause_ms(60); /* the state is checked once per 50 ms */
    struct pf_frame frame;
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &frame), -EAGAIN);
    cr_assert_eq(pf_viewer_state(viewer), PF_CRASHED);
    open_producer(2, 0);
    publish_one(7);
    expect_frame(7, 48, true);
}

Test(following, without_a_next_segment_the_time_out_ends_the_call)
{
    struct pf_frame frame;

    open_producer(2, 0);
    open_following(false);
    pf_producer_close(producer);
    producer = NULL;
    int64_t before_ns = clock_now_ns();
    cr_assert_eq(pf_viewer_acquire(viewer, 30 * NS_PER_MS, &frame), -EAGAIN);
    cr_assert_geq(clock_now_ns() - before_ns, 30 * NS_PER_MS);
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &frame), -EAGAIN);
}

static void *wake_later(void *unused)
{
    (void)unused;
    pause_ms(20);
    pf_viewer_wake(viewer);
    return NULL;
}

Test(following, a_wake_ends_the_wait_for_the_next_producer)
{
    struct pf_frame frame;
    pthread_t thread;

    open_producer(2, 0);
    open_following(false);
    pf_producer_close(producer);
    producer = NULL;
    pthread_create(&thread, NULL, wake_later, NULL);
    cr_assert_eq(pf_viewer_acquire(viewer, PF_FOREVER, &frame), -EINTR);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, wake_later, NULL);
    cr_assert_eq(pf_viewer_reattach(viewer, PF_FOREVER), -EINTR);
    pthread_join(thread, NULL);
}

Test(following, a_held_frame_outlives_its_segment)
{
    struct pf_frame held;

    open_producer(2, 0);
    open_following(false);
    publish_one(1);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &held), 0);
    for (uint32_t i = 2; i < 10; i++) {
        change_height(48 + i);
        publish_one(i);
        expect_frame(i, 48 + i, true);
    }
    cr_assert_eq(held.plane[0].pixels[0], 1);
    cr_assert_eq(pf_viewer_release(viewer, &held), 0);
}

Test(following, the_latest_frame_is_marked_as_well)
{
    struct pf_frame frame;

    open_producer(2, 0);
    open_following(false);
    publish_one(1);
    cr_assert_eq(pf_viewer_acquire_latest(viewer, &frame), 0);
    cr_assert(frame.flags & PF_FRAME_NEW_FORMAT);
    cr_assert_eq(pf_viewer_release(viewer, &frame), 0);
    expect_frame(1, 48, false);
}

/* Another process can write any bits into the segment. */
Test(following, the_mark_is_not_taken_from_the_segment)
{
    struct pf_frame frame;

    open_producer(2, 0);
    open_following(false);
    publish_one(1);
    expect_frame(1, 48, true);
    publish_one(2);
    uint8_t *pages = shmat(pf_viewer_segment(viewer)->shmid, NULL, 0);
    struct layout_producer *words = (void *)(pages + geometry_page_bytes());
    for (int i = 0; i < 2; i++)
        words->meta[i].flags = UINT32_MAX;
    shmdt(pages);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    cr_assert_eq(frame.flags, PF_FRAME_STAMPED, "flags %x", frame.flags);
}

Test(following, the_planes_of_each_slot_are_those_of_its_frames)
{
    struct pf_plane plane[PF_PLANES_MAX];
    struct pf_frame frame;

    open_producer(3, 0);
    open_following(false);
    for (uint32_t i = 1; i <= 6; i++) {
        if (i == 4)
            change_height(50);
        publish_one(i);
        cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
        memset(plane, 0x55, sizeof plane);
        cr_assert_eq(pf_viewer_slot(viewer, frame.slot, plane), 0);
        cr_assert_eq(plane[0].pixels, frame.plane[0].pixels);
        cr_assert_eq(plane[0].stride_bytes, frame.plane[0].stride_bytes);
        for (int p = 1; p < PF_PLANES_MAX; p++)
            cr_assert(!plane[p].pixels && !plane[p].stride_bytes, "plane %d", p);
        cr_assert_eq(pf_viewer_release(viewer, &frame), 0);
    }
}
