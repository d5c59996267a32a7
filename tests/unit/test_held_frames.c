/* SPDX-License-Identifier: MIT */
/* Frames that a viewer holds while it leaves their segment: they stay as they are until their
 * release, and the segment's memory goes with the last one. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "help_system.h"
#include "last_message.h"
#include "stream.h"

static void init(void)
{
    kill_after(hang_s() + 5);
    init_stream();
    keep_messages();
}

TestSuite(held_frames, .init = init, .fini = finish_stream);

/* How many segments are mapped here: each one has several parts, of which one begins at offset 0.
 * The producer maps its segment as well. */
static int count_mappings(void)
{
    char line[512], offset[32], name[64];
    int count = 0;
    FILE *file = fopen("/proc/self/maps", "re");

    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file))
        count += sscanf(line, "%*s %*s %31s %*s %*s %63s", offset, name) == 2 &&
                 strcmp(offset, "00000000") == 0 && strncmp(name, "/SYSV", 5) == 0;
    fclose(file);
    return count;
}

static void acquire(struct pf_frame *frame)
{
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, frame), 0);
}

static void release(const struct pf_frame *frame)
{
    cr_assert_eq(pf_viewer_release(viewer, frame), 0);
}

/* Is every pixel of a frame of 64x48 pixels still `value`? */
static void expect_pixels(const struct pf_frame *frame, int value)
{
    for (uint32_t y = 0; y < 48; y++)
        for (uint32_t x = 0; x < 64 * 4; x++)
            cr_assert_eq(frame->plane[0].pixels[y * frame->plane[0].stride_bytes + x], value);
}

static void restart_producer(uint32_t slots)
{
    struct pf_frame frame;

    pf_producer_close(producer);
    producer = NULL;
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), -EPIPE);
    open_producer(slots, 0);
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
}

/* What a program with a frame on show does: acquire the next one, then release the one before. */
Test(held_frames, the_frame_on_show_is_not_drawn_over_after_a_restart)
{
    struct pf_frame shown, next;

    open_producer(2, 0);
    open_viewer(false);
    cr_assert_eq(publish(1), 0);
    acquire(&shown);
    restart_producer(2);
    cr_assert_eq(publish(2), 0);
    acquire(&next);
    cr_assert_eq(next.slot, shown.slot, "the test needs the same slot");
    expect_pixels(&shown, 1);
    release(&shown);
    for (uint32_t i = 3; i < 10; i++)
        publish(i);
    expect_pixels(&next, 2);
    release(&next);
}

Test(held_frames, stay_readable_after_the_producer_exits_and_end_with_the_last_release)
{
    struct pf_frame first, second;

    open_producer(3, 0);
    open_viewer(false);
    int shmid = pf_viewer_segment(viewer)->shmid;
    cr_assert_eq(publish(1), 0);
    acquire(&first);
    cr_assert_eq(publish(2), 0);
    acquire(&second);
    cr_assert_eq(pf_viewer_hold(viewer, &second), 0);
    restart_producer(3);
    pf_producer_close(producer);
    producer = NULL;
    cr_assert_eq(count_mappings(), 2, "%d segments are mapped", count_mappings());
    release(&second);
    expect_pixels(&first, 1);
    release(&first);
    expect_pixels(&second, 2);
    cr_assert(scratch_segment_exists(shmid));
    release(&second);
    cr_assert_eq(count_mappings(), 1, "%d segments are mapped", count_mappings());
    cr_assert_not(scratch_segment_exists(shmid), "the kernel still has the segment");
    cr_assert_eq(pf_viewer_release(viewer, &second), -ESTALE);
    cr_assert_eq(pf_viewer_release(viewer, &first), -ESTALE);
}

Test(held_frames, of_three_segments_end_in_any_order)
{
    struct pf_frame frame[3];
    static const int order[] = {1, 0, 2};

    open_producer(2, 0);
    open_viewer(true);
    for (int i = 0; i < 3; i++) {
        struct pf_format format = size(64, 48 + (uint32_t)i);
        struct pf_frame none;
        if (i > 0) {
            cr_assert_eq(pf_producer_change_format(producer, &format), 0);
            cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &none), -EREMCHG);
            cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
        }
        cr_assert_eq(publish((uint32_t)i + 1), 0);
        acquire(&frame[i]);
        cr_assert_eq(frame[i].generation, (uint32_t)i + 1);
    }
    cr_assert_eq(count_mappings(), 4, "%d segments are mapped", count_mappings());
    for (int i = 0; i < 3; i++) {
        expect_pixels(&frame[order[i]], order[i] + 1);
        release(&frame[order[i]]);
        cr_assert_eq(count_mappings(), i == 0 ? 3 : 2, "%d segments are mapped", count_mappings());
    }
}

Test(held_frames, end_with_their_viewer)
{
    struct pf_frame frame;

    open_producer(2, 0);
    open_viewer(false);
    int shmid = pf_viewer_segment(viewer)->shmid;
    cr_assert_eq(publish(1), 0);
    acquire(&frame);
    restart_producer(2);
    pf_viewer_close(viewer);
    viewer = NULL;
    cr_assert_eq(count_mappings(), 1, "%d segments are mapped", count_mappings());
    cr_assert_not(scratch_segment_exists(shmid));
}

