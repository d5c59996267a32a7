/* SPDX-License-Identifier: MIT */
/* Format changes: one stream in several segments. handoff.h lists the steps. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "core/geometry.h"
#include "core/layout.h"
#include "help_system.h"
#include "stream.h"

TestSuite(format_change, .init = init_stream, .fini = finish_stream);

/* Reattach; the viewer must have seen every frame of the old segment. */
static void follow_change(void)
{
    struct pf_frame frame;

    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), -EREMCHG);
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
}

Test(format_change, a_format_change_is_reported_after_the_last_frame)
{
    struct pf_frame frame;
    struct pf_format larger = size(640, 480);

    open_producer(2, 0);
    open_viewer(true);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
    cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
    cr_assert_eq(frame.generation, 2);
    cr_assert_eq(frame.format.width, 640);
    frame.pts_ns = 2;
    pf_producer_publish(producer, &frame);
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &frame), 0);
    cr_assert_eq(frame.generation, 1);
    cr_assert_eq(frame.format.width, 64);
    cr_assert_eq(frame.pts_ns, 1);
    pf_viewer_release(viewer, &frame);
    cr_assert_eq(pf_viewer_acquire(viewer, PF_FOREVER, &frame), -EREMCHG);
    cr_assert_eq(pf_viewer_state(viewer), PF_FORMAT_CHANGED);
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    cr_assert_eq(pf_viewer_segment(viewer)->format.width, 640);
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &frame), 0);
    cr_assert_eq(frame.generation, 2);
    cr_assert_eq(frame.format.width, 640);
    cr_assert_eq(frame.pts_ns, 2);
    pf_viewer_release(viewer, &frame);
}

Test(format_change, the_new_segment_keeps_every_frame_for_an_expected_viewer)
{
    struct pf_format larger = size(64, 50);

    open_producer(2, 0);
    open_viewer(true);
    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(publish(2), 0);
    cr_assert_eq(publish(3), -EAGAIN,
                 "a frame for a viewer that has not reattached is overwritten");
    follow_change();
    expect(1);
    expect(2);
    cr_assert_eq(publish(3), 0);
    expect(3);
}

/* Also if the viewer joined before the directory was removed. */
Test(format_change, creates_a_removed_directory_again)
{
    struct pf_format larger = size(64, 50);
    char path[512];

    open_producer(2, 0);
    open_viewer(true);
    cr_assert_eq(publish(1), 0);
    expect(1);
    scratch_path(path, scratch, "pageflip");
    scratch_empty(path);
    cr_assert_eq(rmdir(path), 0);
    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
    cr_assert_eq(publish(2), 0);
    follow_change();
    expect(2);
}

static void *follow_change_late(void *unused)
{
    (void)unused;
    clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = 50 * NS_PER_MS}, NULL);
    follow_change();
    return NULL;
}

Test(format_change, a_second_change_waits_for_an_expected_viewer)
{
    pthread_t thread;
    struct pf_format second = size(64, 50), third = size(64, 48);

    open_producer(2, 0);
    open_viewer(true);
    cr_assert_eq(pf_producer_change_format(producer, &second), 0);
    cr_assert_eq(publish(1), 0);
    pthread_create(&thread, NULL, follow_change_late, NULL);
    cr_assert_eq(pf_producer_change_format(producer, &third), 0);
    pthread_join(thread, NULL);
    expect(1);
    follow_change();
    cr_assert_eq(publish(2), 0);
    expect(2);
}

/* As when the producer is asked to exit: the viewer still gets the frames of its last segment. */
Test(format_change, signals_do_not_end_the_wait_of_a_close)
{
    const struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval each_ms = {.it_interval = {.tv_usec = 1000}, .it_value.tv_usec = 1000};
    struct pf_format second = size(64, 50);
    sigset_t alarm, before;
    pthread_t thread;

    open_producer(2, 0);
    open_viewer(true);
    cr_assert_eq(pf_producer_change_format(producer, &second), 0);
    cr_assert_eq(publish(1), 0);
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, &before); /* the viewer gets no signal */
    pthread_create(&thread, NULL, follow_change_late, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &each_ms, NULL);
    pf_producer_close(producer);
    producer = NULL;
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    pthread_join(thread, NULL);
    expect(1);
}

