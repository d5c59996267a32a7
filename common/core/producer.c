/* SPDX-License-Identifier: MIT */
/*
 * pf_producer_*: the process that creates the segment and draws in it.
 *
 * The producer keeps everything that its decisions depend on in private memory, except the lane
 * words. Whatever their values, they can at most block slots.
 *
 * FAULT_POINT() is for tests (fault.h) and expands to nothing in a normal build.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "channel.h"
#include "clock.h"
#include "damage.h"
#include "doorbell.h"
#include "events.h"
#include "fault.h"
#include "format.h"
#include "handoff.h"
#include "id_file.h"
#include "log.h"
#include "misuse.h"
#include "producer.h"
#include "segment_key.h"
#include "text.h"
#include "waiting.h"

/* pf_frame.flags that the producer sets. */
enum { FLAGS_OF_PRODUCER = PF_FRAME_STAMPED };

/* Interval between warnings about a stalled viewer. */
#define STALL_WARNING_NS (2 * NS_PER_S)

/* Interval between scans for lanes of crashed viewers. */
#define REAP_NS (100 * NS_PER_MS)

/* Interval between checks of the channel's files, which cost several system calls. */
#define FILES_NS (250 * NS_PER_MS)

/* Interval between checks for a wake while a viewer acquires the first frame, which rings no
 * doorbell. */
#define WAKE_POLL_NS (5 * NS_PER_MS)

/* How long close() waits for viewers that are still attached to the previous segment. */
#define CLOSE_WAIT_NS NS_PER_S

/* ------------------------------------------------------------------ open */

static bool is_zero(const uint64_t *reserved, size_t count)
{
    while (count > 0 && reserved[count - 1] == 0)
        count--;
    return count == 0;
}

