/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

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
