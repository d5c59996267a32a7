/* SPDX-License-Identifier: MIT */
/*
 * pf_producer_*: the end of a channel that makes the segment and draws in it.
 *
 * The producer keeps all that it decides by in its own memory. From the segment it reads only the
 * lane words, and whatever they say, they can at most keep slots from it.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "channel.h"
#include "clock.h"
#include "fault.h"
#include "format.h"
#include "handoff.h"
#include "log.h"
#include "text.h"

/* People hear of a viewer that keeps the producer waiting once in so long. */
#define STALL_WARNING_NS (2 * NS_PER_S)

/* For so long an end waits for viewers that have not come over from the segment before. */
#define CLOSE_WAIT_NS NS_PER_S

/* How long a lane has been in the way with the same word: how long its viewer has not taken a
 * frame. */
struct stall {
    uint64_t word;
    int64_t since_ns; /* 0: not in the way */
    int64_t warned_ns;
};

struct pf_producer {
    struct channel channel;
    struct segment segment;
    struct handoff handoff;
    struct handoff_stream stream;
    struct pf_producer_stats stats;
    int64_t evict_after_ns;
    int64_t reap_ns; /* when the lanes of the dead were last looked for */
    char *key_file;
    bool begun;
    struct stall stall[PF_VIEWERS_MAX];
};

/* ------------------------------------------------------------------ open */

static int check_options(const struct pf_format *format, const struct pf_producer_options *options)
{
    if (!format_is_valid(format)) {
        log_error("format %s %ux%u: not supported; use XR24, each side 1 to %d pixels",
                  format_name(format->fourcc).text, format->width, format->height, PF_SIZE_MAX);
        return -EINVAL;
    }
    if (options->slots && (options->slots < PF_SLOTS_MIN || options->slots > PF_SLOTS_MAX)) {
        log_error("%u buffers: not possible; use %d to %d", options->slots, PF_SLOTS_MIN,
                  PF_SLOTS_MAX);
        return -EINVAL;
    }
    if (options->mode && options->mode != (options->group ? 0660 : 0600)) {
        log_error(
            "mode %04o: not possible %s a group; use 0600, or 0660 with the group that may join",
            options->mode, options->group ? "with" : "without");
        return -EINVAL;
    }
    if (options->evict_after_ns < 0) {
        log_error("eviction after %lld ns: not possible; use 0 (never) or more",
                  (long long)options->evict_after_ns);
        return -EINVAL;
    }
    return 0;
}

static int take_lease(struct channel *channel)
{
    struct channel_id id;
    int ret = channel_lease(channel, CHANNEL_PRODUCER);

    if (ret != -EAGAIN)
        return ret;
    if (channel_read_id(channel, &id) == 0)
        log_error(
            "channel \"%s\": it already has a producer (pid %d); end that one, or choose another "
            "name",
            channel->name, (int)id.pid);
    else
        log_error("channel \"%s\": it already has a producer; end that one, or choose another name",
                  channel->name);
    return -EBUSY;
}

/* Private, or for the group that the options name. */
static int open_channel(struct channel *channel, const char *name,
                        const struct pf_producer_options *options)
{
    gid_t group;

    if (!options->group)
        return channel_open(channel, name);
    int ret = account_group(options->group, &group);
    return ret < 0 ? ret : channel_open_shared(channel, name, group);
}

/* A segment with its id where viewers look. Those of the one before it, if there is one, go on to
 * it. On failure the producer's segment is as it was. */
