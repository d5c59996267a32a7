/* SPDX-License-Identifier: MIT */
/* pf_producer_*: open, change the format, close. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "clock.h"
#include "fault.h"
#include "format.h"
#include "id_file.h"
#include "log.h"
#include "misuse.h"
#include "producer.h"
#include "segment_key.h"
#include "text.h"

/* How long close() waits for viewers that are still attached to the previous segment. */
#define CLOSE_WAIT_NS NS_PER_S

/* ------------------------------------------------------------------ open */

static bool is_zero(const uint64_t *reserved, size_t count)
{
    while (count > 0 && reserved[count - 1] == 0)
        count--;
    return count == 0;
}

static int check_rate(const struct pf_format *format)
{
    if (!format->rate_num == !format->rate_den)
        return 0;
    return log_failure(EINVAL, "rate %u/%u: not valid; use two numbers above 0, or 0/0 (unknown)",
                       format->rate_num, format->rate_den);
}

static int check_format(const struct pf_format *format)
{
    const char *fault = format_fault(format);

    if (!fault)
        return check_rate(format);
    return log_failure(EINVAL, "format %s %ux%u: %s", format_name(format->fourcc).text,
                       format->width, format->height, fault);
}

static int check_options(const struct pf_producer_options *options)
{
    if (!is_zero(options->reserved, sizeof options->reserved / sizeof *options->reserved))
        return log_failure(EINVAL,
                           "pf_producer_open(): a reserved field of the options is not zero");
    if (options->slots && (options->slots < PF_SLOTS_MIN || options->slots > PF_SLOTS_MAX))
        return log_failure(EINVAL, "%u slots: not valid; use %d to %d", options->slots,
                           PF_SLOTS_MIN, PF_SLOTS_MAX);
    if (options->evict_after_ns < 0)
        return log_failure(EINVAL, "eviction after %lld ns: not valid; use 0 (never) or more",
                           (long long)options->evict_after_ns);
    if (options->user_bytes > PF_USER_BYTES_MAX)
        return log_failure(EINVAL, "user data of %u bytes: not valid; use 0 to %d",
                           options->user_bytes, PF_USER_BYTES_MAX);
    return 0;
}

static int take_lease(struct channel *channel)
{
    struct id_file id;
    int ret = channel_claim(channel);

    if (ret != -EAGAIN)
        return ret;
    if (id_file_read(channel, &id) == 0)
        return log_failure(EBUSY, "channel \"%s\": it already has a producer (pid %d)",
                           channel->name, (int)id.pid);
    return log_failure(EBUSY, "channel \"%s\": it already has a producer", channel->name);
}

/* Open the channel: private, or shared with the group that the options name. */
static int open_channel(struct channel *channel, const char *name,
                        const struct pf_producer_options *options)
{
    gid_t group;

    if (!options->group)
        return channel_open(channel, name);
    int ret = account_group(options->group, &group);
    return ret < 0 ? ret : channel_open_shared(channel, name, group);
}

/* Steps 3 to 5 of a format change (handoff.h); for the first segment (`old` is NULL) only step
 * 5. */
static int hand_over(struct pf_producer *producer, struct segment *old, struct segment *segment)
{
    struct id_file id = id_file_of(&segment->geometry);
    int ret = 0;

    if (old) {
        FAULT_POINT(producer_has_next_segment);
        handoff_set_state(old, LAYOUT_MOVED);
        handoff_expect_viewers(old, segment);
        events_move(&producer->events, old, segment);
    }
    FAULT_POINT(start_filled_segment);
    if (producer->channel.group != CHANNEL_PRIVATE)
        ret = segment_share(segment, producer->channel.group);
    if (ret == 0)
        ret = id_file_write(&producer->channel, &id);
    if (ret < 0 && old)
        handoff_set_state(old, LAYOUT_RUNNING); /* no viewer can have followed */
    return ret;
}

/* Create a segment that viewers can find, and make it the producer's current segment. `old`,
 * unless NULL, is the segment before a format change. On failure the producer's segment is
 * unchanged. */
