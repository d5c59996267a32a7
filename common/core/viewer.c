/* SPDX-License-Identifier: MIT */
/*
 * pf_viewer_*: a process that reads frames.
 *
 * A viewer has a lane while it is open. It takes the lane's lease first and keeps it in every
 * segment of the channel. It writes only its lane and the doorbells, and trusts nothing that it
 * reads from a segment.
 *
 * FAULT_POINT() is for tests (fault.h) and expands to nothing in a normal build.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "clock.h"
#include "damage.h"
#include "discover.h"
#include "doorbell.h"
#include "events.h"
#include "fault.h"
#include "handoff.h"
#include "id_file.h"
#include "log.h"

/* Interval between checks of the producer's lease, which cost several system calls. */
#define STATE_CHECK_NS (50 * NS_PER_MS)

/* Between MOVED and the id file of the next segment a producer needs less than a millisecond; more
 * if it is not scheduled in between. */
#define FOLLOW_WAIT_NS (250 * NS_PER_MS)

struct pf_viewer {
    struct channel channel;
    struct segment segment;
    struct pf_viewer_options options;
    struct pf_viewer_stats stats;
    struct waiting waiting; /* for a stream to start, and for its first frame */
    uint32_t lane;
    enum lane_mode mode;
    struct handoff_stream stream;
    uint64_t seen;              /* the next frame for this viewer has a higher sequence */
    uint64_t passed;            /* number in the stream of the last frame acquired; 0: none yet */
    uint8_t held[PF_SLOTS_MAX]; /* how often each slot is held */
    int64_t last_acquire_ns;
    int64_t checked_ns;  /* when a lease or a new frame last showed that the producer is running */
    enum pf_state state; /* PF_RUNNING until another state has been detected */
    /* pf_viewer_wake() and pf_viewer_send() use the segment from other threads. */
    pthread_mutex_t segment_mutex;
    atomic_bool woken;
};

/* ------------------------------------------------------------------ open, reattach, close */

/* Join a segment on a lane. Returns whether the viewer was expected there: then the segment has
 * kept every frame for it. */
static bool join(struct pf_viewer *viewer, const struct segment *segment, uint32_t lane)
{
    pthread_mutex_lock(&viewer->segment_mutex);
    viewer->segment = *segment;
    viewer->lane = lane;
    pthread_mutex_unlock(&viewer->segment_mutex);

    struct handoff_stream stream = handoff_stream(segment);
    if (stream.id != viewer->stream.id)
        viewer->passed = 0;
    viewer->stream = stream;
    viewer->state = PF_RUNNING;
    viewer->mode = viewer->options.every_frame ? LANE_EVERY : LANE_LATEST;
    viewer->last_acquire_ns = clock_now_ns();
    memset(viewer->held, 0, sizeof viewer->held);
    viewer->segment.viewers->lane[viewer->lane].pid = getpid();
    FAULT_POINT(viewer_attached);
    viewer->seen = 0;
    bool is_expected =
        viewer->mode == LANE_EVERY && handoff_join_expected(&viewer->segment, viewer->lane);
    if (!is_expected)
        viewer->seen = handoff_join(&viewer->segment, viewer->lane, viewer->mode);
    /* From now on the segment keeps every frame for an every-frame viewer, but not for another
     * one. */
    if (viewer->mode == LANE_EVERY)
        waiting_end(&viewer->waiting);
    else
        waiting_joined(&viewer->waiting);
    segment_populate(&viewer->segment); /* after the join: no frame is lost meanwhile */
    return is_expected;
}

static void leave(struct pf_viewer *viewer)
{
    FAULT_POINT(viewer_leaves);
    handoff_leave(&viewer->segment, viewer->lane);
}

/* Count `frames` lost frames, the last of which has the sequence `last`. */
static void count_lost(struct pf_viewer *viewer, uint64_t last, uint64_t frames)
{
    viewer->stats.lost_first = last + 1 - (frames < last ? frames : last);
    viewer->stats.lost_last = last;
    viewer->stats.lost += frames;
}

/* Leave the segment for the channel's next one. `waiting` is NULL if the stream continues there:
 * its producer expects its viewers. Returns 0 and whether this viewer was expected, or a negative
 * errno: then it is still attached to the old segment. */
