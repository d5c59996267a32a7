/* SPDX-License-Identifier: MIT */
/*
 * The steps: key file, user or name -> channel -> lane; lease and id file -> segment. A key file's
 * segment, a channel's lock file and its id file do not exist before the producer starts, so each
 * step is polled, and a producer that is just starting gets more time.
 */
#include "discover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "account.h"
#include "clock.h"
#include "fault.h"
#include "handoff.h"
#include "held_fd.h"
#include "id_file.h"
#include "log.h"
#include "runtime_dir.h"
#include "segment_key.h"

#define POLL_NS (5 * NS_PER_MS)
/* A producer that holds the lease and has no id file yet is clearing the pages of its segment. */
#define STARTING_NS (3 * NS_PER_S)

#define ELSEWHERE                                                                                  \
    "channel \"%s\": no producer in %s, but there is one in %s: XDG_RUNTIME_DIR differs between "  \
    "the programs; give both the same"

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

/* ------------------------------------------------------------------ another directory */

static bool has_any_channel(const char *dir)
{
    char **names;
    bool has_channel = false;
    int count = runtime_dir_list(dir, &names);

    for (int i = 0; i < count; i++) {
        has_channel = has_channel || channel_is_in(dir, names[i]);
        free(names[i]);
    }
    free(names);
    return has_channel;
}

char *discover_elsewhere(const char *name, char path[RUNTIME_DIR_PATH_BYTES])
{
    char paths[RUNTIME_DIR_OTHERS_MAX][RUNTIME_DIR_PATH_BYTES];
    int count = runtime_dir_other_paths(paths);

    for (int i = 0; i < count; i++)
        if (name ? channel_is_in(paths[i], name) : has_any_channel(paths[i]))
            return strcpy(path, paths[i]);
    return NULL;
}

/* What a viewer waits for. */
struct goal {
    const char *key_file; /* NULL: a channel */
    const char *name;
    const char *user; /* NULL: a private channel */
    const char *dir;
};

/* Returns -ECONNREFUSED. */
static int report_no_producer(const struct goal *goal)
{
    char path[RUNTIME_DIR_PATH_BYTES];

    if (goal->key_file)
        return log_failure(ECONNREFUSED, "key file %s: no producer", goal->key_file);
    if (goal->user)
        return log_failure(ECONNREFUSED, "shared channel \"%s\" of %s: no producer in %s",
                           goal->name, goal->user, goal->dir);
    if (!discover_elsewhere(goal->name, path))
        return log_failure(ECONNREFUSED, "channel \"%s\": no producer in %s", goal->name,
                           goal->dir);
    log_failure(0, ELSEWHERE, goal->name, goal->dir, path); /* it is the advice itself */
    return -ECONNREFUSED;
}

/* Set the marks of a viewer that waits, once. Returns true if they have been set now: poll again
 * directly, since a producer may have started, and found no mark, after the last poll. */
static bool begin_waiting(struct waiting *waiting, const struct goal *goal)
{
    char key[SEGMENT_KEY_NAME_BYTES], path[RUNTIME_DIR_PATH_BYTES];

    if (!waiting || waiting->has_begun)
        return false;
    if (!goal->key_file)
        waiting_begin(waiting, goal->dir, goal->name);
    else if (segment_key_name(goal->key_file, key))
        waiting_begin(waiting, goal->dir, key);
    else
        return false;
    if (!goal->key_file && !goal->user && discover_elsewhere(goal->name, path))
        log_warning(ELSEWHERE, goal->name, goal->dir, path);
    log_info("waiting for a producer in %s", goal->dir);
    return true;
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
    return owner ? channel_join_shared(channel, name, *owner) : channel_join(channel, name);
}

/* Returns 0 and *channel, or -EINTR, or, logged, as discover_first(). */
static int find_channel(struct channel *channel, const char *name,
                        const struct pf_viewer_options *options, int64_t deadline_ns,
                        struct waiting *waiting)
{
    int64_t starting_ns = clock_deadline_ns(clock_now_ns(), STARTING_NS);
    char dir[RUNTIME_DIR_PATH_BYTES];
    struct goal goal = {options->key_file, name, options->user, dir};
    bool is_starting;
    uid_t owner;
    int ret = options->user ? account_user(options->user, &owner) : 0;

