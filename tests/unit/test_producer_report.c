/* SPDX-License-Identifier: MIT */
/* The producer's report of frames whose times are made by hand: no two figures are equal. */
#include <errno.h>

#include "core/clock.h"
#include "pageflip.h"
#include "producer/report.h"
#include "scratch.h"
#include "scripted_clock.h"
#include "skewed.h"
#include "text_file.h"

static void quiet(void)
{
    scratch_open();
    pf_log_set_level(PF_LOG_ERROR);
}

TestSuite(producer_report, .init = quiet, .fini = scratch_close);

static struct report report;

/* The sizes of render and interval, as the shift of skewed_ns(). */
enum { RENDER = 10, INTERVAL = 18 };

/* 1001 frames, 1000 intervals, whose order has nothing to do with that of the render times. */
static void fill_report(void)
{
    int64_t publish_ns = 100 * NS_PER_S;

    report = (struct report){
        .channel = "test",
        .source = "pattern",
        .format = {.fourcc = PF_FOURCC_XR24, .width = 3, .height = 5},
        .stats = {.published = 1001, .no_slot = 22, .reaped = 33, .evicted = 44, .viewers = 5},
        .skipped = 66,
        .ahead = 77,
        .start_ns = 5 * NS_PER_S,
        .start_cpu_ns = 1 * NS_PER_S};
    report_frame(&report,
                 &(struct pf_frame){.begin_ns = publish_ns - skewed_ns(0, RENDER),
                                    .publish_ns = publish_ns},
                 1);
    for (int i = 0; i < SKEWED_COUNT; i++) {
        publish_ns += skewed_ns(skewed_class(i * 11 % SKEWED_COUNT), INTERVAL);
        int64_t render_ns = skewed_ns(skewed_class(i * 7 % SKEWED_COUNT), RENDER);
        report_frame(&report,
                     &(struct pf_frame){.due_ns = publish_ns - render_ns - NS_PER_MS,
                                        .begin_ns = publish_ns - render_ns,
                                        .publish_ns = publish_ns},
                     3);
    }
    scripted_now_ns = report.start_ns + 12345600000;
    scripted_cpu_ns = report.start_cpu_ns + 1001 * 78900;
}

Test(producer_report, has_every_figure_under_its_name_in_json)
{
    char path[512];

    fill_report();
    scratch_path(path, scratch, "report.json");
    cr_assert_eq(report_write_json(&report, path), 0);
    cr_assert_str_eq(
        text_of_file(path),
        "{\"schema\":1,\"channel\":\"test\",\"role\":\"producer\",\"source\":\"pattern\",\n"
        " \"format\":{\"fourcc\":\"XR24\",\"width\":3,\"height\":5},\n"
        " \"frames\":{\"published\":1001,\"skipped\":66,\"no_slot\":22},\n"
        " \"input\":{\"ahead\":77},\n"
        " \"viewers\":{\"now\":5,\"reaped\":33,\"evicted\":44},\n"
        " \"latency_us\":{\"render\":{\"count\":1001,\"p50\":133.1,\"p90\":143.4,\"p99\":153.6,"
        "\"p999\":163.8,\"max\":174.1}},\n"
        " \"interval_us\":{\"count\":1000,\"p50\":34078.7,\"p90\":36700.2,\"p99\":39321.6,"
        "\"p999\":41943.0,\"max\":44564.5},\n"
        " \"cpu_us_per_frame\":78.9,\"user_copies_per_frame\":2.998,\"seconds\":12.346}\n");
}

Test(producer_report, has_every_figure_under_its_name_in_the_text)
{
    fill_report();
    errors_begin();
    report_print(&report);
    const char *text = errors_end();
    ASSERT_IN_ORDER(text, "test: ", "1001 frames of 3x5 ", " 12.3 s", "66 skipped",
                    "ahead at 77 frames", " p50 ", " p90 ", " p99 ", " p99.9 ", " max\n",
                    "render         133.1     143.4     153.6     163.8     174.1\n",
                    "interval     34078.7   36700.2   39321.6   41943.0   44564.5\n");
}

Test(producer_report, of_no_frame_is_silent_and_divides_by_nothing)
{
    char path[512];

    report = (struct report){.channel = "test", .source = "png", .start_ns = clock_now_ns()};
    errors_begin();
    report_print(&report);
    cr_assert_str_eq(errors_end(), "");
    scratch_path(path, scratch, "report.json");
    cr_assert_eq(report_write_json(&report, path), 0);
    ASSERT_IN_ORDER(text_of_file(path), "\"source\":\"png\"", "\"cpu_us_per_frame\":0.0,",
                    "\"user_copies_per_frame\":0,");
}

Test(producer_report, returns_enospc_when_the_disk_is_full)
{
    fill_report();
    cr_assert_eq(report_write_json(&report, "/dev/full"), -ENOSPC);
}
