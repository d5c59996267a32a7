/* SPDX-License-Identifier: MIT */
/*
 * A producer for measurements. It only does what its options request.
 *
 *     bench_producer [-n CHANNEL] -s WxH [-i INTERVAL_US] [-p SPREAD_US] [-d] [-m COUNT]
 *
 * Without -i it publishes without pauses, except for waits for every-frame viewers. -d draws each
 * frame, with a stamp; without -d nothing is drawn. -m ends after COUNT frames.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pageflip.h"
#include "program/signals.h"
#include "scene.h"

struct arguments {
    const char *channel;
    struct pf_format format;
    int64_t interval_ns, spread_ns;
    bool draws;
    uint64_t count;
};

static int parse(struct arguments *arguments, int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "n:s:i:p:dm:")) != -1) {
        switch (option) {
        case 'n': arguments->channel = optarg; break;
        case 's':
            if (sscanf(optarg, "%ux%u", &arguments->format.width, &arguments->format.height) != 2)
                return -EINVAL;
            break;
        case 'i': arguments->interval_ns = atoll(optarg) * NS_PER_US; break;
        case 'p': arguments->spread_ns = atoll(optarg) * NS_PER_US; break;
        case 'd': arguments->draws = true; break;
        case 'm': arguments->count = (uint64_t)atoll(optarg); break;
        default: return -EINVAL;
        }
    }
    return optind == argc && arguments->format.width ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.channel = "default",
                                  .format = {.fourcc = PF_FOURCC_XR24},
                                  .count = UINT64_MAX};
    const struct pf_producer_options options = {.slots = 3};
    const struct pf_format *format = &arguments.format;
    struct pf_producer *producer;

    if (parse(&arguments, argc, argv) < 0) {
        fputs("Usage: bench_producer [-n CHANNEL] -s WxH [-i INTERVAL_US] [-p SPREAD_US] [-d] "
              "[-m COUNT]\n",
              stderr);
        return 2;
    }
    signals_catch();
    if (pf_producer_open(&producer, arguments.channel, format, &options) < 0)
        return 1;
    int64_t start_ns = clock_now_ns();
    for (uint64_t number = 1; number <= arguments.count && !signals_quit(); number++) {
        struct pf_frame frame;
        if (arguments.interval_ns)
            scene_sleep_until(
                scene_due_ns(start_ns, arguments.interval_ns, arguments.spread_ns, number));
        while (pf_producer_begin(producer, NS_PER_S, &frame) < 0)
            if (signals_quit())
                goto out;
        if (arguments.draws)
            scene_draw(frame.plane[0].pixels, frame.plane[0].stride_bytes, format->width,
                       format->height, frame.sequence);
        pf_producer_publish(producer, &frame);
    }
out:
    pf_producer_close(producer);
    return 0;
}
