/* SPDX-License-Identifier: MIT */
/*
 * pf_viewer_*: the end of a channel that reads.
 *
 * A viewer has a lane for as long as it is open: its lease is taken first and kept over every
 * segment that the channel goes through. It writes nothing but its lane's word and the doorbells,
 * and believes nothing that it reads from the segment without a check.
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
#include "fault.h"
#include "handoff.h"
#include "log.h"
#include "lookup.h"

/* Whether the producer lives is several system calls: not asked more often. */
#define ASK_AGAIN_NS (50 * NS_PER_MS)

/* Between a segment's last word and the id of the next one is less than a millisecond; a producer
 * that has no processor in it may need longer. */
#define SETTLE_NS (250 * NS_PER_MS)

struct pf_viewer {
    struct channel channel;
    struct segment segment;
    struct pf_viewer_options options;
    struct pf_viewer_stats stats;
    uint32_t lane;
    enum lane_mode mode;
    struct handoff_stream stream;
    uint64_t seen;              /* sequence of the last frame acquired */
    uint8_t held[PF_SLOTS_MAX]; /* how often each slot is held */
    int64_t last_acquire_ns;
    int64_t asked_ns;    /* when the producer was last known to live: by its lease, or by a frame */
    enum pf_state state; /* RUNNING until the end has been noticed */
    pthread_mutex_t
        door_mutex; /* the segment must not change while another thread rings its door */
    atomic_bool woken;
};

/* ------------------------------------------------------------------ open, reattach, close */

static int take_lane(struct pf_viewer *viewer)
{
    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++) {
        int ret = channel_lease(&viewer->channel, CHANNEL_LANE_0 + (int)i);
        if (ret == -EAGAIN)
            continue;
        viewer->lane = i;
        return ret;
    }
    log_error("channel \"%s\": all %d viewer lanes are in use; end another viewer first",
              viewer->channel.name, PF_VIEWERS_MAX);
    return -EBUSY;
}

/* Returns whether the viewer was expected there: then every frame has been kept for it. */
static bool join(struct pf_viewer *viewer, const struct segment *segment)
{
    pthread_mutex_lock(&viewer->door_mutex);
    viewer->segment = *segment;
    pthread_mutex_unlock(&viewer->door_mutex);

    viewer->stream = handoff_stream(segment);
    viewer->state = PF_RUNNING;
    viewer->mode = viewer->options.every_frame ? LANE_EVERY : LANE_LATEST;
    viewer->last_acquire_ns = clock_now_ns();
    memset(viewer->held, 0, sizeof viewer->held);
    viewer->segment.viewers->lane[viewer->lane].pid = getpid();
    FAULT_POINT(viewer_attached);
    viewer->seen = 0;
    if (viewer->mode == LANE_EVERY && handoff_come_over(&viewer->segment, viewer->lane))
        return true;
    viewer->seen = handoff_join(&viewer->segment, viewer->lane, viewer->mode);
    return false;
}

static void leave(struct pf_viewer *viewer)
{
    FAULT_POINT(viewer_leaves);
    handoff_leave(&viewer->segment, viewer->lane);
}

/* So many frames are lost, the last of them with this sequence. */
static void note_loss(struct pf_viewer *viewer, uint64_t last, uint64_t frames)
{
    viewer->stats.lost_first = last + 1 - (frames < last ? frames : last);
    viewer->stats.lost_last = last;
    viewer->stats.lost += frames;
}

/* Leave the segment for the channel's next one. Returns 0 and whether the viewer was expected
 * there, or a negative errno: it is still where it was. */
static int move_over(struct pf_viewer *viewer, int64_t deadline_ns, bool *is_expected)
{
    struct segment segment, old = viewer->segment;
    int ret = lookup_segment(&viewer->channel, deadline_ns, old.nonce, &segment);

    if (ret < 0)
        return ret;
    FAULT_POINT(start_has_next_segment);
    leave(viewer);
    /* The one takes the other's place at once: another thread always finds a door to ring. */
    *is_expected = join(viewer, &segment);
    segment_close(&old);
    return 0;
}

/*
 * For an every-frame viewer that was not expected where it is. If that segment has said MOVED by
 * now, it may have said so before the viewer joined, and then nobody is expected in the next one:
 * go on at once. Returns 0, also if the next one does not come, or a negative errno, logged.
 */