Test(format_change, an_expected_viewer_that_exits_keeps_no_slot)
{
    struct pf_producer_stats counts;
    struct pf_format larger = size(64, 50);

    open_producer(2, 0);
    open_viewer(true);
    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
    pf_viewer_close(viewer); /* the new segment still expects it, but its lease is free */
    viewer = NULL;
    for (uint32_t i = 0; i < 10; i++)
        cr_assert_eq(publish(i), 0);
    pf_producer_stats(producer, &counts);
    cr_assert_eq(counts.reaped, 1);
}

Test(format_change, frames_lost_before_a_reattach_are_counted)
{
    struct pf_frame frame;
    struct pf_viewer_stats stats;
    struct pf_producer_stats counts;
    struct pf_format larger = size(64, 50);

    open_producer(2, NS_PER_MS);
    open_viewer(true);
    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
    for (uint32_t i = 1; i <= 5; i++) {
        cr_assert_eq(pf_producer_begin(producer, HANG_NS, &frame), 0);
        pf_producer_publish(producer, &frame);
    }
    pf_producer_stats(producer, &counts);
    cr_assert_eq(counts.evicted, 1);
    follow_change();
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    cr_assert_eq(frame.sequence, 5);
    pf_viewer_release(viewer, &frame);
    pf_viewer_stats(viewer, &stats);
    cr_assert_eq(stats.lost, 4);
    cr_assert_eq(stats.lost_first, 1);
    cr_assert_eq(stats.lost_last, 4);
}

Test(format_change, lost_frames_of_a_segment_never_joined_are_counted)
{
    struct pf_frame frame;
    struct pf_viewer_stats stats;
    struct pf_format second = size(64, 50), third = size(64, 48);

    open_producer(2, NS_PER_MS);
    open_viewer(true);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(pf_producer_change_format(producer, &second), 0);
    for (uint32_t i = 2; i <= 5; i++) {
        cr_assert_eq(pf_producer_begin(producer, HANG_NS, &frame), 0);
        pf_producer_publish(producer, &frame);
    }
    cr_assert_eq(pf_producer_change_format(producer, &third), 0);
    expect(1);
    follow_change();
    cr_assert_eq(publish(6), 0);
    expect(6);
    pf_viewer_stats(viewer, &stats);
    cr_assert_eq(stats.lost, 4);
    cr_assert_eq(stats.lost_first, 1, "none of the lost frames was in this segment");
    cr_assert_eq(stats.lost_last, 0);
    cr_assert_gt(stats.evicted_after_ns, 0);
}

Test(format_change, frames_skipped_by_a_latest_viewer_are_not_lost)
{
    struct pf_viewer_stats stats;
    struct pf_format second = size(64, 50), third = size(64, 48);

    open_producer(2, 0);
    open_viewer(false);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(pf_producer_change_format(producer, &second), 0);
    cr_assert_eq(publish(2), 0);
    cr_assert_eq(pf_producer_change_format(producer, &third), 0);
    cr_assert_eq(publish(3), 0);
    expect(1);
    follow_change();
    expect(3);
    pf_viewer_stats(viewer, &stats);
    cr_assert_eq(stats.lost, 0);
}

Test(format_change, frames_of_the_next_producer_are_not_lost)
{
    struct pf_frame frame;
    struct pf_viewer_stats stats;
    struct pf_format larger = size(64, 50);

    open_producer(2, 0);
    open_viewer(true);
    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), -EREMCHG);
    pf_producer_close(producer);
    open_producer(2, 0);
    for (uint32_t i = 1; i <= 5; i++)
        cr_assert_eq(publish(i), 0);
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    expect(5);
    pf_viewer_stats(viewer, &stats);
    cr_assert_eq(stats.lost, 0);
}

Test(format_change, a_false_number_of_earlier_frames_only_changes_the_count)
{
    struct pf_viewer_stats stats;
    struct pf_viewer *other;
    struct pf_format larger = size(64, 50);

    open_producer(2, 0);
    open_viewer(true);
    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
    cr_assert_eq(pf_viewer_open(&other, "test", NULL), 0);
    uint8_t *pages = shmat(pf_viewer_segment(other)->shmid, NULL, 0);
    pf_viewer_close(other);
    cr_assert_neq((intptr_t)pages, -1);
    struct layout_producer *words = (void *)(pages + geometry_page_bytes());
    words->frames_before = UINT64_MAX;
    shmdt(pages);
    cr_assert_eq(publish(1), 0);
    follow_change();
    expect(1);
    pf_viewer_stats(viewer, &stats);
    cr_assert_lt(stats.lost, UINT64_C(1) << 54);
}

