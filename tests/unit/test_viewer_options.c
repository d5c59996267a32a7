/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/clock.h"
#include "help.h"
#include "viewer/options.h"

static void quiet(void)
{
    pf_log_set_level(PF_LOG_ERROR);
}

TestSuite(viewer_options, .init = quiet);

#define PARSE(options, ...) options_parse(options, WORDS(__VA_ARGS__))

Test(viewer_options, defaults_are_the_latest_frame_without_waiting)
{
    struct options options;
    char *words[] = {NULL, NULL};

    cr_assert_eq(options_parse(&options, 1, words), 0);
    cr_assert_eq(options.action, ACTION_RUN);
    cr_assert_str_eq(options.channel, "default");
    cr_assert_not(options.name_is_given);
    cr_assert_str_eq(options.presenter.name, "auto");
    cr_assert_not(options.every_frame);
    cr_assert(options.presenter.may_skip);
    cr_assert_not(options.follow);
    cr_assert(options.presenter.vsync);
    cr_assert_not(options.vsync_is_given);
    cr_assert_eq(options.wait_ns, 0);
    cr_assert_eq(options.spin_ns, 0);
    cr_assert_eq(options.presenter.scale, 0);
}

Test(viewer_options, reads_each_option)
{
    struct options options;

    cr_assert_eq(PARSE(&options, "-n", "cam", "--presenter", "null", "--every-frame", "--follow",
                       "--wait", "2.5", "--frames", "7", "--seconds", "4.5", "--vsync", "off",
                       "--spin", "50", "--scale", "2", "--fullscreen", "--snapshot", "s.png",
                       "--verify", "--json", "r.json", "--key", "file", "--csv", "c.csv", "--trace",
                       "t.json", "--user", "alice", "-q"),
                 0);
    cr_assert_str_eq(options.channel, "cam");
    cr_assert_str_eq(options.presenter.name, "null");
    cr_assert(options.every_frame);
    cr_assert_not(options.presenter.may_skip);
    cr_assert(options.follow);
    cr_assert_eq(options.wait_ns, 2500 * NS_PER_MS);
    cr_assert_eq(options.frames, 7);
    cr_assert_eq(options.run_ns, 4500 * NS_PER_MS);
    cr_assert_not(options.presenter.vsync);
    cr_assert_eq(options.spin_ns, 50 * NS_PER_US);
    cr_assert_eq(options.presenter.scale, 2);
    cr_assert(options.presenter.fullscreen);
    cr_assert_str_eq(options.snapshot, "s.png");
    cr_assert(options.verify);
    cr_assert_str_eq(options.json, "r.json");
    cr_assert_str_eq(options.key_file, "file");
    cr_assert_str_eq(options.csv, "c.csv");
    cr_assert_str_eq(options.trace, "t.json");
    cr_assert_str_eq(options.user, "alice");
    cr_assert_eq(options.log_level, PF_LOG_ERROR);
}

Test(viewer_options, help_version_list_and_merge_choose_the_action)
{
    struct options options;
    char *merge[] = {(char *)"", (char *)"--merge-trace", (char *)"a", (char *)"b", NULL};

    cr_assert_eq(PARSE(&options, "--help"), 0);
    cr_assert_eq(options.action, ACTION_HELP);
    cr_assert_eq(PARSE(&options, "--version"), 0);
    cr_assert_eq(options.action, ACTION_VERSION);
    cr_assert_eq(PARSE(&options, "--list"), 0);
    cr_assert_eq(options.action, ACTION_LIST);
    cr_assert_eq(options_parse(&options, 4, merge), 0); /* options.traces points into the array */
    cr_assert_eq(options.action, ACTION_MERGE_TRACE);
    cr_assert_eq(options.trace_count, 2);
    cr_assert_str_eq(options.traces[1], "b");
    cr_assert_eq(PARSE(&options, "--merge-trace"), -EINVAL);
}

Test(viewer_options, rejects_values_that_are_malformed_or_out_of_range)
{
    const char *bad[][2] = {{"--presenter", "vga"}, {"--wait", "-1"},      {"--wait", "soon"},
                            {"--wait", "inf"},      {"--frames", "0"},     {"--frames", "7x"},
                            {"--seconds", "0"},     {"--seconds", "1e10"}, {"--vsync", "1"},
                            {"--spin", "1000001"},  {"--spin", "-1"},      {"--scale", "0"},
                            {"--scale", "17"},      {"--scale", "1.5"}};
    struct options options;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(PARSE(&options, bad[i][0], bad[i][1]), -EINVAL, "%s %s was accepted",
                     bad[i][0], bad[i][1]);
}

Test(viewer_options, the_last_background_counts)
{
    struct options options;

    cr_assert_eq(PARSE(&options, "--background", "#ff0080"), 0);
    cr_assert(options.presenter.background.has_color);
    cr_assert_eq(options.presenter.background.color, 0xff0080);
    cr_assert_eq(PARSE(&options, "--background", "#ff0080", "--background", "black"), 0);
    cr_assert(options.presenter.background.has_color);
    cr_assert_eq(options.presenter.background.color, 0);
    cr_assert_eq(PARSE(&options, "--background", "black", "--background", "checkerboard"), 0);
    cr_assert_not(options.presenter.background.has_color);
}

Test(viewer_options, accepts_each_presenter_of_the_table)
{
    struct options options;

    cr_assert_eq(PARSE(&options, "--presenter", "sdl"), 0);
    cr_assert_eq(PARSE(&options, "--presenter", "null"), 0);
    cr_assert_eq(PARSE(&options, "--presenter", "auto"), 0);
}

Test(viewer_options, rejects_stray_words_and_unknown_options)
{
    struct options options;

    cr_assert_eq(PARSE(&options, "stray"), -EINVAL);
    cr_assert_eq(PARSE(&options, "--none"), -EINVAL);
    cr_assert_eq(PARSE(&options, "--snapshot"), -EINVAL);
    cr_assert_eq(PARSE(&options, "--follow=yes"), -EINVAL);
}

Test(viewer_options, follow_waits_forever_unless_a_time_is_given)
{
    struct options options;

    cr_assert_eq(PARSE(&options, "--follow"), 0);
    cr_assert_eq(options.wait_ns, PF_FOREVER);
    cr_assert_eq(PARSE(&options, "--wait", "0", "--follow"), 0);
    cr_assert_eq(options.wait_ns, 0);
}

Test(viewer_options, seconds_also_limit_the_wait_for_a_producer)
{
    struct options options;

    cr_assert_eq(PARSE(&options, "--follow", "--seconds", "2"), 0);
    cr_assert_eq(options.wait_ns, 2 * NS_PER_S);
    cr_assert_eq(PARSE(&options, "--wait", "3", "--seconds", "2"), 0);
    cr_assert_eq(options.wait_ns, 2 * NS_PER_S);
    cr_assert_eq(PARSE(&options, "--wait", "1", "--seconds", "2"), 0);
    cr_assert_eq(options.wait_ns, NS_PER_S);
}

Test(viewer_options, gives_advice_about_its_own_options_only)
{
    cr_assert_not_null(strstr(options_advice(ECONNREFUSED), "--wait"));
    cr_assert_not_null(strstr(options_advice(EXDEV), "--ipc"));
    cr_assert_not_null(options_advice(EBUSY));
    cr_assert_null(options_advice(EACCES), "it may be the runtime directory or the key file");
    cr_assert_null(options_advice(EIO));
}

Test(viewer_options, help_fits_in_eighty_columns)
{
    cr_assert_gt(options_table()->entry_count, 10);
    expect_help_in_80_columns(options_table());
}
