/* SPDX-License-Identifier: MIT */
/* pf_channel_list(): what channels there are. Looks at each from outside, read-only, and takes no
 * lane. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "handoff.h"

/* Returns 1, or 0 when nothing but its lock file is left of it, or a negative errno. */
static int look_at_channel(struct pf_channel_info *info, const char *name)
{
    struct channel channel;
    struct channel_id id;
    struct pf_segment geometry;
    uint64_t newest;
    int ret = channel_open(&channel, name);

    if (ret < 0)
        return ret;
    *info = (struct pf_channel_info){.alive = channel_is_leased(&channel, CHANNEL_PRODUCER)};
    memcpy(info->name, channel.name, sizeof info->name);
    for (int i = 0; i < PF_VIEWERS_MAX; i++)
        info->viewers += channel_is_leased(&channel, CHANNEL_LANE_0 + i);
    if (channel_read_id(&channel, &id) == 0) {
        info->producer_pid = id.pid;
        if (segment_peek(id.shmid, id.nonce, &geometry, &newest) == 0) {
            info->has_format = true;
            info->format = geometry.format;
            info->slots = geometry.slots;
            info->published = NEWEST_SEQUENCE(newest);
        }
    }
    channel_close(&channel);
    return info->alive || info->viewers || info->has_format;
}

int pf_channel_list(struct pf_channel_info *channels, int max)
{
    char **names;
    int count = channel_names(&names);
    int ret = count < 0 ? count : 0;

    for (int i = 0; i < count; i++) {
        struct pf_channel_info info;
        int looked = ret >= 0 ? look_at_channel(&info, names[i]) : 0;
        if (looked > 0 && ret < max)
            channels[ret] = info;
        ret = looked < 0 ? looked : ret + looked;
        free(names[i]);
    }
    free(names);
    return ret;
}
