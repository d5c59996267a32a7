/* SPDX-License-Identifier: MIT */
/* Setters, the table of options, and the checks that need more than one option. */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"
#include "program/messages.h"
#include "program/parse.h"

enum {
    SECONDS_MAX = 1000 * 1000 * 1000,
    SPIN_MAX_US = 1000 * 1000,
    SCALE_MAX = 16,
};

#define WAIT_NOT_GIVEN (-1) /* as options.wait_ns */

/* ------------------------------------------------------------------ setters */

static bool set_presenter(void *to, const char *value)
{
    struct options *options = to;

    options->presenter.name = value;
    return strcmp(value, "auto") == 0 || presenter_exists(value);
}

static bool parse_seconds(const char *value, int64_t *ns)
{
    double seconds = 0;
    bool is_valid = parse_double(value, 0, SECONDS_MAX, &seconds);

    *ns = (int64_t)(seconds * 1e9);
    return is_valid;
}

static bool set_wait(void *to, const char *value)
{
    struct options *options = to;

    return parse_seconds(value, &options->wait_ns);
}

static bool set_seconds(void *to, const char *value)
{
    struct options *options = to;

    return parse_seconds(value, &options->run_ns) && options->run_ns > 0;
}

static bool set_frames(void *to, const char *value)
{
    struct options *options = to;

    return parse_count(value, &options->frames);
}

static bool set_vsync(void *to, const char *value)
{
    struct options *options = to;

    options->vsync_is_given = true;
    options->presenter.vsync = strcmp(value, "on") == 0;
    return options->presenter.vsync || strcmp(value, "off") == 0;
}

static bool set_spin(void *to, const char *value)
{
    struct options *options = to;
    int64_t number = 0;
    bool is_valid = text_to_int(value, 0, SPIN_MAX_US, &number);

    options->spin_ns = number * NS_PER_US;
    return is_valid;
}

static bool set_scale(void *to, const char *value)
{
    struct options *options = to;
    int64_t number = 0;
    bool is_valid = text_to_int(value, 1, SCALE_MAX, &number);

    options->presenter.scale = (uint32_t)number;
    return is_valid;
}

static bool set_background(void *to, const char *value)
{
    struct options *options = to;
    struct background *background = &options->presenter.background;

    options->background_is_given = true;
    *background = (struct background){.has_color = strcmp(value, "checkerboard") != 0};
    if (!background->has_color || strcmp(value, "black") == 0)
        return true;
    if (strlen(value) != 7 || value[0] != '#' || strspn(value + 1, "0123456789abcdefABCDEF") != 6)
        return false;
    background->color = (uint32_t)strtoul(value + 1, NULL, 16);
    return true;
}

/* ------------------------------------------------------------------ table */

_Static_assert(sizeof(enum action) == sizeof(int) && sizeof(enum pf_log_level) == sizeof(int),
               "what option_entry.constant stores");

static const struct option_entry entries[] = {
    {.name = "name",
     .letter = 'n',
     .value = "NAME",
     .help = "channel to join (default: default)",
     .field = offsetof(struct options, channel)},
    {.name = "list",
     .help = "print the running channels and exit",
     .constant = &(const int){ACTION_LIST},
     .field = offsetof(struct options, action)},
    {.name = "merge-trace",
     .help = "merge trace files of producers and viewers, print the result and exit",
     .constant = &(const int){ACTION_MERGE_TRACE},
     .field = offsetof(struct options, action)},
    {.name = "presenter",
     .value = "NAME",
     .help = "how to show frames, see below (default: auto)",
     .set = set_presenter,
     .expected = "--help lists the presenters"},
    {.name = "every-frame",
     .help = "show every frame in turn, even if the producer must wait (default: show the latest "
             "frame and skip older ones)",
     .field = offsetof(struct options, every_frame)},
    {.name = "follow",
     .help = "when the producer exits, keep its last frame and wait for the next producer",
     .field = offsetof(struct options, follow)},
    {.name = "wait",
     .value = "SECONDS",
     .help = "wait up to SECONDS for a producer (default: 0; with --follow, forever)",
     .set = set_wait,
     .expected = "give seconds, 0 or more, like 2.5"},
    {.name = "frames",
     .value = "N",
     .help = "stop after N frames (default: no limit)",
     .set = set_frames,
     .expected = "give a number, 1 or more"},
    {.name = "seconds",
     .value = "S",
     .help =
         "stop after S seconds, or after a wait of S seconds for a producer (default: no limit)",
     .set = set_seconds,
     .expected = "give seconds, more than 0, like 2.5"},
    {.name = "vsync",
     .value = "on|off",
     .help = "on: tear-free; off: lowest latency (default: on)",
     .set = set_vsync,
     .expected = "give on (tear-free) or off (lowest latency)"},
    {.name = "spin",
     .value = "USEC",
     .help = "poll for a frame for USEC microseconds before sleeping, 0 to 1000000; keeps a "
             "processor core busy (default: 0)",
     .set = set_spin,
     .expected = "give microseconds, 0 to 1000000"},
    {.name = "scale",
     .value = "N",
     .help = "open a window of N times the frame's size, 1 to 16 (default: as fits the screen)",
     .set = set_scale,
     .expected = "give 1 to 16"},
    {.name = "fullscreen",
     .help = "start in fullscreen",
     .field = offsetof(struct options, presenter.fullscreen)},
    {.name = "background",
     .value = "WHAT",
     .help = "what is behind transparent pixels: checkerboard, black or #RRGGBB (default: "
             "checkerboard)",
     .set = set_background,
     .expected = "give checkerboard, black, or a colour like #4080ff"},
    {.name = "snapshot",
     .value = "FILE",
     .help = "at the end, write the latest frame to FILE as PNG",
     .field = offsetof(struct options, snapshot)},
    {.name = "verify",
     .help = "read the stamp of each frame and count torn frames",
     .field = offsetof(struct options, verify)},
    {.name = "csv",
     .value = "FILE",
     .help = "write a row for each frame to FILE",
     .field = offsetof(struct options, csv)},
    {.name = "user",
     .value = "NAME",
     .help = "join a channel that the user NAME shares with a group (default: a private channel of "
             "the current user)",
     .field = offsetof(struct options, user)},
    {.name = "key",
     .value = "FILE",
     .help = "find the segment by ftok(FILE, 'p') instead of a channel name",
     .field = offsetof(struct options, key_file)},
    OPTION_ENTRIES_OF_EACH_PROGRAM,
};

