/* SPDX-License-Identifier: MIT */
/*
 * pf_viewer_*: open, reattach, close.
 *
 * A viewer has a lane while it is open. It takes the lane's lease first and keeps it in every
 * segment of the channel. A segment stays mapped until the viewer has left it and has released the
 * last of its frames.
 */
#include "viewer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "discover.h"
#include "doorbell.h"
#include "fault.h"
#include "log.h"
#include "misuse.h"

/* Between MOVED and the id file of the next segment a producer needs less than a millisecond; more
 * if it is not scheduled in between. */
#define FOLLOW_WAIT_NS (250 * NS_PER_MS)

/* Interval between searches for the next segment. */
#define REATTACH_POLL_NS (5 * NS_PER_MS)

/* ------------------------------------------------------------------ open, reattach, close */

/* Join the segment that was attached. Returns whether the viewer was expected there: then the
 * segment has kept every frame for it. */
static bool join(struct pf_viewer *viewer)
{
    struct segment *segment = &viewer->now.segment;
    struct handoff_stream stream = handoff_stream(segment);

    if (stream.id != viewer->stream.id)
        viewer->passed = 0;
    viewer->stream = stream;
    viewer->state = PF_RUNNING;
    viewer->mode = viewer->options.every_frame ? LANE_EVERY : LANE_LATEST;
    viewer->last_acquire_ns = clock_now_ns();
    segment->viewers->lane[viewer->now.lane].pid = getpid();
    FAULT_POINT(viewer_attached);
    viewer->seen = 0;
    bool is_expected =
        viewer->mode == LANE_EVERY && handoff_join_expected(segment, viewer->now.lane);
    if (!is_expected)
        viewer->seen = handoff_join(segment, viewer->now.lane, viewer->mode);
    /* From now on the segment keeps every frame for an every-frame viewer, but not for another
     * one. */
    if (viewer->mode == LANE_EVERY)
        waiting_end(&viewer->waiting);
    else
        waiting_joined(&viewer->waiting);
    segment_populate(segment); /* after the join: no frame is lost meanwhile */
    return is_expected;
}

/* Leave the segment, and be attached to `next` instead. Returns true if frames of the old segment
 * are held: then `old` has become an attachment with these frames. It also has the old channel,
 * which has the lease of the old lane, unless `channel` is that one. */
static bool leave_for(struct pf_viewer *viewer, const struct segment *next, uint32_t lane,
                      const struct channel *channel, struct attachment *old)
{
    bool is_same_channel = channel->lock_fd == viewer->channel.lock_fd;

    pthread_mutex_lock(&viewer->mutex);
    bool is_held = attachment_holds_any(&viewer->now);
    *old = viewer->now;
    if (!is_same_channel)
        old->channel = viewer->channel;
    attachment_leave(old);
    viewer->now = (struct attachment){.segment = *next, .lane = lane, .channel.lock_fd = -1};
    viewer->now.earlier = is_held ? old : old->earlier;
    waker_use(&viewer->waker, viewer_doorbell(viewer)); /* before `old` can be closed */
    pthread_mutex_unlock(&viewer->mutex);
    viewer->channel = *channel;
    return is_held;
}

/* Leave the segment for the channel's next one. `waiting` is NULL if the stream continues there:
 * its producer expects its viewers. Returns 0 and whether this viewer was expected, or a negative
 * errno: then it is still attached to the old segment. */
static int switch_segment(struct pf_viewer *viewer, int64_t deadline_ns, struct waiting *waiting,
                          bool *is_expected)
{
    struct segment segment;
    struct channel channel = viewer->channel;
    uint32_t lane = viewer->now.lane;
    int ret = discover_next(&channel, &lane, viewer->now.segment.geometry.nonce, viewer->stream.id,
                            deadline_ns, waiting, &segment);

    if (ret < 0)
        return ret;
    struct attachment *old = calloc(1, sizeof *old);
    if (!old) {
        segment_close(&segment);
        if (channel.lock_fd != viewer->channel.lock_fd)
            channel_close(&channel);
        return log_out_of_memory("viewer");
    }
    segment.generation = viewer->now.segment.generation + 1;
    FAULT_POINT(start_has_next_segment);
    bool is_held = leave_for(viewer, &segment, lane, &channel, old);
    *is_expected = join(viewer);
    if (!is_held)
        attachment_close(old);
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
           handoff_state(&viewer->now.segment) == LAYOUT_MOVED) {
        ret = switch_segment(viewer, deadline_ns, NULL, &is_expected);
        if (ret < 0 && ret != -EAGAIN && ret != -EINTR)
            return ret;
    }
    return 0;
}

static int check_options(const char *channel, const struct pf_viewer_options *options)
{
    for (size_t i = 0; i < sizeof options->reserved / sizeof *options->reserved; i++)
        if (options->reserved[i])
            return log_failure(EINVAL,
                               "pf_viewer_open(): a reserved field of the options is not zero");
    if (!channel && !options->key_file)
        return misuse_null("pf_viewer_open");
    if (options->wait_ns < 0 || options->spin_ns < 0)
        return log_failure(EINVAL,
                           "viewer of channel \"%s\": wait_ns and spin_ns must be 0 or more",
                           channel ? channel : "");
    return 0;
}