static int switch_segment(struct pf_viewer *viewer, int64_t deadline_ns, struct waiting *waiting,
                          bool *is_expected)
{
    struct segment segment, old = viewer->segment;
    struct channel channel = viewer->channel;
    uint32_t lane = viewer->lane;
    int ret = discover_next(&channel, &lane, old.geometry.nonce, deadline_ns, waiting, &segment);

    if (ret < 0)
        return ret;
    segment.generation = old.generation + 1;
    FAULT_POINT(start_has_next_segment);
    leave(viewer);
    if (channel.lock_fd != viewer->channel.lock_fd)
        channel_close(&viewer->channel);
    viewer->channel = channel;
    /* join() replaces the segment before the old one is closed: pf_viewer_wake() always has a valid
     * doorbell. */
    *is_expected = join(viewer, &segment, lane);
    segment_close(&old);
    return 0;
}

/*
 * Step 9 of a format change (handoff.h), for a viewer that was not expected in its segment. Returns
 * 0, also if the next segment does not appear in time, or a negative errno, logged.
 */
static int leave_moved_segment(struct pf_viewer *viewer)
{
    int64_t deadline_ns = clock_deadline_ns(clock_now_ns(), FOLLOW_WAIT_NS);
    bool is_expected = false;
    int ret = 0;

    while (!is_expected && ret != -EAGAIN && viewer->mode == LANE_EVERY &&
           handoff_state(&viewer->segment) == LAYOUT_MOVED) {
        ret = switch_segment(viewer, deadline_ns, NULL, &is_expected);
        if (ret < 0 && ret != -EAGAIN && ret != -EINTR)
            return ret;
    }
    return 0;
}

int pf_viewer_open(struct pf_viewer **viewer, const char *channel,
                   const struct pf_viewer_options *options)
{
    static const struct pf_viewer_options defaults;
    struct segment segment;
    uint32_t lane;

    if (!options)
        options = &defaults;
    if (options->wait_ns < 0 || options->spin_ns < 0)
        return log_failure(EINVAL,
                           "viewer of channel \"%s\": wait_ns and spin_ns must be 0 or more",
                           channel);
    struct pf_viewer *made = calloc(1, sizeof *made);
    if (!made)
        return log_out_of_memory("viewer");
    made->waiting.fd = -1;
    made->options = *options;
    pthread_mutex_init(&made->segment_mutex, NULL);

    int64_t deadline_ns = clock_deadline_ns(clock_now_ns(), options->wait_ns);
    int ret = discover_first(&made->channel, &lane, channel, options, deadline_ns, &made->waiting,
                             &segment);
    if (ret < 0) {
        waiting_end(&made->waiting);
        pthread_mutex_destroy(&made->segment_mutex);
        free(made);
        return ret;
    }
    /* A new viewer can take over the lane of a crashed viewer that was expected: then it also gets
     * the frames that were kept for that one, unless the format has changed again meanwhile: it is
     * new, so that it may skip them. */
    segment.generation = 1;
    join(made, &segment, lane);
    ret = leave_moved_segment(made);
    if (ret < 0) {
        pf_viewer_close(made);
        return ret;
    }
    *viewer = made;
    return 0;
}

int pf_viewer_reattach(struct pf_viewer *viewer, int64_t timeout_ns)
{
    struct handoff_stream stream = viewer->stream;
    uint64_t before = stream.frames + viewer->seen;
    int64_t last_acquire_ns = viewer->last_acquire_ns;
    int64_t deadline_ns = clock_deadline_ns(clock_now_ns(), timeout_ns);
    struct waiting *waiting = viewer->state == PF_FORMAT_CHANGED ? NULL : &viewer->waiting;
    bool is_expected;
    int ret = switch_segment(viewer, deadline_ns, waiting, &is_expected);

    if (ret == 0 && !is_expected)
        ret = leave_moved_segment(viewer);
    uint64_t now = viewer->stream.frames + viewer->seen;
    if (viewer->options.every_frame && viewer->stream.id == stream.id && now > before) {
        /* The same stream, and frames between: the viewer was evicted before it joined here. */
        count_lost(viewer, viewer->seen, now - before);
        viewer->stats.evicted_after_ns = clock_now_ns() - last_acquire_ns;
    }
    return ret;
}

