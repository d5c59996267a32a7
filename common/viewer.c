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
#include "handoff.h"
#include "log.h"

/* Whether the producer lives is several system calls: not asked more often. */
#define ASK_AGAIN_NS (50 * NS_PER_MS)
/* Between two looks for a producer that is not there yet. */
#define POLL_NS (5 * NS_PER_MS)
/* The lease is there and the id is not: a producer is starting, and clearing the pages of its
 * segment. */
#define STARTING_NS (2 * NS_PER_S)

struct pf_viewer {
    struct channel channel;
    struct segment segment;
    struct pf_viewer_options options;
    struct pf_viewer_stats stats;
    char *key_file;
    uint32_t lane;
    enum lane_mode mode;
    uint64_t seen;              /* sequence of the last frame acquired */
    uint8_t held[PF_SLOTS_MAX]; /* how often each slot is held */
    int64_t last_acquire_ns;
    int64_t asked_ns;    /* when the producer was last known to live: by its lease, or by a frame */
    enum pf_state state; /* RUNNING until the end has been noticed */
    pthread_mutex_t
        door_mutex; /* the segment must not change while another thread rings its door */
    atomic_bool woken;
};

/* ------------------------------------------------------------------ find the producer's segment */

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

static int attach_by_id(struct pf_viewer *viewer, struct segment *segment, bool *is_starting)
{
    struct channel_id id;
    uint64_t mine = channel_ipc_namespace();

    *is_starting = false;
    if (!channel_is_leased(&viewer->channel, CHANNEL_PRODUCER))
        return -ECONNREFUSED;
    *is_starting = true;
    if (channel_read_id(&viewer->channel, &id) < 0)
        return -ECONNREFUSED;
    if (id.ipc_namespace != mine && id.ipc_namespace && mine) {
        log_error("channel \"%s\": its producer is in IPC namespace %llu, this process in %llu; "
                  "share it: "
                  "docker run --ipc=container:ID or --ipc=host",
                  viewer->channel.name, (unsigned long long)id.ipc_namespace,
                  (unsigned long long)mine);
        return -EXDEV;
    }
    return segment_attach(segment, id.shmid, id.nonce);
}

/* By the key a segment is found, and in it the channel's name: from there on it is as if that had
 * been given. */
static int name_of_key(const char *key_file, char name[PF_CHANNEL_BYTES])
{
    struct segment segment;
    int shmid = segment_find_key(key_file);

    if (shmid < 0)
        return shmid;
    int ret = segment_attach(&segment, shmid, NULL);
    if (ret < 0)
        return ret;
    memcpy(name, segment.channel, PF_CHANNEL_BYTES);
    segment_close(&segment);
    return 0;
}

/* Sleep between two looks. Returns 0, or -EAGAIN at the deadline, or -EINTR. */
static int pause_until(int64_t deadline_ns)
{
    int64_t now_ns = clock_now_ns();
    struct timespec pause = clock_timespec(POLL_NS);

    if (now_ns >= deadline_ns)
        return -EAGAIN;
    return nanosleep(&pause, NULL) < 0 && errno == EINTR ? -EINTR : 0;
}

/* Wait for a segment that is not the one of `except` (NULL: any), and attach it. -EAGAIN: none
 * came. */
static int wait_for_segment(struct pf_viewer *viewer, int64_t timeout_ns, const uint8_t *except,
                            struct segment *segment)
{
    int64_t deadline_ns = clock_deadline_ns(clock_now_ns(), timeout_ns);
    int64_t starting_ns = clock_deadline_ns(clock_now_ns(), except ? timeout_ns : STARTING_NS);

    for (;;) {
        bool is_starting;
        int ret = attach_by_id(viewer, segment, &is_starting);

        if (ret == 0) {
            if (!except || memcmp(segment->nonce, except, LAYOUT_NONCE_BYTES) != 0)
                return 0;
            segment_close(segment);
            is_starting = false;
        } else if (ret != -ECONNREFUSED) {
            return ret;
        }
        ret = pause_until(is_starting && starting_ns > deadline_ns ? starting_ns : deadline_ns);
        if (ret < 0)
            return ret;
    }
}

