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
#include "presenters/presenter.h"
#include "program/messages.h"
#include "program/parse.h"

enum {
    SECONDS_MAX = 1000 * 1000 * 1000,
    SPIN_MAX_US = 1000 * 1000,
    SCALE_MAX = 16,
};

enum {
    OPTION_PRESENTER = 256,
    OPTION_EVERY_FRAME,
    OPTION_FOLLOW,
    OPTION_WAIT,
    OPTION_FRAMES,
    OPTION_SECONDS,
    OPTION_VSYNC,
    OPTION_SPIN,
    OPTION_SCALE,
    OPTION_FULLSCREEN,
    OPTION_SNAPSHOT,
    OPTION_VERIFY,
    OPTION_JSON,
    OPTION_CSV,
    OPTION_TRACE,
    OPTION_MERGE_TRACE,
    OPTION_LIST,
    OPTION_KEY,
    OPTION_USER,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    {"name", required_argument, NULL, 'n'},
    {"presenter", required_argument, NULL, OPTION_PRESENTER},
    {"every-frame", no_argument, NULL, OPTION_EVERY_FRAME},
    {"follow", no_argument, NULL, OPTION_FOLLOW},
    {"wait", required_argument, NULL, OPTION_WAIT},
    {"frames", required_argument, NULL, OPTION_FRAMES},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"vsync", required_argument, NULL, OPTION_VSYNC},
    {"spin", required_argument, NULL, OPTION_SPIN},
    {"scale", required_argument, NULL, OPTION_SCALE},
    {"fullscreen", no_argument, NULL, OPTION_FULLSCREEN},
    {"snapshot", required_argument, NULL, OPTION_SNAPSHOT},
    {"verify", no_argument, NULL, OPTION_VERIFY},
    {"json", required_argument, NULL, OPTION_JSON},
    {"csv", required_argument, NULL, OPTION_CSV},
    {"trace", required_argument, NULL, OPTION_TRACE},
    {"merge-trace", no_argument, NULL, OPTION_MERGE_TRACE},
    {"list", no_argument, NULL, OPTION_LIST},
    {"user", required_argument, NULL, OPTION_USER},
    {"key", required_argument, NULL, OPTION_KEY},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static int parse_seconds(const char *option, const char *value, int64_t *ns)
{
    double seconds;

    if (!parse_double(value, 0, SECONDS_MAX, &seconds))
        return messages_bad_value(option, value, "give seconds, 0 or more, like 2.5");
    *ns = (int64_t)(seconds * 1e9);
    return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
    int64_t number;
    int option, ret = 0;
    bool has_wait = false;

    *options = (struct options){
        .channel = "default",
        .presenter.name = "auto",
        .presenter.vsync = true,
        .log_level = PF_LOG_WARNING,
    };
    optind = 1;
    opterr = 0; /* our own words below */
    while (ret == 0 && (option = getopt_long(argc, argv, ":n:vqh", long_options, NULL)) != -1) {
        switch (option) {
        case 'n': options->channel = optarg; break;
        case OPTION_PRESENTER:
            if (strcmp(optarg, "auto") != 0 && !presenter_exists(optarg))
                ret = messages_bad_value("--presenter", optarg, "--help lists the presenters");
            options->presenter.name = optarg;
            break;
        case OPTION_EVERY_FRAME: options->every_frame = true; break;
        case OPTION_FOLLOW: options->follow = true; break;
        case OPTION_WAIT:
            ret = parse_seconds("--wait", optarg, &options->wait_ns);
            has_wait = true;
            break;
        case OPTION_FRAMES:
            if (!text_to_int(optarg, 1, INT64_MAX, &number))
                return messages_bad_value("--frames", optarg, "give how many, 1 or more");
            options->frames = (uint64_t)number;
            break;
        case OPTION_SECONDS:
            ret = parse_seconds("--seconds", optarg, &options->run_ns);
            if (ret == 0 && options->run_ns == 0)
                ret = messages_bad_value("--seconds", optarg, "give more than 0");
            break;
        case OPTION_VSYNC:
            if (strcmp(optarg, "on") != 0 && strcmp(optarg, "off") != 0)
                ret = messages_bad_value("--vsync", optarg,
                                         "give on (tear-free) or off (lowest latency)");
            options->presenter.vsync = strcmp(optarg, "on") == 0;
            break;
        case OPTION_SPIN:
            if (!text_to_int(optarg, 0, SPIN_MAX_US, &number))
                return messages_bad_value("--spin", optarg, "give microseconds, 0 to 1000000");
            options->spin_ns = number * NS_PER_US;
            break;
        case OPTION_SCALE:
            if (!text_to_int(optarg, 1, SCALE_MAX, &number))
                return messages_bad_value("--scale", optarg, "give 1 to 16");
            options->presenter.scale = (uint32_t)number;
            break;
        case OPTION_FULLSCREEN: options->presenter.fullscreen = true; break;
        case OPTION_SNAPSHOT: options->snapshot = optarg; break;
        case OPTION_VERIFY: options->verify = true; break;
        case OPTION_JSON: options->json = optarg; break;
        case OPTION_CSV: options->csv = optarg; break;
        case OPTION_TRACE: options->trace = optarg; break;
        case OPTION_MERGE_TRACE: options->action = ACTION_MERGE_TRACE; break;
        case OPTION_LIST: options->action = ACTION_LIST; break;
        case OPTION_USER: options->user = optarg; break;
        case OPTION_KEY: options->key_file = optarg; break;
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
    options->presenter.may_skip = !options->every_frame;
    if (options->follow && !has_wait)
        options->wait_ns = PF_FOREVER;
    options->traces = argv + optind;
    options->trace_count = argc - optind;
    if (ret == 0 && options->action == ACTION_MERGE_TRACE) {
        if (options->trace_count == 0)
            return messages_bad_value("--merge-trace", "",
                                      "name the files that --trace has written");
        return 0;
    }
    if (ret == 0 && optind < argc) {
        log_error("argument \"%s\": not expected; a channel is given by -n NAME", argv[optind]);
        return -EINVAL;
    }
    return ret;
}

void options_print_help(void)
{
    fputs("Usage: pageflip-viewer [OPTION]...\n"
          "Show the frames of a pageflip-producer: its own pages, without a copy.\n"
          "\n"
          "  -n, --name NAME       channel to join (default: default)\n"
          "      --list            print the channels that there are, and end\n"
          "      --presenter NAME  how to show frames, see below (default: auto)\n"
          "      --every-frame     each frame in turn, holding the producer back (default: always\n"
          "                        the latest, passing others over)\n"
          "      --follow          when the producer ends, keep the picture and wait for the next\n"
          "      --wait SECONDS    wait so long for a producer to come (default: 0; with --follow\n"
          "                        for ever)\n"
          "      --frames N        end after N frames\n"
          "      --seconds S       end after S seconds\n"
          "      --vsync on|off    on: tear-free; off: lowest latency (default: on)\n"
          "      --spin USEC       watch for a frame so many microseconds before sleeping, up to\n"
          "                        1000000 (default: 0)\n"
          "      --scale N         window of N times the frame's size, 1 to 16 (default: as fits)\n"
          "      --fullscreen      start in fullscreen\n"
          "      --snapshot FILE   write the picture on show at the end there as PNG\n"
          "      --verify          read each frame's stamp and count torn frames\n"
          "      --json FILE       write the report there at the end, and on SIGUSR1; - is stdout\n"
          "      --csv FILE        write a row for every frame there\n"
          "      --trace FILE      write every frame's way there as Chrome trace events\n"
          "      --merge-trace A B ...  merge such files, of producers and viewers, to standard "
          "output\n"
          "      --user NAME       join a channel that this user shares with a group\n"
          "      --key FILE        find the segment by ftok(FILE, 'p') instead of a name\n"
          "  -v, --verbose         say what was chosen, and why\n"
          "  -q, --quiet           errors only\n"
          "  -h, --help            this text\n"
          "      --version         version\n"
          "\nPresenters:\n",
          stdout);
    presenter_print_table();
    fputs(
        "\nKeys: q or Esc quit, space pause, s snapshot, o overlay, f fullscreen, 1 one-to-one.\n"
        "\nExit codes: 0 ok, 2 usage, 3 channel full, 4 no producer, 5 segment rejected, 6 system\n"
        "limit, 7 permission, 8 bad input, 9 output failed, 10 producer lost, 11 evicted,\n"
        "12 display lost, or none, 13 torn frame, 128+N signal N.\n",
        stdout);
}
