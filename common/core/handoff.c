/* SPDX-License-Identifier: MIT */
/*
 * A claim is Dekker's pattern. The viewer stores its lane, then loads `newest`; the producer stores
 * `newest`, then loads the lanes. If each did not see the other's store, both loads would come
 * before both stores, and in the one order that all seq_cst operations have, that is impossible. So
 * either the producer sees the claim and keeps off, or the viewer sees that `newest` has moved and
 * lets go before it has read a byte.
 *
 * These four accesses are marked [dekker]. The doorbell of a newcomer is the same pattern again: it
 * stores its lane, then looks at `newest`; the producer stores `newest`, then looks at the lanes to
 * ring. Everything else is release/acquire, or private to one side.
 *
 * tests/deep/model/dekker.pml has all of these on machines whose stores are late, each weakened in
 * turn.
 */
#include "handoff.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "fault.h"

/* `newest` moves on while a viewer claims it only if a producer publishes meanwhile; more often
 * than this in a row is damage. */
enum { CLAIM_TRIES_MAX = PF_SLOTS_MAX * PF_SLOTS_MAX };

/*
 * A doorbell is one word for one sleeper. A sem_t would do the same, but it keeps flags for the
 * kernel beside its count, in the segment: whoever scribbles over those makes glibc abort the
 * process that rings or sleeps next. Here the flags are in the code, and any word is only a ring.
 */
enum bell { BELL_QUIET, BELL_RUNG, BELL_ASLEEP };

void handoff_init(struct layout_producer *producer, struct layout_viewers *viewers)
{
    atomic_init(&producer->newest, 0);
    atomic_init(&producer->state, LAYOUT_RUNNING);
    atomic_init(&producer->stream, 0);
    atomic_init(&producer->frames_before, 0);
    for (int i = 0; i < PF_VIEWERS_MAX; i++) {
        atomic_init(&viewers->lane[i].word, LANE_FREE);
        atomic_init(&viewers->lane[i].door, BELL_QUIET);
    }
    atomic_init(&viewers->space, BELL_QUIET);
}

/* ------------------------------------------------------------------ doorbells */

static void drain(_Atomic uint32_t *bell)
{
    /* Only if somebody rang: to write takes the line away from who rings. acquire: pairs with
     * ring(), so what it told of is seen by the look that follows. */
    if (atomic_load_explicit(bell, memory_order_relaxed) != BELL_QUIET)
        atomic_exchange_explicit(bell, BELL_QUIET, memory_order_acquire);
}

static int wait_for(_Atomic uint32_t *bell, int64_t deadline_ns)
{
    struct timespec deadline = clock_timespec(deadline_ns); /* of CLOCK_MONOTONIC, absolute */
    int error = 0;

    if (atomic_exchange_explicit(bell, BELL_ASLEEP, memory_order_acquire) != BELL_RUNG &&
        syscall(SYS_futex, bell, FUTEX_WAIT_BITSET, BELL_ASLEEP, &deadline, NULL,
                FUTEX_BITSET_MATCH_ANY) < 0)
        error = errno;
    /* EAGAIN: it was rung, or damaged, before the kernel looked */
    if (atomic_exchange_explicit(bell, BELL_QUIET, memory_order_acquire) == BELL_RUNG ||
        error == EAGAIN)
        return 0;
    return -error;
}