/* ------------------------------------------------------------------ open, reattach, close */

static void join(struct pf_viewer *viewer, const struct segment *segment)
{
    pthread_mutex_lock(&viewer->door_mutex);
    viewer->segment = *segment;
    pthread_mutex_unlock(&viewer->door_mutex);

    viewer->state = PF_RUNNING;
    viewer->mode = viewer->options.every_frame ? LANE_EVERY : LANE_LATEST;
    viewer->last_acquire_ns = clock_now_ns();
    memset(viewer->held, 0, sizeof viewer->held);
    viewer->segment.viewers->lane[viewer->lane].pid = getpid();
    viewer->seen = handoff_join(&viewer->segment, viewer->lane, viewer->mode);
}

static void leave(struct pf_viewer *viewer)
{
    handoff_leave(&viewer->segment, viewer->lane);
    pthread_mutex_lock(&viewer->door_mutex);
    segment_close(&viewer->segment);
    pthread_mutex_unlock(&viewer->door_mutex);
}

static int refuse_no_producer(const char *kind, const char *name)
{
    log_error("%s \"%s\": it has no producer; start one: pageflip-producer, or wait for it: --wait "
              "SECONDS",
              kind, name);
    return -ECONNREFUSED;
}

static int find_channel(struct pf_viewer *viewer, const char *channel)
{
    char name[PF_CHANNEL_BYTES];
    int64_t deadline_ns = clock_deadline_ns(clock_now_ns(), viewer->options.wait_ns);
    int ret;

    if (!viewer->key_file)
        return channel_open(&viewer->channel, channel);
    while ((ret = name_of_key(viewer->key_file, name)) == -ECONNREFUSED) {
        ret = pause_until(deadline_ns);
        if (ret == -EAGAIN)
            return refuse_no_producer("key file", viewer->key_file);
        if (ret < 0)
            return ret;
    }
    return ret < 0 ? ret : channel_open(&viewer->channel, name);
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
        return -ENOMEM;
    made->channel.lock_fd = -1;
    made->options = *options;
    pthread_mutex_init(&made->door_mutex, NULL);

    int ret = -ENOMEM;
    if (options->key_file && !(made->key_file = strdup(options->key_file)))
        goto failed;
    ret = find_channel(made, channel);
    if (ret < 0)
        goto failed;
    ret = take_lane(made);
    if (ret < 0)
        goto failed;
    ret = wait_for_segment(made, options->wait_ns, NULL, &segment);
    if (ret == -EAGAIN)
        ret = refuse_no_producer("channel", made->channel.name);
    if (ret < 0)
        goto failed;
    join(made, &segment);
    *viewer = made;
    return 0;

failed:
    channel_close(&made->channel);
    pthread_mutex_destroy(&made->door_mutex);
    free(made->key_file);
    free(made);
    return ret;
}

int pf_viewer_reattach(struct pf_viewer *viewer, int64_t timeout_ns)
{
    struct segment segment;
    int ret = wait_for_segment(viewer, timeout_ns, viewer->segment.nonce, &segment);

    if (ret < 0)
        return ret;
    leave(viewer);
    join(viewer, &segment);
    return 0;
}

void pf_viewer_close(struct pf_viewer *viewer)
{
    if (!viewer)
        return;
    leave(viewer);
    channel_close(&viewer->channel);
    pthread_mutex_destroy(&viewer->door_mutex);
    free(viewer->key_file);
    free(viewer);
}

/* ------------------------------------------------------------------ the end */

/* Is the producer gone, or in another segment? Asks the system only when nothing has shown for
 * ASK_AGAIN_NS that it lives. */
