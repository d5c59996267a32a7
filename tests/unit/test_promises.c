/* SPDX-License-Identifier: MIT */
/* What pageflip.h promises about times, counts and waits. */
#include <errno.h>
#include <pthread.h>

#include "core/waiting.h"
#include "help_system.h"
#include "stream.h"

static void init(void)
{
    kill_after(hang_s() + 5); /* a wait that ends by itself reports more */
    init_stream();
}

TestSuite(promises, .init = init, .fini = finish_stream);

static void *wake_later(void *unused)
{
    (void)unused;
    pause_ms(20);
    pf_viewer_wake(viewer);
    return NULL;
}

/* ------------------------------------------------------------------ spinning */

static void open_spinning(int64_t spin_ns)
{
    struct pf_viewer_options options = {.spin_ns = spin_ns};

    open_producer(2, 0);
    cr_assert_eq(pf_viewer_open(&viewer, "test", &options), 0);
}

/* How often an acquire of this time-out sleeps. */
static long sleeps_of_acquire(int64_t timeout_ns)
{
    struct pf_frame frame;
    long before = count_sleeps();

    cr_assert_eq(pf_viewer_acquire(viewer, timeout_ns, &frame), -EAGAIN);
    return count_sleeps() - before;
}

Test(promises, a_viewer_that_spins_does_not_sleep)
{
    long sleeps = 1;

    open_spinning(NS_PER_S);
    sleeps_of_acquire(NS_PER_MS); /* reads pages from the disk, which counts as sleeping */
    for (int i = 0; i < 5 && sleeps > 0; i++)
        sleeps = sleeps_of_acquire(50 * NS_PER_MS);
    cr_assert_eq(sleeps, 0);
}

Test(promises, spinning_ends_at_the_deadline)
{
    open_spinning(10 * NS_PER_S);
    int64_t before_ns = clock_now_ns();
    sleeps_of_acquire(NS_PER_MS);
    cr_assert_lt(clock_now_ns() - before_ns, 10 * NS_PER_S);
}

Test(promises, a_viewer_sleeps_after_it_has_spun)
{
    open_spinning(NS_PER_MS);
    cr_assert_gt(sleeps_of_acquire(200 * NS_PER_MS), 0);
}

Test(promises, a_viewer_sleeps_unless_it_is_to_spin)
{
    open_spinning(0);
    cr_assert_gt(sleeps_of_acquire(50 * NS_PER_MS), 0);
}

Test(promises, a_wake_ends_spinning)
{
    struct pf_frame frame;
    pthread_t thread;

    open_spinning(hang_s() * NS_PER_S);
    int64_t before_ns = clock_now_ns();
    pthread_create(&thread, NULL, wake_later, NULL);
    cr_assert_eq(pf_viewer_acquire(viewer, hang_s() * NS_PER_S, &frame), -EINTR);
    cr_assert_lt(clock_now_ns() - before_ns, hang_s() * NS_PER_S);
    pthread_join(thread, NULL);
}

/* ------------------------------------------------------------------ waits */

static int64_t thread_cpu_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return used.tv_sec * NS_PER_S + used.tv_nsec;
}

Test(promises, each_wait_of_a_viewer_lasts_until_its_deadline)
{
    struct pf_viewer_options options = {.wait_ns = 60 * NS_PER_MS};
    struct pf_frame frame;
    int64_t before_ns = clock_now_ns();

    interrupt_after(hang_s());
    long sleeps = count_sleeps();
    cr_assert_eq(pf_viewer_open(&viewer, "test", &options), -ECONNREFUSED);
    cr_assert_geq(clock_now_ns() - before_ns, options.wait_ns);
    cr_assert_gt(count_sleeps(), sleeps, "it polls without a pause");
    open_producer(2, 0);
    open_viewer(false);
    before_ns = clock_now_ns();
    cr_assert_eq(pf_viewer_acquire(viewer, 30 * NS_PER_MS, &frame), -EAGAIN);
    cr_assert_geq(clock_now_ns() - before_ns, 30 * NS_PER_MS);
    before_ns = clock_now_ns();
    cr_assert_eq(pf_viewer_wait(viewer, 30 * NS_PER_MS), -EAGAIN);
    cr_assert_geq(clock_now_ns() - before_ns, 30 * NS_PER_MS);
    before_ns = clock_now_ns();
    int64_t used_ns = thread_cpu_ns();
    cr_assert_eq(pf_viewer_reattach(viewer, NS_PER_S), -EAGAIN);
    cr_assert_geq(clock_now_ns() - before_ns, NS_PER_S);
    cr_assert_lt(thread_cpu_ns() - used_ns, 120 * NS_PER_MS, "it polls without a pause");
}

/* An every-frame viewer that has not followed a format change would lose the last frames. */
Test(promises, a_close_gives_expected_viewers_one_second)
{
    struct pf_format taller = size(64, 50);

    open_producer(2, 0);
    open_viewer(true);
    cr_assert_eq(pf_producer_change_format(producer, &taller), 0);
    int64_t before_ns = clock_now_ns();
    pf_producer_close(producer);
    producer = NULL;
    cr_assert_geq(clock_now_ns() - before_ns, NS_PER_S);
}