static int make_segment(struct pf_producer *producer, const struct pf_format *format,
                        uint32_t slots, struct segment *old)
{
    struct segment segment;
    char size[TEXT_BYTES_SIZE];
    int ret = segment_create(&segment, producer->channel.name, producer->key_file, format, slots);

    if (ret < 0)
        return ret;
    struct channel_id id = {.shmid = segment.geometry.shmid, .bytes = segment.geometry.bytes};
    memcpy(id.nonce, segment.nonce, sizeof id.nonce);
    if (!old)
        memcpy(&producer->stream.id, segment.nonce, sizeof producer->stream.id);
    producer->stream.frames = producer->stats.published;
    handoff_set_stream(&segment, producer->stream);
    if (old) {
        FAULT_POINT(producer_has_next_segment);
        /* Before the id: who finds another id and no MOVED takes it for a successor's. And before
         * the lanes are read: who joins the old one later sees MOVED, and does not stay there. */
        handoff_set_state(old, LAYOUT_MOVED);
        handoff_carry_over(old, &segment);
    }
    FAULT_POINT(start_filled_segment);
    if (producer->channel.group != CHANNEL_PRIVATE)
        ret = segment_share(&segment, producer->channel.group);
    if (ret == 0)
        ret = channel_write_id(&producer->channel, &id);
    if (ret < 0) {
        if (old)
            handoff_set_state(old, LAYOUT_RUNNING); /* without a new id nobody has moved */
        segment_close(&segment);
        return ret;
    }
    producer->segment = segment;
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
    int ret = check_options(format, options);
    if (ret < 0)
        return ret;

    struct pf_producer *made = calloc(1, sizeof *made);
    if (!made)
        return log_out_of_memory("producer");
    struct channel_id left;
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

    if (channel_read_id(&made->channel, &left) == 0) { /* by a predecessor that was killed */
        segment_reclaim(left.shmid, left.nonce);
        channel_remove_id(&made->channel);
    }
    segment_sweep_orphans();
    FAULT_POINT(start_has_lease);
    ret = make_segment(made, format, options->slots ? options->slots : PF_SLOTS_MIN, NULL);
    if (ret < 0)
        goto failed;
    FAULT_POINT(start_is_open);
    *producer = made;
    return 0;

failed:
    channel_close(&made->channel);
    free(made->key_file);
    free(made);
    return ret;
}

/* ------------------------------------------------------------------ viewers in the way */

/* Free the lane of a viewer that is dead: then nobody has its lease. */
static bool reap(struct pf_producer *producer, uint32_t lane)
{
    int byte = CHANNEL_LANE_0 + (int)lane;

    if (channel_lease(&producer->channel, byte) < 0)
        return false;
    FAULT_POINT(producer_leased_dead_lane);
    /* Under its lease, so that no newcomer on this lane can lose what it wants. */
    handoff_leave(&producer->segment, lane);
    FAULT_POINT(producer_freed_dead_lane);
    channel_unlease(&producer->channel, byte);
    producer->stats.reaped++;
    return true;
}

static bool reap_lanes(struct pf_producer *producer, uint32_t lanes)
{
    bool reaped = false;

    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++)
        if ((lanes & 1u << i) && handoff_lane_mode(&producer->segment, i) != LANE_FREE)
            reaped |= reap(producer, i);
    return reaped;
}

static int lane_pid(const struct pf_producer *producer, uint32_t lane)
{
    return producer->segment.viewers->lane[lane].pid;
}

/* Keep the stall clocks, and lose patience if that was asked for. Returns true if a slot may be
 * free now. */
