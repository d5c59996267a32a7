/* SPDX-License-Identifier: MIT */
/*
 * A latest-frame viewer claims a slot by Dekker's pattern. The viewer stores its lane, then loads
 * `newest`; the producer stores `newest`, then loads the lanes. If neither side saw the other's
 * store, both loads would precede both stores, which the single total order of seq_cst operations
 * rules out. So either the producer sees the claim and does not draw in the slot, or the viewer
 * sees that `newest` has changed and releases the slot before it has read a byte.
 *
 * Four uses of the pattern, marked [dekker] where the accesses are:
 *
 *     claim      lane HELD, then `newest`      `newest`, then the lanes, to find a free slot
 *     join       lane NEXT, then `newest`      the same
 *     doorbell   lane stored, then `newest`    `newest`, then the lanes, to ring them
 *     moved      lane stored, then the state   MOVED, then the lanes, to expect viewers
 *
 * An every-frame viewer claims without it: NEXT protects its frame until one exchange makes that
 * HELD. An exchange only needs to be one step; it is seq_cst for simplicity. Everything else is
 * release/acquire, relaxed with its reason, or private to one side.
 *
 * tests/deep/model/dekker.pml checks claim, join and doorbell on machines with store buffers, each
 * weakened in turn; segments.pml checks the order of steps in "moved".
 */
#include "handoff.h"

#include <errno.h>
#include <stdatomic.h>

#include "clock.h"
#include "damage.h"
#include "doorbell.h"
#include "fault.h"

/* `newest` changes during a claim only if the producer publishes meanwhile. More often than this in
 * a row is damage. */
enum { CLAIM_TRIES_MAX = PF_SLOTS_MAX * PF_SLOTS_MAX };

enum lane_mode handoff_lane_mode(struct segment *segment, uint32_t lane)
{
    return LANE_MODE(
        atomic_load_explicit(&segment->viewers->lane[lane].word, memory_order_seq_cst));
}

void handoff_ring_viewers(struct segment *segment)
{
    /* [dekker] doorbell: after the store of `newest` in handoff_publish() */
    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++)
        if (handoff_lane_mode(segment, i) != LANE_FREE) {
            doorbell_ring(&segment->viewers->lane[i].doorbell);
            FAULT_POINT(producer_rang_one);
        }
}

/* ------------------------------------------------------------------ producer */

/* Does a lane with this word keep the producer from drawing in the slot? */
static bool keeps_slot(uint64_t word, uint32_t slot, uint64_t sequence)
{
    return (word & LANE_HELD(slot)) ||
           (LANE_REQUIRES_EVERY(word) && sequence && LANE_NEXT(word) <= sequence);
}

int handoff_find_free_slot(const struct handoff *handoff, struct segment *segment,
                           struct handoff_blockers *blockers)
{
    uint32_t slots = segment->geometry.slots;
    uint32_t taken = 0;
    int oldest = -1;

    blockers->lanes = 0;
    if (handoff->sequence)
        taken |= 1u << handoff->slot;
    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++) {
        /* [dekker] claim, join: after the store of `newest` in handoff_publish(). One load, so that
         * MODE, HELD and NEXT belong together. */
        uint64_t word = atomic_load_explicit(&segment->viewers->lane[i].word, memory_order_seq_cst);

        blockers->word[i] = word;
        if (LANE_MODE(word) == LANE_FREE)
            continue;
        for (uint32_t k = 0; k < slots; k++) {
            if (k == handoff->slot && handoff->sequence)
                continue;
            if (keeps_slot(word, k, handoff->slot_sequence[k])) {
                taken |= 1u << k;
                blockers->lanes |= 1u << i;
            }
        }
    }
    for (uint32_t k = 0; k < slots; k++)
        if (!(taken & 1u << k) &&
            (oldest < 0 || handoff->slot_sequence[k] < handoff->slot_sequence[oldest]))
            oldest = (int)k;
    return oldest;
}

void handoff_find_expected(struct segment *segment, struct handoff_blockers *blockers)
{
    blockers->lanes = 0;
    /* acquire: pairs with the exchange in handoff_join_expected() */
    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++) {
        blockers->word[i] =
            atomic_load_explicit(&segment->viewers->lane[i].word, memory_order_acquire);
        if (LANE_MODE(blockers->word[i]) == LANE_EXPECTED)
            blockers->lanes |= 1u << i;
    }
}

