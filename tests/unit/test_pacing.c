/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "core/clock.h"
#include "core/pacing.h"

Test(pacing, ticks_lie_on_a_grid_that_does_not_drift)
{
    struct pacing pacing;

    pacing_init(&pacing, 30000, 1001, 5);
    cr_assert_eq(pacing_due_ns(&pacing, 0), 5);
    /* 30000 ticks are exactly 1001 s, and 30000000 ticks (11 days) exactly 1001000 s. */
    cr_assert_eq(pacing_due_ns(&pacing, 30000), 5 + 1001 * NS_PER_S);
    cr_assert_eq(pacing_due_ns(&pacing, 30000000), 5 + 1001000 * NS_PER_S);
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

/* ------------------------------------------------------------------ any rate, any stall */

/* What pacing.h promises, counted tick by tick. */
struct model {
    uint64_t num, den, tick, skipped;
    int64_t start_ns;
};

static int64_t model_due_ns(const struct model *model, uint64_t tick)
{
    __extension__ unsigned __int128 ns = tick;

    ns = ns * 1000000000 * model->den / model->num;
    return model->start_ns + (int64_t)ns;
}

static int64_t model_next_ns(struct model *model, int64_t now_ns)
{
    int64_t due_ns = model_due_ns(model, model->tick);

    for (; model_due_ns(model, model->tick + 1) <= now_ns; model->tick++)
        model->skipped++;
    model->tick++;
    return due_ns;
}

/* Ask for frames that are on time, late, or come after stalls of several lengths, from tick `first`
 * on. */
static void stalls(uint32_t num, uint32_t den, uint64_t first)
{
    const double periods[] = {0, 0, 0.5, 1, 1.9, 2, 3.5, 0, 40, 0.1};
    struct model model = {num, den, first, 0, INT64_C(123456789012345)};
    struct pacing pacing;

    pacing_init(&pacing, num, den, model.start_ns);
    pacing.tick = first;
    for (size_t i = 0; i < 10 * sizeof periods / sizeof *periods; i++) {
        double late = periods[i % (sizeof periods / sizeof *periods)];
        /* 2 ns later: due times are rounded down, and close to them both ticks are correct. */
        int64_t now_ns = model_due_ns(&model, model.tick) + 2 +
                         (int64_t)(late * 1e9 * (double)den / (double)num);
        int64_t expected_ns = model_next_ns(&model, now_ns),
                due_ns = pacing_next_ns(&pacing, now_ns);
        cr_assert_eq(due_ns, expected_ns, "%u/%u, call %zu: due at %lld, not %lld", num, den, i,
                     (long long)due_ns, (long long)expected_ns);
        cr_assert_eq(pacing.skipped, model.skipped, "%u/%u, call %zu: %llu skipped, not %llu", num,
                     den, i, (unsigned long long)pacing.skipped, (unsigned long long)model.skipped);
    }
}

Test(pacing, each_tick_is_returned_or_skipped_once_at_any_rate)
{
    const uint32_t rates[][2] = {{50, 1},        {30000, 1001}, {60000, 1001}, {1, 100},
                                 {1000000, 333}, {7, 3},        {29970, 1000}};

    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        stalls(rates[i][0], rates[i][1], 0);
        /* a stream of a year */
        stalls(rates[i][0], rates[i][1], UINT64_C(365) * 24 * 3600 * rates[i][0] / rates[i][1]);
    }
}

/* A successor that is due at this nanosecond counts as due. */
Test(pacing, a_tick_is_skipped_from_the_moment_when_its_successor_is_due)
{
    struct pacing pacing;

    pacing_init(&pacing, 50, 1, 0);
    cr_assert_eq(pacing_next_ns(&pacing, 20 * NS_PER_MS - 1), 0);
    cr_assert_eq(pacing.skipped, 0);
    cr_assert_eq(pacing_next_ns(&pacing, 40 * NS_PER_MS), 20 * NS_PER_MS);
    cr_assert_eq(pacing.skipped, 1);
    cr_assert_eq(pacing_next_ns(&pacing, 40 * NS_PER_MS), 60 * NS_PER_MS);
}
