/* SPDX-License-Identifier: MIT */
/* pf_producer_*: the waits for anything but a free slot (the next tick, viewers, events), the wake
 * that ends each wait, and queries. */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "doorbell.h"
#include "log.h"
#include "misuse.h"
#include "producer.h"

int pf_producer_wake(struct pf_producer *producer)
{
    if (!producer)
        return -EINVAL; /* no message: this may be a signal handler */
    waker_wake(&producer->waker);
    return 0;
}

/* ------------------------------------------------------------------ ticks */

void producer_change_rate(struct pf_producer *producer)
{
    const struct pf_format *format = &producer->segment.geometry.format;
    struct pacing *pacing = &producer->pacing;

    if (!producer->has_ticks ||
        (format->rate_num == pacing->num && format->rate_den == pacing->den))
        return;
    if (!format->rate_num) {
        producer->has_ticks = producer->tick_is_waited = false;
        return;
    }
    pacing_change_rate(pacing, format->rate_num, format->rate_den, producer->tick_ns);
    pacing_next_ns(pacing, producer->tick_ns); /* that tick is the first one of the new rate */
}

int pf_producer_tick(struct pf_producer *producer, int64_t *due_ns)
{
    if (!producer || !due_ns)
        return misuse_null(__func__);
    const struct pf_format *format = &producer->segment.geometry.format;
    struct waker *waker = &producer->waker;
    if (!format->rate_num)
        return log_failure(EINVAL, "%s(): the format has no rate", __func__);
    int64_t now_ns = clock_now_ns();
    if (!producer->has_ticks)
        pacing_change_rate(&producer->pacing, format->rate_num, format->rate_den, now_ns);
    producer->has_ticks = true;
    if (!producer->tick_is_waited)
        producer->tick_ns = pacing_next_ns(&producer->pacing, now_ns);
    producer->tick_is_waited = true;
    do {
        doorbell_clear(&waker->own_doorbell);
        if (waker_take(waker))
            return -EINTR;
        if (clock_now_ns() >= producer->tick_ns) {
            producer->tick_is_waited = false;
            *due_ns = producer->tick_ns;
            return 0;
        }
    } while (doorbell_wait(&waker->own_doorbell, producer->tick_ns) != -EINTR);
    return -EINTR;
}

/* ------------------------------------------------------------------ viewers and their events */

/* The viewers that get the frames published from now on. */
static uint32_t count_joined(struct pf_producer *producer)
{
    uint32_t joined = 0;

    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++)
        joined += handoff_lane_mode(&producer->segment, i) != LANE_FREE &&
                  channel_is_leased(&producer->channel, CHANNEL_LANE_0 + (int)i);
    return joined;
}

static bool have_joined(struct pf_producer *producer, uint32_t count)
{
    return count_joined(producer) >= count;
}

static bool has_event(struct pf_producer *producer, uint32_t unused)
{
    (void)unused;
    return events_are_pending(&producer->events, &producer->segment);
}

/* Returns 0 when `is_over` is true, or -EAGAIN or -EINTR. */
static int wait_until(struct pf_producer *producer, int64_t timeout_ns,
                      bool (*is_over)(struct pf_producer *producer, uint32_t count), uint32_t count)
{
    _Atomic uint32_t *doorbell = &producer->segment.viewers->producer_doorbell;
    int64_t now_ns = clock_now_ns(), deadline_ns = clock_deadline_ns(now_ns, timeout_ns);
    int rings = 0;

    for (;;) {
        producer_check_from_time_to_time(producer, now_ns);
        doorbell_clear(doorbell);
        if (is_over(producer, count))
            return 0;
        if (waker_take(&producer->waker))
            return -EINTR;
        now_ns = clock_now_ns();
        if (now_ns >= deadline_ns)
            return -EAGAIN;
        int ret =
            doorbell_wait(doorbell, clock_earlier(deadline_ns, now_ns + DOORBELL_SLEEP_MAX_NS));
        if (ret == 0)
            ret = doorbell_throttle(&rings);
        if (ret == -EINTR)
            return ret;
    }
}

int pf_producer_wait_viewers(struct pf_producer *producer, uint32_t count, int64_t timeout_ns)
{
    if (!producer)
        return misuse_null(__func__);
    if (timeout_ns < 0)
        return misuse_negative_timeout(__func__);
    if (count > PF_VIEWERS_MAX)
        return log_failure(EINVAL, "%s(): %u viewers: at most %d can join", __func__, count,
                           PF_VIEWERS_MAX);
    return wait_until(producer, timeout_ns, have_joined, count);
}

int pf_producer_wait_event(struct pf_producer *producer, int64_t timeout_ns)
{
    if (!producer)
        return misuse_null(__func__);
    if (timeout_ns < 0)
        return misuse_negative_timeout(__func__);
    return wait_until(producer, timeout_ns, has_event, 0);
}

/* ------------------------------------------------------------------ queries */

const struct pf_segment *pf_producer_segment(const struct pf_producer *producer)
{
    return producer ? &producer->segment.geometry : NULL;
}

int pf_producer_slot(const struct pf_producer *producer, uint32_t slot,
                     struct pf_plane plane[PF_PLANES_MAX])
{
    if (!producer || !plane)
        return misuse_null(__func__);
    if (slot >= producer->segment.geometry.slots)
        return log_failure(EINVAL, "%s(): there is no slot %u", __func__, slot);
    memset(plane, 0, PF_PLANES_MAX * sizeof *plane);
    segment_planes(&producer->segment, slot, plane);
    return 0;
}

int pf_producer_stats(const struct pf_producer *producer, struct pf_producer_stats *stats)
{
    if (!producer || !stats)
        return misuse_null(__func__);
    *stats = producer->stats;
    stats->late_ticks = producer->pacing.skipped;
    for (int i = 0; i < PF_VIEWERS_MAX; i++)
        stats->viewers += channel_is_leased(&producer->channel, CHANNEL_LANE_0 + i);
    return 0;
}
