/* SPDX-License-Identifier: MIT */
/*
 * Events from viewers to the producer. Each lane has a ring with one writer, the viewer that holds
 * the lane's lease, and one reader, the producer. Head and tail count all events, modulo 2^32.
 *
 * The producer trusts nothing in a ring: it keeps its tails in private memory, takes no more events
 * than there were when it began to take them, and skips events of unknown kinds. So a viewer can
 * fill its own ring, and cannot keep the producer in a loop or keep it from the other rings.
 *
 * A viewer that crashes within an entry has not moved the head. The next viewer on that lane starts
 * at the same head, and overwrites the entry.
 */
#ifndef CORE_EVENTS_H
#define CORE_EVENTS_H

#include "segment.h"

/* Can a viewer send it? */
bool events_is_valid(const struct pf_event *event);

/* Append a valid event to the ring of this lane, which the viewer holds, and ring the producer.
 * Returns 0, or -EAGAIN: the ring is full. */
int events_send(struct segment *segment, uint32_t lane, const struct pf_event *event);

/* Of a producer. All zero: none was taken. */
struct events {
    uint32_t tail[PF_VIEWERS_MAX];  /* the next event to take */
    uint32_t limit[PF_VIEWERS_MAX]; /* the heads when the producer began to take events */
    uint32_t lane;                  /* whose turn it is */
    bool is_taking;                 /* has not taken all events up to the limits */
};

/* Take the next event, of each lane in turn. Returns 0, or -EAGAIN: there is none, or all events
 * that there were at the first call after the last -EAGAIN have been taken. */
int events_take(struct events *events, struct segment *segment, struct pf_event *event);

bool events_are_pending(const struct events *events, const struct segment *segment);

/* Step 4 of a format change (handoff.h): copy the events that were not taken. */
void events_move(const struct events *events, struct segment *from, struct segment *to);

#endif
