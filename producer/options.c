/* SPDX-License-Identifier: MIT */
/* Setters, the table of options, and the checks that need more than one option. */
#include "options.h"

#include <errno.h>
#include <string.h>

#include "core/clock.h"
#include "core/format.h"
#include "core/text.h"
#include "program/messages.h"
#include "program/parse.h"
#include "sources/pattern.h"

enum { EVICT_MAX_MS = 3600 * 1000 };

/* ------------------------------------------------------------------ setters */

static bool set_pattern(void *to, const char *value)
{
    struct options *options = to;

    options->source.pattern = value;
    return pattern_exists(value);
}

static bool set_size(void *to, const char *value)
{
    struct options *options = to;

    return parse_size(value, PF_SIZE_MAX, &options->source.width, &options->source.height);
}

static bool set_rate(void *to, const char *value)
{
    struct options *options = to;

    options->source.rate_is_given = true;
    return parse_rate(value, &options->source.rate_num, &options->source.rate_den);
}

static bool set_frames(void *to, const char *value)
{
    struct options *options = to;

    return parse_count(value, &options->frames);
}

static bool set_buffers(void *to, const char *value)
{
    struct options *options = to;
    int64_t number = 0;
    bool is_valid = text_to_int(value, PF_SLOTS_MIN, PF_SLOTS_MAX, &number);

    options->producer.slots = (uint32_t)number;
    return is_valid;
}

static bool set_matrix(void *to, const char *value)
{
    struct options *options = to;

    options->source.matrix = strcmp(value, "709") == 0 ? 709 : 601;
    return options->source.matrix == 709 || strcmp(value, "601") == 0;
}

static bool set_format(void *to, const char *value)
{
    static const uint32_t fourccs[] = {PF_FOURCC_XR24, PF_FOURCC_AR24, PF_FOURCC_R8,
                                       PF_FOURCC_YU12, PF_FOURCC_NV12, PF_FOURCC_YUYV,
                                       PF_FOURCC_XR30};
    struct options *options = to;

    for (size_t i = 0; i < sizeof fourccs / sizeof *fourccs; i++)
        if (strcmp(value, format_name(fourccs[i]).text) == 0) {
            options->source.fourcc = fourccs[i];
            return true;
        }
    return false;
}

static bool set_evict(void *to, const char *value)
{
    struct options *options = to;
    int64_t number = 0;
    bool is_valid = text_to_int(value, 1, EVICT_MAX_MS, &number);

    options->producer.evict_after_ns = number * NS_PER_MS;
    return is_valid;
}

/* ------------------------------------------------------------------ table */

_Static_assert(sizeof(enum action) == sizeof(int) && sizeof(enum pf_log_level) == sizeof(int),
               "what option_entry.constant stores");

