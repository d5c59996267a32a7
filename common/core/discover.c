/* SPDX-License-Identifier: MIT */
/*
 * The steps: key file, user or name -> channel; lease and id file -> segment. A key file's segment,
 * a shared channel and an id file do not exist before the producer starts, so each step is polled,
 * and a producer that is just starting gets more time. A private channel is created if needed.
 */
#include "discover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "account.h"
#include "clock.h"
#include "handoff.h"
#include "id_file.h"
#include "log.h"
#include "runtime_dir.h"
#include "segment_key.h"

#define POLL_NS (5 * NS_PER_MS)
/* A producer that holds the lease and has no id file yet is clearing the pages of its segment. */
#define STARTING_NS (3 * NS_PER_S)

/* ------------------------------------------------------------------ polling */

/* Sleep between two polls. Returns 0, or -EAGAIN at the deadline, or -EINTR. */
static int sleep_once(int64_t deadline_ns)
{
    struct timespec pause = clock_timespec(POLL_NS);

    if (clock_now_ns() >= deadline_ns)
        return -EAGAIN;
    return nanosleep(&pause, NULL) < 0 && errno == EINTR ? -EINTR : 0;
}

static int64_t later(int64_t a_ns, int64_t b_ns)
{
    return a_ns > b_ns ? a_ns : b_ns;
}

/* ------------------------------------------------------------------ a channel */

static int name_from_key(const char *key_file, char name[PF_CHANNEL_BYTES], bool *is_starting)
{
    struct segment segment;
    int shmid = segment_key_find(key_file);

    *is_starting = shmid >= 0;
    if (shmid < 0)
        return shmid;
    int ret = segment_attach(&segment, shmid, NULL);
    if (ret < 0)
        return ret;
    memcpy(name, segment.channel, PF_CHANNEL_BYTES);
    segment_close(&segment);
    return 0;
}

/* Poll once. -ECONNREFUSED or -EREMCHG: there is no channel yet; *is_starting if its producer may
 * be starting. */
static int open_once(struct channel *channel, const char *name, const char *key_file,
                     const uid_t *owner, bool *is_starting)
{
    char found[PF_CHANNEL_BYTES];

    *is_starting = false;
    if (key_file) {
        int ret = name_from_key(key_file, found, is_starting);
        if (ret < 0)
            return ret;
        name = found;
    }
    return owner ? channel_join_shared(channel, name, *owner) : channel_open(channel, name);
}

int discover_channel(struct channel *channel, const char *name,
                     const struct pf_viewer_options *options, int64_t deadline_ns)
{
    int64_t starting_ns = clock_deadline_ns(clock_now_ns(), STARTING_NS);
    const char *key_file = options->key_file;
    bool is_starting;
    uid_t owner;
    int ret = options->user ? account_user(options->user, &owner) : 0;

    if (ret < 0)
        return ret;
    for (;;) {
        ret = open_once(channel, name, key_file, options->user ? &owner : NULL, &is_starting);
        if (ret != -ECONNREFUSED && ret != -EREMCHG)
            return ret;
        ret = sleep_once(is_starting ? later(starting_ns, deadline_ns) : deadline_ns);
        if (ret == -EAGAIN) /* never a private channel: channel_open() creates it */
            return key_file ? log_failure(ECONNREFUSED, "key file %s: no producer", key_file)
                            : log_failure(ECONNREFUSED, "shared channel \"%s\" of %s: no producer",
                                          name, options->user);
        if (ret < 0)
            return ret;
    }
}

/* ------------------------------------------------------------------ its segment */

/* Poll once. -ECONNREFUSED or -EREMCHG: there is no segment yet; *is_starting if the producer may
 * be starting. */
static int attach_once(const struct channel *channel, struct segment *segment, bool *is_starting)
{
    struct id_file id;
    uint64_t own = id_file_ipc_namespace();

    *is_starting = false;
    if (!channel_is_leased(channel, CHANNEL_PRODUCER))
        return -ECONNREFUSED;
    *is_starting = true;
    if (id_file_read(channel, &id) < 0)
        return -ECONNREFUSED;
    if (id.ipc_namespace != own && id.ipc_namespace && own)
        return log_failure(EXDEV,
                           "channel \"%s\": its producer is in IPC namespace %llu, this process is "
                           "in %llu",
                           channel->name, (unsigned long long)id.ipc_namespace,
                           (unsigned long long)own);
    return segment_attach(segment, id.shmid, id.nonce);
}

int discover_segment(const struct channel *channel, int64_t deadline_ns, const uint8_t *except,
                     struct segment *segment)
{
    int64_t starting_ns = except ? deadline_ns : clock_deadline_ns(clock_now_ns(), STARTING_NS);

    for (;;) {
        bool is_starting;
        int ret = attach_once(channel, segment, &is_starting);
        bool has_wrong_nonce = ret == -EREMCHG;

        if (ret == 0) {
            if (!except || memcmp(segment->geometry.nonce, except, PF_NONCE_BYTES) != 0)
                return 0;
            segment_close(segment);
            is_starting = false;
        } else if (ret != -ECONNREFUSED && !has_wrong_nonce) {
            return ret;
        }
        ret = sleep_once(is_starting ? later(starting_ns, deadline_ns) : deadline_ns);
        if (ret == -EAGAIN && !except)
            /* A wrong nonce is normal for a moment after a format change; if it persists, the id
             * file is stale. */
            return has_wrong_nonce
                       ? log_failure(EPROTO,
                                     "channel \"%s\": its id file is stale: the nonce of the "
                                     "segment differs",
                                     channel->name)
                       : log_failure(ECONNREFUSED, "channel \"%s\": no producer", channel->name);
        if (ret < 0)
            return ret;
    }
}

/* ------------------------------------------------------------------ all channels */

/* Inspect a channel without taking a lane. Returns 1, or 0 if only its lock file is left, or a
 * negative errno. */
static int inspect(struct pf_channel_info *info, const char *name)
{
    struct channel channel;
    struct id_file id;
    struct pf_segment geometry;
    uint64_t newest;
    int ret = channel_open(&channel, name);

    if (ret < 0)
        return ret;
    *info = (struct pf_channel_info){.alive = channel_is_leased(&channel, CHANNEL_PRODUCER)};
    memcpy(info->name, channel.name, sizeof info->name);
    for (int i = 0; i < PF_VIEWERS_MAX; i++)
        info->viewers += channel_is_leased(&channel, CHANNEL_LANE_0 + i);
    if (id_file_read(&channel, &id) == 0) {
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
    int count = runtime_dir_list(&names);
    int ret = count < 0 ? count : 0;

    for (int i = 0; i < count; i++) {
        struct pf_channel_info info;
        bool is_channel = channel_name_is_valid(names[i]);
        int found = is_channel && ret >= 0 ? inspect(&info, names[i]) : 0;
        if (found > 0 && ret < max)
            channels[ret] = info;
        ret = found < 0 ? found : ret + found;
        free(names[i]);
    }
    free(names);
    return ret;
}
