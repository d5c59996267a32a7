/* SPDX-License-Identifier: MIT */
/* pf_producer_wake(), pf_producer_tick(), pf_producer_wait_viewers(), the producer's geometry. */
#include <errno.h>
#include <pthread.h>

#include "help_system.h"
#include "last_message.h"
#include "stream.h"

static void init_producer_wait(void)
{
    init_stream();
    keep_messages();
    /* A call that does not notice the wake is interrupted by no signal: it is killed. */
    kill_after(2 * hang_s());
}

TestSuite(producer_wait, .init = init_producer_wait, .fini = finish_stream);

static void open_with_rate(uint32_t num, uint32_t den)
{
    struct pf_format format = size(64, 48);

    format.rate_num = num;
    format.rate_den = den;
    cr_assert_eq(pf_producer_open(&producer, "test", &format, NULL), 0);
}

/* ------------------------------------------------------------------ wake */

static volatile bool ends;

static void *wake_in_a_moment(void *ms)
{
    pause_ms(*(long *)ms);
    cr_assert_eq(pf_producer_wake(producer), 0);
    return NULL;
}

static void *wake_always(void *unused)
{
    while (!ends) {
        pf_producer_wake(producer);
        pf_producer_wake(producer);
    }
    return unused;
}

static void wake_on_signal(int number)
{
    (void)number;
    pf_producer_wake(producer);
}

static struct pf_frame frame;
static int64_t due_ns;

static int wait_in_begin(void)
{
    return pf_producer_begin(producer, PF_FOREVER, &frame);
}

static int wait_in_tick(void)
{
    return pf_producer_tick(producer, &due_ns);
}

static int wait_for_viewers_to_join(void)
{
    return pf_producer_wait_viewers(producer, PF_VIEWERS_MAX, PF_FOREVER);
}

static int (*const waits[])(void) = {wait_in_begin, wait_in_tick, wait_for_viewers_to_join};

/* Each of the three waits would last for an hour or longer. */
static void prepare_waits(void)
{
    struct pf_format slow = size(64, 48);

    slow.rate_num = 1;
    slow.rate_den = 3600;
    cr_assert_eq(pf_producer_open(&producer, "test", &slow, NULL), 0);
    open_viewer(true);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(publish(2), 0);
    cr_assert_eq(pf_producer_tick(producer, &due_ns), 0); /* the first one is due directly */
}

Test(producer_wait, a_wake_from_another_thread_ends_each_wait)
{
    prepare_waits();
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
        for (long ms = 0; ms <= 20; ms += 10) {
            pthread_t thread;
            cr_assert_eq(pthread_create(&thread, NULL, wake_in_a_moment, &ms), 0);
            cr_assert_eq(waits[i](), -EINTR, "wait %zu", i);
            pthread_join(thread, NULL);
        }
    cr_assert_eq(errors, 0, "%s", message);
}

Test(producer_wait, a_wake_before_a_wait_ends_it_once)
{
    prepare_waits();
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        cr_assert_eq(pf_producer_wake(producer), 0);
        cr_assert_eq(pf_producer_wake(producer), 0);
        cr_assert_eq(waits[i](), -EINTR, "wait %zu", i);
        cr_assert_eq(pf_producer_wait_viewers(producer, 2, 0), -EAGAIN);
    }
}

/* The handler runs before the wait, so that the signal cannot interrupt it: only the wake does. */
Test(producer_wait, a_wake_from_a_signal_handler_ends_each_wait)
{
    struct sigaction action = {.sa_handler = wake_on_signal, .sa_flags = SA_RESTART};

    prepare_waits();
    sigaction(SIGUSR1, &action, NULL);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        errno = ENOSPC;
        raise(SIGUSR1);
        cr_assert_eq(errno, ENOSPC, "the handler changes errno");
        cr_assert_eq(waits[i](), -EINTR, "wait %zu", i);
    }
}

/* The sequence of a wait is the same as without wakes: no frame is lost, and the tick is kept. */
Test(producer_wait, the_tick_is_kept_after_a_wake)
{
    open_with_rate(100, 1);
    cr_assert_eq(pf_producer_tick(producer, &due_ns), 0);
    int64_t first_ns = due_ns;
    pf_producer_wake(producer);
    cr_assert_eq(pf_producer_tick(producer, &due_ns), -EINTR);
    cr_assert_eq(due_ns, first_ns, "a wake changes *due_ns");
    cr_assert_eq(pf_producer_tick(producer, &due_ns), 0);
    cr_assert_eq(due_ns, first_ns + 10 * NS_PER_MS);
}

