/* SPDX-License-Identifier: MIT */
/*
 * The handoff: which process may touch which slot. Lock-free; nothing here blocks.
 *
 * One word per viewer, in its lane, records the slots that the viewer holds and the frame that it
 * requires next:
 *
 *     newest   sequence << 3 | slot              written by the producer
 *     meta[k]  metadata of the frame in slot k   written by the producer
 *     lane[i]  NEXT << 10 | HELD << 2 | MODE     written by the viewer that holds lease i;
 *                                                by the producer to evict, expect and reap
 *
 *     MODE   FREE, LATEST, EVERY, or EXPECTED: like EVERY, but the viewer is still attached to the
 *            previous segment
 *     HELD   the slots that the viewer reads now, one bit each
 *     NEXT   the first frame that an every-frame viewer still requires
 *
 * The whole rule: the producer must not draw in slot k while k is `newest`, or a lane has HELD k,
 * or an EVERY or EXPECTED lane has NEXT <= the sequence of the frame in k.
 *
 * A format change is a new segment in the same stream. Both sides, in order; the functions named
 * are those of core/producer*.c and core/viewer*.c:
 *
 *     1. The producer waits until each viewer that is EXPECTED in its segment has joined there, has
 *        exited or was evicted: the frames of this segment are kept for them
 *        (producer_wait_for_expected()).
 *     2. The producer creates the next segment, with the same stream id and the number of frames
 *        published so far (create_segment()).
 *     3. The producer stores MOVED in the old segment. This comes before step 5: a viewer that
 *        finds another segment without MOVED concludes that its producer has exited. It also comes
 *        before step 4: a viewer that joins the old segment later than step 4 sees MOVED and
 *        follows.
 *     4. The producer copies each every-frame lane to the new segment as EXPECTED with NEXT = 1
 *        (handoff_expect_viewers()). From here on the new segment keeps every frame for them. The
 *        producer also copies the events that it has not taken (events_move()).
 *     5. The producer writes the id file: viewers can find the new segment. If that fails, the old
 *        segment's state becomes RUNNING again, and no viewer has noticed (hand_over()).
 *     6. The producer rings every doorbell of the old segment, detaches it, and publishes in the
 *        new one.
 *     7. A viewer acquires the remaining frames of the old segment. Then acquire() returns
 *        -EREMCHG: the id file names another segment, and the old one is MOVED (read_state()).
 *     8. The viewer calls reattach(): it attaches the segment that the id file names, leaves its
 *        old lane, where only the frames that it still holds stay HELD, and joins
 *        (switch_segment()). If it is EXPECTED there, one exchange makes that EVERY
 *        and rings the producer, which may be in step 1 of the next change. Otherwise it joins as a
 *        new viewer.
 *     9. An every-frame viewer that was not EXPECTED in the segment it has just joined, and finds
 *        that segment MOVED, may have joined after step 4. Then it is not expected in the next one
 *        either: it repeats step 8 without waiting for frames (leave_moved_segment()).
 *
 * If a viewer crashes at any step, its lease is free and the producer reclaims its lanes
 * (producer.c, reap()). A producer that crashes after step 3 leaves a MOVED segment: viewers see
 * that its lease is free.
 */
#ifndef CORE_HANDOFF_H
#define CORE_HANDOFF_H

#include "segment.h"

enum lane_mode { LANE_FREE = 0, LANE_LATEST = 1, LANE_EVERY = 2, LANE_EXPECTED = 3 };

#define LANE_MODE_MASK UINT64_C(3)
#define LANE_MODE(word) ((enum lane_mode)((word)&LANE_MODE_MASK))
#define LANE_REQUIRES_EVERY(word) (((word)&2) != 0) /* EVERY or EXPECTED */
#define LANE_HELD(slot) (UINT64_C(4) << (slot))
#define LANE_NEXT_SHIFT 10
#define LANE_NEXT(word) ((word) >> LANE_NEXT_SHIFT)
#define LANE_WORD(mode, next) ((uint64_t)(next) << LANE_NEXT_SHIFT | (uint64_t)(mode))

#define NEWEST_SEQUENCE(word) ((word) >> 3)
#define NEWEST_SLOT(word) ((uint32_t)((word)&7))
#define NEWEST_WORD(sequence, slot) ((uint64_t)(sequence) << 3 | (slot))