static int settle(struct pf_viewer *viewer)
{
    int64_t deadline_ns = clock_deadline_ns(clock_now_ns(), SETTLE_NS);
    bool is_expected = false;
    int ret = 0;

    while (!is_expected && ret != -EAGAIN && viewer->mode == LANE_EVERY &&
           handoff_state(&viewer->segment) == LAYOUT_MOVED) {
        ret = move_over(viewer, deadline_ns, &is_expected);
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

    if (!options)
        options = &defaults;
    if (options->wait_ns < 0 || options->spin_ns < 0) {
        log_error("viewer of \"%s\": a time to wait or spin is negative; use 0 or more", channel);
        return -EINVAL;
    }
    struct pf_viewer *made = calloc(1, sizeof *made);
    if (!made)
        return log_out_of_memory("viewer");
    made->channel.lock_fd = -1;
    made->options = *options;
    pthread_mutex_init(&made->door_mutex, NULL);

    int64_t deadline_ns = clock_deadline_ns(clock_now_ns(), options->wait_ns);
    int ret = lookup_channel(&made->channel, channel, options, deadline_ns);
    if (ret < 0)
        goto failed;
    FAULT_POINT(start_opened_channel);
    ret = take_lane(made);
    if (ret < 0)
        goto failed;
    FAULT_POINT(viewer_has_lane);
    ret = lookup_segment(&made->channel, deadline_ns, NULL, &segment);
    if (ret < 0)
        goto failed;
    join(made, &segment);
    ret = settle(made);
    if (ret < 0) {
        pf_viewer_close(made);
        return ret;
    }
    *viewer = made;
    return 0;

failed:
    channel_close(&made->channel);
    pthread_mutex_destroy(&made->door_mutex);
    free(made);
    return ret;
}

int pf_viewer_reattach(struct pf_viewer *viewer, int64_t timeout_ns)
{
    struct handoff_stream stream = viewer->stream;
    uint64_t before = stream.frames + viewer->seen;
    int64_t last_acquire_ns = viewer->last_acquire_ns;
    bool is_expected;
    int ret = move_over(viewer, clock_deadline_ns(clock_now_ns(), timeout_ns), &is_expected);

    if (ret == 0 && !is_expected)
        ret = settle(viewer);
    uint64_t now = viewer->stream.frames + viewer->seen;
    if (viewer->options.every_frame && viewer->stream.id == stream.id && now > before) {
        /* The same stream, and frames of it are gone: it was evicted before it came here. */
        note_loss(viewer, viewer->seen, now - before);
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
    pthread_mutex_destroy(&viewer->door_mutex);
    free(viewer);
}

/* ------------------------------------------------------------------ the end */

/* It went on in another segment, and nobody has joined that yet. */
static enum pf_state state_after_move(struct pf_viewer *viewer)
{
    struct channel_id id;

    if (channel_is_leased(&viewer->channel, CHANNEL_PRODUCER))
        return PF_FORMAT_CHANGED;
    /* An orderly end takes the id along. */
    return channel_read_id(&viewer->channel, &id) == 0 ? PF_CRASHED : PF_ENDED;
}

static enum pf_state state_by_lease(struct pf_viewer *viewer)
{
    struct channel_id id;

    if (channel_is_leased(&viewer->channel, CHANNEL_PRODUCER)) {
        bool has_id = channel_read_id(&viewer->channel, &id) == 0;
        enum layout_state said = handoff_state(&viewer->segment);
        if (has_id && memcmp(id.nonce, viewer->segment.nonce, sizeof id.nonce) == 0)
            return PF_RUNNING; /* whatever the segment says: it is the channel's */
        /* Between two producers. Ours takes its id away after it has said END. */
        if (!has_id && said != LAYOUT_ENDED && said != LAYOUT_MOVED)
            return PF_RUNNING;
        /* Another id: ours went on, and said MOVED before that; or a successor has the lease. */
    }
    /* It may have said its last word between the two questions. */
    switch (handoff_state(&viewer->segment)) {
    case LAYOUT_ENDED: return PF_ENDED;
    case LAYOUT_MOVED: return PF_FORMAT_CHANGED;
    default: return PF_CRASHED;
    }
}

/*
 * Is the producer gone, or in another segment? Asks the system only when nothing has shown for
 * ASK_AGAIN_NS that it lives, or when the segment has come to say that it is over: a word that
 * anybody may have damaged, so it only says how it ended. That it ended is known by the lease and
 * the id file.
 */
static enum pf_state ask_state(struct pf_viewer *viewer)
{
    enum layout_state said = handoff_state(&viewer->segment);
    int64_t now_ns = clock_now_ns();
    bool is_news = said != LAYOUT_RUNNING && viewer->state == PF_RUNNING;

    if (!is_news && now_ns - viewer->asked_ns < ASK_AGAIN_NS)
        return viewer->state;
    viewer->asked_ns = now_ns;
    return viewer->state == PF_FORMAT_CHANGED ? state_after_move(viewer) : state_by_lease(viewer);
}

enum pf_state pf_viewer_state(struct pf_viewer *viewer)
{
    if (viewer->state == PF_RUNNING || viewer->state == PF_FORMAT_CHANGED)
        viewer->state = ask_state(viewer);
    return viewer->state;
}

/* ------------------------------------------------------------------ a frame */

static void count_loss(struct pf_viewer *viewer)
{
    uint64_t newest = handoff_newest_sequence(&viewer->segment);

    /* The newest is still to be had. */
    if (newest > viewer->seen + 1) {
        note_loss(viewer, newest - 1, newest - 1 - viewer->seen);
        viewer->seen = newest - 1;
    }
    viewer->stats.evicted_after_ns = clock_now_ns() - viewer->last_acquire_ns;
    viewer->mode = LANE_LATEST;
}

static int claim(struct pf_viewer *viewer, struct pf_frame *frame)
{
    int ret = viewer->mode == LANE_EVERY
                  ? handoff_claim_next(&viewer->segment, viewer->lane, viewer->seen, frame)
                  : handoff_claim_newest(&viewer->segment, viewer->lane, viewer->seen, frame);

    if (ret == -ESTALE) {
        FAULT_POINT(viewer_saw_eviction);
        count_loss(viewer);
    }
    if (ret < 0)
        return ret;
    FAULT_POINT(viewer_claimed);
    if (viewer->mode == LANE_LATEST && viewer->seen)
        viewer->stats.skipped += frame->sequence - viewer->seen - 1;
    viewer->seen = frame->sequence;
    viewer->held[frame->slot]++;
    viewer->stats.acquired++;
    viewer->last_acquire_ns = frame->acquire_ns;
    /* Who publishes lives. What the segment says is believed only if it is not in the future. */
    viewer->asked_ns = clock_earlier(frame->publish_ns, frame->acquire_ns);
    return 0;
}

/* Watch for a frame without sleeping. Cheaper for the next one, dearer for everybody else. */
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
        /* Drain, look, then sleep: a ring after the drain ends the sleep, a frame before it is
         * seen. */
        handoff_drain_door(&viewer->segment, viewer->lane);
        FAULT_POINT(viewer_polls);
        int ret = claim(viewer, frame);
        if (ret != -EAGAIN)
            return ret;
        if (viewer->state != PF_RUNNING) /* and this was the last look */
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
        ret = handoff_wait_door(&viewer->segment, viewer->lane,
                                clock_earlier(deadline_ns, now_ns + HANDOFF_LOOK_AGAIN_NS));
        FAULT_POINT(viewer_woke);
        if (ret == 0)
            ret = handoff_calm_down(&rings);
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
        handoff_let_go(&viewer->segment, viewer->lane, frame->slot);
}

void pf_viewer_wake(struct pf_viewer *viewer)
{
    atomic_store(&viewer->woken, true);
    pthread_mutex_lock(&viewer->door_mutex);
    handoff_ring_door(&viewer->segment, viewer->lane);
    pthread_mutex_unlock(&viewer->door_mutex);
}

int pf_viewer_wait(struct pf_viewer *viewer, int64_t timeout_ns)
{
    int64_t deadline_ns = clock_deadline_ns(clock_now_ns(), timeout_ns);
    int rings = 0;

    for (;;) {
        handoff_drain_door(&viewer->segment, viewer->lane);
        if (atomic_exchange(&viewer->woken, false))
            return -EINTR;
        int64_t now_ns = clock_now_ns();
        if (now_ns >= deadline_ns)
            return -EAGAIN;
        int ret = handoff_wait_door(&viewer->segment, viewer->lane,
                                    clock_earlier(deadline_ns, now_ns + HANDOFF_LOOK_AGAIN_NS));
        if (ret == 0)
            ret = handoff_calm_down(&rings);
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