    if (ret < 0)
        return ret;
    if (options->user)
        runtime_dir_shared_path(dir, owner);
    else
        runtime_dir_private_path(dir);
    for (;;) {
        ret = open_once(channel, name, goal.key_file, goal.user ? &owner : NULL, &is_starting);
        if (ret != -ECONNREFUSED && ret != -EREMCHG)
            return ret;
        int64_t end_ns = is_starting ? later(starting_ns, deadline_ns) : deadline_ns;
        if (clock_now_ns() < end_ns && begin_waiting(waiting, &goal))
            continue;
        ret = sleep_once(end_ns);
        if (ret == -EAGAIN)
            return report_no_producer(&goal);
        if (ret < 0)
            return ret;
    }
}

/* ------------------------------------------------------------------ its segment */

/* Read the id file from the directory that is at the channel's path now: the producer may have
 * created it again after this process opened the channel. Returns as id_file_read(). */
static int read_id_again(const struct channel *channel, struct id_file *id)
{
    struct channel now = *channel;

    if (channel_check_file(channel) != CHANNEL_FILE_REPLACED)
        return -ENOENT;
    now.dir_fd = runtime_dir_open(channel->dir, channel->owner);
    if (now.dir_fd < 0)
        return now.dir_fd;
    int ret = id_file_read(&now, id);
    held_fd_close(now.dir_fd);
    return ret;
}

/* Poll once. -ECONNREFUSED or -EREMCHG: there is no segment yet; *is_starting if the producer may
 * be starting. -ESTALE: the lock file has been replaced, and its producer does not run, or did not
 * replace it: another one, which does not have the leases of the old file, would not keep frames
 * for this lane. `stream`, unless 0, is that of its producer. */
static int attach_once(const struct channel *channel, uint64_t stream, struct segment *segment,
                       bool *is_starting)
{
    struct id_file id;
    uint64_t own = id_file_ipc_namespace();

    *is_starting = false;
    if (!channel_is_leased(channel, CHANNEL_PRODUCER))
        return channel_check_file(channel) == CHANNEL_FILE_REPLACED ? -ESTALE : -ECONNREFUSED;
    *is_starting = true;
    bool is_elsewhere = id_file_read(channel, &id) < 0;
    if (is_elsewhere && read_id_again(channel, &id) < 0)
        return -ECONNREFUSED;
    if (id.ipc_namespace != own && id.ipc_namespace && own)
        return log_failure(EXDEV,
                           "channel \"%s\": its producer is in IPC namespace %llu, this process is "
                           "in %llu",
                           channel->name, (unsigned long long)id.ipc_namespace,
                           (unsigned long long)own);
    int ret = segment_attach(segment, id.shmid, id.nonce);
    if (ret == 0 && is_elsewhere && stream && handoff_stream(segment).id != stream) {
        segment_close(segment);
        ret = -ESTALE;
    }
    return ret;
}

/*
 * Attach the channel's segment; with `except`, a segment whose nonce differs from it. Returns 0,
 * -EINTR, or
 *   -EAGAIN   with `except`: there is no other segment yet; not logged
 *   -ESTALE   the lock file has been replaced, not by its producer, or that does not run: open the
 *             channel again; not logged
 * or, logged, as discover_first().
 */
static int find_segment(const struct channel *channel, int64_t deadline_ns, const uint8_t *except,
                        uint64_t stream, struct waiting *waiting, struct segment *segment)
{
    int64_t starting_ns = except ? deadline_ns : clock_deadline_ns(clock_now_ns(), STARTING_NS);
    char private[RUNTIME_DIR_PATH_BYTES], user[ACCOUNT_NAME_BYTES];

    runtime_dir_private_path(private);
    bool is_private = strcmp(channel->dir, private) == 0;
    struct goal goal = {.name = channel->name,
                        .user = is_private ? NULL : account_user_name(channel->owner, user),
                        .dir = channel->dir};
    for (;;) {
        bool is_starting;
        int ret = attach_once(channel, stream, segment, &is_starting);
        bool has_wrong_nonce = ret == -EREMCHG;

        if (ret == 0) {
            if (!except || memcmp(segment->geometry.nonce, except, PF_NONCE_BYTES) != 0)
                return 0;
            segment_close(segment);
            is_starting = false;
        } else if (ret != -ECONNREFUSED && !has_wrong_nonce) {
            return ret;
        }
        int64_t end_ns = is_starting ? later(starting_ns, deadline_ns) : deadline_ns;
        if ((except || clock_now_ns() < end_ns) && begin_waiting(waiting, &goal))
            continue;
        ret = sleep_once(end_ns);
        if (ret == -EAGAIN && !except)
            /* A wrong nonce is normal for a moment after a format change; if it persists, the id
             * file is stale. */
            return has_wrong_nonce
                       ? log_failure(EPROTO,
                                     "channel \"%s\": its id file is stale: the nonce of the "
                                     "segment differs",
                                     channel->name)
                       : report_no_producer(&goal);
        if (ret < 0)
            return ret;
    }
}

