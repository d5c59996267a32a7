/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "core/clock.h"
#include "producer/pacing.h"

Test(pacing, ticks_lie_on_a_grid_that_does_not_drift)
{
    struct pacing pacing;

    pacing_init(&pacing, 30000, 1001, 5);
    cr_assert_eq(pacing_due_ns(&pacing, 0), 5);
    /* 30000 ticks are exactly 1001 s, and 30000000 ticks (11 days) exactly 1001000 s. */
    cr_assert_eq(pacing_due_ns(&pacing, 30000), 5 + 1001 * NS_PER_S);
    cr_assert_eq(pacing_due_ns(&pacing, 30000000), 5 + 1001000 * NS_PER_S);
}

Test(pacing, gives_each_tick_once)
{
    struct pacing pacing;

    pacing_init(&pacing, 50, 1, 0);
    for (int i = 0; i < 100; i++) {
        int64_t due_ns = pacing_next_ns(&pacing, i * 20 * NS_PER_MS);
        cr_assert_eq(due_ns, i * 20 * NS_PER_MS, "tick %d at %lld", i, (long long)due_ns);
    }
    cr_assert_eq(pacing.skipped, 0);
}

Test(pacing, a_tick_that_is_less_than_one_tick_late_is_not_skipped)
{
    struct pacing pacing;

    pacing_init(&pacing, 50, 1, 0);
    cr_assert_eq(pacing_next_ns(&pacing, 0), 0);
    cr_assert_eq(pacing_next_ns(&pacing, 39 * NS_PER_MS), 20 * NS_PER_MS);
    cr_assert_eq(pacing.skipped, 0);
}

Test(pacing, a_stall_shows_in_the_due_time_and_makes_no_burst)
{
    struct pacing pacing;

    pacing_init(&pacing, 50, 1, 0);
    cr_assert_eq(pacing_next_ns(&pacing, 0), 0);
    int64_t now_ns = 1005 * NS_PER_MS; /* ticks 1 to 49 have passed, 50 was due at 1000 */
    cr_assert_eq(pacing_next_ns(&pacing, now_ns), 20 * NS_PER_MS, "not the first skipped tick");
    cr_assert_eq(pacing.skipped, 49, "%d ticks skipped", (int)pacing.skipped);
    cr_assert_eq(pacing_next_ns(&pacing, now_ns), 1020 * NS_PER_MS);
}

Test(pacing, unpaced_is_always_due)
{
    struct pacing pacing;

    pacing_init(&pacing, 0, 1, 0);
    cr_assert_eq(pacing_next_ns(&pacing, 12345), 12345);
    cr_assert_eq(pacing_next_ns(&pacing, 12346), 12346);
    cr_assert_eq(pacing.skipped, 0);
}

Test(pacing, sleeps_until_then_and_not_at_all_when_it_has_passed)
{
    int64_t start_ns = clock_now_ns();

    cr_assert_eq(pacing_sleep_until(start_ns + 5 * NS_PER_MS), 0);
    cr_assert_geq(clock_now_ns(), start_ns + 5 * NS_PER_MS);
    cr_assert_eq(pacing_sleep_until(start_ns), 0);
}

Test(pacing, a_new_rate_begins_a_new_grid_and_keeps_the_count_of_skipped_ticks)
{
    struct pacing pacing;

    pacing_init(&pacing, 10, 1, 0);
    pacing_next_ns(&pacing, 5 * NS_PER_S);
    uint64_t skipped = pacing.skipped;
    cr_assert_gt(skipped, 0);
    pacing_change_rate(&pacing, 4, 1, 6 * NS_PER_S);
    cr_assert_eq(pacing_next_ns(&pacing, 6 * NS_PER_S), 6 * NS_PER_S);
    cr_assert_eq(pacing_next_ns(&pacing, 6 * NS_PER_S), 6 * NS_PER_S + NS_PER_S / 4);
    cr_assert_eq(pacing.skipped, skipped);
}
