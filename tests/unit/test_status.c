/* SPDX-License-Identifier: MIT */
/* The window's title and what the overlay gets, at times that the test chooses. */
#include "last_message.h"
#include "scripted_clock.h"
#include "skewed.h"
#include "stream.h"
#include "viewer/status.h"

/* A window that keeps its latest title, and the size of its overlay. */
static struct window {
    struct presenter presenter;
    int calls, titles;
    char title[256];
    uint32_t overlay_width; /* 0: no overlay */
} window;

static void set_status(struct presenter *presenter, const char *title, const struct canvas *canvas)
{
    (void)presenter;
    window.calls++;
    window.titles += title != NULL;
    if (title)
        snprintf(window.title, sizeof window.title, "%s", title);
    window.overlay_width = canvas ? canvas->width : 0;
}

static const struct presenter_ops ops = {.set_status = set_status};

static struct status status;
static struct report report;

static const int64_t start_ns = 1000 * NS_PER_S;

static void init(void)
{
    init_stream();
    keep_messages();
    pf_log_set_level(PF_LOG_WARNING);
    open_producer(3, 0);
    open_viewer(false);
    window = (struct window){.presenter = {.ops = &ops, .viewer = viewer}};
    report = (struct report){.channel = "chan", .format = size(321, 54)};
    status_init(&status, start_ns);
}

static void finish(void)
{
    scripted_now_ns = 0;
    status_finish(&status);
    finish_stream();
}

TestSuite(status, .init = init, .fini = finish);

static void update(enum status_state state, int64_t after_ms)
{
    status_update(&status, state, &window.presenter, &report, start_ns + after_ms * NS_PER_MS);
}

/* A frame that took this long from when it was due, and 1 ms from its begin. */
static void show(int64_t total_ns)
{
    struct presented done = {.frame = {.due_ns = start_ns, .begin_ns = start_ns + total_ns - 1000},
                             .done_ns = start_ns + total_ns};

    status_add_frame(&status, &done);
    report.shown++;
}

Test(status, the_title_has_the_rate_and_the_median_since_half_a_second_ago)
{
    update(STATUS_SHOWING, 499);
    cr_assert_eq(window.calls, 0, "too early");
    report.shown = 27;
    show(skewed_ns(0, 16)); /* 8.52 ms */
    show(skewed_ns(4, 16));
    show(skewed_ns(0, 16));
    update(STATUS_SHOWING, 750); /* 30 frames in 0.75 s */
    cr_assert_str_eq(window.title, "pageflip chan - 321x54 - 40.0 fps - 8.52 ms");
    report.shown += 9;
    show(skewed_ns(3, 16)); /* 10.49 ms: the frames before do not count any more */
    update(STATUS_SHOWING, 1249);
    cr_assert_eq(window.calls, 1, "too early");
    update(STATUS_SHOWING, 1250); /* 10 frames in 0.5 s */
    cr_assert_str_eq(window.title, "pageflip chan - 321x54 - 20.0 fps - 10.49 ms");
    update(STATUS_SHOWING, 2250);
    cr_assert_str_eq(window.title, "pageflip chan - 321x54 - 0.0 fps - 0.00 ms");
    cr_assert_eq(window.titles, 3);
    update(STATUS_SHOWING, 3250);
    cr_assert_eq(window.calls, 4);
    cr_assert_eq(window.titles, 3, "the same title was set again");
}

Test(status, the_title_has_the_format_of_the_report)
{
    update(STATUS_SHOWING, 500);
    report.format = size(64, 48);
    update(STATUS_SHOWING, 1000);
    cr_assert_str_eq(window.title, "pageflip chan - 64x48 - 0.0 fps - 0.00 ms");
}

Test(status, the_title_names_the_state)
{
    update(STATUS_PAUSED, 500);
    cr_assert_str_eq(window.title, "pageflip chan - 321x54 - paused");
    update(STATUS_WAITING, 1000);
    cr_assert_str_eq(window.title, "pageflip chan - 321x54 - waiting for a producer");
    pf_producer_close(producer);
    producer = NULL;
    update(STATUS_PAUSED, 1500);
    cr_assert_str_eq(window.title, "pageflip chan - 321x54 - paused, producer exited");
}

Test(status, an_invalid_title_is_set_immediately)
{
    update(STATUS_SHOWING, 500);
    status_invalidate(&status);
    update(STATUS_PAUSED, 501);
    cr_assert_str_eq(window.title, "pageflip chan - 321x54 - paused");
    update(STATUS_SHOWING, 502);
    cr_assert_eq(window.calls, 2, "once");
}

Test(status, the_title_has_the_path_of_a_snapshot_for_three_seconds)
{
    scripted_now_ns = start_ns;
    status_show_saved(&status, "a.png");
    update(STATUS_PAUSED, 500);
    cr_assert_str_eq(window.title, "pageflip chan - 321x54 - paused - saved a.png");
    update(STATUS_PAUSED, 2999);
    cr_assert_str_eq(window.title, "pageflip chan - 321x54 - paused - saved a.png");
    update(STATUS_PAUSED, 3500);
    cr_assert_str_eq(window.title, "pageflip chan - 321x54 - paused");
}

Test(status, the_overlay_appears_and_disappears_immediately_and_has_the_scale_of_the_window)
{
    update(STATUS_SHOWING, 500);
    cr_assert_eq(window.overlay_width, 0);
    for (uint32_t scale = 1; scale <= 2; scale++) {
        window.presenter.overlay_scale = scale;
        update(STATUS_SHOWING, 500 + scale);
        cr_assert_eq(window.overlay_width, 496 * scale);
    }
    window.presenter.overlay_scale = 0;
    update(STATUS_SHOWING, 503);
    cr_assert_eq(window.overlay_width, 0);
    cr_assert_eq(window.calls, 4);
}

Test(status, the_overlay_gets_the_latest_counts)
{
    for (uint32_t i = 1; i <= 3; i++)
        cr_assert_eq(publish(i), 0);
    expect(3);
    update(STATUS_SHOWING, 500);
    cr_assert_eq(report.stats.acquired, 1);
    for (uint32_t i = 4; i <= 6; i++)
        cr_assert_eq(publish(i), 0);
    expect(6);
    update(STATUS_SHOWING, 1000);
    cr_assert_eq(report.stats.acquired, 2);
    cr_assert_eq(report.stats.skipped, 2, "frames 4 and 5");
}

Test(status, a_silence_of_five_seconds_is_reported_once)
{
    update(STATUS_SHOWING, 4999);
    cr_assert_eq(warnings, 0);
    update(STATUS_SHOWING, 5000);
    cr_assert_eq(warnings, 1);
    cr_assert_not_null(strstr(message, "chan"), "%s", message);
    char pid[32];
    snprintf(pid, sizeof pid, "pid %d)", (int)getpid());
    cr_assert_not_null(strstr(message, pid), "%s", message);
    update(STATUS_SHOWING, 20000);
    cr_assert_eq(warnings, 1);
    status_restart_silence(&status, start_ns + 21 * NS_PER_S);
    update(STATUS_SHOWING, 25999);
    cr_assert_eq(warnings, 1);
    update(STATUS_SHOWING, 26000);
    cr_assert_eq(warnings, 2, "a second silence");
}

Test(status, no_silence_is_reported_while_frames_are_not_expected)
{
    update(STATUS_PAUSED, 30000);
    update(STATUS_WAITING, 60000);
    update(STATUS_SHOWING, 64999);
    cr_assert_eq(warnings, 0);
    update(STATUS_SHOWING, 65000);
    cr_assert_eq(warnings, 1);
}