static const struct option_entry entries[] = {
    {.name = "name",
     .letter = 'n',
     .value = "NAME",
     .help = "channel to open (default: default)",
     .field = offsetof(struct options, channel)},
    {.name = "pattern",
     .value = "NAME",
     .help = "test pattern to draw, see below (default: card)",
     .set = set_pattern,
     .expected = "--help lists the patterns"},
    {.name = "size",
     .letter = 's',
     .value = "WxH",
     .help = "size of the test pattern in pixels, up to 16384x16384 (default: 1280x720)",
     .set = set_size,
     .expected = "give WIDTHxHEIGHT, each 1 to 16384 pixels"},
    {.name = "rate",
     .letter = 'r',
     .value = "FPS",
     .help = "frames per second, like 60, 29.97 or 30000/1001; 0: as fast as possible (default: "
             "the rate of the input; 60 for a pattern, 30 for PNG, 25 for Y4M without a rate)",
     .set = set_rate,
     .expected = "give frames per second (60, 29.97, 30000/1001), or 0 for as fast as possible"},
    {.name = "frames",
     .value = "N",
     .help = "stop after N frames (default: at the end of the input; a pattern has no end)",
     .set = set_frames,
     .expected = "give a number, 1 or more"},
    {.name = "loop",
     .help = "start again at the end of the input",
     .field = offsetof(struct options, source.loop)},
    {.name = "buffers",
     .value = "N",
     .help = "slots in the segment, 2 to 8 (default: 2, double buffering)",
     .set = set_buffers,
     .expected = "give 2 to 8"},
    {.name = "stamp",
     .help = "draw a machine-readable frame number into each frame with room for it; patterns "
             "always do so",
     .field = offsetof(struct options, source.stamp)},
    {.name = "format",
     .value = "FOURCC",
     .help = "pixel format of the frames: XR24, AR24, R8, YU12, NV12, YUYV or XR30 (default: XR24)",
     .set = set_format,
     .expected = "give XR24, AR24, R8, YU12, NV12, YUYV or XR30"},
    {.name = "matrix",
     .value = "601|709",
     .help = "colour matrix of Y4M input, BT.601 or BT.709; the format does not record it "
             "(default: 601, like FFmpeg)",
     .set = set_matrix,
     .expected = "give 601 or 709"},
    {.name = "key",
     .value = "FILE",
     .help = "let viewers find the segment by ftok(FILE, 'p')",
     .field = offsetof(struct options, producer.key_file)},
    {.name = "group",
     .value = "NAME",
     .help = "let the members of this group join (default: only this user)",
     .field = offsetof(struct options, producer.group)},
    {.name = "evict",
     .value = "MS",
     .help = "evict an every-frame viewer that has blocked the producer for MS milliseconds, 1 to "
             "3600000 (default: never)",
     .set = set_evict,
     .expected = "give milliseconds, 1 to 3600000"},
    OPTION_ENTRIES_OF_EACH_PROGRAM,
};

static const struct option_section sections[] = {
    {.title = "Sources", .print = source_print_table},
    {.title = "Patterns", .print = pattern_print_table},
    {.title = "Exit codes",
     .text = "0 ok, 2 usage, 3 channel or key file in use, 5 key belongs to another program,\n"
             "6 system limit, 7 no permission, 8 bad input, 9 output failed, 128+N signal N"},
};

const struct option_table *options_table(void)
{
    static const struct option_table table = {
        .usage = "pageflip-producer [OPTION]... [INPUT]...",
        .summary = "Draw frames directly into a shared-memory segment, from which pageflip-viewer "
                   "shows them.\n\n"
                   "INPUT is PNG files or folders of them, one Y4M file, or - for Y4M on standard "
                   "input. Without INPUT, the producer draws an animated test pattern.",
        .entries = entries,
        .entry_count = sizeof entries / sizeof *entries,
        .sections = sections,
        .section_count = sizeof sections / sizeof *sections,
    };

    return &table;
}

/* ------------------------------------------------------------------ parsing */

/* --size and --pattern need the test pattern, --loop needs an input. */
static int check_together(const struct options *options)
{
    const struct source_config *source = &options->source;

    if (source->input_count && source->width)
        return messages_bad_value("--size", "",
                                  "it applies to test patterns only; inputs have their own size");
    if (source->input_count && source->pattern)
        return messages_bad_value("--pattern", source->pattern, "give either a pattern or inputs");
    if (source->loop && !source->input_count)
        return messages_bad_value("--loop", "", "a pattern has no end; give an input");
    for (int i = 0; i < source->input_count && source->loop; i++)
        if (strcmp(source->inputs[i], "-") == 0)
            return messages_bad_value("--loop", "-",
                                      "standard input cannot be read twice; give a file");
    return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
    *options = (struct options){.channel = "default", .log_level = PF_LOG_WARNING};
    int first_input = option_table_parse(options_table(), options, argc, argv);
    if (first_input < 0)
        return first_input;
    if (options->action != ACTION_RUN)
        return 0;
    options->source.inputs = argv + first_input;
    options->source.input_count = argc - first_input;
    int ret = check_together(options);
    if (!options->source.pattern)
        options->source.pattern = "card";
    if (!options->source.width) {
        options->source.width = 1280;
        options->source.height = 720;
    }
    return ret;
}

const char *options_advice(int error)
{
    switch (error) {
    case EBUSY: return "stop that producer, or choose another --name or --key file";
    case EEXIST: return "choose another --key file";
    case ENOMEM: return "use smaller frames or fewer --buffers";
    case ETIMEDOUT: return "stop that viewer, or evict it: --evict MS";
    default: return NULL;
    }
}