int pf_viewer_open(struct pf_viewer **viewer, const char *channel,
                   const struct pf_viewer_options *options)
{
    static const struct pf_viewer_options defaults;

    if (!viewer)
        return misuse_null("pf_viewer_open");
    *viewer = NULL;
    if (!options)
        options = &defaults;
    int ret = check_options(channel, options);
    if (ret < 0)
        return ret;
    struct pf_viewer *made = calloc(1, sizeof *made);
    if (!made)
        return log_out_of_memory("viewer");
    made->waiting.fd = -1;
    made->options = *options;
    made->now.channel.lock_fd = -1;
    pthread_mutex_init(&made->mutex, NULL);

    int64_t deadline_ns = clock_deadline_ns(clock_now_ns(), options->wait_ns);
    ret = discover_first(&made->channel, &made->now.lane, channel, options, deadline_ns,
                         &made->waiting, &made->now.segment);
    if (ret < 0) {
        waiting_end(&made->waiting);
        pthread_mutex_destroy(&made->mutex);
        free(made);
        return ret;
    }
    made->now.segment.generation = 1;
    waker_use(&made->waker, viewer_doorbell(made));
    /* A new viewer can take over the lane of a crashed viewer that was expected: then it also gets
     * the frames that were kept for that one, unless the format has changed again meanwhile: it is
     * new, so that it may skip them. */
    join(made);
    ret = leave_moved_segment(made);
    if (ret < 0) {
        pf_viewer_close(made);
        return ret;
    }
    *viewer = made;
    return 0;
}

/* As switch_segment(), but a wake and a signal end the wait. */
static int find_next_segment(struct pf_viewer *viewer, int64_t deadline_ns, bool *is_expected)
{
    int rings = 0;

    for (;;) {
        int64_t now_ns = clock_now_ns();
        bool is_waiting = now_ns < deadline_ns && viewer->state != PF_FORMAT_CHANGED;

        doorbell_clear(viewer_doorbell(viewer));
        int ret = switch_segment(viewer, now_ns, is_waiting ? &viewer->waiting : NULL, is_expected);
        if (ret != -EAGAIN)
            return ret;
        if (waker_take(&viewer->waker))
            return -EINTR;
        now_ns = clock_now_ns();
        if (now_ns >= deadline_ns)
            return -EAGAIN;
        ret = doorbell_wait(viewer_doorbell(viewer),
                            clock_earlier(deadline_ns, now_ns + REATTACH_POLL_NS));
        if (ret == 0)
            ret = doorbell_throttle(&rings);
        if (ret == -EINTR)
            return -EINTR;
        pf_viewer_state(viewer); /* the stream can end after a format change */
    }
}

int viewer_reattach(struct pf_viewer *viewer, int64_t deadline_ns)
{
    struct handoff_stream stream = viewer->stream;
    uint64_t before = stream.frames + viewer->seen;
    int64_t last_acquire_ns = viewer->last_acquire_ns;
    bool is_expected = false;
    int ret = find_next_segment(viewer, deadline_ns, &is_expected);

    if (ret == 0 && !is_expected)
        ret = leave_moved_segment(viewer);
    uint64_t now = viewer->stream.frames + viewer->seen;
    if (viewer->options.every_frame && viewer->stream.id == stream.id && now > before) {
        /* The same stream, and frames between: the viewer was evicted before it joined here. */
        viewer_count_lost(viewer, viewer->seen, now - before);
        viewer->stats.evicted_after_ns = clock_now_ns() - last_acquire_ns;
    }
    return ret;
}

int pf_viewer_reattach(struct pf_viewer *viewer, int64_t timeout_ns)
{
    if (!viewer)
        return misuse_null("pf_viewer_reattach");
    if (timeout_ns < 0)
        return misuse_negative_timeout("pf_viewer_reattach");
    return viewer_reattach(viewer, clock_deadline_ns(clock_now_ns(), timeout_ns));
}

void pf_viewer_close(struct pf_viewer *viewer)
{
    if (!viewer)
        return;
    waker_use(&viewer->waker, NULL); /* a signal handler may still wake */
    memset(viewer->now.held, 0, sizeof viewer->now.held);
    attachment_leave(&viewer->now);
    segment_close(&viewer->now.segment);
    while (viewer->now.earlier) {
        struct attachment *old = viewer->now.earlier;
        viewer->now.earlier = old->earlier;
        handoff_leave(&old->segment, old->lane);
        attachment_close(old);
    }
    FAULT_POINT(viewer_left);
    channel_close(&viewer->channel);
    waiting_end(&viewer->waiting);
    pthread_mutex_destroy(&viewer->mutex);
    free(viewer);
}
