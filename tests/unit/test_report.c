/* SPDX-License-Identifier: MIT */
/* The viewer's report of frames whose times are made by hand: no two figures are equal. */
#include <errno.h>

#include "core/clock.h"
#include "pageflip.h"
#include "scratch.h"
#include "scripted_clock.h"
#include "skewed.h"
#include "text_file.h"
#include "viewer/report.h"

static void quiet(void)
{
    scratch_open();
    pf_log_set_level(PF_LOG_ERROR);
}

TestSuite(report, .init = quiet, .fini = scratch_close);

/* The sizes of the stages, as the shift of skewed_ns(). What is left of TOTAL was before begin. */
enum { DISPLAY_START = 6, HANDOFF = 8, RENDER = 10, PRESENT = 12, TOTAL = 15, INTERVAL = 18 };

/* A frame that is done at `done_ns` and whose stages are all of the same class. */
static struct presented frame(int64_t done_ns, int class)
{
    int64_t acquire_ns = done_ns - skewed_ns(class, PRESENT);
    int64_t publish_ns = acquire_ns - skewed_ns(class, HANDOFF);

    return (struct presented){
        .frame = {.due_ns = done_ns - skewed_ns(class, TOTAL),
                  .begin_ns = publish_ns - skewed_ns(class, RENDER),
                  .publish_ns = publish_ns,
                  .acquire_ns = acquire_ns},
        .submit_ns = acquire_ns + 1,
        .done_ns = done_ns,
        .ust_ns = acquire_ns + skewed_ns(class, DISPLAY_START),
        .user_copies = 2,
    };
}

static struct report report;

/* 1001 frames, 1000 intervals, whose order has nothing to do with that of the stages. */
static void fill_report(void)
{
    int64_t done_ns = 100 * NS_PER_S;

    report = (struct report){.channel = "test",
                             .way = "null",
                             .format = {.fourcc = PF_FOURCC_XR24, .width = 3, .height = 5},
                             .stats = {.acquired = 1111, .skipped = 222, .lost = 333},
                             .torn = 444,
                             .verified = 555,
                             .records_dropped = 666,
                             .start_ns = 5 * NS_PER_S,
                             .start_cpu_ns = 1 * NS_PER_S};
    report_frame(&report, &(struct presented){.frame = frame(done_ns, 0).frame,
                                              .done_ns = done_ns,
                                              .user_copies = 2}); /* without a start time */
    for (int i = 0; i < SKEWED_COUNT; i++) {
        done_ns += skewed_ns(skewed_class(i * 11 % SKEWED_COUNT), INTERVAL);
        struct presented shown = frame(done_ns, skewed_class(i * 7 % SKEWED_COUNT));
        report_frame(&report, &shown);
    }
    struct presented again = frame(done_ns + NS_PER_S, 4), skipped = frame(done_ns, 4);
    again.again = true;
    again.user_copies = 1001; /* a redraw also copies */
    skipped.skipped = true;
    skipped.user_copies = 0;
    report_frame(&report, &again);
    for (int i = 0; i < 7; i++)
        report_frame(&report, &skipped);
}

static void script_clocks(void)
{
    scripted_now_ns = report.start_ns + 12345600000;
    scripted_cpu_ns = report.start_cpu_ns + 1001 * 78900;
}

Test(report, has_every_figure_under_its_name_in_json)
{
    char path[512];

    fill_report();
    script_clocks();
    scratch_path(path, scratch, "report.json");
    cr_assert_eq(report_write_json(&report, path), 0);
    cr_assert_str_eq(
        text_of_file(path),
        "{\"schema\":1,\"channel\":\"test\",\"role\":\"viewer\",\"presenter\":\"null\",\n"
        " \"format\":{\"fourcc\":\"XR24\",\"width\":3,\"height\":5},\n"
        " \"frames\":{\"acquired\":1111,\"shown\":1001,\"skipped\":229,\"display_skipped\":7,"
        "\"lost\":333,\"torn\":444,\"verified\":555},\n"
        " \"latency_us\":{\n"
        "   \"render\":{\"count\":1001,\"p50\":133.1,\"p90\":143.4,\"p99\":153.6,\"p999\":163.8,"
        "\"max\":174.1},\n"
        "   \"handoff\":{\"count\":1001,\"p50\":33.3,\"p90\":35.8,\"p99\":38.4,\"p999\":41.0,"
        "\"max\":43.5},\n"
        "   \"present\":{\"count\":1001,\"p50\":532.5,\"p90\":573.4,\"p99\":614.4,\"p999\":655.4,"
        "\"max\":696.3},\n"
        "   \"total\":{\"count\":1001,\"p50\":4259.8,\"p90\":4587.5,\"p99\":4915.2,\"p999\":5242.9,"
        "\"max\":5570.6}},\n"
        " \"interval_us\":{\"count\":1000,\"p50\":34078.7,\"p90\":36700.2,\"p99\":39321.6,"
        "\"p999\":41943.0,\"max\":44564.5},\n"
        " \"display_start_us\":{\"count\":1000,\"p50\":8.3,\"p90\":9.0,\"p99\":9.6,\"p999\":10.2,"
        "\"max\":10.9},\n"
        " \"cpu_us_per_frame\":78.9,\"user_copies_per_frame\":3,\"records_dropped\":666,"
        "\"seconds\":12.346}\n");
}

Test(report, has_every_figure_under_its_name_in_the_text)
{
    fill_report();
    script_clocks();
    errors_begin();
    report_print(&report);
    const char *text = errors_end();
    ASSERT_IN_ORDER(text, "test: ", "1001 frames of 3x5 ", " null ", " 12.3 s", "229 skipped",
                    "333 lost", "444 torn\n", "verified: 555\n", " p50 ", " p90 ", " p99 ",
                    " p99.9 ", " max\n",
                    "render         133.1     143.4     153.6     163.8     174.1\n",
                    "handoff         33.3      35.8      38.4      41.0      43.5\n",
                    "present        532.5     573.4     614.4     655.4     696.3\n",
                    "total         4259.8    4587.5    4915.2    5242.9    5570.6\n", "78.9 us",
                    " 3 copies a frame");
}

Test(report, of_no_frame_has_neither_a_table_nor_a_division_by_zero)
{
    char path[512];

    report = (struct report){.channel = "test", .way = "null", .start_ns = clock_now_ns()};
    errors_begin();
    report_print(&report);
    const char *text = errors_end();
    cr_assert_not_null(strstr(text, "0 frames"), "%s", text);
    cr_assert_null(strstr(text, "render"), "%s", text);
    cr_assert_null(strstr(text, "verified"), "%s", text);
    scratch_path(path, scratch, "report.json");
    cr_assert_eq(report_write_json(&report, path), 0);
    text = text_of_file(path);
    ASSERT_IN_ORDER(text, "\"cpu_us_per_frame\":0.0,\"user_copies_per_frame\":0,");
    cr_assert_null(strstr(text, "display_start_us"), "no display has reported a time: %s", text);
}

Test(report, counts_total_from_when_a_frame_was_due_or_begun_if_that_was_earlier)
{
    struct presented done = frame(100 * NS_PER_S, 0);

    cr_assert_eq(report_total_ns(&done), skewed_ns(0, TOTAL));
    done.frame.due_ns = done.frame.begin_ns + NS_PER_MS;
    cr_assert_eq(report_total_ns(&done), done.done_ns - done.frame.begin_ns);
}

Test(report, returns_enospc_when_the_disk_is_full)
{
    fill_report();
    cr_assert_eq(report_write_json(&report, "/dev/full"), -ENOSPC);
}
