/* SPDX-License-Identifier: MIT */
/* Prints the table of --list, with one line for each channel. */
#include "list.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/discover.h"
#include "core/format.h"
#include "pageflip.h"

enum { CHANNELS_MAX = 256 };

static void print_channel(const struct pf_channel_info *info)
{
    char size[32] = "-", rate[32] = "-", producer[32] = "none";
    const struct pf_format *format = &info->format;

    if (info->has_format)
        snprintf(size, sizeof size, "%ux%u", format->width, format->height);
    if (info->has_format && format->rate_den)
        snprintf(rate, sizeof rate, "%.4g", (double)format->rate_num / format->rate_den);
    if (info->alive && info->producer_pid)
        snprintf(producer, sizeof producer, "%d", (int)info->producer_pid);
    else if (info->alive)
        snprintf(producer, sizeof producer, "running");
    printf("%-20s %-9s %-6s %-12s %-8s %-8u %-10" PRIu64 " %u\n", info->name, producer,
           info->has_format ? format_name(format->fourcc).text : "-", size, rate, info->slots,
           info->published, info->viewers);
}

static void print_none(void)
{
    char path[RUNTIME_DIR_PATH_BYTES], other[RUNTIME_DIR_PATH_BYTES];

    runtime_dir_private_path(path);
    if (discover_elsewhere(NULL, other))
        printf("no channels in %s, but there are some in %s: XDG_RUNTIME_DIR differs between the "
               "programs; give all the same\n",
               path, other);
    else
        printf("no channels in %s; start one: pageflip-producer\n", path);
}

int list_print(void)
{
    static struct pf_channel_info channels[CHANNELS_MAX];
    int count = pf_channel_list(channels, CHANNELS_MAX);

    if (count < 0)
        return count;
    if (count == 0) {
        print_none();
        return 0;
    }
    printf("%-20s %-9s %-6s %-12s %-8s %-8s %-10s %s\n", "CHANNEL", "PRODUCER", "FORMAT", "SIZE",
           "FPS", "SLOTS", "FRAMES", "VIEWERS");
    for (int i = 0; i < count && i < CHANNELS_MAX; i++)
        print_channel(&channels[i]);
    if (count > CHANNELS_MAX)
        printf("and %d more\n", count - CHANNELS_MAX);
    return 0;
}