Test(held_frames, a_segment_without_held_frames_is_left_at_once)
{
    open_producer(2, 0);
    open_viewer(false);
    cr_assert_eq(publish(1), 0);
    expect(1);
    restart_producer(2);
    cr_assert_eq(count_mappings(), 2, "%d segments are mapped", count_mappings());
}

static void remove_folder(const char *folder)
{
    char path[512];

    scratch_path(path, folder, "pageflip");
    scratch_empty(path);
    rmdir(path);
    rmdir(folder);
}

/* The viewer has the lease of a lane in this producer's lock file: with that of another file, the
 * producer would reap the lane, and draw over the frame. */
static void expect_lane_of(struct pf_producer *other)
{
    struct pf_producer_stats stats;
    struct pf_frame frame, drawn;

    cr_assert_eq(pf_producer_begin(other, HANG_NS, &drawn), 0);
    drawn.plane[0].pixels[0] = 1;
    cr_assert_eq(pf_producer_publish(other, &drawn), 0);
    acquire(&frame);
    cr_assert_eq(pf_producer_stats(other, &stats), 0);
    cr_assert_eq(stats.viewers, 1);
    /* longer than the interval of its scans for lanes without a lease */
    cr_assert_eq(pf_producer_wait_viewers(other, 2, 300 * NS_PER_MS), -EAGAIN);
    cr_assert_eq(pf_producer_stats(other, &stats), 0);
    cr_assert_eq(stats.reaped, 0);
    release(&frame);
}

/* The runtime directory was moved away, so that another producer could start, and the first one
 * continues. The viewer has followed to the other one. */
Test(held_frames, are_not_drawn_over_by_a_producer_that_was_replaced)
{
    struct pf_format format = size(64, 48);
    struct pf_producer *other;
    struct pf_frame frame;
    char folder[512], moved[512], id[512];

    scratch_path(folder, scratch, "run");
    scratch_path(moved, scratch, "moved");
    cr_assert_eq(mkdir(folder, 0700), 0);
    setenv("XDG_RUNTIME_DIR", folder, 1);
    open_producer(3, 0);
    open_viewer(false);
    cr_assert_eq(publish(1), 0);
    acquire(&frame);
    cr_assert_eq(rename(folder, moved), 0);
    scratch_path(id, moved, "pageflip/test.id");
    cr_assert_eq(unlink(id), 0);
    cr_assert_eq(mkdir(folder, 0700), 0);
    cr_assert_eq(pf_producer_open(&other, "test", &format, NULL), 0);
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    for (uint32_t i = 2; i < 8; i++)
        cr_assert_eq(publish(i), 0);
    expect_pixels(&frame, 1);
    release(&frame);
    expect_lane_of(other);
    pf_producer_close(other);
    remove_folder(folder);
    remove_folder(moved);
}

/* ------------------------------------------------------------------ other threads */

static struct pf_frame passed; /* to the other thread, which releases it */
static atomic_bool is_passed, is_over;

static void *release_passed(void *unused)
{
    (void)unused;
    while (!atomic_load(&is_over)) {
        if (!atomic_load(&is_passed)) {
            sched_yield();
            continue;
        }
        struct pf_frame frame = passed;
        if (pf_viewer_hold(viewer, &frame) < 0 || pf_viewer_release(viewer, &frame) < 0 ||
            pf_viewer_release(viewer, &frame) < 0)
            return viewer;
        atomic_store(&is_passed, false);
    }
    return NULL;
}

static void pass(const struct pf_frame *frame)
{
    while (atomic_load(&is_passed))
        ;
    passed = *frame;
    atomic_store(&is_passed, true);
}

/* A release between the claim and the count of another hold would free the slot again; a release
 * during the exchange of an every-frame viewer looks like an eviction. */
static void run_both_threads(bool every_frame)
{
    struct pf_frame frame, latest;
    pthread_t thread;
    void *failed;

    open_producer(3, 0);
    open_viewer(every_frame);
    cr_assert_eq(pthread_create(&thread, NULL, release_passed, NULL), 0);
    for (uint32_t i = 1; i <= 2000; i++) {
        while (publish(i % 250) == -EAGAIN)
            sched_yield();
        int ret = pf_viewer_acquire(viewer, HANG_NS, &frame);
        cr_assert_eq(ret, 0, "frame %u: %d", i, ret);
        pass(&frame);
        cr_assert_eq(pf_viewer_acquire_latest(viewer, &latest), 0);
        publish(251);
        publish(252);
        cr_assert_eq(latest.plane[0].pixels[0], (uint8_t)latest.pts_ns);
        release(&latest);
        if (every_frame)
            while (pf_viewer_acquire(viewer, 0, &frame) == 0)
                release(&frame);
    }
    while (atomic_load(&is_passed))
        sched_yield();
    atomic_store(&is_over, true);
    pthread_join(thread, &failed);
    cr_assert_null(failed, "a release failed");
}

Test(held_frames, are_released_by_another_thread)
{
    run_both_threads(false);
}

Test(held_frames, are_released_by_another_thread_of_an_every_frame_viewer)
{
    run_both_threads(true);
}
