/* SPDX-License-Identifier: MIT */
/*
 * Events from viewers to the producer. Each lane has a ring with one writer, the viewer that holds
 * the lane's lease, and one reader, the producer. Head and tail count all events, modulo 2^32.
 *
 * The producer trusts nothing in a ring: it keeps its tails in private memory, takes no more events
 * than there were when it began to take them, and skips events of unknown kinds. A viewer can
 * therefore fill its own ring, but it can neither keep the producer in a loop nor keep it from the
 * other rings.
 *
 * A viewer that crashes within an entry has not moved the head. The next viewer on that lane starts
 * at the same head, and overwrites the entry.
 */
#ifndef CORE_EVENTS_H
#define CORE_EVENTS_H

#include "segment.h"

/* Is the kind known, the time not negative, and a text ended by a NUL? */
bool events_is_valid(const struct pf_event *event);

/* Append a valid event to the ring of this lane, which the viewer holds, and ring the producer.
 * Returns 0, or -EAGAIN: the ring is full. */
int events_send(struct segment *segment, uint32_t lane, const struct pf_event *event);

/* A producer's record of the events that it has taken. All zero: none. */
struct events {
    uint32_t tail[PF_VIEWERS_MAX];  /* the next event to take */
    uint32_t limit[PF_VIEWERS_MAX]; /* the heads when the producer began to take events */
    uint32_t lane;                  /* the next one to take an event of */
    bool is_taking;                 /* the limits are set and may not be reached yet */
};

/* Take the next event, of each lane in turn. Returns 0, or -EAGAIN: all events that were there at
 * the first call after the last -EAGAIN have been taken. */
int events_take(struct events *events, struct segment *segment, struct pf_event *event);

/* Is there an event that was not taken? It may be of an unknown kind. */
bool events_are_pending(const struct events *events, const struct segment *segment);

/* Step 4 of a format change (handoff.h): copy the events that were not taken. */
void events_move(const struct events *events, struct segment *from, struct segment *to);

#endif