static const struct option_section sections[] = {
    {.title = "Presenters", .print = presenter_print_table},
    {.title = "Keys",
     .text = "q or Esc quit, space pause, s snapshot, o overlay, f fullscreen, 1 one-to-one"},
    {.title = "Exit codes",
     .text = "0 ok, 2 usage, 3 no free lane, 4 no producer, 5 segment rejected,\n"
             "6 system limit, 7 no permission, 8 bad trace file, 9 output failed,\n"
             "10 producer crashed, 11 evicted, 12 display failed or missing,\n"
             "13 torn frame, 128+N signal N"},
};

const struct option_table *options_table(void)
{
    static const struct option_table table = {
        .usage = "pageflip-viewer [OPTION]...\n"
                 "pageflip-viewer --merge-trace FILE...",
        .summary = "Show the frames of a pageflip-producer directly from its shared memory.",
        .entries = entries,
        .entry_count = sizeof entries / sizeof *entries,
        .sections = sections,
        .section_count = sizeof sections / sizeof *sections,
    };

    return &table;
}

/* ------------------------------------------------------------------ parsing */

static bool joins_shared_channel; /* for options_advice(), which gets only an errno */

int options_parse(struct options *options, int argc, char **argv)
{
    *options = (struct options){
        .presenter = {.name = "auto", .vsync = true},
        .wait_ns = WAIT_NOT_GIVEN,
        .log_level = PF_LOG_WARNING,
    };
    int first = option_table_parse(options_table(), options, argc, argv);
    if (first < 0)
        return first;
    joins_shared_channel = options->user != NULL;
    options->name_is_given = options->channel;
    if (!options->channel)
        options->channel = "default";
    if (options->wait_ns == WAIT_NOT_GIVEN)
        options->wait_ns = options->follow ? PF_FOREVER : 0;
    if (options->run_ns)
        options->wait_ns = clock_earlier(options->wait_ns, options->run_ns);
    options->presenter.may_skip = !options->every_frame;
    if (options->action == ACTION_HELP || options->action == ACTION_VERSION)
        return 0;
    options->traces = argv + first;
    options->trace_count = argc - first;
    if (options->action == ACTION_MERGE_TRACE)
        return options->trace_count ? 0
                                    : messages_bad_value("--merge-trace", "",
                                                         "name the files that --trace has written");
    if (options->trace_count) {
        log_error("argument \"%s\": not expected; a channel is given by -n NAME", argv[first]);
        return -EINVAL;
    }
    return 0;
}

const char *options_advice(int error)
{
    switch (error) {
    case EBUSY: return "stop one of this channel's viewers";
    case ECONNREFUSED:
        return joins_shared_channel
                   ? "ask its user to start pageflip-producer --group NAME, or use --wait SECONDS"
                   : "start pageflip-producer, or wait for one: --wait SECONDS";
    case EXDEV: return "start both programs in one IPC namespace: docker run --ipc=host or similar";
    case EPROTO: return "restart the producer, and use programs of the same version";
    default: return NULL;
    }
}