static void ring(_Atomic uint32_t *bell)
{
    /* release: pairs with the acquires above. A word that is none of the three is damage; there may
     * be a sleeper under it. */
    uint32_t was = atomic_exchange_explicit(bell, BELL_RUNG, memory_order_release);

    if (was != BELL_QUIET && was != BELL_RUNG)
        syscall(SYS_futex, bell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

int handoff_calm_down(int *rings)
{
    const struct timespec pause = {.tv_nsec = HANDOFF_CALM_NS};

    if (++*rings <= HANDOFF_RINGS_MAX)
        return 0;
    return nanosleep(&pause, NULL) < 0 && errno == EINTR ? -EINTR : 0;
}

void handoff_drain_space(struct segment *segment)
{
    drain(&segment->viewers->space);
}

int handoff_wait_space(struct segment *segment, int64_t deadline_ns)
{
    return wait_for(&segment->viewers->space, deadline_ns);
}

void handoff_drain_door(struct segment *segment, uint32_t lane)
{
    drain(&segment->viewers->lane[lane].door);
}

int handoff_wait_door(struct segment *segment, uint32_t lane, int64_t deadline_ns)
{
    return wait_for(&segment->viewers->lane[lane].door, deadline_ns);
}

void handoff_ring_door(struct segment *segment, uint32_t lane)
{
    ring(&segment->viewers->lane[lane].door);
}

void handoff_ring_doors(struct segment *segment)
{
    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++)
        if (handoff_lane_mode(segment, i) != LANE_FREE) {
            handoff_ring_door(segment, i);
            FAULT_POINT(producer_rang_one);
        }
}

/* ------------------------------------------------------------------ producer */

/* Does a lane with this word keep the slot from the producer? */
static bool keeps(uint64_t word, uint32_t slot, uint64_t sequence)
{
    return (word & LANE_HELD(slot)) ||
           (LANE_WANTS_EVERY(word) && sequence && LANE_NEXT(word) <= sequence);
}

int handoff_free_slot(const struct handoff *handoff, struct segment *segment,
                      struct handoff_blockers *blockers)
{
    uint32_t slots = segment->geometry.slots;
    uint32_t taken = 0;
    int oldest = -1;

    blockers->lanes = 0;
    if (handoff->sequence)
        taken |= 1u << handoff->slot;
    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++) {
        /* [dekker] after the store of `newest` in handoff_publish(); one load, so one truth per
         * lane */
        uint64_t word = atomic_load_explicit(&segment->viewers->lane[i].word, memory_order_seq_cst);

        blockers->word[i] = word;
        if (LANE_MODE(word) == LANE_FREE)
            continue;
        for (uint32_t k = 0; k < slots; k++) {
            if (k == handoff->slot && handoff->sequence)
                continue;
            if (keeps(word, k, handoff->slot_sequence[k])) {
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

void handoff_expected(struct segment *segment, struct handoff_blockers *blockers)
{
    blockers->lanes = 0;
    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++) {
        blockers->word[i] =
            atomic_load_explicit(&segment->viewers->lane[i].word, memory_order_acquire);
        if (LANE_MODE(blockers->word[i]) == LANE_EXPECTED)
            blockers->lanes |= 1u << i;
    }
}

void handoff_publish(struct handoff *handoff, struct segment *segment, struct pf_frame *frame)
{
    struct layout_meta *meta = &segment->producer->meta[frame->slot];

    frame->sequence = ++handoff->sequence;
    handoff->slot = frame->slot;
    handoff->slot_sequence[frame->slot] = frame->sequence;

    /* Relaxed: made visible by the store of `newest` below. An every-frame viewer that looks for
     * another frame may meet them half done, but it takes a slot only by the sequence that it waits
     * for. */
    atomic_store_explicit(&meta->sequence, frame->sequence, memory_order_relaxed);
    atomic_store_explicit(&meta->pts_ns, frame->pts_ns, memory_order_relaxed);
    atomic_store_explicit(&meta->due_ns, frame->due_ns, memory_order_relaxed);
    atomic_store_explicit(&meta->begin_ns, frame->begin_ns, memory_order_relaxed);
    atomic_store_explicit(&meta->publish_ns, frame->publish_ns, memory_order_relaxed);
    atomic_store_explicit(&meta->flags, frame->flags, memory_order_relaxed);
    FAULT_POINT(producer_wrote_meta);

    /* [dekker] THE point of publication. Its release half pairs with the loads in claims: who sees
     * it sees the pixels and meta. */
    atomic_store_explicit(&segment->producer->newest, NEWEST_WORD(frame->sequence, frame->slot),
                          memory_order_seq_cst);
    FAULT_POINT(producer_stored_newest);

    /* After `newest`: a lane that is still FREE here looks at `newest` after it is stored, and sees
     * this frame. */
    handoff_ring_doors(segment);
}

bool handoff_evict(struct segment *segment, uint32_t lane, uint64_t word)
{
    uint64_t latest = (word & ~LANE_MODE_MASK) | LANE_LATEST;

    /* Fails if the viewer has taken a frame since: then it is alive, and keeps its place. */
    return atomic_compare_exchange_strong_explicit(&segment->viewers->lane[lane].word, &word,
                                                   latest, memory_order_seq_cst,
                                                   memory_order_relaxed);
}

void handoff_set_stream(struct segment *segment, struct handoff_stream stream)
{
    atomic_store_explicit(&segment->producer->stream, stream.id, memory_order_relaxed);
    atomic_store_explicit(&segment->producer->frames_before, stream.frames, memory_order_relaxed);
}

/* Relaxed, like the stores: they come before the id file is there, and this after it was read. */
struct handoff_stream handoff_stream(const struct segment *segment)
{
    struct layout_producer *producer = segment->producer;
    uint64_t id = atomic_load_explicit(&producer->stream, memory_order_relaxed);
    uint64_t frames = atomic_load_explicit(&producer->frames_before, memory_order_relaxed);

    return (struct handoff_stream){.id = id, .frames = frames & LANE_NEXT(UINT64_MAX)};
}

void handoff_carry_over(struct segment *from, struct segment *to)
{
    /* Relaxed: before anybody else knows of `to`. A viewer that is dead or never comes loses its
     * lane as any other does, by its lease. */
    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++)
        if (LANE_WANTS_EVERY(handoff_lane_mode(from, i))) {
            to->viewers->lane[i].pid = from->viewers->lane[i].pid;
            atomic_store_explicit(&to->viewers->lane[i].word, LANE_WORD(LANE_EXPECTED, 1),
                                  memory_order_relaxed);
        }
}

enum lane_mode handoff_lane_mode(struct segment *segment, uint32_t lane)
{
    return LANE_MODE(
        atomic_load_explicit(&segment->viewers->lane[lane].word, memory_order_seq_cst));
}

void handoff_set_state(struct segment *segment, enum layout_state state)
{
    /* Pairs with handoff_state(): who sees the end sees every frame before it. seq_cst for MOVED,
     * which is stored before handoff_carry_over() loads the lanes: who joins stores its lane, and
     * looks here after that. */
    atomic_store_explicit(&segment->producer->state, state, memory_order_seq_cst);
}

/* ------------------------------------------------------------------ viewer */

/* Pairs with the store in handoff_publish(): what was drawn before it is visible. seq_cst, here and
 * in handoff_claim_newest(), not just acquire, for the doorbell: joining stores the lane and then
 * looks here; a producer that still saw the lane FREE, and did not ring, has stored `newest` before
 * that. */
uint64_t handoff_newest_sequence(const struct segment *segment)
{
    return NEWEST_SEQUENCE(atomic_load_explicit(&segment->producer->newest, memory_order_seq_cst));
}

enum layout_state handoff_state(const struct segment *segment)
{
    return (enum layout_state)atomic_load_explicit(&segment->producer->state, memory_order_seq_cst);
}

bool handoff_come_over(struct segment *segment, uint32_t lane)
{
    uint64_t expected = LANE_WORD(LANE_EXPECTED, 1);

    /* Fails if nobody was expected, or no longer is: evicted. */
    if (!atomic_compare_exchange_strong_explicit(&segment->viewers->lane[lane].word, &expected,
                                                 LANE_WORD(LANE_EVERY, 1), memory_order_seq_cst,
                                                 memory_order_relaxed))
        return false;
    /* The producer may be waiting for just this, to leave the segment. */
    ring(&segment->viewers->space);
    return true;
}

uint64_t handoff_join(struct segment *segment, uint32_t lane, enum lane_mode mode)
{
    struct layout_lane *mine = &segment->viewers->lane[lane];
    uint64_t next = 0;

    if (mode == LANE_LATEST) {
        atomic_store_explicit(&mine->word, LANE_WORD(LANE_LATEST, 0), memory_order_seq_cst);
    } else {
        uint64_t before = 0, after = handoff_newest_sequence(segment);
        /* Wants the picture that is there already, unless the producer may have passed it by
         * meanwhile. */
        for (int tries = 0; tries < CLAIM_TRIES_MAX && (tries == 0 || after != before); tries++) {
            before = after;
            next = before ? before : 1;
            /* [dekker] lane, then `newest` */
            atomic_store_explicit(&mine->word, LANE_WORD(LANE_EVERY, next), memory_order_seq_cst);
            FAULT_POINT(viewer_stored_next);
            after = NEWEST_SEQUENCE(
                atomic_load_explicit(&segment->producer->newest, memory_order_seq_cst));
        }
    }
    FAULT_POINT(viewer_joined);
    /* A predecessor on this lane may just have lost its claims. */
    ring(&segment->viewers->space);
    return next ? next - 1 : 0;
}

/* A time that has passed, whatever the segment says: who subtracts times must not overflow. */
static int64_t past_ns(_Atomic int64_t *time_ns, int64_t now_ns)
{
    int64_t ns = atomic_load_explicit(time_ns, memory_order_relaxed);

    return ns < 0 ? 0 : clock_earlier(ns, now_ns);
}

/* The slot's pages, and what the producer wrote about them. The slot must be claimed. */
static void fill_frame(struct segment *segment, uint32_t slot, uint64_t sequence,
                       struct pf_frame *frame)
{
    struct layout_meta *meta = &segment->producer->meta[slot];
    int64_t now_ns = clock_now_ns();
    int64_t publish_ns = past_ns(&meta->publish_ns, now_ns);

    *frame = (struct pf_frame){
        .slot = slot,
        .sequence = sequence,
        .flags = atomic_load_explicit(&meta->flags, memory_order_relaxed),
        .pts_ns = atomic_load_explicit(&meta->pts_ns, memory_order_relaxed),
        .due_ns = past_ns(&meta->due_ns, now_ns),
        .begin_ns = past_ns(&meta->begin_ns, publish_ns),
        .publish_ns = publish_ns,
        .acquire_ns = now_ns,
    };
    segment_planes(segment, slot, frame->plane);
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

        /* [dekker] lane, then `newest` */
        uint64_t before = atomic_fetch_or_explicit(mine, LANE_HELD(slot), memory_order_seq_cst);
        FAULT_POINT(viewer_stored_held);
        uint64_t again = atomic_load_explicit(&segment->producer->newest, memory_order_seq_cst);
        if (again == newest) {
            fill_frame(segment, slot, NEWEST_SEQUENCE(newest), frame);
            return 0;
        }
        /* A newer one has come, which is better anyway. What was held before stays held. */
        FAULT_POINT(viewer_drops_claim);
        if (!(before & LANE_HELD(slot)))
            handoff_let_go(segment, lane, slot);
        newest = again;
    }
    return -EAGAIN;
}

int handoff_claim_next(struct segment *segment, uint32_t lane, uint64_t seen,
                       struct pf_frame *frame)
{
    _Atomic uint64_t *mine = &segment->viewers->lane[lane].word;
    uint64_t word = atomic_load_explicit(mine, memory_order_relaxed);

    if (LANE_MODE(word) != LANE_EVERY)
        return -ESTALE;
    /* in there: meta of every frame up to this one is visible */
    if (handoff_newest_sequence(segment) <= seen)
        return -EAGAIN;
    for (uint32_t k = 0; k < segment->geometry.slots; k++) {
        if (atomic_load_explicit(&segment->producer->meta[k].sequence, memory_order_relaxed) !=
            seen + 1)
            continue;
        /* NEXT keeps the slot until here, HELD from here on: one word, so the producer sees the one
         * or the other. The exchange fails only if the producer has evicted us meanwhile. */
        FAULT_POINT(viewer_found_slot);
        uint64_t taken = (word + LANE_WORD(0, 1)) | LANE_HELD(k);
        if (!atomic_compare_exchange_strong_explicit(mine, &word, taken, memory_order_seq_cst,
                                                     memory_order_relaxed))
            return -ESTALE;
        fill_frame(segment, k, seen + 1, frame);
        return 0;
    }
    /* Published, wanted and not there: only if we were evicted between the two loads. */
    return LANE_MODE(atomic_load_explicit(mine, memory_order_relaxed)) == LANE_EVERY ? -EAGAIN
                                                                                     : -ESTALE;
}

void handoff_let_go(struct segment *segment, uint32_t lane, uint32_t slot)
{
    /* release: our reads of the pixels come before the producer's writes; pairs with its load of
     * the lanes. */
    atomic_fetch_and_explicit(&segment->viewers->lane[lane].word, ~LANE_HELD(slot),
                              memory_order_release);
    FAULT_POINT(viewer_released);
    ring(&segment->viewers->space);
}

void handoff_leave(struct segment *segment, uint32_t lane)
{
    atomic_store_explicit(&segment->viewers->lane[lane].word, LANE_FREE, memory_order_release);
    FAULT_POINT(viewer_freed_lane);
    ring(&segment->viewers->space);
}