Test(promises, a_wake_before_a_wait_is_not_lost)
{
    struct pf_frame frame;

    open_producer(2, 0);
    open_viewer(false);
    pf_viewer_wake(viewer);
    cr_assert_eq(pf_viewer_wait(viewer, 0), -EINTR);
    cr_assert_eq(pf_viewer_wait(viewer, 0), -EAGAIN);
    pf_viewer_wake(viewer);
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &frame), -EINTR);
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &frame), -EAGAIN);
}

Test(promises, a_producer_gives_waiting_viewers_half_a_second_to_join)
{
    struct waiting waiting = {.fd = -1};
    char dir[512];

    scratch_path(dir, scratch, "pageflip");
    waiting_begin(&waiting, dir, "test");
    int64_t before_ns = clock_now_ns();
    open_producer(2, 0);
    cr_assert_geq(clock_now_ns() - before_ns, 500 * NS_PER_MS);
    for (uint32_t i = 1; i <= 3; i++)
        cr_assert_eq(publish(i), 0, "frame %u waits for them as well", i);
    waiting_end(&waiting);
}

/* ------------------------------------------------------------------ times of a frame */

Test(promises, each_time_of_a_frame_is_taken_during_its_call)
{
    struct pf_frame frame, seen;
    int64_t now_ns[5];

    open_producer(2, 0);
    open_viewer(false);
    for (int i = 0; i < 3; i++) {
        pause_ms(2);
        now_ns[0] = clock_now_ns();
        cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
        now_ns[1] = clock_now_ns();
        pause_ms(2);
        now_ns[2] = clock_now_ns();
        pf_producer_publish(producer, &frame);
        now_ns[3] = clock_now_ns();
        pause_ms(2);
        now_ns[4] = clock_now_ns();
        cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &seen), 0);
        cr_assert(now_ns[0] <= seen.begin_ns && seen.begin_ns <= now_ns[1]);
        cr_assert_eq(seen.due_ns, seen.begin_ns);
        cr_assert(now_ns[2] <= seen.publish_ns && seen.publish_ns <= now_ns[3]);
        cr_assert(now_ns[4] <= seen.acquire_ns && seen.acquire_ns <= clock_now_ns());
        pf_viewer_release(viewer, &seen);
    }
}

/* ------------------------------------------------------------------ counts */

Test(promises, a_viewer_has_skipped_only_frames_after_its_first)
{
    open_producer(3, 0);
    for (uint32_t i = 1; i <= 5; i++)
        cr_assert_eq(publish(i), 0);
    open_viewer(false);
    expect(5);
    cr_assert_eq(viewer_stats().skipped, 0, "frames before it joined");
    pf_producer_close(producer);
    open_producer(3, 0);
    for (uint32_t i = 11; i <= 17; i++)
        cr_assert_eq(publish(i), 0);
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    expect(17);
    cr_assert_eq(viewer_stats().skipped, 0, "frames of the next producer before it joined");
    cr_assert_eq(publish(18), 0);
    cr_assert_eq(publish(19), 0);
    expect(19);
    cr_assert_eq(viewer_stats().skipped, 1);
    cr_assert_eq(viewer_stats().acquired, 3);
}

Test(promises, evicted_and_reaped_viewers_are_counted_apart)
{
    struct pf_frame frame;

    open_producer(2, 100 * NS_PER_MS);
    open_viewer(true);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(publish(2), 0);
    int64_t before_ns = clock_now_ns();
    while (pf_producer_begin(producer, 5 * NS_PER_MS, &frame) == -EAGAIN)
        cr_assert_lt(clock_now_ns() - before_ns, HANG_NS);
    cr_assert_geq(clock_now_ns() - before_ns, 100 * NS_PER_MS, "evicted too early");
    cr_assert_eq(producer_stats().evicted, 1);
    cr_assert_eq(producer_stats().reaped, 0);
    cr_assert_eq(producer_stats().published, 2);
    pf_producer_abandon(producer, &frame);
    cr_assert_eq(producer_stats().published, 2, "an abandoned frame is not published");
}

Test(promises, an_acquire_during_a_stall_begins_a_new_stall)
{
    struct pf_frame held, frame;

    open_producer(3, 100 * NS_PER_MS);
    open_viewer(true);
    for (uint32_t i = 1; i <= 3; i++)
        cr_assert_eq(publish(i), 0);
    cr_assert_eq(pf_producer_begin(producer, NS_PER_MS, &frame), -EAGAIN);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &held), 0);
    cr_assert_eq(pf_producer_begin(producer, hang_s() * NS_PER_S, &frame), 0, "never evicted");
    cr_assert_geq(frame.begin_ns - held.acquire_ns, 100 * NS_PER_MS, "evicted too early");
    cr_assert_eq(producer_stats().evicted, 1);
    pf_viewer_release(viewer, &held);
}

