/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <pthread.h>

#include "core/clock.h"

Test(clock, never_goes_back)
{
    int64_t before = clock_now_ns();

    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_now_ns();
        cr_assert_geq(now, before);
        before = now;
    }
}

Test(clock, splits_into_seconds_and_nanoseconds)
{
    struct timespec time = clock_timespec(3 * NS_PER_S + 7);

    cr_assert_eq(time.tv_sec, 3);
    cr_assert_eq(time.tv_nsec, 7);
}

Test(clock, forever_stays_forever)
{
    cr_assert_eq(clock_deadline_ns(1, INT64_MAX), INT64_MAX);
    cr_assert_eq(clock_deadline_ns(INT64_MAX - 1, 1), INT64_MAX);
    cr_assert_eq(clock_deadline_ns(5, 7), 12);
    cr_assert_eq(clock_deadline_ns(5, 0), 5);
}

Test(clock, takes_the_earlier_of_two)
{
    cr_assert_eq(clock_earlier(3, 4), 3);
    cr_assert_eq(clock_earlier(4, 3), 3);
}

Test(clock, cpu_time_grows_while_the_process_computes)
{
    int64_t before = clock_cpu_ns();
    volatile uint64_t sum = 0;

    for (int i = 0; i < 10 * 1000 * 1000; i++)
        sum += (uint64_t)i;
    cr_assert_gt(clock_cpu_ns(), before);
}

static int64_t time_of(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Uses the processor for 20 ms. */
static void *compute(void *nothing)
{
    while (time_of(CLOCK_THREAD_CPUTIME_ID) < 20000000)
        ;
    return nothing;
}

Test(clock, equals_clock_monotonic_to_the_nanosecond)
{
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, compute, NULL), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    for (int i = 0; i < 100; i++) {
        int64_t before = time_of(CLOCK_MONOTONIC), now = clock_now_ns();
        cr_assert(before <= now && now <= time_of(CLOCK_MONOTONIC));
        int64_t cpu_before = time_of(CLOCK_PROCESS_CPUTIME_ID), cpu = clock_cpu_ns();
        cr_assert(cpu_before <= cpu && cpu <= time_of(CLOCK_PROCESS_CPUTIME_ID));
    }
}