/* ------------------------------------------------------------------ a lane in it */

static int take_lane(struct channel *channel, uint32_t *lane)
{
    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++) {
        int ret = channel_lease(channel, CHANNEL_LANE_0 + (int)i);
        if (ret == -EAGAIN)
            continue;
        *lane = i;
        /* If the lock file was removed before, another viewer can have this lane in the next one:
         * channel_restore(). */
        return ret < 0 || channel_check_file(channel) == CHANNEL_FILE_IN_PLACE ? ret : -ESTALE;
    }
    return log_failure(EBUSY, "channel \"%s\": all %d viewer lanes are in use", channel->name,
                       PF_VIEWERS_MAX);
}

int discover_first(struct channel *channel, uint32_t *lane, const char *name,
                   const struct pf_viewer_options *options, int64_t deadline_ns,
                   struct waiting *waiting, struct segment *segment)
{
    int ret;

    do {
        ret = find_channel(channel, name, options, deadline_ns, waiting);
        if (ret < 0)
            break;
        FAULT_POINT(start_opened_channel);
        ret = take_lane(channel, lane);
        if (ret == 0) {
            FAULT_POINT(viewer_has_lane);
            ret = find_segment(channel, deadline_ns, NULL, 0, waiting, segment);
        }
        if (ret < 0)
            channel_close(channel);
    } while (ret == -ESTALE);
    return ret;
}

int discover_next(struct channel *channel, uint32_t *lane, const uint8_t *nonce, uint64_t stream,
                  int64_t deadline_ns, struct waiting *waiting, struct segment *segment)
{
    const struct channel old = *channel;
    int ret = find_segment(channel, deadline_ns, nonce, stream, waiting, segment);

    if (ret != -ESTALE)
        return ret;
    ret = channel_join_again(channel, &old);
    if (ret < 0)
        return ret == -ECONNREFUSED ? -EAGAIN : ret;
    ret = take_lane(channel, lane);
    if (ret == 0)
        ret = find_segment(channel, deadline_ns, nonce, stream, waiting, segment);
    if (ret < 0)
        channel_close(channel);
    return ret == -ESTALE ? -EAGAIN : ret;
}

/* ------------------------------------------------------------------ all channels */

/* Inspect a channel without taking a lane. Returns false if only its lock file is left, or, logged,
 * if that cannot be opened. */
static bool inspect(struct pf_channel_info *info, const char *name)
{
    struct channel channel;
    struct id_file id;
    struct pf_segment geometry;
    uint64_t newest;

    if (channel_join(&channel, name) < 0)
        return false;
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
    char **names, dir[RUNTIME_DIR_PATH_BYTES];

    if (max < 0 || (!channels && max > 0))
        return log_failure(EINVAL, "pf_channel_list(): the array is NULL, or its size is negative");
    runtime_dir_private_path(dir);
    int count = runtime_dir_list(dir, &names);
    int ret =
        count < 0 ? log_failure(-count, "runtime directory %s: %s", dir, strerror(-count)) : 0;

    if (count > 0) { /* it must be safe */
        int fd = runtime_dir_open(dir, geteuid());
        if (fd >= 0)
            held_fd_close(fd);
        else if (fd != -ECONNREFUSED)
            ret = fd;
    }
    for (int i = 0; i < count; i++) {
        struct pf_channel_info info;
        if (ret >= 0 && channel_name_is_valid(names[i]) && inspect(&info, names[i])) {
            if (ret < max)
                channels[ret] = info;
            ret++;
        }
        free(names[i]);
    }
    free(names);
    return ret;
}