void pf_viewer_close(struct pf_viewer *viewer)
{
    if (!viewer)
        return;
    leave(viewer);
    segment_close(&viewer->segment);
    FAULT_POINT(viewer_left);
    channel_close(&viewer->channel);
    waiting_end(&viewer->waiting);
    pthread_mutex_destroy(&viewer->segment_mutex);
    free(viewer);
}

/* ------------------------------------------------------------------ the producer's state */

static enum pf_state state_of_segment(const struct pf_viewer *viewer)
{
    switch (handoff_state(&viewer->segment)) {
    case LAYOUT_ENDED: return PF_ENDED;
    case LAYOUT_MOVED: return PF_FORMAT_CHANGED;
    default: return PF_CRASHED;
    }
}

/* Does the id file name a segment that exists? In another IPC namespace, assume so. */
static bool names_segment(const struct id_file *id)
{
    struct pf_segment geometry;
    uint64_t newest;

    return id->ipc_namespace != id_file_ipc_namespace() ||
           segment_peek(id->shmid, id->nonce, &geometry, &newest) == 0;
}

/*
 * The producer's state, from its lease and the id file first. `lease`: another process holds the
 * producer lease. `id file`: it names this segment, another one, or none that exists (damaged), or
 * there is no id file. `segment`: the state in the segment, which any process may have damaged, so
 * that it only shows how a stream ended.
 *
 *     lease  id file    segment    result              because
 *     yes    this       any        PF_RUNNING          the channel's segment is this one
 *     yes    none       RUNNING    PF_RUNNING          a new producer is starting: check again
 *     yes    none       ENDED      PF_ENDED            the producer removes its id after ENDED
 *     yes    none       MOVED      PF_FORMAT_CHANGED
 *     yes    another    ENDED      PF_ENDED            a new producer holds the lease
 *     yes    another    MOVED      PF_FORMAT_CHANGED   MOVED is stored before the new id is written
 *     yes    another    RUNNING    PF_CRASHED          a new producer holds the lease
 *     yes    damaged    RUNNING    PF_RUNNING          its producer writes it again
 *     no     any        ENDED      PF_ENDED
 *     no     any        MOVED      PF_FORMAT_CHANGED   for now: see read_state_after_move()
 *     no     any        RUNNING    PF_CRASHED
 */
static enum pf_state read_state(struct pf_viewer *viewer)
{
    struct id_file id;

    if (channel_is_leased(&viewer->channel, CHANNEL_PRODUCER)) {
        bool has_id = id_file_read(&viewer->channel, &id) == 0;
        enum layout_state state = handoff_state(&viewer->segment);
        bool is_this =
            has_id && memcmp(id.nonce, viewer->segment.geometry.nonce, sizeof id.nonce) == 0;
        bool is_other = has_id && !is_this && names_segment(&id);
        bool is_starting = !is_other && state != LAYOUT_ENDED && state != LAYOUT_MOVED;
        if (is_this || is_starting)
            return PF_RUNNING;
    }
    /* The state may have changed between the two checks: read it again. */
    return state_of_segment(viewer);
}

/*
 * The producer changed its format, and this viewer has not reattached yet.
 *
 *     lease  id file    result
 *     yes    any        PF_FORMAT_CHANGED
 *     no     exists     PF_CRASHED          a producer that ends its stream removes the id file
 *     no     none       PF_ENDED
 */
static enum pf_state read_state_after_move(struct pf_viewer *viewer)
{
    struct id_file id;

    if (channel_is_leased(&viewer->channel, CHANNEL_PRODUCER))
        return PF_FORMAT_CHANGED;
    return id_file_read(&viewer->channel, &id) == 0 ? PF_CRASHED : PF_ENDED;
}

/* Queries the system only if there has been no sign for STATE_CHECK_NS that the producer is
 * running, or if the state in the segment has changed. */
static enum pf_state check_state(struct pf_viewer *viewer)
{
    enum layout_state state = handoff_state(&viewer->segment);
    int64_t now_ns = clock_now_ns();
    bool has_changed = state != LAYOUT_RUNNING && viewer->state == PF_RUNNING;