static enum pf_state ask_state(struct pf_viewer *viewer)
{
    struct channel_id id;
    enum layout_state said = handoff_state(&viewer->segment);
    int64_t now_ns = clock_now_ns();

    if (said == LAYOUT_ENDED)
        return PF_ENDED;
    if (said == LAYOUT_MOVED)
        return PF_MOVED;
    if (now_ns - viewer->asked_ns < ASK_AGAIN_NS)
        return PF_RUNNING;
    viewer->asked_ns = now_ns;

    bool is_alive = channel_is_leased(&viewer->channel, CHANNEL_PRODUCER);
    /* Somebody has the lease. Our producer, unless the id names another segment: then it is a
     * successor. */
    if (is_alive && (channel_read_id(&viewer->channel, &id) < 0 ||
                     memcmp(id.nonce, viewer->segment.nonce, sizeof id.nonce) == 0))
        return PF_RUNNING;
    /* It may have said its last word between the two questions. */
    said = handoff_state(&viewer->segment);
    return said == LAYOUT_ENDED ? PF_ENDED : said == LAYOUT_MOVED ? PF_MOVED : PF_LOST;
}

enum pf_state pf_viewer_state(const struct pf_viewer *viewer)
{
    return viewer->state;
}

/* ------------------------------------------------------------------ a frame */

static void count_loss(struct pf_viewer *viewer)
{
    uint64_t newest = handoff_newest_sequence(&viewer->segment);

    /* The newest is still to be had. */
    if (newest > viewer->seen + 1) {
        viewer->stats.lost_first = viewer->seen + 1;
        viewer->stats.lost_last = newest - 1;
        viewer->stats.lost += newest - 1 - viewer->seen;
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

    if (ret == -ESTALE)
        count_loss(viewer);
    if (ret < 0)
        return ret;
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

    for (;;) {
        /* Drain, look, then sleep: a ring after the drain ends the sleep, a frame before it is
         * seen. */
        handoff_drain_door(&viewer->segment, viewer->lane);
        int ret = claim(viewer, frame);
        if (ret != -EAGAIN)
            return ret;
        if (viewer->state != PF_RUNNING) /* and this was the last look */
            return viewer->state == PF_MOVED ? -EREMCHG : -EPIPE;
        viewer->state = ask_state(viewer);
        if (viewer->state != PF_RUNNING)
            continue;
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
        ret = handoff_wait_door(&viewer->segment, viewer->lane,
                                clock_earlier(deadline_ns, now_ns + HANDOFF_LOOK_AGAIN_NS));
        if (ret == -EINTR)
            return -EINTR;
    }
}

int pf_viewer_acquire_newest(struct pf_viewer *viewer, struct pf_frame *frame)
{
    int ret = handoff_claim_newest(&viewer->segment, viewer->lane, 0, frame);

    if (ret == 0)
        viewer->held[frame->slot]++;
    return ret;
}

void pf_viewer_release(struct pf_viewer *viewer, const struct pf_frame *frame)
{
    assert(frame->slot < PF_SLOTS_MAX && viewer->held[frame->slot] > 0);
    if (--viewer->held[frame->slot] == 0)
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

    for (;;) {
        handoff_drain_door(&viewer->segment, viewer->lane);
        if (atomic_exchange(&viewer->woken, false))
            return -EINTR;
        int64_t now_ns = clock_now_ns();
        if (now_ns >= deadline_ns)
            return -EAGAIN;
        if (handoff_wait_door(&viewer->segment, viewer->lane,
                              clock_earlier(deadline_ns, now_ns + HANDOFF_LOOK_AGAIN_NS)) == -EINTR)
            return -EINTR;
    }
}

const struct pf_segment *pf_viewer_segment(const struct pf_viewer *viewer)
{
    return &viewer->segment.geometry;
}

void pf_viewer_stats(const struct pf_viewer *viewer, struct pf_viewer_stats *stats)
{
    *stats = viewer->stats;
}
