/* SPDX-License-Identifier: MIT */
/*
 * The handoff: who may touch which slot, and the doorbells that wake a sleeper. Lock-free; nothing
 * here blocks but handoff_wait_*(). The only module that calls futex().
 *
 * One word per viewer, its lane, says all that it wants and holds:
 *
 *     newest   sequence << 3 | slot                     written by the producer
 *     meta[k]  what is known of the frame in slot k     written by the producer
 *     lane[i]  NEXT << 10 | HELD << 2 | MODE            written by the viewer that holds lease i
 *
 *     MODE   FREE, LATEST, EVERY, or EXPECTED: as EVERY, but its viewer is still in the segment
 *            before this one
 *     HELD   the slots it is reading now, one bit each
 *     NEXT   the first frame that an every-frame viewer still wants
 *
 * The whole rule: the producer must not draw in slot k while k is `newest`, or some lane has HELD
 * k, or some EVERY or EXPECTED lane has NEXT <= the sequence in k.
 */
#ifndef HANDOFF_H
#define HANDOFF_H

#include "clock.h"
#include "segment.h"

/* A sleeper looks again at least so often: who is killed rings no bell. */
#define HANDOFF_LOOK_AGAIN_NS (100 * NS_PER_MS)

/* A ring that brings nothing costs one look. More than these in one wait come from damage or
 * malice; from then on each costs a sleep, too: nobody can keep a core busy from outside. */
#define HANDOFF_RINGS_MAX 64
#define HANDOFF_CALM_NS NS_PER_MS

enum lane_mode { LANE_FREE = 0, LANE_LATEST = 1, LANE_EVERY = 2, LANE_EXPECTED = 3 };

#define LANE_MODE_MASK UINT64_C(3)
#define LANE_MODE(word) ((enum lane_mode)((word)&LANE_MODE_MASK))
#define LANE_WANTS_EVERY(word) (((word)&2) != 0) /* EVERY or EXPECTED */
#define LANE_HELD(slot) (UINT64_C(4) << (slot))
#define LANE_NEXT_SHIFT 10
#define LANE_NEXT(word) ((word) >> LANE_NEXT_SHIFT)
#define LANE_WORD(mode, next) ((uint64_t)(next) << LANE_NEXT_SHIFT | (uint64_t)(mode))

#define NEWEST_SEQUENCE(word) ((word) >> 3)
#define NEWEST_SLOT(word) ((uint32_t)((word)&7))
#define NEWEST_WORD(sequence, slot) ((uint64_t)(sequence) << 3 | (slot))

/* The words and doorbells of a new segment. */
void handoff_init(struct layout_producer *producer, struct layout_viewers *viewers);

/* ------------------------------------------------------------------ producer */

/* What the producer knows of its own slots. Private: whatever others write into the segment, it
 * draws only where this and the geometry allow. All zero: nothing published yet. */
struct handoff {
    uint64_t sequence;                    /* of the newest frame */
    uint32_t slot;                        /* of the newest frame */
    uint64_t slot_sequence[PF_SLOTS_MAX]; /* of the frame in each slot, 0: none */
};

/* Which stream a segment belongs to, and how many frames that had before. */
struct handoff_stream {
    uint64_t id; /* random */
    uint64_t frames;
};

void handoff_set_stream(struct segment *segment, struct handoff_stream stream);
/* `frames` is below 2^54, as sequences are, whatever the segment says. */
struct handoff_stream handoff_stream(const struct segment *segment);

/* What stands in the way of a free slot. */
struct handoff_blockers {
    uint32_t lanes; /* one bit each */
    uint64_t word[PF_VIEWERS_MAX];
};

/* The oldest slot that the rule allows, or -1 and who is in the way. */
int handoff_free_slot(const struct handoff *handoff, struct segment *segment,
                      struct handoff_blockers *blockers);

/* Which viewers are still expected. */
void handoff_expected(struct segment *segment, struct handoff_blockers *blockers);

/* Publish `frame`, drawn in frame->slot: gives it the next sequence, and rings everybody. */
void handoff_publish(struct handoff *handoff, struct segment *segment, struct pf_frame *frame);

/* Take the frames to come from an every-frame viewer whose lane is still `word`. What it holds
 * stays safe. */
bool handoff_evict(struct segment *segment, uint32_t lane, uint64_t word);

/* The stream goes on in the segment `to`, which nobody knows of yet: whoever wants every frame is
 * expected there, from the first one on. */
void handoff_carry_over(struct segment *from, struct segment *to);

enum lane_mode handoff_lane_mode(struct segment *segment, uint32_t lane);
void handoff_set_state(struct segment *segment, enum layout_state state);
void handoff_ring_doors(struct segment *segment);

/* Count a ring that has brought nothing; sleep if there were too many. Returns 0 or -EINTR. */
int handoff_calm_down(int *rings);

/* Forget the rings so far: what they told of is looked at next. */
void handoff_drain_space(struct segment *segment);
/* Sleep until a slot was let go, or `deadline_ns`. Returns 0, -ETIMEDOUT or -EINTR. */
int handoff_wait_space(struct segment *segment, int64_t deadline_ns);

/* ------------------------------------------------------- viewer, under its lane's lease */

/* Take the place of one who is expected. Returns false if the viewer is not; else every frame of
 * the segment has been kept for it. */
bool handoff_come_over(struct segment *segment, uint32_t lane);

/* Take part. Returns the sequence that counts as seen: the next frame for this viewer is a later
 * one. */
uint64_t handoff_join(struct segment *segment, uint32_t lane, enum lane_mode mode);

/* Claim the newest frame if it is later than `seen`. Returns 0 and *frame, or -EAGAIN. */
int handoff_claim_newest(struct segment *segment, uint32_t lane, uint64_t seen,
                         struct pf_frame *frame);

/* Claim exactly the frame after `seen`. Returns 0 and *frame, -EAGAIN, or -ESTALE: evicted. */
int handoff_claim_next(struct segment *segment, uint32_t lane, uint64_t seen,
                       struct pf_frame *frame);

void handoff_let_go(struct segment *segment, uint32_t lane, uint32_t slot);

/* Give up all that the lane wants and holds. Also what the producer does for a dead viewer, holding
 * its lease. */
void handoff_leave(struct segment *segment, uint32_t lane);

uint64_t handoff_newest_sequence(const struct segment *segment);
enum layout_state handoff_state(const struct segment *segment);
void handoff_ring_door(struct segment *segment, uint32_t lane);
void handoff_drain_door(struct segment *segment, uint32_t lane);
/* Sleep until the door is rung, or `deadline_ns`. Returns 0, -ETIMEDOUT or -EINTR. */
int handoff_wait_door(struct segment *segment, uint32_t lane, int64_t deadline_ns);

#endif