/* change_format() unmaps the doorbell that other threads ring. */
Test(producer_wait, threads_may_wake_while_the_segment_is_replaced)
{
    struct pf_format format = size(64, 48);
    pthread_t threads[3];

    open_producer(2, 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, wake_always, NULL), 0);
    for (int i = 0; i < 200; i++) {
        int ret;
        format.width = 64 + (uint32_t)i % 2;
        while ((ret = pf_producer_change_format(producer, &format)) == -EINTR)
            ;
        cr_assert_eq(ret, 0);
        cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
        cr_assert_eq(pf_producer_publish(producer, &frame), 0);
    }
    ends = true;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

Test(producer_wait, a_wake_does_not_keep_begin_from_a_free_slot)
{
    open_producer(2, 0);
    pf_producer_wake(producer);
    cr_assert_eq(pf_producer_begin(producer, PF_FOREVER, &frame), 0);
}

Test(producer_wait, a_wake_of_null_is_refused_without_a_message)
{
    cr_assert_eq(pf_producer_wake(NULL), -EINVAL);
    cr_assert_eq(errors, 0);
}

/* ------------------------------------------------------------------ ticks */

Test(producer_wait, ticks_lie_on_a_grid_and_none_is_early)
{
    int64_t first_ns;

    open_with_rate(500, 1);
    cr_assert_eq(pf_producer_tick(producer, &first_ns), 0);
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(pf_producer_tick(producer, &due_ns), 0);
        cr_assert_geq(clock_now_ns(), due_ns);
        cr_assert_eq((due_ns - first_ns) % (2 * NS_PER_MS), 0);
    }
}

Test(producer_wait, late_ticks_are_skipped_and_counted)
{
    struct pf_producer_stats stats;
    int64_t first_ns, late_ns, next_ns;

    open_with_rate(1000, 1);
    cr_assert_eq(pf_producer_tick(producer, &first_ns), 0);
    pause_ms(10);
    cr_assert_eq(pf_producer_tick(producer, &late_ns), 0);
    cr_assert_eq(pf_producer_stats(producer, &stats), 0);
    cr_assert_eq(late_ns, first_ns + NS_PER_MS, "not the first tick that passed");
    cr_assert_geq(stats.late_ticks, 8);
    cr_assert_eq(pf_producer_tick(producer, &next_ns), 0);
    cr_assert_geq(next_ns, late_ns + (int64_t)stats.late_ticks * NS_PER_MS);
}

Test(producer_wait, a_signal_ends_a_wait_of_an_hour_for_a_tick)
{
    open_with_rate(1, 3600);
    cr_assert_eq(pf_producer_tick(producer, &due_ns), 0);
    interrupt_after(1);
    cr_assert_eq(pf_producer_tick(producer, &due_ns), -EINTR);
}

Test(producer_wait, an_unpaced_format_has_no_ticks)
{
    open_producer(2, 0);
    cr_assert_eq(pf_producer_tick(producer, &due_ns), -EINVAL);
    cr_assert_eq(errors, 1);
    cr_assert_eq(pf_producer_tick(NULL, &due_ns), -EINVAL);
    cr_assert_eq(pf_producer_tick(producer, NULL), -EINVAL);
}

static void change_rate(uint32_t num, uint32_t den)
{
    struct pf_format format = size(64, 48);

    format.rate_num = num;
    format.rate_den = den;
    cr_assert_eq(pf_producer_change_format(producer, &format), 0);
}

Test(producer_wait, another_rate_continues_from_the_last_tick)
{
    int64_t first_ns;

    open_with_rate(1000, 1);
    cr_assert_eq(pf_producer_tick(producer, &first_ns), 0);
    change_rate(10, 1);
    pf_producer_wake(producer);
    cr_assert_eq(pf_producer_tick(producer, &due_ns), -EINTR);
    change_rate(20, 1);
    cr_assert_eq(pf_producer_tick(producer, &due_ns), 0);
    /* The tick of the first new rate was waited for; it is kept. */
    cr_assert_eq(due_ns, first_ns + 100 * NS_PER_MS);
    cr_assert_eq(pf_producer_tick(producer, &due_ns), 0);
    cr_assert_eq(due_ns, first_ns + 150 * NS_PER_MS);
}