static bool look_at_stalls(struct pf_producer *producer, const struct handoff_blockers *blockers,
                           int64_t now_ns)
{
    bool evicted = false;

    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++) {
        struct stall *stall = &producer->stall[i];
        uint64_t word = blockers->word[i];

        if (!(blockers->lanes & 1u << i)) {
            *stall = (struct stall){0};
            continue;
        }
        if (!stall->since_ns || stall->word != word)
            *stall = (struct stall){.word = word, .since_ns = now_ns, .warned_ns = now_ns};
        int64_t stalled_ns = now_ns - stall->since_ns;

        if (LANE_WANTS_EVERY(word) && producer->evict_after_ns &&
            stalled_ns >= producer->evict_after_ns) {
            FAULT_POINT(producer_evicts);
            if (handoff_evict(&producer->segment, i, word)) {
                FAULT_POINT(producer_evicted);
                log_warning(
                    "viewer on lane %u (pid %d): evicted after %.1f s; it has lost the frames "
                    "to come",
                    i, lane_pid(producer, i), (double)stalled_ns / 1e9);
                handoff_ring_door(&producer->segment, i);
                producer->stats.evicted++;
                evicted = true;
            }
        } else if (now_ns - stall->warned_ns >= STALL_WARNING_NS) {
            log_warning(
                "stalled by lane %u (pid %d) for %.1f s: it keeps a slot from being drawn in; end "
                "it, or evict it: --evict MS",
                i, lane_pid(producer, i), (double)stalled_ns / 1e9);
            stall->warned_ns = now_ns;
        }
    }
    return evicted;
}

/* ------------------------------------------------------------------ a frame */

/* How long a wait for a slot may last before there is something else to look at. */
static int64_t wake_up_ns(const struct pf_producer *producer, int64_t now_ns, int64_t deadline_ns)
{
    int64_t wake_ns = clock_earlier(deadline_ns, now_ns + HANDOFF_LOOK_AGAIN_NS);

    for (int i = 0; producer->evict_after_ns && i < PF_VIEWERS_MAX; i++)
        if (producer->stall[i].since_ns && LANE_WANTS_EVERY(producer->stall[i].word))
            wake_ns =
                clock_earlier(wake_ns, producer->stall[i].since_ns + producer->evict_after_ns);
    return wake_ns;
}

/* One wait for viewers, of any number of sleeps. */
struct wait {
    int64_t deadline_ns;
    bool has_looked; /* for the dead and the slow, since the last sleep */
    int rings;       /* that brought nothing */
};

/* Viewers are in the way: free the lanes of the dead, lose patience with the slow if that was asked
 * for, else sleep. Returns 0: look again; or -EAGAIN: it is past the deadline; or -EINTR. */
static int wait_for_viewers(struct pf_producer *producer, const struct handoff_blockers *blockers,
                            struct wait *wait)
{
    /* Once: lane words that somebody writes over and over must not keep us here. */
    if (!wait->has_looked) {
        wait->has_looked = true;
        bool freed = reap_lanes(producer, blockers->lanes);
        if (freed || look_at_stalls(producer, blockers, clock_now_ns()))
            return 0;
    }
    int64_t now_ns = clock_now_ns();
    if (now_ns >= wait->deadline_ns)
        return -EAGAIN;
    FAULT_POINT(producer_sleeps);
    int ret =
        handoff_wait_space(&producer->segment, wake_up_ns(producer, now_ns, wait->deadline_ns));
    FAULT_POINT(producer_woke);
    if (ret == 0)
        ret = handoff_calm_down(&wait->rings);
    wait->has_looked = false;
    return ret == -EINTR ? ret : 0;
}

/* After a change of format: wait for the viewers of every frame that have not come over yet. Were
 * the segment left now, nobody would have its frames for them. */
static int wait_for_expected(struct pf_producer *producer, int64_t timeout_ns)
{
    struct handoff_blockers blockers;
    struct wait wait = {.deadline_ns = clock_deadline_ns(clock_now_ns(), timeout_ns)};
    int ret = 0;

    do {
        handoff_drain_space(&producer->segment);
        handoff_expected(&producer->segment, &blockers);
        if (blockers.lanes)
            ret = wait_for_viewers(producer, &blockers, &wait);
    } while (blockers.lanes && ret == 0);
    return ret;
}

static void hand_out(struct pf_producer *producer, uint32_t slot, struct pf_frame *frame)
{
    int64_t now_ns = clock_now_ns();

    *frame = (struct pf_frame){
        .slot = slot,
        .sequence = producer->handoff.sequence + 1,
        .begin_ns = now_ns,
        .due_ns = now_ns,
    };
    segment_planes(&producer->segment, slot, frame->plane);
    producer->begun = true;
}