static int create_segment(struct pf_producer *producer, const struct pf_format *format,
                          uint32_t slots, uint32_t user_bytes, struct segment *old)
{
    struct segment segment;
    char size[TEXT_BYTES_SIZE];
    int ret = segment_create(&segment, producer->channel.name, producer->key_file, format, slots,
                             user_bytes);

    if (ret < 0)
        return ret;
    if (!old)
        memcpy(&producer->stream.id, segment.geometry.nonce, sizeof producer->stream.id);
    segment.generation = old ? old->generation + 1 : 1;
    producer->stream.frames = producer->stats.published;
    handoff_set_stream(&segment, producer->stream);
    ret = hand_over(producer, old, &segment);
    if (ret < 0) {
        segment_close(&segment);
        return ret;
    }
    producer->segment = segment;
    /* The caller closes the old segment. */
    waker_use(&producer->waker, &segment.viewers->producer_doorbell);
    log_info("channel \"%s\": segment %d: %u slots of %ux%u, %s", producer->channel.name,
             segment.geometry.shmid, slots, format->width, format->height,
             text_bytes(segment.geometry.bytes, size));
    return 0;
}

int pf_producer_open(struct pf_producer **producer, const char *channel,
                     const struct pf_format *format, const struct pf_producer_options *options)
{
    static const struct pf_producer_options defaults;

    if (!options)
        options = &defaults;
    if (producer)
        *producer = NULL;
    if (!producer || !channel || !format)
        return misuse_null(__func__);
    int ret = check_format(format);
    if (ret == 0)
        ret = check_options(options);
    if (ret < 0)
        return ret;

    struct pf_producer *made = calloc(1, sizeof *made);
    if (!made)
        return log_out_of_memory("producer");
    struct id_file stale;
    made->channel.lock_fd = -1;
    made->evict_after_ns = options->evict_after_ns;
    if (options->key_file && !(made->key_file = strdup(options->key_file))) {
        ret = log_out_of_memory("producer");
        goto failed;
    }
    ret = open_channel(&made->channel, channel, options);
    if (ret < 0)
        goto failed;
    ret = take_lease(&made->channel);
    if (ret < 0)
        goto failed;

    if (id_file_read(&made->channel, &stale) == 0) { /* of a producer that crashed */
        segment_reclaim(stale.shmid, stale.nonce);
        id_file_remove(&made->channel, stale.nonce);
    }
    segment_key_sweep_orphans();
    FAULT_POINT(start_has_lease);
    ret = create_segment(made, format, options->slots ? options->slots : PF_SLOTS_MIN,
                         options->user_bytes, NULL);
    if (ret < 0)
        goto failed;
    FAULT_POINT(start_is_open);
    awaited_let_join(&made->awaited, &made->channel, made->key_file);
    *producer = made;
    return 0;

failed:
    channel_close(&made->channel);
    free(made->key_file);
    free(made);
    return ret;
}

/* ------------------------------------------------------------------ change format, close */

int pf_producer_change_format(struct pf_producer *producer, const struct pf_format *format)
{
    if (!producer || !format)
        return misuse_null(__func__);
    int ret = producer_check_not_begun(producer, __func__);
    if (ret == 0)
        ret = check_format(format);
    if (ret == 0)
        ret = producer_wait_for_expected(producer, PF_FOREVER);
    if (ret < 0)
        return ret;
    channel_restore(&producer->channel);    /* the next segment needs its directory */
    segment_remove_key(&producer->segment); /* the next segment needs the key; lost on failure */
    struct segment old = producer->segment;
    ret = create_segment(producer, format, old.geometry.slots, old.geometry.user_bytes, &old);
    if (ret < 0)
        return ret;

    producer_change_rate(producer);
    producer->handoff = (struct handoff){0};
    memset(producer->stall, 0, sizeof producer->stall);
    FAULT_POINT(producer_marked_moved);
    /* Step 6, after the id file is written: a viewer that wakes finds the new segment. */
    handoff_ring_viewers(&old);
    segment_close(&old);
    return 0;
}

void pf_producer_close(struct pf_producer *producer)
{
    if (!producer)
        return;
    /* A signal does not end this wait: the viewers would lose the last frames. */
    int64_t deadline_ns = clock_deadline_ns(clock_now_ns(), CLOSE_WAIT_NS);
    while (producer_wait_for_expected(producer, deadline_ns - clock_now_ns()) == -EINTR)
        ;
    handoff_set_state(&producer->segment, LAYOUT_ENDED);
    FAULT_POINT(producer_marked_ended);
    /* Under the lease; another producer's is not removed even if the lock file was. */
    id_file_remove(&producer->channel, producer->segment.geometry.nonce);
    /* Before the doorbells: a viewer that wakes sees the end even if the id file could not be
     * removed. */
    channel_close(&producer->channel);
    FAULT_POINT(producer_dropped_lease);
    handoff_ring_viewers(&producer->segment);
    waker_use(&producer->waker, NULL);
    segment_close(&producer->segment);
    free(producer->key_file);
    free(producer);
}
