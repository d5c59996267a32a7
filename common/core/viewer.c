/* SPDX-License-Identifier: MIT */
/*
 * pf_viewer_*: a process that reads frames.
 *
 * A viewer writes only its lane and the doorbells, and trusts nothing that it reads from a segment.
 *
 * FAULT_POINT() is for tests (fault.h) and expands to nothing in a normal build.
 */
#include "viewer.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "damage.h"
#include "doorbell.h"
#include "events.h"
#include "fault.h"
#include "format.h"
#include "id_file.h"
#include "log.h"
#include "misuse.h"
#include "spin.h"

/* Interval between checks of the producer's lease, which cost several system calls. */
#define STATE_CHECK_NS (50 * NS_PER_MS)

/* ------------------------------------------------------------------ the producer's state */

static enum pf_state state_of_segment(const struct pf_viewer *viewer)
{
    switch (handoff_state(&viewer->now.segment)) {
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
        enum layout_state state = handoff_state(&viewer->now.segment);
        bool is_this =
            has_id && memcmp(id.nonce, viewer->now.segment.geometry.nonce, sizeof id.nonce) == 0;
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
    enum layout_state state = handoff_state(&viewer->now.segment);
    int64_t now_ns = clock_now_ns();
    bool has_changed = state != LAYOUT_RUNNING && viewer->state == PF_RUNNING;

    if (!has_changed && now_ns - viewer->checked_ns < STATE_CHECK_NS)
        return viewer->state;
    viewer->checked_ns = now_ns;
    return viewer->state == PF_FORMAT_CHANGED ? read_state_after_move(viewer) : read_state(viewer);
}

enum pf_state pf_viewer_state(struct pf_viewer *viewer)
{
    if (!viewer)
        return PF_ENDED;
    if (viewer->state == PF_RUNNING || viewer->state == PF_FORMAT_CHANGED)
        viewer->state = check_state(viewer);
    return viewer->state;
}

/* ------------------------------------------------------------------ a frame */

void viewer_count_lost(struct pf_viewer *viewer, uint64_t last, uint64_t frames)
{
    viewer->stats.lost_first = last + 1 - (frames < last ? frames : last);
    viewer->stats.lost_last = last;
    viewer->stats.lost += frames;
}

static void count_eviction(struct pf_viewer *viewer)
{
    uint64_t newest = handoff_newest_sequence(&viewer->now.segment);

    /* The newest frame can still be acquired. */
    if (newest > viewer->seen + 1) {
        viewer_count_lost(viewer, newest - 1, newest - 1 - viewer->seen);
        viewer->seen = newest - 1;
    }
    viewer->passed = viewer->stream.frames + viewer->seen;
    viewer->stats.evicted_after_ns = clock_now_ns() - viewer->last_acquire_ns;
    viewer->mode = LANE_LATEST;
}

static bool is_same_format(const struct pf_format *a, const struct pf_format *b)
{
    return a->fourcc == b->fourcc && a->width == b->width && a->height == b->height &&
           a->rate_num == b->rate_num && a->rate_den == b->rate_den &&
           memcmp(&a->color, &b->color, sizeof a->color) == 0;
}

/* Set the flags that are for viewers, and drop those that the producer cannot set. */
static void set_flags(struct pf_viewer *viewer, struct pf_frame *frame)
{
    frame->flags &= PF_FRAME_STAMPED;
    if (frame->generation == viewer->format_generation)
        return;
    if (!viewer->format_generation || !is_same_format(&frame->format, &viewer->format))
        frame->flags |= PF_FRAME_NEW_FORMAT;
    viewer->format_generation = frame->generation;
    viewer->format = frame->format;
}

/* Claim the frame after `seen`, or a later one in LANE_LATEST, and count it as held. In one step,
 * as another thread sees it: a release in between would free the slot again. */
static int claim_and_hold(struct pf_viewer *viewer, enum lane_mode mode, uint64_t seen,
                          struct pf_frame *frame)
{
    struct attachment *now = &viewer->now;