uint32_t handoff_begin(struct handoff *handoff, uint32_t slot)
{
    uint64_t content = handoff->content[slot];
    uint64_t age = content ? handoff->sequence + 1 - content : 0;

    handoff->content[slot] = 0;
    return age <= UINT32_MAX ? (uint32_t)age : 0;
}

void handoff_publish(struct handoff *handoff, struct segment *segment, struct pf_frame *frame)
{
    struct layout_meta *meta = &segment->producer->meta[frame->slot];

    frame->sequence = ++handoff->sequence;
    handoff->slot = frame->slot;
    handoff->slot_sequence[frame->slot] = frame->sequence;
    handoff->content[frame->slot] = frame->sequence;

    /* Relaxed: the store of `newest` below makes the metadata visible. An every-frame viewer
     * that searches for an earlier frame may read half-written metadata, but it claims a slot
     * only by the sequence that it waits for. */
    atomic_store_explicit(&meta->sequence, frame->sequence, memory_order_relaxed);
    atomic_store_explicit(&meta->pts_ns, frame->pts_ns, memory_order_relaxed);
    atomic_store_explicit(&meta->due_ns, frame->due_ns, memory_order_relaxed);
    atomic_store_explicit(&meta->begin_ns, frame->begin_ns, memory_order_relaxed);
    atomic_store_explicit(&meta->publish_ns, frame->publish_ns, memory_order_relaxed);
    atomic_store_explicit(&meta->input_ns, frame->input_ns, memory_order_relaxed);
    atomic_store_explicit(&meta->user_bytes, frame->user_bytes, memory_order_relaxed);
    atomic_store_explicit(&meta->flags, frame->flags, memory_order_relaxed);
    damage_store(segment, frame);
    FAULT_POINT(producer_wrote_meta);

    /* [dekker] The point of publication. Its release half pairs with the loads in claims: a reader
     * that observes this store also sees pixels and metadata. */
    atomic_store_explicit(&segment->producer->newest, NEWEST_WORD(frame->sequence, frame->slot),
                          memory_order_seq_cst);
    FAULT_POINT(producer_stored_newest);

    /* After `newest`: a viewer whose lane is still FREE here loads `newest` after this store, and
     * sees this frame. */
    handoff_ring_viewers(segment);
}

bool handoff_evict(struct segment *segment, uint32_t lane, uint64_t word)
{
    uint64_t latest = (word & ~LANE_MODE_MASK) | LANE_LATEST;

    /* The exchange fails if the viewer has acquired or released a frame meanwhile: then it is
     * running and is not evicted. */
    return atomic_compare_exchange_strong_explicit(&segment->viewers->lane[lane].word, &word,
                                                   latest, memory_order_seq_cst,
                                                   memory_order_relaxed);
}

void handoff_set_stream(struct segment *segment, struct handoff_stream stream)
{
    atomic_store_explicit(&segment->producer->stream, stream.id, memory_order_relaxed);
    atomic_store_explicit(&segment->producer->frames_before, stream.frames, memory_order_relaxed);
}

/* Relaxed, like the stores: the stores precede the write of the id file, and this load follows
 * its read. */
struct handoff_stream handoff_stream(const struct segment *segment)
{
    struct layout_producer *producer = segment->producer;
    uint64_t id = atomic_load_explicit(&producer->stream, memory_order_relaxed);
    uint64_t frames = atomic_load_explicit(&producer->frames_before, memory_order_relaxed);

    return (struct handoff_stream){.id = id, .frames = frames & LANE_NEXT(UINT64_MAX)};
}

void handoff_expect_viewers(struct segment *from, struct segment *to)
{
    /* [dekker] moved: the lanes of `from`, after MOVED. The stores are relaxed: no viewer joins
     * `to` before the id file names it. If a viewer has crashed, or exits before it joins, its
     * lease is free and reap() frees this lane. */
    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++)
        if (LANE_REQUIRES_EVERY(handoff_lane_mode(from, i))) {
            to->viewers->lane[i].pid = from->viewers->lane[i].pid;
            atomic_store_explicit(&to->viewers->lane[i].word, LANE_WORD(LANE_EXPECTED, 1),
                                  memory_order_relaxed);
        }
}

void handoff_set_state(struct segment *segment, enum layout_state state)
{
    /* Pairs with handoff_state(): a viewer that sees ENDED sees every frame before it. [dekker]
     * moved: MOVED is stored before handoff_expect_viewers() loads the lanes, and a joining viewer
     * stores its lane before it loads the state. */
    atomic_store_explicit(&segment->producer->state, state, memory_order_seq_cst);
}

/* ------------------------------------------------------------------ viewer */