    if (!has_changed && now_ns - viewer->checked_ns < STATE_CHECK_NS)
        return viewer->state;
    viewer->checked_ns = now_ns;
    return viewer->state == PF_FORMAT_CHANGED ? read_state_after_move(viewer) : read_state(viewer);
}

enum pf_state pf_viewer_state(struct pf_viewer *viewer)
{
    if (viewer->state == PF_RUNNING || viewer->state == PF_FORMAT_CHANGED)
        viewer->state = check_state(viewer);
    return viewer->state;
}

/* ------------------------------------------------------------------ a frame */

static void count_eviction(struct pf_viewer *viewer)
{
    uint64_t newest = handoff_newest_sequence(&viewer->segment);

    /* The newest frame can still be acquired. */
    if (newest > viewer->seen + 1) {
        count_lost(viewer, newest - 1, newest - 1 - viewer->seen);
        viewer->seen = newest - 1;
    }
    viewer->passed = viewer->stream.frames + viewer->seen;
    viewer->stats.evicted_after_ns = clock_now_ns() - viewer->last_acquire_ns;
    viewer->mode = LANE_LATEST;
}

static _Atomic uint32_t *own_doorbell(const struct pf_viewer *viewer)
{
    return &viewer->segment.viewers->lane[viewer->lane].doorbell;
}

static int claim(struct pf_viewer *viewer, struct pf_frame *frame)
{
    int ret = viewer->mode == LANE_EVERY
                  ? handoff_claim_next(&viewer->segment, viewer->lane, viewer->seen, frame)
                  : handoff_claim_newest(&viewer->segment, viewer->lane, viewer->seen, frame);

    if (ret == -ESTALE) {
        FAULT_POINT(viewer_saw_eviction);
        count_eviction(viewer);
    }
    if (ret < 0)
        return ret;
    FAULT_POINT(viewer_claimed);
    uint64_t number = viewer->stream.frames + frame->sequence;
    if (viewer->mode == LANE_LATEST && viewer->passed && number > viewer->passed)
        viewer->stats.skipped += number - viewer->passed - 1;
    viewer->passed = number;
    viewer->seen = frame->sequence;
    if (viewer->waiting.has_begun)
        waiting_end(&viewer->waiting);
    viewer->held[frame->slot]++;
    viewer->stats.acquired++;
    viewer->last_acquire_ns = frame->acquire_ns;
    viewer->checked_ns = frame->publish_ns; /* the producer was running then */
    return 0;
}

/* Poll for a frame. Lower latency for the next frame, at the cost of a busy core. */
static void spin_until(struct pf_viewer *viewer, int64_t deadline_ns)
{
    while (handoff_newest_sequence(&viewer->segment) <= viewer->seen &&
           !atomic_load_explicit(&viewer->woken, memory_order_relaxed) &&
           clock_now_ns() < deadline_ns)
        ;
}

int pf_viewer_acquire(struct pf_viewer *viewer, int64_t timeout_ns, struct pf_frame *frame)
{
    int64_t deadline_ns = clock_deadline_ns(clock_now_ns(), timeout_ns);
    bool has_spun = false;
    int rings = 0;

    for (;;) {
        /* Clear, check, then sleep: a ring after the clear ends the sleep, and a frame published
         * before the clear is found by the check. */
        doorbell_clear(own_doorbell(viewer));
        FAULT_POINT(viewer_polls);
        int ret = claim(viewer, frame);
        if (ret != -EAGAIN)
            return ret;
        if (viewer->state != PF_RUNNING) /* claim() ran after the state was detected */
            return viewer->state == PF_FORMAT_CHANGED ? -EREMCHG : -EPIPE;
        FAULT_POINT(viewer_checks_producer);
        if (pf_viewer_state(viewer) != PF_RUNNING) {
            FAULT_POINT(viewer_saw_end);
            continue;
        }
        if (atomic_exchange(&viewer->woken, false))
            return -EINTR;

        int64_t now_ns = clock_now_ns();
        if (now_ns >= deadline_ns)
            return -EAGAIN;
        if (viewer->options.spin_ns && !has_spun) {
            spin_until(viewer, clock_earlier(deadline_ns, now_ns + viewer->options.spin_ns));
            has_spun = true;
            continue;
        }
        FAULT_POINT(viewer_sleeps);
        ret = doorbell_wait(own_doorbell(viewer),
                            clock_earlier(deadline_ns, now_ns + DOORBELL_SLEEP_MAX_NS));
        FAULT_POINT(viewer_woke);
        if (ret == 0)
            ret = doorbell_throttle(&rings);
        if (ret == -EINTR)
            return -EINTR;
    }
}

