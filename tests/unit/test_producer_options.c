/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "core/clock.h"
#include "help.h"
#include "producer/options.h"

static void quiet(void)
{
    pf_log_set_level(PF_LOG_ERROR);
}

TestSuite(producer_options, .init = quiet);

#define PARSE(options, ...) options_parse(options, WORDS(__VA_ARGS__))

Test(producer_options, defaults_are_a_card_in_720p)
{
    struct options options;
    char *words[] = {NULL, NULL};

    cr_assert_eq(options_parse(&options, 1, words), 0);
    cr_assert_eq(options.action, ACTION_RUN);
    cr_assert_str_eq(options.channel, "default");
    cr_assert_str_eq(options.source.pattern, "card");
    cr_assert_eq(options.source.width, 1280);
    cr_assert_eq(options.source.height, 720);
    cr_assert_not(options.source.rate_is_given);
    cr_assert_eq(options.frames, 0);
    cr_assert_eq(options.source.input_count, 0);
    cr_assert_null(options.producer.key_file);
    cr_assert_eq(options.producer.evict_after_ns, 0);
}

Test(producer_options, reads_each_option)
{
    struct options options;

    cr_assert_eq(PARSE(&options, "-n", "cam", "--pattern", "stars", "-s", "3x5", "-r", "29.97",
                       "--frames", "7", "--buffers", "3", "--stamp", "--key", "file", "--evict",
                       "250", "--group", "video", "--trace", "t.json", "--json", "-", "-v"),
                 0);
    cr_assert_str_eq(options.channel, "cam");
    cr_assert_str_eq(options.source.pattern, "stars");
    cr_assert_eq(options.source.width, 3);
    cr_assert_eq(options.source.height, 5);
    cr_assert(options.source.rate_is_given);
    cr_assert_float_eq((double)options.source.rate_num / options.source.rate_den, 29.97, 1e-9);
    cr_assert_eq(options.frames, 7);
    cr_assert_eq(options.producer.slots, 3);
    cr_assert(options.source.stamp);
    cr_assert_str_eq(options.producer.key_file, "file");
    cr_assert_eq(options.producer.evict_after_ns, 250 * NS_PER_MS);
    cr_assert_str_eq(options.producer.group, "video");
    cr_assert_str_eq(options.trace, "t.json");
    cr_assert_str_eq(options.json, "-");
    cr_assert_eq(options.log_level, PF_LOG_INFO);
}

Test(producer_options, accepts_inputs_before_and_after_options)
{
    struct options options;
    char *words[] = {(char *)"", (char *)"a.png", (char *)"--loop", (char *)"b.png", NULL};

    cr_assert_eq(options_parse(&options, 4, words), 0);
    cr_assert_eq(options.source.input_count, 2);
    cr_assert_str_eq(options.source.inputs[0], "a.png");
    cr_assert_str_eq(options.source.inputs[1], "b.png");
    cr_assert(options.source.loop);
}

Test(producer_options, help_and_version_choose_the_action)
{
    struct options options;

    cr_assert_eq(PARSE(&options, "--help"), 0);
    cr_assert_eq(options.action, ACTION_HELP);
    cr_assert_eq(PARSE(&options, "--version"), 0);
    cr_assert_eq(options.action, ACTION_VERSION);
}

Test(producer_options, rejects_values_that_are_malformed_or_out_of_range)
{
    const char *bad[][2] = {
        {"-s", "0x5"},         {"-s", "16385x1"}, {"-s", "640"},          {"-r", "-1"},
        {"-r", "x"},           {"--frames", "0"}, {"--frames", "1e3"},    {"--buffers", "1"},
        {"--buffers", "9"},    {"--evict", "0"},  {"--evict", "3600001"}, {"--evict", "1s"},
        {"--pattern", "none"}, {"--pattern", ""}, {"--matrix", "2020"},   {"--matrix", ""}};
    struct options options;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(PARSE(&options, bad[i][0], bad[i][1]), -EINVAL, "%s %s was accepted",
                     bad[i][0], bad[i][1]);
}

Test(producer_options, rejects_options_that_exclude_each_other)
{
    struct options options;

    cr_assert_eq(PARSE(&options, "--loop"), -EINVAL, "a pattern loops");
    cr_assert_eq(PARSE(&options, "--loop", "-"), -EINVAL, "standard input loops");
    cr_assert_eq(PARSE(&options, "--loop", "a.png", "-"), -EINVAL, "after a file");
    cr_assert_eq(PARSE(&options, "-s", "1x1", "a.png"), -EINVAL, "a size for a file");
    cr_assert_eq(PARSE(&options, "--pattern", "card", "a.png"), -EINVAL, "a pattern and a file");
}

Test(producer_options, rejects_unknown_options_and_missing_values)
{
    struct options options;

    cr_assert_eq(PARSE(&options, "--none"), -EINVAL);
    cr_assert_eq(PARSE(&options, "-x"), -EINVAL);
    cr_assert_eq(PARSE(&options, "--rate"), -EINVAL);
    cr_assert_eq(PARSE(&options, "--stamp=yes"), -EINVAL);
    cr_assert_eq(PARSE(&options, "--mode", "0660"), -EINVAL, "the group implies the mode");
}

Test(producer_options, reads_the_matrix)
{
    struct options options;

    cr_assert_eq(PARSE(&options, "--matrix", "709", "-"), 0);
    cr_assert_eq(options.source.matrix, 709);
    cr_assert_eq(PARSE(&options, "--matrix", "601", "-"), 0);
    cr_assert_eq(options.source.matrix, 601);
}

Test(producer_options, gives_advice_about_its_own_options_only)
{
    cr_assert_not_null(strstr(options_advice(EBUSY), "--name"));
    cr_assert_not_null(strstr(options_advice(EEXIST), "--key"));
    cr_assert_not_null(strstr(options_advice(ENOMEM), "--buffers"));
    cr_assert_not_null(strstr(options_advice(ETIMEDOUT), "--evict"));
    cr_assert_null(options_advice(ENOSPC), "it may be a full disk");
    cr_assert_null(options_advice(EIO));
}

Test(producer_options, help_fits_in_eighty_columns)
{
    cr_assert_gt(options_table()->entry_count, 10);
    expect_help_in_80_columns(options_table());
}
