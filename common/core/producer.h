/* SPDX-License-Identifier: MIT */
/* The state of a producer, for producer*.c only. */
#ifndef CORE_PRODUCER_H
#define CORE_PRODUCER_H

#include "events.h"
#include "handoff.h"
#include "pacing.h"
#include "waiting.h"
#include "waker.h"

/* How long a lane has blocked the producer with the same word, that is, without acquiring or
 * releasing a frame. */
struct stall {
    uint64_t word;
    int64_t since_ns; /* 0: does not block */
    int64_t warned_ns;
};

struct pf_producer {
    struct channel channel;
    struct segment segment;
    struct handoff handoff;
    struct handoff_stream stream;
    struct events events;
    struct pf_producer_stats stats;
    int64_t evict_after_ns;
    int64_t reap_ns;  /* last scan for lanes of crashed viewers */
    int64_t files_ns; /* last check of the channel's files */
    struct awaited awaited;
    char *key_file;
    /* The begun frame. */
    bool begun;
    uint32_t begun_slot;
    int64_t begun_ns;
    struct stall stall[PF_VIEWERS_MAX];
    struct waker waker;
    /* The grid of pf_producer_tick(). */
    struct pacing pacing;
    bool has_ticks;      /* the grid has begun */
    bool tick_is_waited; /* tick_ns is due next; else it has passed */
    int64_t tick_ns;
};

/* Returns 0, or, logged, -EBUSY: a frame is begun. */
int producer_check_not_begun(const struct pf_producer *producer, const char *call);

/* Step 1 of a format change (handoff.h). Returns 0, -EAGAIN (timeout) or -EINTR. */
int producer_wait_for_expected(struct pf_producer *producer, int64_t timeout_ns);

/* What does not have to be done for each frame: reap lanes, restore files. */
void producer_check_from_time_to_time(struct pf_producer *producer, int64_t now_ns);

/* The format has changed: continue the grid of ticks at its rate. */
void producer_change_rate(struct pf_producer *producer);

#endif