/* Pairs with the store in handoff_publish(): what was drawn before it is visible. [dekker]
 * doorbell, here and in handoff_claim_newest(): a joining viewer stores its lane and then loads
 * `newest`; a producer that still saw the lane FREE, and did not ring, has stored `newest` before
 * that. */
uint64_t handoff_newest_sequence(const struct segment *segment)
{
    return NEWEST_SEQUENCE(atomic_load_explicit(&segment->producer->newest, memory_order_seq_cst));
}

/* [dekker] moved: a viewer that has joined loads the state after it has stored its lane. */
enum layout_state handoff_state(const struct segment *segment)
{
    return (enum layout_state)atomic_load_explicit(&segment->producer->state, memory_order_seq_cst);
}

bool handoff_join_expected(struct segment *segment, uint32_t lane)
{
    uint64_t expected = LANE_WORD(LANE_EXPECTED, 1);

    /* The exchange fails if no viewer was expected on this lane, or if it has been evicted. */
    if (!atomic_compare_exchange_strong_explicit(&segment->viewers->lane[lane].word, &expected,
                                                 LANE_WORD(LANE_EVERY, 1), memory_order_seq_cst,
                                                 memory_order_relaxed))
        return false;
    /* The producer may be in step 1 of the next format change. */
    doorbell_ring(&segment->viewers->producer_doorbell);
    return true;
}

uint64_t handoff_join(struct segment *segment, uint32_t lane, enum lane_mode mode)
{
    struct layout_lane *mine = &segment->viewers->lane[lane];
    uint64_t next = 0;

    if (mode == LANE_LATEST) {
        /* [dekker] doorbell: the lane, then `newest` in handoff_claim_newest() */
        atomic_store_explicit(&mine->word, LANE_WORD(LANE_LATEST, 0), memory_order_seq_cst);
    } else {
        uint64_t before = 0, after = handoff_newest_sequence(segment);
        /* Require the newest frame. If `newest` changes meanwhile, the producer may not have seen
         * the lane and may draw over that frame: then require the newer one. */
        for (int tries = 0; tries < CLAIM_TRIES_MAX && (tries == 0 || after != before); tries++) {
            before = after;
            next = before ? before : 1;
            /* [dekker] join: the lane, then `newest` */
            atomic_store_explicit(&mine->word, LANE_WORD(LANE_EVERY, next), memory_order_seq_cst);
            FAULT_POINT(viewer_stored_next);
            after = NEWEST_SEQUENCE(
                atomic_load_explicit(&segment->producer->newest, memory_order_seq_cst));
        }
    }
    FAULT_POINT(viewer_joined);
    /* The store above may have removed the claims of a crashed viewer: ring the producer. */
    doorbell_ring(&segment->viewers->producer_doorbell);
    return next ? next - 1 : 0;
}

/* Clamp a time from the segment to 0..now_ns, so that differences cannot overflow. */
static int64_t clamp_past_ns(_Atomic int64_t *time_ns, int64_t now_ns)
{
    int64_t ns = atomic_load_explicit(time_ns, memory_order_relaxed);

    return ns < 0 ? 0 : clock_earlier(ns, now_ns);
}

/* The slot's pages and its metadata. The slot must be claimed. The loads are relaxed: the caller
 * has loaded `newest`, which pairs with the store in handoff_publish(). */
static void fill_frame(struct segment *segment, uint32_t slot, uint64_t sequence,
                       struct pf_frame *frame)
{
    struct layout_meta *meta = &segment->producer->meta[slot];
    int64_t now_ns = clock_now_ns();
    int64_t publish_ns = clamp_past_ns(&meta->publish_ns, now_ns);
    uint32_t user_bytes = atomic_load_explicit(&meta->user_bytes, memory_order_relaxed);
    uint32_t user_capacity = segment->geometry.user_bytes;

    *frame = (struct pf_frame){
        .sequence = sequence,
        .generation = segment->generation,
        .slot = slot,
        .format = segment->geometry.format,
        .flags = atomic_load_explicit(&meta->flags, memory_order_relaxed),
        .pts_ns = atomic_load_explicit(&meta->pts_ns, memory_order_relaxed),
        .due_ns = clamp_past_ns(&meta->due_ns, now_ns),
        .begin_ns = clamp_past_ns(&meta->begin_ns, publish_ns),
        .publish_ns = publish_ns,
        .acquire_ns = now_ns,
        .input_ns = clamp_past_ns(&meta->input_ns, publish_ns),
        .user = segment_user(segment, slot),
        .user_bytes = user_bytes < user_capacity ? user_bytes : user_capacity,
        .user_capacity = user_capacity,
    };
    segment_planes(segment, slot, frame->plane);
    damage_load(segment, frame);
}