static atomic_bool enough;

static void *keep_waking(void *argument)
{
    while (!atomic_load(&enough))
        pf_viewer_wake(argument);
    return NULL;
}

Test(format_change, a_wake_during_a_reattach_is_safe)
{
    struct pf_frame frame;
    pthread_t thread;

    open_producer(2, 0);
    open_viewer(false);
    cr_assert_eq(pthread_create(&thread, NULL, keep_waking, viewer), 0);
    for (uint32_t i = 1; i <= 100; i++) {
        struct pf_format other = size(64, 48 + i % 2);
        int ret;
        cr_assert_eq(pf_producer_change_format(producer, &other), 0);
        while ((ret = pf_viewer_acquire(viewer, HANG_NS, &frame)) == -EINTR)
            ;
        cr_assert_eq(ret, -EREMCHG);
        cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    }
    atomic_store(&enough, true);
    pthread_join(thread, NULL);
}

Test(format_change, a_failed_change_keeps_the_old_segment)
{
    struct pf_format larger = size(640, 480);
    char path[256];

    open_producer(2, 0);
    open_viewer(true);
    cr_assert_eq(publish(1), 0);
    snprintf(path, sizeof path, "%s/pageflip/test.id.new", getenv("XDG_RUNTIME_DIR"));
    cr_assert_eq(mkdir(path, 0700), 0, "the temporary name of the id file");
    cr_assert_lt(pf_producer_change_format(producer, &larger), 0);
    cr_assert_eq(rmdir(path), 0);
    expect(1);
    cr_assert_eq(publish(2), 0);
    expect(2);
}

Test(format_change, a_late_viewer_sees_the_end_after_a_format_change)
{
    struct pf_frame frame;
    struct pf_format larger = size(640, 480);

    open_producer(2, 0);
    open_viewer(true);
    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, PF_FOREVER, &frame), -EREMCHG);
    pf_producer_close(producer);
    producer = NULL;
    cr_assert_eq(pf_viewer_reattach(viewer, 60 * NS_PER_MS), -EAGAIN,
                 "there is no segment to join");
    cr_assert_eq(pf_viewer_state(viewer), PF_ENDED);
    cr_assert_eq(pf_viewer_acquire(viewer, PF_FOREVER, &frame), -EPIPE);
}

/* Publish one frame of any size. */
static void publish_any(void)
{
    struct pf_frame frame;

    cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
    pf_producer_publish(producer, &frame);
}

static void skipped_are(uint64_t count)
{
    struct pf_viewer_stats stats;

    pf_viewer_stats(viewer, &stats);
    cr_assert_eq(stats.skipped, count, "%d skipped, not %d", (int)stats.skipped, (int)count);
}

static void acquire_one(void)
{
    struct pf_frame frame;

    cr_assert_eq(pf_viewer_acquire(viewer, 0, &frame), 0);
    pf_viewer_release(viewer, &frame);
}

Test(format_change, a_latest_viewer_counts_the_frames_that_it_skips_over_it)
{
    struct pf_format second = size(64, 50), third = size(64, 52);

    open_producer(3, 0);
    open_viewer(false);
    publish_any();
    acquire_one();
    publish_any(); /* skipped */
    publish_any();
    cr_assert_eq(pf_producer_change_format(producer, &second), 0);
    publish_any(); /* skipped, with their segment */
    publish_any();
    cr_assert_eq(pf_producer_change_format(producer, &third), 0);
    publish_any(); /* skipped */
    publish_any();
    acquire_one();
    skipped_are(1);
    follow_change();
    acquire_one();
    skipped_are(4);

    /* Another stream: it has no frames between. */
    pf_producer_close(producer);
    open_producer(3, 0);
    publish_any();
    publish_any();
    struct pf_frame frame;
    cr_assert_eq(pf_viewer_acquire(viewer, NS_PER_S, &frame), -EPIPE);
    cr_assert_eq(pf_viewer_reattach(viewer, NS_PER_S), 0);
    acquire_one();
    skipped_are(4);
}
