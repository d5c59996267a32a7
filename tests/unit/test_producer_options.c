/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>

#include "core/clock.h"
#include "producer/options.h"

static void quiet(void)
{
    pf_log_set_level(PF_LOG_ERROR);
}

TestSuite(producer_options, .init = quiet);

/* Parse one command line, given without the program's name. getopt_long() sorts the words, so they
 * are no constants. */
#define PARSE(options, ...)                                                                        \
    options_parse(options, (int)(sizeof(const char *[]){"", __VA_ARGS__} / sizeof(char *)),        \
                  (char **)(const char *[]){"", __VA_ARGS__, NULL})

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
                       "250", "--json", "-", "-v"),
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
    cr_assert_str_eq(options.json, "-");
    cr_assert_eq(options.log_level, PF_LOG_INFO);
}

Test(producer_options, takes_inputs_before_and_behind_options)
{
    struct options options;
    char *words[] = {(char *)"", (char *)"a.png", (char *)"--loop", (char *)"b.png", NULL};

    cr_assert_eq(options_parse(&options, 4, words), 0);
    cr_assert_eq(options.source.input_count, 2);
    cr_assert_str_eq(options.source.inputs[0], "a.png");
    cr_assert_str_eq(options.source.inputs[1], "b.png");
    cr_assert(options.source.loop);
}

Test(producer_options, help_and_version_are_asked_for)
{
    struct options options;

    cr_assert_eq(PARSE(&options, "--help"), 0);
    cr_assert_eq(options.action, ACTION_HELP);
    cr_assert_eq(PARSE(&options, "--version"), 0);
    cr_assert_eq(options.action, ACTION_VERSION);
}

Test(producer_options, a_number_is_whole_and_in_range)
{
    const char *bad[][2] = {
        {"-s", "0x5"},         {"-s", "16385x1"}, {"-s", "640"},          {"-r", "-1"},
        {"-r", "x"},           {"--frames", "0"}, {"--frames", "1e3"},    {"--buffers", "1"},
        {"--buffers", "9"},    {"--evict", "0"},  {"--evict", "3600001"}, {"--evict", "1s"},
        {"--pattern", "none"}, {"--pattern", ""}};
    struct options options;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(PARSE(&options, bad[i][0], bad[i][1]), -EINVAL, "%s %s was taken", bad[i][0],
                     bad[i][1]);
}

Test(producer_options, what_does_not_go_together_is_refused)
{
    struct options options;

    cr_assert_eq(PARSE(&options, "--loop"), -EINVAL, "a pattern loops");
    cr_assert_eq(PARSE(&options, "--loop", "-"), -EINVAL, "standard input loops");
    cr_assert_eq(PARSE(&options, "-s", "1x1", "a.png"), -EINVAL, "a size for a file");
    cr_assert_eq(PARSE(&options, "--pattern", "card", "a.png"), -EINVAL, "a pattern and a file");
}

Test(producer_options, unknown_options_and_missing_values_are_refused)
{
    struct options options;

    cr_assert_eq(PARSE(&options, "--none"), -EINVAL);
    cr_assert_eq(PARSE(&options, "-x"), -EINVAL);
    cr_assert_eq(PARSE(&options, "--rate"), -EINVAL);
    cr_assert_eq(PARSE(&options, "--stamp=yes"), -EINVAL);
}