int handoff_claim_newest(struct segment *segment, uint32_t lane, uint64_t seen,
                         struct pf_frame *frame)
{
    _Atomic uint64_t *mine = &segment->viewers->lane[lane].word;
    uint64_t newest = atomic_load_explicit(&segment->producer->newest, memory_order_seq_cst);

    for (int tries = 0; tries < CLAIM_TRIES_MAX; tries++) {
        uint32_t slot = NEWEST_SLOT(newest);

        if (NEWEST_SEQUENCE(newest) <= seen || slot >= segment->geometry.slots)
            return -EAGAIN;
        FAULT_POINT(viewer_loaded_newest);

        /* [dekker] claim: the lane, then `newest` */
        uint64_t before = atomic_fetch_or_explicit(mine, LANE_HELD(slot), memory_order_seq_cst);
        FAULT_POINT(viewer_stored_held);
        uint64_t again = atomic_load_explicit(&segment->producer->newest, memory_order_seq_cst);
        if (again == newest) {
            fill_frame(segment, slot, NEWEST_SEQUENCE(newest), frame);
            return 0;
        }
        /* A newer frame was published: claim that one. What was held before stays held. */
        FAULT_POINT(viewer_drops_claim);
        if (!(before & LANE_HELD(slot)))
            handoff_release(segment, lane, slot);
        newest = again;
    }
    return -EAGAIN;
}

int handoff_claim_next(struct segment *segment, uint32_t lane, uint64_t seen,
                       struct pf_frame *frame)
{
    _Atomic uint64_t *mine = &segment->viewers->lane[lane].word;
    /* Relaxed: only an eviction changes this lane from outside, and the exchange below checks. */
    uint64_t word = atomic_load_explicit(mine, memory_order_relaxed);

    if (LANE_MODE(word) != LANE_EVERY)
        return -ESTALE;
    /* This load makes the metadata of every frame up to the newest one visible. */
    if (handoff_newest_sequence(segment) <= seen)
        return -EAGAIN;
    for (uint32_t k = 0; k < segment->geometry.slots; k++) {
        if (atomic_load_explicit(&segment->producer->meta[k].sequence, memory_order_relaxed) !=
            seen + 1)
            continue;
        /* NEXT, which is seen + 1, protects the slot until here, HELD from here on. Both are in
         * one word, so that the producer sees one of them. The exchange fails only if the
         * producer has evicted this viewer. */
        FAULT_POINT(viewer_found_slot);
        uint64_t taken = (word + LANE_WORD(0, 1)) | LANE_HELD(k);
        if (!atomic_compare_exchange_strong_explicit(mine, &word, taken, memory_order_seq_cst,
                                                     memory_order_relaxed))
            return -ESTALE;
        fill_frame(segment, k, seen + 1, frame);
        return 0;
    }
    /* The frame was published and is not in any slot: this viewer was evicted after `word`
     * was loaded, or the segment is damaged. */
    return LANE_MODE(atomic_load_explicit(mine, memory_order_relaxed)) == LANE_EVERY ? -EAGAIN
                                                                                     : -ESTALE;
}

void handoff_release(struct segment *segment, uint32_t lane, uint32_t slot)
{
    /* release: the viewer's reads of the pixels precede the producer's writes. Pairs with the load
     * of the lanes in handoff_find_free_slot(). */
    atomic_fetch_and_explicit(&segment->viewers->lane[lane].word, ~LANE_HELD(slot),
                              memory_order_release);
    FAULT_POINT(viewer_released);
    doorbell_ring(&segment->viewers->producer_doorbell);
}

void handoff_leave_held(struct segment *segment, uint32_t lane, uint32_t slots)
{
    /* release, as in handoff_release(): for the slots that are given back here */
    atomic_store_explicit(&segment->viewers->lane[lane].word,
                          LANE_WORD(LANE_LATEST, 0) | slots * LANE_HELD(0), memory_order_release);
    doorbell_ring(&segment->viewers->producer_doorbell);
}

void handoff_leave(struct segment *segment, uint32_t lane)
{
    atomic_store_explicit(&segment->viewers->lane[lane].word, LANE_FREE, memory_order_release);
    FAULT_POINT(viewer_freed_lane);
    doorbell_ring(&segment->viewers->producer_doorbell);
}