Test(producer_wait, ticks_begin_again_after_an_unpaced_format)
{
    open_with_rate(1, 3600);
    cr_assert_eq(pf_producer_tick(producer, &due_ns), 0);
    change_rate(0, 0);
    cr_assert_eq(pf_producer_tick(producer, &due_ns), -EINVAL);
    int64_t before_ns = clock_now_ns();
    change_rate(1, 3600);
    cr_assert_eq(pf_producer_tick(producer, &due_ns), 0);
    cr_assert_geq(due_ns, before_ns);
}

/* ------------------------------------------------------------------ viewers */

static void *join_in_a_moment(void *unused)
{
    pause_ms(20);
    open_viewer(false);
    return unused;
}

Test(producer_wait, viewers_are_awaited)
{
    struct pf_viewer *first;
    pthread_t thread;

    open_producer(2, 0);
    cr_assert_eq(pf_producer_wait_viewers(producer, 0, 0), 0);
    cr_assert_eq(pf_producer_wait_viewers(producer, 1, 10 * NS_PER_MS), -EAGAIN);
    cr_assert_eq(pf_viewer_open(&first, "test", NULL), 0);
    cr_assert_eq(pf_producer_wait_viewers(producer, 1, 0), 0);
    cr_assert_eq(pf_producer_wait_viewers(producer, 2, 0), -EAGAIN);
    cr_assert_eq(pthread_create(&thread, NULL, join_in_a_moment, NULL), 0);
    cr_assert_eq(pf_producer_wait_viewers(producer, 2, PF_FOREVER), 0);
    pthread_join(thread, NULL);
    pf_viewer_close(first);
    cr_assert_eq(pf_producer_wait_viewers(producer, 2, 0), -EAGAIN);
    cr_assert_eq(pf_producer_wait_viewers(producer, 1, 0), 0);
    cr_assert_eq(errors, 0, "%s", message);
    cr_assert_eq(pf_producer_wait_viewers(producer, PF_VIEWERS_MAX + 1, 0), -EINVAL);
    cr_assert_eq(pf_producer_wait_viewers(NULL, 1, 0), -EINVAL);
}

Test(producer_wait, a_signal_ends_the_wait_for_viewers)
{
    open_producer(2, 0);
    interrupt_after(1);
    cr_assert_eq(pf_producer_wait_viewers(producer, 1, PF_FOREVER), -EINTR);
}

/* ------------------------------------------------------------------ geometry */

Test(producer_wait, the_geometry_is_that_of_each_begun_frame)
{
    struct pf_format larger = size(80, 50);
    struct pf_plane plane[PF_PLANES_MAX];

    open_producer(3, 0);
    for (int pass = 0; pass < 2; pass++) {
        const struct pf_segment *segment = pf_producer_segment(producer);
        cr_assert_eq(segment->slots, 3);
        cr_assert_eq(segment->format.width, pass ? 80 : 64);
        for (int i = 0; i < 6; i++) {
            cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
            memset(plane, 0xff, sizeof plane);
            cr_assert_eq(pf_producer_slot(producer, frame.slot, plane), 0);
            for (int p = 0; p < PF_PLANES_MAX; p++) {
                cr_assert_eq(plane[p].pixels, frame.plane[p].pixels);
                cr_assert_eq(plane[p].stride_bytes, frame.plane[p].stride_bytes);
            }
            cr_assert_eq(pf_producer_publish(producer, &frame), 0);
        }
        cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
    }
}

Test(producer_wait, the_segment_is_that_of_the_viewer)
{
    open_producer(3, 0);
    open_viewer(false);
    cr_assert_eq(pf_producer_segment(producer)->shmid, pf_viewer_segment(viewer)->shmid);
    cr_assert_eq(pf_producer_segment(producer)->bytes, pf_viewer_segment(viewer)->bytes);
    cr_assert_arr_eq(pf_producer_segment(producer)->nonce, pf_viewer_segment(viewer)->nonce,
                     PF_NONCE_BYTES);
}

Test(producer_wait, a_slot_that_does_not_exist_is_refused)
{
    struct pf_plane plane[PF_PLANES_MAX] = {{.stride_bytes = 77}};

    open_producer(3, 0);
    cr_assert_eq(pf_producer_slot(producer, 3, plane), -EINVAL);
    cr_assert_eq(pf_producer_slot(producer, UINT32_MAX, plane), -EINVAL);
    cr_assert_eq(pf_producer_slot(NULL, 0, plane), -EINVAL);
    cr_assert_eq(pf_producer_slot(producer, 0, NULL), -EINVAL);
    cr_assert_eq(plane[0].stride_bytes, 77);
    cr_assert_null(pf_producer_segment(NULL));
}