    pthread_mutex_lock(&viewer->mutex);
    int ret = mode == LANE_EVERY ? handoff_claim_next(&now->segment, now->lane, seen, frame)
                                 : handoff_claim_newest(&now->segment, now->lane, seen, frame);
    if (ret == 0)
        ret = attachment_add(now, frame);
    pthread_mutex_unlock(&viewer->mutex);
    if (ret == 0)
        set_flags(viewer, frame);
    return ret;
}

static int claim(struct pf_viewer *viewer, struct pf_frame *frame)
{
    int ret = claim_and_hold(viewer, viewer->mode, viewer->seen, frame);

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
    viewer->stats.acquired++;
    viewer->last_acquire_ns = frame->acquire_ns;
    viewer->checked_ns = frame->publish_ns; /* the producer was running then */
    return 0;
}

/* Poll until there is something to check: a frame, or a ring, which announces everything else.
 * Lower latency for the next frame, at the cost of a busy core. */
static void poll_until(const struct pf_viewer *viewer, int64_t deadline_ns)
{
    while (handoff_newest_sequence(&viewer->now.segment) <= viewer->seen &&
           !doorbell_is_rung(viewer_doorbell(viewer)) && clock_now_ns() < deadline_ns)
        ;
}

static int acquire_here(struct pf_viewer *viewer, int64_t deadline_ns, struct spin *spin,
                        struct pf_frame *frame)
{
    int rings = 0;