int producer_check_pointer(const char *call, bool is_given)
{
    return is_given ? 0 : misuse_null(call);
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
        return log_failure(EINVAL, "options: a reserved word is not zero");
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

static struct id_file id_of(const struct segment *segment)
{
    struct id_file id = {.shmid = segment->geometry.shmid, .bytes = segment->geometry.bytes};

    memcpy(id.nonce, segment->geometry.nonce, sizeof id.nonce);
    return id;
}

/* Steps 3 to 5 of a format change (handoff.h); for the first segment (`old` is NULL) only step
 * 5. */
static int hand_over(struct pf_producer *producer, struct segment *old, struct segment *segment)
{
    struct id_file id = id_of(segment);
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
    int ret = producer_check_pointer(__func__, producer && channel && format);
    if (ret == 0)
        ret = check_format(format);
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

/* ------------------------------------------------------------------ viewers that block */

/* Free a lane whose lease is not held: its viewer has crashed, or exited before it followed a
 * format change. */
static bool reap(struct pf_producer *producer, uint32_t lane)
{
    int byte = CHANNEL_LANE_0 + (int)lane;

    if (channel_lease(&producer->channel, byte) < 0)
        return false;
    FAULT_POINT(producer_leased_crashed_lane);
    /* Under its lease, so that a viewer taking over the lane cannot lose its claims. */
    handoff_leave(&producer->segment, lane);
    FAULT_POINT(producer_freed_crashed_lane);
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

static bool evict(struct pf_producer *producer, uint32_t lane, int64_t stalled_ns)
{
    FAULT_POINT(producer_evicts);
    if (!handoff_evict(&producer->segment, lane, producer->stall[lane].word))
        return false;
    FAULT_POINT(producer_evicted);
    log_warning("viewer on lane %u (pid %d): evicted after %.1f s", lane, lane_pid(producer, lane),
                (double)stalled_ns / 1e9);
    doorbell_ring(&producer->segment.viewers->lane[lane].doorbell);
    producer->stats.evicted++;
    return true;
}

/* Measure how long each lane has blocked; evict or warn. Returns true if a slot may be free now. */
static bool check_stalls(struct pf_producer *producer, const struct handoff_blockers *blockers,
                         int64_t now_ns)
{
    bool has_evicted = false;

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

        if (LANE_REQUIRES_EVERY(word) && producer->evict_after_ns &&
            stalled_ns >= producer->evict_after_ns) {
            has_evicted |= evict(producer, i, stalled_ns);
        } else if (now_ns - stall->warned_ns >= STALL_WARNING_NS) {
            /* The advice about ETIMEDOUT is to evict the viewer. */
            bool can_evict = LANE_REQUIRES_EVERY(word) && !producer->evict_after_ns;
            log_warning_about(can_evict ? ETIMEDOUT : 0,
                              "stalled by the viewer on lane %u (pid %d) for %.1f s", i,
                              lane_pid(producer, i), (double)stalled_ns / 1e9);
            stall->warned_ns = now_ns;
        }
    }
    return has_evicted;
}

/* ------------------------------------------------------------------ a frame */

/* When a sleeping producer must wake: at the deadline, to check lanes again, or to evict. */
static int64_t next_wake_ns(const struct pf_producer *producer, int64_t now_ns, int64_t deadline_ns)
{
    int64_t wake_ns = clock_earlier(deadline_ns, now_ns + DOORBELL_SLEEP_MAX_NS);

    for (int i = 0; producer->evict_after_ns && i < PF_VIEWERS_MAX; i++)
        if (producer->stall[i].since_ns && LANE_REQUIRES_EVERY(producer->stall[i].word))
            wake_ns =
                clock_earlier(wake_ns, producer->stall[i].since_ns + producer->evict_after_ns);
    return wake_ns;
}

void producer_check_from_time_to_time(struct pf_producer *producer, int64_t now_ns)
{
    struct channel *channel = &producer->channel;

    /* Reap lanes that block nothing as well: their frames would block later. */
    if (now_ns - producer->reap_ns >= REAP_NS) {
        reap_lanes(producer, UINT32_MAX);
        channel_release_old_lock(channel);
        producer->reap_ns = now_ns;
    }
    if (now_ns - producer->files_ns >= FILES_NS) {
        struct id_file id = id_of(&producer->segment);
        if (channel_restore(channel) == 0 && id_file_restore(channel, &id) < 0)
            channel->is_lost = true;
        producer->files_ns = now_ns;
    }
}

/* One wait for viewers, which may consist of several sleeps. */
struct wait {
    int64_t deadline_ns;
    bool has_checked; /* crashed and slow viewers, since the last sleep */
    int rings;        /* that did not end the wait */
};

/* Viewers block the producer: reclaim lanes of crashed viewers, evict slow ones if enabled, else
 * sleep. Returns 0: check again; or -EAGAIN: the deadline has passed; or -EINTR. */
static int wait_for_viewers(struct pf_producer *producer, const struct handoff_blockers *blockers,
                            struct wait *wait)
{
    /* Once per sleep: a process that overwrites lane words all the time must not trap the
     * producer in its loop. */
    if (!wait->has_checked) {
        wait->has_checked = true;
        bool freed = reap_lanes(producer, blockers->lanes);
        if (freed || check_stalls(producer, blockers, clock_now_ns()))
            return 0;
    }
    if (waker_take(&producer->waker))
        return -EINTR;
    int64_t now_ns = clock_now_ns();
    if (now_ns >= wait->deadline_ns)
        return -EAGAIN;
    FAULT_POINT(producer_sleeps);
    int ret = doorbell_wait(&producer->segment.viewers->producer_doorbell,
                            next_wake_ns(producer, now_ns, wait->deadline_ns));
    FAULT_POINT(producer_woke);
    if (ret == 0)
        ret = doorbell_throttle(&wait->rings);
    wait->has_checked = false;
    return ret == -EINTR ? ret : 0;
}

/* Step 1 of a format change (handoff.h). Returns 0, -EAGAIN (timeout) or -EINTR. */
static int wait_for_expected(struct pf_producer *producer, int64_t timeout_ns)
{
    struct handoff_blockers blockers;
    struct wait wait = {.deadline_ns = clock_deadline_ns(clock_now_ns(), timeout_ns)};
    int ret = 0;

    do {
        doorbell_clear(&producer->segment.viewers->producer_doorbell);
        handoff_find_expected(&producer->segment, &blockers);
        if (blockers.lanes)
            ret = wait_for_viewers(producer, &blockers, &wait);
    } while (blockers.lanes && ret == 0);
    return ret;
}

static void fill_frame(struct pf_producer *producer, uint32_t slot, struct pf_frame *frame)
{
    int64_t now_ns = clock_now_ns();

    *frame = (struct pf_frame){
        .sequence = producer->handoff.sequence + 1,
        .generation = producer->segment.generation,
        .slot = slot,
        .format = producer->segment.geometry.format,
        .begin_ns = now_ns,
        .due_ns = now_ns,
        .user = segment_user(&producer->segment, slot),
        .user_capacity = producer->segment.geometry.user_bytes,
        .age = handoff_begin(&producer->handoff, slot),
    };
    segment_planes(&producer->segment, slot, frame->plane);
    producer->begun = true;
    producer->begun_slot = slot;
    producer->begun_ns = now_ns;
}

/* Let viewers that waited for the stream acquire its first frame. Returns 0, -EAGAIN or -EINTR. */
static int let_acquire(struct pf_producer *producer, int64_t deadline_ns)
{
    for (;;) {
        int64_t until_ns = clock_earlier(deadline_ns, clock_now_ns() + WAKE_POLL_NS);
        int ret = awaited_let_acquire(&producer->awaited, &producer->channel, producer->key_file,
                                      until_ns);
        if (ret != -EAGAIN)
            return ret;
        if (waker_take(&producer->waker))
            return -EINTR;
        if (clock_now_ns() >= deadline_ns)
            return -EAGAIN;
    }
}

static int check_not_begun(const struct pf_producer *producer, const char *call)
{
    return producer->begun ? log_failure(EBUSY, "%s(): a frame is begun", call) : 0;
}

int pf_producer_begin(struct pf_producer *producer, int64_t timeout_ns, struct pf_frame *frame)
{
    struct handoff_blockers blockers;
    int64_t now_ns = clock_now_ns();
    struct wait wait = {.deadline_ns = clock_deadline_ns(now_ns, timeout_ns)};
    int check = producer_check_pointer(__func__, producer && frame);

    if (check == 0 && timeout_ns < 0)
        check = misuse_negative_timeout(__func__);
    if (check == 0)
        check = check_not_begun(producer, __func__);
    if (check < 0)
        return check;
    if (producer->awaited.is_awaited && producer->stats.published) {
        int ret = let_acquire(producer, wait.deadline_ns);
        if (ret == -EAGAIN)
            producer->stats.no_slot++;
        if (ret < 0)
            return ret;
    }
    for (;;) {
        producer_check_from_time_to_time(producer, now_ns);
        doorbell_clear(&producer->segment.viewers->producer_doorbell);
        FAULT_POINT(producer_scans_lanes);
        int slot = handoff_find_free_slot(&producer->handoff, &producer->segment, &blockers);
        if (slot >= 0) {
            memset(producer->stall, 0, sizeof producer->stall);
            fill_frame(producer, (uint32_t)slot, frame);
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

/* What the producer sets before publish. Returns 0, or -EINVAL, logged. */
static int check_frame(const struct pf_producer *producer, const struct pf_frame *frame)
{
    uint32_t capacity = producer->segment.geometry.user_bytes;

    if (frame->user_bytes > capacity)
        return log_failure(EINVAL,
                           "pf_producer_publish(): user data of %u bytes: the capacity is %u",
                           frame->user_bytes, capacity);
    const char *wrong = damage_check(frame, &producer->segment.geometry.format);
    if (wrong)
        return log_failure(EINVAL,
                           "pf_producer_publish(): %s: not valid; at most %d rectangles, "
                           "within the frame",
                           wrong, PF_DAMAGE_MAX);
    return 0;
}

/* Is `frame` the begun one? Of two frames with the same numbers, one of another producer or one
 * that was abandoned, begin_ns differs. Returns 0, or -EINVAL or -ESTALE, logged. */
static int check_begun(const struct pf_producer *producer, const struct pf_frame *frame,
                       const char *call)
{
    int ret = producer_check_pointer(call, producer && frame);

    if (ret < 0)
        return ret;
    if (producer->begun && frame->slot == producer->begun_slot &&
        frame->begin_ns == producer->begun_ns &&
        frame->sequence == producer->handoff.sequence + 1 &&
        frame->generation == producer->segment.generation)
        return 0;
    return log_failure(ESTALE, "%s(): the frame is not the begun one", call);
}

int pf_producer_publish(struct pf_producer *producer, struct pf_frame *frame)
{
    int ret = check_begun(producer, frame, __func__);

    if (ret < 0)
        return ret;
    if (frame->flags & ~(uint32_t)FLAGS_OF_PRODUCER)
        return log_failure(EINVAL, "%s(): flags 0x%x: not defined", __func__, frame->flags);
    ret = check_frame(producer, frame);
    if (ret < 0)
        return ret;
    producer->begun = false;
    FAULT_POINT(producer_drew_all);
    frame->publish_ns = clock_now_ns();
    handoff_publish(&producer->handoff, &producer->segment, frame);
    producer->stats.published++;
    return 0;
}

int pf_producer_abandon(struct pf_producer *producer, const struct pf_frame *frame)
{
    int ret = check_begun(producer, frame, __func__);

    if (ret == 0)
        producer->begun = false;
    return ret;
}

/* ------------------------------------------------------------------ events */

int pf_producer_next_event(struct pf_producer *producer, struct pf_event *event)
{
    if (!producer || !event)
        return log_failure(EINVAL, "pf_producer_next_event(): no producer or event");
    return events_take(&producer->events, &producer->segment, event);
}

/* ------------------------------------------------------------------ change format, close */

int pf_producer_change_format(struct pf_producer *producer, const struct pf_format *format)
{
    int ret = producer_check_pointer(__func__, producer && format);

    if (ret == 0)
        ret = check_not_begun(producer, __func__);
    if (ret == 0)
        ret = check_format(format);
    if (ret == 0)
        ret = wait_for_expected(producer, PF_FOREVER);
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
    while (wait_for_expected(producer, deadline_ns - clock_now_ns()) == -EINTR)
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
