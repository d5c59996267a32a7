/* SPDX-License-Identifier: MIT */
/* One table for getopt_long(), one switch. Every complaint names the option, the value and what was
 * expected. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"
#include "program/messages.h"
#include "program/parse.h"
#include "sources/source.h"

enum { EVICT_MAX_MS = 3600 * 1000 };

enum {
    OPTION_PATTERN = 256,
    OPTION_FRAMES,
    OPTION_LOOP,
    OPTION_BUFFERS,
    OPTION_STAMP,
    OPTION_MATRIX,
    OPTION_KEY,
    OPTION_EVICT,
    OPTION_GROUP,
    OPTION_MODE,
    OPTION_JSON,
    OPTION_TRACE,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    {"name", required_argument, NULL, 'n'},
    {"pattern", required_argument, NULL, OPTION_PATTERN},
    {"size", required_argument, NULL, 's'},
    {"rate", required_argument, NULL, 'r'},
    {"frames", required_argument, NULL, OPTION_FRAMES},
    {"loop", no_argument, NULL, OPTION_LOOP},
    {"buffers", required_argument, NULL, OPTION_BUFFERS},
    {"stamp", no_argument, NULL, OPTION_STAMP},
    {"matrix", required_argument, NULL, OPTION_MATRIX},
    {"key", required_argument, NULL, OPTION_KEY},
    {"group", required_argument, NULL, OPTION_GROUP},
    {"mode", required_argument, NULL, OPTION_MODE},
    {"evict", required_argument, NULL, OPTION_EVICT},
    {"json", required_argument, NULL, OPTION_JSON},
    {"trace", required_argument, NULL, OPTION_TRACE},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

/* -s and --pattern speak of a pattern, --loop of files. */
static int check_together(const struct options *options, bool has_size, bool has_pattern)
{
    bool has_stdin = false;

    for (int i = 0; i < options->source.input_count; i++)
        has_stdin |= strcmp(options->source.inputs[i], "-") == 0;
    if (options->source.input_count && has_size)
        return messages_bad_value("--size", "",
                                  "only a pattern has a size to choose, inputs have their own");
    if (options->source.input_count && has_pattern)
        return messages_bad_value("--pattern", options->source.pattern,
                                  "give either a pattern or inputs");
    if (options->source.loop && !options->source.input_count)
        return messages_bad_value("--loop", "",
                                  "a pattern never ends, so there is nothing to loop");
    if (options->source.loop && has_stdin)
        return messages_bad_value("--loop", "-",
                                  "standard input cannot be read twice; give a file");
    if (!source_pattern_exists(options->source.pattern))
        return messages_bad_value("--pattern", options->source.pattern,
                                  "--help lists the patterns");
    return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
    bool has_size = false, has_pattern = false;
    int64_t number;
    int option;

    *options = (struct options){
        .channel = "default",
        .source.pattern = "card",
        .source.width = 1280,
        .source.height = 720,
        .log_level = PF_LOG_WARNING,
    };
    optind = 1;
    opterr = 0; /* our own words below */
    while ((option = getopt_long(argc, argv, ":n:s:r:vqh", long_options, NULL)) != -1) {
        switch (option) {
        case 'n': options->channel = optarg; break;
        case OPTION_PATTERN:
            options->source.pattern = optarg;
            has_pattern = true;
            break;
        case 's':
            if (!parse_size(optarg, PF_SIZE_MAX, &options->source.width, &options->source.height))
                return messages_bad_value("--size", optarg,
                                          "give WIDTHxHEIGHT, each 1 to 16384 pixels");
            has_size = true;
            break;
        case 'r':
            if (!parse_rate(optarg, &options->source.rate_num, &options->source.rate_den))
                return messages_bad_value(
                    "--rate", optarg,
                    "give frames per second (60, 29.97, 30000/1001), or 0 for as fast as "
                    "it goes");
            options->source.rate_is_given = true;
            break;
        case OPTION_FRAMES:
            if (!text_to_int(optarg, 1, INT64_MAX, &number))
                return messages_bad_value("--frames", optarg, "give how many, 1 or more");
            options->frames = (uint64_t)number;
            break;
        case OPTION_LOOP: options->source.loop = true; break;
        case OPTION_BUFFERS:
            if (!text_to_int(optarg, PF_SLOTS_MIN, PF_SLOTS_MAX, &number))
                return messages_bad_value("--buffers", optarg, "give 2 to 8");
            options->producer.slots = (uint32_t)number;
            break;
        case OPTION_STAMP: options->source.stamp = true; break;
        case OPTION_MATRIX:
            if (strcmp(optarg, "601") != 0 && strcmp(optarg, "709") != 0)
                return messages_bad_value("--matrix", optarg, "give 601 or 709");
            options->source.matrix = optarg[0] == '6' ? 601 : 709;
            break;
        case OPTION_GROUP: options->producer.group = optarg; break;
        case OPTION_MODE:
            if (strcmp(optarg, "0600") != 0 && strcmp(optarg, "0660") != 0)
                return messages_bad_value("--mode", optarg, "give 0600, or 0660 with --group");
            break;
        case OPTION_KEY: options->producer.key_file = optarg; break;
        case OPTION_EVICT:
            if (!text_to_int(optarg, 1, EVICT_MAX_MS, &number))
                return messages_bad_value("--evict", optarg, "give milliseconds, 1 to 3600000");
            options->producer.evict_after_ns = number * NS_PER_MS;
            break;
        case OPTION_JSON: options->json = optarg; break;
        case OPTION_TRACE: options->trace = optarg; break;
        case 'v': options->log_level = PF_LOG_INFO; break;
        case 'q': options->log_level = PF_LOG_ERROR; break;
        case 'h': options->action = ACTION_HELP; return 0;
        case OPTION_VERSION: options->action = ACTION_VERSION; return 0;
        case ':':
            log_error("option %s: it needs a value; see --help", argv[optind - 1]);
            return -EINVAL;
        default: messages_unknown_option(argv[optind - 1]); return -EINVAL;
        }
    }
    options->source.inputs = argv + optind;
    options->source.input_count = argc - optind;
    return check_together(options, has_size, has_pattern);
}