    for (;;) {
        /* Clear, check, then sleep: a ring after the clear ends the sleep, and a frame published
         * before the clear is found by the check. */
        doorbell_clear(viewer_doorbell(viewer));
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
        if (waker_take(&viewer->waker))
            return -EINTR;

        int64_t now_ns = clock_now_ns();
        if (now_ns >= deadline_ns)
            return -EAGAIN;
        if (viewer->options.spin_ns) {
            ret = spin_turn(spin, viewer->options.spin_ns, now_ns);
            if (ret == -EINTR)
                return ret;
            if (ret == 0) {
                poll_until(viewer, clock_earlier(deadline_ns, spin->turn_ns));
                continue;
            }
            spin_end(spin);
        }
        FAULT_POINT(viewer_sleeps);
        ret = doorbell_wait(viewer_doorbell(viewer),
                            clock_earlier(deadline_ns, now_ns + DOORBELL_SLEEP_MAX_NS));
        FAULT_POINT(viewer_woke);
        if (ret == 0)
            ret = doorbell_throttle(&rings);
        if (ret == -EINTR)
            return -EINTR;
    }
}

int pf_viewer_acquire(struct pf_viewer *viewer, int64_t timeout_ns, struct pf_frame *frame)
{
    if (!viewer || !frame)
        return misuse_null("pf_viewer_acquire");
    if (timeout_ns < 0)
        return misuse_negative_timeout("pf_viewer_acquire");
    int64_t deadline_ns = clock_deadline_ns(clock_now_ns(), timeout_ns);
    for (;;) {
        struct spin spin = {0};
        int ret = acquire_here(viewer, deadline_ns, &spin, frame);
        spin_end(&spin);
        if (!viewer->options.follow || (ret != -EPIPE && ret != -EREMCHG))
            return ret;
        ret = viewer_reattach(viewer, deadline_ns);
        if (ret < 0)
            return ret;
    }
}

int pf_viewer_acquire_latest(struct pf_viewer *viewer, struct pf_frame *frame)
{
    if (!viewer || !frame)
        return misuse_null("pf_viewer_acquire_latest");
    return claim_and_hold(viewer, LANE_LATEST, 0, frame);
}

int pf_viewer_damage_since(struct pf_viewer *viewer, const struct pf_frame *frame,
                           const struct pf_frame *seen, struct pf_rect rects[PF_DAMAGE_MAX])
{
    if (!viewer || !frame || !rects)
        return misuse_null(__func__);
    if (!frame->sequence || format_fault(&frame->format))
        return log_failure(EINVAL, "%s(): this is not a frame", __func__);
    if (!seen || seen->generation != frame->generation ||
        frame->generation != viewer->now.segment.generation)
        return (int)damage_whole(frame, rects);
    return (int)damage_since(&viewer->now.segment, frame, seen->sequence, rects);
}

int pf_viewer_hold(struct pf_viewer *viewer, const struct pf_frame *frame)
{
    int ret = -ESTALE;

    if (!viewer || !frame)
        return misuse_null("pf_viewer_hold");
    pthread_mutex_lock(&viewer->mutex);
    struct attachment *attachment = attachment_find(&viewer->now, frame);
    if (attachment)
        ret = attachment_add(attachment, frame);
    pthread_mutex_unlock(&viewer->mutex);
    if (ret == -ESTALE)
        return log_failure(ESTALE, "pf_viewer_hold(): the frame is not held");
    return ret < 0 ? log_failure(-ret, "pf_viewer_hold(): the frame is held too often") : 0;
}

int pf_viewer_release(struct pf_viewer *viewer, const struct pf_frame *frame)
{
    struct attachment *finished = NULL;

    if (!viewer || !frame)
        return misuse_null("pf_viewer_release");
    FAULT_POINT(viewer_releases);
    pthread_mutex_lock(&viewer->mutex);
    struct attachment *attachment = attachment_find(&viewer->now, frame);
    if (attachment)
        finished = attachment_release(&viewer->now, attachment, frame);
    pthread_mutex_unlock(&viewer->mutex);
    attachment_close(finished);
    return attachment ? 0 : log_failure(ESTALE, "pf_viewer_release(): the frame is not held");
}

static int send_event(struct pf_viewer *viewer, const struct pf_event *event)
{
    switch (handoff_state(&viewer->now.segment)) {
    case LAYOUT_ENDED: return -EPIPE;
    case LAYOUT_MOVED: return -EREMCHG;
    default: break;
    }
    int ret = segment_open_ring(&viewer->now.segment, viewer->now.lane);
    return ret < 0 ? ret : events_send(&viewer->now.segment, viewer->now.lane, event);
}

int pf_viewer_send(struct pf_viewer *viewer, const struct pf_event *event)
{
    if (!viewer || !event || !events_is_valid(event))
        return log_failure(EINVAL, "pf_viewer_send(): no viewer, or not a valid event");
    pthread_mutex_lock(&viewer->mutex);
    int ret = send_event(viewer, event);
    pthread_mutex_unlock(&viewer->mutex);
    return ret;
}

int pf_viewer_wake(struct pf_viewer *viewer)
{
    if (!viewer)
        return -EINVAL; /* no message: this may be a signal handler */
    waker_wake(&viewer->waker);
    return 0;
}

int pf_viewer_wait(struct pf_viewer *viewer, int64_t timeout_ns)
{
    int rings = 0;

    if (!viewer)
        return misuse_null("pf_viewer_wait");
    if (timeout_ns < 0)
        return misuse_negative_timeout("pf_viewer_wait");
    int64_t deadline_ns = clock_deadline_ns(clock_now_ns(), timeout_ns);
    for (;;) {
        doorbell_clear(viewer_doorbell(viewer));
        if (waker_take(&viewer->waker))
            return -EINTR;
        int64_t now_ns = clock_now_ns();
        if (now_ns >= deadline_ns)
            return -EAGAIN;
        int ret = doorbell_wait(viewer_doorbell(viewer),
                                clock_earlier(deadline_ns, now_ns + DOORBELL_SLEEP_MAX_NS));
        if (ret == 0)
            ret = doorbell_throttle(&rings);
        if (ret == -EINTR)
            return -EINTR;
    }
}

const char *pf_viewer_channel(const struct pf_viewer *viewer)
{
    return viewer ? viewer->channel.name : NULL;
}

const struct pf_segment *pf_viewer_segment(const struct pf_viewer *viewer)
{
    return viewer ? &viewer->now.segment.geometry : NULL;
}

int pf_viewer_slot(const struct pf_viewer *viewer, uint32_t slot,
                   struct pf_plane plane[PF_PLANES_MAX])
{
    if (!viewer || !plane)
        return misuse_null("pf_viewer_slot");
    if (slot >= viewer->now.segment.geometry.slots)
        return log_failure(EINVAL, "pf_viewer_slot(): there is no slot %u", slot);
    memset(plane, 0, PF_PLANES_MAX * sizeof *plane);
    segment_planes(&viewer->now.segment, slot, plane);
    return 0;
}

int pf_viewer_stats(const struct pf_viewer *viewer, struct pf_viewer_stats *stats)
{
    if (!viewer || !stats)
        return misuse_null("pf_viewer_stats");
    *stats = viewer->stats;
    return 0;
}
