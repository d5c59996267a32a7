/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "core/clock.h"
#include "pageflip.h"
#include "scratch.h"
#include "viewer/report.h"

static void quiet(void)
{
    scratch_open();
    pf_log_set_level(PF_LOG_ERROR);
}

TestSuite(report, .init = quiet, .fini = scratch_close);

/* Frame `number` at 100 a second: drawn in 1 ms, acquired after 10 us, shown after 2 ms. */
static struct presented frame(uint64_t number)
{
    int64_t due_ns = (int64_t)number * 10 * NS_PER_MS;

    return (struct presented){
        .frame = {.sequence = number,
                  .due_ns = due_ns,
                  .begin_ns = due_ns,
                  .publish_ns = due_ns + NS_PER_MS,
                  .acquire_ns = due_ns + NS_PER_MS + 10 * NS_PER_US},
        .done_ns = due_ns + 3 * NS_PER_MS + 10 * NS_PER_US,
        .user_copies = 1,
    };
}

static struct report *some_frames(void)
{
    static struct report report;

    report = (struct report){.channel = "test",
                             .way = "null",
                             .format = {.fourcc = PF_FOURCC_XR24, .width = 3, .height = 5},
                             .start_ns = clock_now_ns()};
    for (uint64_t i = 1; i <= 10; i++) {
        struct presented done = frame(i);
        report_frame(&report, &done);
    }
    return &report;
}

static void assert_near(int64_t got_ns, int64_t wanted_ns)
{
    cr_assert(got_ns >= wanted_ns && got_ns <= wanted_ns + wanted_ns / 100, "%lld, not %lld",
              (long long)got_ns, (long long)wanted_ns);
}

Test(report, measures_each_stage_of_a_frame)
{
    struct report *report = some_frames();

    cr_assert_eq(report->shown, 10);
    assert_near(histogram_percentile_ns(&report->render, 0.5), NS_PER_MS);
    assert_near(histogram_percentile_ns(&report->handoff, 0.5), 10 * NS_PER_US);
    assert_near(histogram_percentile_ns(&report->present, 0.5), 2 * NS_PER_MS);
    assert_near(histogram_percentile_ns(&report->total, 0.5), 3 * NS_PER_MS + 10 * NS_PER_US);
    assert_near(histogram_percentile_ns(&report->interval, 0.5), 10 * NS_PER_MS);
    cr_assert_eq(report->interval.count, 9, "intervals are between frames");
    cr_assert_eq(report->user_copies, 10);
    cr_assert_eq(report->display_start.count, 0, "no display has reported a time");
}

Test(report, counts_total_from_when_a_frame_was_due)
{
    struct report *report = some_frames();
    struct presented late = frame(11);

    late.frame.due_ns -= 100 * NS_PER_MS; /* the producer was stopped meanwhile */
    report_frame(report, &late);
    assert_near(report->total.max_ns, 103 * NS_PER_MS + 10 * NS_PER_US);
    assert_near(report->render.max_ns, NS_PER_MS);
}

Test(report, a_redraw_and_a_skipped_frame_do_not_count_as_shown)
{
    struct report *report = some_frames();
    struct presented again = frame(10), skipped = frame(11);

    again.again = true;
    skipped.skipped = true;
    skipped.user_copies = 0;
    report_frame(report, &again);
    report_frame(report, &skipped);
    cr_assert_eq(report->shown, 10);
    cr_assert_eq(report->display_skipped, 1);
    cr_assert_eq(report->stats.skipped, 0, "it was acquired");
    cr_assert_eq(report_skipped(report), 1);
    cr_assert_eq(report->total.count, 10);
    cr_assert_eq(report->user_copies, 11, "a redraw is also a copy");
}

Test(report, measures_the_displays_start_time_in_its_own_histogram)
{
    struct report *report = some_frames();
    struct presented shown = frame(11);

    shown.ust_ns = shown.frame.acquire_ns + 100 * NS_PER_US;
    report_frame(report, &shown);
    cr_assert_eq(report->display_start.count, 1);
    assert_near(report->display_start.max_ns, 100 * NS_PER_US);
}

Test(report, writes_json)
{
    struct report *report = some_frames();
    char path[512], text[4096] = "";
    const char *parts[] = {
        "{\"schema\":1,\"channel\":\"test\",\"role\":\"viewer\",\"presenter\":\"null\"",
        "\"fourcc\":\"XR24\",\"width\":3,\"height\":5",
        "\"shown\":10,\"skipped\":5,\"display_skipped\":3,\"lost\":0,\"torn\":0",
        "\"render\":{\"count\":10,\"p50\":",
        "\"interval_us\":{\"count\":9,",
        "\"user_copies_per_frame\":1,"};

    report->stats.skipped = 2;
    report->display_skipped = 3;
    scratch_path(path, scratch, "report.json");
    cr_assert_eq(report_write_json(report, path), 0);
    FILE *file = fopen(path, "r");
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    cr_assert_eq(text[length - 1], '\n');
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        cr_assert_not_null(strstr(text, parts[i]), "no %s in %s", parts[i], text);
}

Test(report, returns_enospc_when_the_disk_is_full)
{
    cr_assert_eq(report_write_json(some_frames(), "/dev/full"), -ENOSPC);
}
