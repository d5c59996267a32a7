/* SPDX-License-Identifier: MIT */
/*
 * The state of a viewer, for viewer*.c only: viewer_segment.c joins and leaves segments, viewer.c
 * reads frames.
 *
 * One thread owns the viewer. Other threads may hold, release, send and wake. The mutex protects
 * what a hold, a release and a send change: the attachments, the frames that are held, the lane's
 * word, and the lane's event ring. Only the owner writes now.segment and now.lane (a send changes
 * only has_open_ring there), so that it reads them without the mutex. The mutex is never locked
 * during a wait for the producer. A wake cannot lock it, since it may come from a signal handler:
 * see waker.h.
 */
#ifndef CORE_VIEWER_H
#define CORE_VIEWER_H

#include <pthread.h>

#include "attachment.h"
#include "handoff.h"
#include "waiting.h"
#include "waker.h"

struct pf_viewer {
    struct channel channel;
    struct attachment now; /* what is mapped; its earlier ones have frames that are still held */
    struct pf_viewer_options options;
    struct pf_viewer_stats stats;
    struct waiting waiting; /* for a stream to start, and for its first frame */
    enum lane_mode mode;
    struct handoff_stream stream;
    uint64_t seen;              /* the next frame for this viewer has a higher sequence */
    uint64_t passed;            /* number in the stream of the last frame acquired; 0: none yet */
    struct pf_format format;    /* of the last frame acquired */
    uint32_t format_generation; /* of that frame; 0: none yet */
    int64_t last_acquire_ns;
    int64_t checked_ns;  /* when a lease or a new frame last showed that the producer is running */
    enum pf_state state; /* PF_RUNNING until another state has been detected */
    pthread_mutex_t mutex;
    struct waker waker;
};

static inline _Atomic uint32_t *viewer_doorbell(const struct pf_viewer *viewer)
{
    return &viewer->now.segment.viewers->lane[viewer->now.lane].doorbell;
}

/* Count `frames` lost frames, the last of which has the sequence `last`. */
void viewer_count_lost(struct pf_viewer *viewer, uint64_t last, uint64_t frames);

/* As pf_viewer_reattach(), with a deadline. */
int viewer_reattach(struct pf_viewer *viewer, int64_t deadline_ns);

#endif