void options_print_help(void)
{
    fputs(
        "Usage: pageflip-producer [OPTION]... [INPUT]...\n"
        "Draw frames straight into a shared-memory segment, for pageflip-viewer to show.\n"
        "\n"
        "INPUT: PNG files or folders of them, one .y4m file, or - (Y4M on standard input).\n"
        "Without one, an animated test pattern.\n"
        "\n"
        "  -n, --name NAME       channel to open (default: default)\n"
        "      --pattern NAME    which test pattern (default: card)\n"
        "  -s, --size WxH        size of the pattern in pixels (default: 1280x720)\n"
        "  -r, --rate FPS        frames per second: 60, 29.97, 30000/1001; 0: as fast as it goes\n"
        "                        (default: the file's own; 60 for a pattern, 30 for PNG)\n"
        "      --frames N        end after N frames (default: with the input; a pattern has no "
        "end)\n"
        "      --loop            begin again at the end of the input\n"
        "      --buffers N       slots in the segment, 2 to 8 (default: 2)\n"
        "      --stamp           write each frame's number into its picture, machine-readable\n"
        "      --matrix 601|709  the colours of Y4M, which does not say: BT.709 is that of most "
        "HD\n"
        "                        movies (default: 601, as FFmpeg takes it)\n"
        "      --key FILE        make the segment findable by ftok(FILE, 'p')\n"
        "      --evict MS        an every-frame viewer that blocks for MS milliseconds, 1 to\n"
        "                        3600000, loses the frames to come (default: never)\n"
        "      --group NAME      let the members of this group join, too\n"
        "      --mode MODE       of the segment: 0600, or 0660 with --group (default: as fits)\n"
        "      --json FILE       write the report there at the end, and on SIGUSR1; - is stdout\n"
        "      --trace FILE      write every frame's way there as Chrome trace events\n"
        "  -v, --verbose         say what was chosen, and why\n"
        "  -q, --quiet           errors only\n"
        "  -h, --help            this text\n"
        "      --version         version\n"
        "\nSources:\n",
        stdout);
    source_print_table();
    fputs("\nPatterns:\n", stdout);
    source_pattern_print_table();
    fputs("\nExit codes: 0 ok, 2 usage, 3 channel or key busy, 5 key belongs to another program,\n"
          "6 system limit, 7 permission, 8 bad input, 9 output failed, 128+N signal N.\n",
          stdout);
}
