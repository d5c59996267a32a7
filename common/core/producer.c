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
#include <string.h>

#include "channel.h"
#include "clock.h"
#include "damage.h"
#include "doorbell.h"
#include "events.h"
#include "fault.h"
#include "handoff.h"
#include "id_file.h"
#include "log.h"
#include "misuse.h"
#include "producer.h"

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
        struct id_file id = id_file_of(&producer->segment.geometry);
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
int producer_wait_for_expected(struct pf_producer *producer, int64_t timeout_ns)
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

int producer_check_not_begun(const struct pf_producer *producer, const char *call)
{
    return producer->begun ? log_failure(EBUSY, "%s(): a frame is begun", call) : 0;
}

int pf_producer_begin(struct pf_producer *producer, int64_t timeout_ns, struct pf_frame *frame)
{
    struct handoff_blockers blockers;
    int64_t now_ns = clock_now_ns();
    struct wait wait = {.deadline_ns = clock_deadline_ns(now_ns, timeout_ns)};

    if (!producer || !frame)
        return misuse_null(__func__);
    if (timeout_ns < 0)
        return misuse_negative_timeout(__func__);
    int check = producer_check_not_begun(producer, __func__);
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
    if (!producer || !frame)
        return misuse_null(call);
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