/* A sleep that ends at the next check instead would take 100 ms each time. */
Test(promises, a_viewer_is_evicted_at_its_time_limit)
{
    int64_t least_ns = INT64_MAX;

    for (int i = 0; i < 20 && least_ns >= 80 * NS_PER_MS; i++) {
        struct pf_frame frame;
        open_producer(2, 10 * NS_PER_MS);
        open_viewer(true);
        cr_assert_eq(publish(1), 0);
        cr_assert_eq(publish(2), 0);
        int64_t before_ns = clock_now_ns();
        cr_assert_eq(pf_producer_begin(producer, HANG_NS, &frame), 0);
        least_ns = clock_earlier(least_ns, clock_now_ns() - before_ns);
        pf_viewer_close(viewer);
        viewer = NULL;
        pf_producer_close(producer);
        producer = NULL;
    }
    cr_assert_lt(least_ns, 80 * NS_PER_MS, "%d ms", (int)(least_ns / NS_PER_MS));
}

/* Between the publication and the acquire there is a pause, which does not count. */
Test(promises, an_eviction_is_measured_from_the_last_acquire)
{
    struct pf_frame held, frame;

    open_producer(2, NS_PER_MS);
    open_viewer(true);
    cr_assert_eq(publish(1), 0);
    pause_ms(20);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &held), 0);
    cr_assert_eq(publish(2), 0);
    cr_assert_eq(pf_producer_begin(producer, 50 * NS_PER_MS, &frame), -EAGAIN);
    cr_assert_eq(producer_stats().evicted, 1);
    pause_ms(20);
    int64_t least_ns = clock_now_ns() - held.acquire_ns;
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &frame), -ESTALE);
    int64_t most_ns = clock_now_ns() - held.acquire_ns;
    cr_assert_geq(viewer_stats().evicted_after_ns, least_ns);
    cr_assert_leq(viewer_stats().evicted_after_ns, most_ns);
    pf_viewer_release(viewer, &held);
}

Test(promises, an_eviction_before_a_reattach_is_measured_as_well)
{
    struct pf_frame frame;
    struct pf_format larger = size(64, 50);

    open_producer(2, NS_PER_MS);
    open_viewer(true);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    int64_t acquire_ns = frame.acquire_ns;
    pf_viewer_release(viewer, &frame);
    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
    for (uint32_t i = 1; i <= 5; i++) {
        cr_assert_eq(pf_producer_begin(producer, HANG_NS, &frame), 0);
        pf_producer_publish(producer, &frame);
    }
    pause_ms(20);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), -EREMCHG);
    int64_t least_ns = clock_now_ns() - acquire_ns;
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    cr_assert_gt(viewer_stats().lost, 0);
    cr_assert_geq(viewer_stats().evicted_after_ns, least_ns);
}

Test(promises, a_time_out_that_lets_viewers_join_counts_as_no_slot)
{
    struct waiting waiting = {.fd = -1};
    char dir[512];
    struct pf_frame frame;

    scratch_path(dir, scratch, "pageflip");
    waiting_begin(&waiting, dir, "test");
    waiting_joined(&waiting); /* and has no frame yet */
    open_producer(2, 0);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(pf_producer_begin(producer, 0, &frame), -EAGAIN);
    cr_assert_eq(producer_stats().no_slot, 1);
    waiting_end(&waiting);
    cr_assert_eq(publish(2), 0);
    cr_assert_eq(producer_stats().no_slot, 1);
}

Test(promises, the_list_counts_all_sixteen_viewers)
{
    struct pf_viewer *viewers[PF_VIEWERS_MAX];
    struct pf_channel_info info;

    open_producer(0, 0);
    for (int i = 0; i < PF_VIEWERS_MAX; i++)
        cr_assert_eq(pf_viewer_open(&viewers[i], "test", NULL), 0);
    cr_assert_eq(pf_channel_list(&info, 1), 1);
    cr_assert_eq(info.viewers, PF_VIEWERS_MAX);
    for (int i = 0; i < PF_VIEWERS_MAX; i++)
        pf_viewer_close(viewers[i]);
    cr_assert_eq(pf_channel_list(&info, 1), 1);
    cr_assert_eq(info.viewers, 0);
}

Test(promises, the_list_has_the_first_channels_that_have_room)
{
    struct pf_format format = size(8, 8);
    struct pf_channel_info info[2] = {{.name = "unchanged"}, {.name = "unchanged"}};
    struct pf_producer *other;

    open_producer(0, 0);
    cr_assert_eq(pf_producer_open(&other, "another", &format, NULL), 0);
    cr_assert_eq(pf_channel_list(info, 1), 2);
    cr_assert_str_eq(info[0].name, "another");
    cr_assert_str_eq(info[1].name, "unchanged");
    pf_producer_close(other);
    pf_producer_close(producer);
    producer = NULL;
    cr_assert_eq(pf_channel_list(info, 1), 0, "only lock files are left");
}