int pf_producer_begin(struct pf_producer *producer, int64_t timeout_ns, struct pf_frame *frame)
{
    struct handoff_blockers blockers;
    int64_t now_ns = clock_now_ns();
    struct wait wait = {.deadline_ns = clock_deadline_ns(now_ns, timeout_ns)};

    assert(!producer->begun && "publish or abandon the frame before the next one is begun");
    for (;;) {
        /* Also those that are not in the way, and also in a long wait. */
        if (now_ns - producer->reap_ns >= HANDOFF_LOOK_AGAIN_NS) {
            reap_lanes(producer, UINT32_MAX);
            producer->reap_ns = now_ns;
        }
        handoff_drain_space(&producer->segment);
        FAULT_POINT(producer_scans_lanes);
        int slot = handoff_free_slot(&producer->handoff, &producer->segment, &blockers);
        if (slot >= 0) {
            memset(producer->stall, 0, sizeof producer->stall);
            hand_out(producer, (uint32_t)slot, frame);
            FAULT_POINT(producer_has_slot);
            return 0;
        }
        int ret = wait_for_viewers(producer, &blockers, &wait);
        if (ret == -EAGAIN)
            producer->stats.no_slot++;
        if (ret < 0)
            return ret;
        now_ns = clock_now_ns();
    }
}

void pf_producer_publish(struct pf_producer *producer, struct pf_frame *frame)
{
    assert(producer->begun && frame->slot < producer->segment.geometry.slots);
    producer->begun = false;
    FAULT_POINT(producer_drew_all);
    frame->publish_ns = clock_now_ns();
    handoff_publish(&producer->handoff, &producer->segment, frame);
    producer->stats.published++;
}

void pf_producer_abandon(struct pf_producer *producer, struct pf_frame *frame)
{
    assert(producer->begun);
    (void)frame; /* nobody knew of it */
    producer->begun = false;
}

/* ------------------------------------------------------------------ the end of a segment */

int pf_producer_change_format(struct pf_producer *producer, const struct pf_format *format)
{
    static const struct pf_producer_options defaults;

    assert(!producer->begun);
    int ret = check_options(format, &defaults);
    if (ret == 0)
        ret = wait_for_expected(producer, PF_FOREVER);
    if (ret < 0)
        return ret;
    struct segment old = producer->segment;
    segment_remove_key(&producer->segment); /* so that the next one can have the key */
    old.keyed = false;
    ret = make_segment(producer, format, old.geometry.slots, &old);
    if (ret < 0)
        return ret;

    producer->handoff = (struct handoff){0};
    memset(producer->stall, 0, sizeof producer->stall);
    FAULT_POINT(producer_marked_moved);
    /* After the new id is there: who is woken finds it. */
    handoff_ring_doors(&old);
    segment_close(&old);
    return 0;
}

void pf_producer_close(struct pf_producer *producer)
{
    if (!producer)
        return;
    wait_for_expected(producer, CLOSE_WAIT_NS);
    handoff_set_state(&producer->segment, LAYOUT_ENDED);
    FAULT_POINT(producer_marked_ended);
    channel_remove_id(&producer->channel); /* still ours: we have the lease */
    /* The lease first, then the bells: who is woken must find that the producer has gone. */
    channel_close(&producer->channel);
    FAULT_POINT(producer_dropped_lease);
    handoff_ring_doors(&producer->segment);
    segment_close(&producer->segment);
    free(producer->key_file);
    free(producer);
}

void pf_producer_stats(const struct pf_producer *producer, struct pf_producer_stats *stats)
{
    *stats = producer->stats;
    for (int i = 0; i < PF_VIEWERS_MAX; i++)
        stats->viewers += channel_is_leased(&producer->channel, CHANNEL_LANE_0 + i);
}