enum lane_mode handoff_lane_mode(struct segment *segment, uint32_t lane);

/* ------------------------------------------------------------------ producer */

/* The producer's record of its own slots. Private memory: whatever other processes write into
 * the segment, the producer draws only where this and its geometry allow. All zero: no frame has
 * been published. */
struct handoff {
    uint64_t sequence;                    /* of the newest frame */
    uint32_t slot;                        /* of the newest frame */
    uint64_t slot_sequence[PF_SLOTS_MAX]; /* of the frame in each slot; 0: none */
    uint64_t content[PF_SLOTS_MAX];       /* of the frame whose pixels are in it; 0: undefined */
};

/* The stream that a segment belongs to, and how many frames it had in earlier segments. */
struct handoff_stream {
    uint64_t id; /* random */
    uint64_t frames;
};

void handoff_set_stream(struct segment *segment, struct handoff_stream stream);
/* `frames` is below 2^54, as sequences are, whatever the segment contains. */
struct handoff_stream handoff_stream(const struct segment *segment);

/* The lanes that block at least one slot, or that the producer waits for. */
struct handoff_blockers {
    uint32_t lanes; /* one bit each */
    uint64_t word[PF_VIEWERS_MAX];
};

/* The oldest slot that the rule allows, or -1. *blockers gets the lanes that block slots. */
int handoff_find_free_slot(const struct handoff *handoff, struct segment *segment,
                           struct handoff_blockers *blockers);

/* Which lanes are EXPECTED. */
void handoff_find_expected(struct segment *segment, struct handoff_blockers *blockers);

/* The producer draws in this slot from here on: its content is undefined until it is published.
 * Returns the pf_frame.age of the content before. */
uint32_t handoff_begin(struct handoff *handoff, uint32_t slot);

/* Publish `frame`, drawn in frame->slot: give it the next sequence, and ring every viewer. */
void handoff_publish(struct handoff *handoff, struct segment *segment, struct pf_frame *frame);

/* Make a lane whose word is still `word` a latest-frame lane: its viewer loses the frames that it
 * has not acquired. What it holds stays held. Returns false if the word has changed: the viewer
 * has acquired or released a frame meanwhile. */
bool handoff_evict(struct segment *segment, uint32_t lane, uint64_t word);

/* Step 4 of a format change. No viewer has joined `to` yet: the id file does not name it. */
void handoff_expect_viewers(struct segment *from, struct segment *to);

void handoff_set_state(struct segment *segment, enum layout_state state);
void handoff_ring_viewers(struct segment *segment);

/* ------------------------------------------------------- viewer, under its lane's lease */

/* Turn an EXPECTED lane into EVERY. Returns false if the lane is not EXPECTED; on true every frame
 * of the segment has been kept for this viewer. */
bool handoff_join_expected(struct segment *segment, uint32_t lane);

/* Join as a new viewer. Returns the sequence that counts as seen: the viewer gets later frames. */
uint64_t handoff_join(struct segment *segment, uint32_t lane, enum lane_mode mode);

/* Claim the newest frame if it is later than `seen`. Returns 0 and *frame, or -EAGAIN. */
int handoff_claim_newest(struct segment *segment, uint32_t lane, uint64_t seen,
                         struct pf_frame *frame);

/* Claim the frame after `seen`. Returns 0 and *frame, or -EAGAIN, or -ESTALE: evicted. */
int handoff_claim_next(struct segment *segment, uint32_t lane, uint64_t seen,
                       struct pf_frame *frame);

void handoff_release(struct segment *segment, uint32_t lane, uint32_t slot);

/* Free the lane with all its claims. The producer also calls it, for a viewer that crashed,
 * while it holds that lane's lease. */
void handoff_leave(struct segment *segment, uint32_t lane);

/* Leave, but keep these slots, one bit each: the producer does not draw in them, if it still uses
 * this segment. No further frame is required. */
void handoff_leave_held(struct segment *segment, uint32_t lane, uint32_t slots);

uint64_t handoff_newest_sequence(const struct segment *segment);
enum layout_state handoff_state(const struct segment *segment);

#endif