int pf_viewer_acquire_latest(struct pf_viewer *viewer, struct pf_frame *frame)
{
    int ret = handoff_claim_newest(&viewer->segment, viewer->lane, 0, frame);

    if (ret == 0)
        viewer->held[frame->slot]++;
    return ret;
}

int pf_viewer_damage_since(struct pf_viewer *viewer, const struct pf_frame *frame,
                           const struct pf_frame *seen, struct pf_rect rects[PF_DAMAGE_MAX])
{
    if (!viewer || !frame || !rects || !frame->sequence)
        return log_failure(EINVAL, "pf_viewer_damage_since(): no viewer, frame or rectangles");
    if (!seen || seen->generation != frame->generation ||
        frame->generation != viewer->segment.generation)
        return (int)damage_whole(frame, rects);
    return (int)damage_since(&viewer->segment, frame, seen->sequence, rects);
}

void pf_viewer_hold(struct pf_viewer *viewer, const struct pf_frame *frame)
{
    assert(frame->slot < PF_SLOTS_MAX && viewer->held[frame->slot] > 0);
    viewer->held[frame->slot]++;
}

void pf_viewer_release(struct pf_viewer *viewer, const struct pf_frame *frame)
{
    assert(frame->slot < PF_SLOTS_MAX && viewer->held[frame->slot] > 0);
    FAULT_POINT(viewer_releases);
    if (viewer->held[frame->slot] > 0 && --viewer->held[frame->slot] == 0)
        handoff_release(&viewer->segment, viewer->lane, frame->slot);
}

static int send_event(struct pf_viewer *viewer, const struct pf_event *event)
{
    switch (handoff_state(&viewer->segment)) {
    case LAYOUT_ENDED: return -EPIPE;
    case LAYOUT_MOVED: return -EREMCHG;
    default: break;
    }
    int ret = segment_open_ring(&viewer->segment, viewer->lane);
    return ret < 0 ? ret : events_send(&viewer->segment, viewer->lane, event);
}

int pf_viewer_send(struct pf_viewer *viewer, const struct pf_event *event)
{
    if (!viewer || !event || !events_is_valid(event))
        return log_failure(EINVAL, "pf_viewer_send(): no viewer, or not a valid event");
    pthread_mutex_lock(&viewer->segment_mutex);
    int ret = send_event(viewer, event);
    pthread_mutex_unlock(&viewer->segment_mutex);
    return ret;
}

void pf_viewer_wake(struct pf_viewer *viewer)
{
    atomic_store(&viewer->woken, true);
    pthread_mutex_lock(&viewer->segment_mutex);
    doorbell_ring(own_doorbell(viewer));
    pthread_mutex_unlock(&viewer->segment_mutex);
}

int pf_viewer_wait(struct pf_viewer *viewer, int64_t timeout_ns)
{
    int64_t deadline_ns = clock_deadline_ns(clock_now_ns(), timeout_ns);
    int rings = 0;

    for (;;) {
        doorbell_clear(own_doorbell(viewer));
        if (atomic_exchange(&viewer->woken, false))
            return -EINTR;
        int64_t now_ns = clock_now_ns();
        if (now_ns >= deadline_ns)
            return -EAGAIN;
        int ret = doorbell_wait(own_doorbell(viewer),
                                clock_earlier(deadline_ns, now_ns + DOORBELL_SLEEP_MAX_NS));
        if (ret == 0)
            ret = doorbell_throttle(&rings);
        if (ret == -EINTR)
            return -EINTR;
    }
}

const char *pf_viewer_channel(const struct pf_viewer *viewer)
{
    return viewer->channel.name;
}

const struct pf_segment *pf_viewer_segment(const struct pf_viewer *viewer)
{
    return &viewer->segment.geometry;
}

void pf_viewer_stats(const struct pf_viewer *viewer, struct pf_viewer_stats *stats)
{
    *stats = viewer->stats;
}
