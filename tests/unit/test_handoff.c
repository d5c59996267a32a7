/* SPDX-License-Identifier: MIT */
/*
 * The rule of the handoff, in private memory: no segment and no other process. The tests make each
 * interleaving that matters step by step. Races are tested by test_steps, by test_stream and by
 * tests/deep.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/doorbell.h"
#include "core/handoff.h"

static struct layout_header header;
static struct layout_producer producer;
static struct layout_viewers viewers;
static uint8_t pixels[PF_SLOTS_MAX][64];
static struct segment segment;
static struct handoff handoff;

static void reset(uint32_t slots)
{
    memset(&producer, 0, sizeof producer);
    memset(&viewers, 0, sizeof viewers);
    handoff = (struct handoff){0};
    segment = (struct segment){
        .header = &header,
        .producer = &producer,
        .viewers = &viewers,
        .slots = pixels[0],
        .geometry = {.slots = slots, .slot_stride_bytes = 64, .planes = 1},
    };
}

static int free_slot(void)
{
    struct handoff_blockers blockers;

    return handoff_find_free_slot(&handoff, &segment, &blockers);
}

/* Publish one frame. Returns its slot, or -1 if none is free. */
static int publish(void)
{
    int slot = free_slot();

    if (slot >= 0) {
        struct pf_frame frame = {.slot = (uint32_t)slot};
        handoff_publish(&handoff, &segment, &frame);
    }
    return slot;
}

static uint64_t word(uint32_t lane)
{
    return atomic_load(&viewers.lane[lane].word);
}

Test(handoff, takes_the_oldest_slot_and_never_the_newest)
{
    reset(3);
    for (int round = 0; round < 10; round++) {
        cr_assert_eq(publish(), 0);
        cr_assert_eq(publish(), 1);
        cr_assert_eq(publish(), 2);
    }
}

Test(handoff, a_held_slot_is_not_drawn_in)
{
    struct pf_frame frame;

    reset(3);
    handoff_join(&segment, 4, LANE_LATEST);
    cr_assert_eq(publish(), 0);
    cr_assert_eq(handoff_claim_newest(&segment, 4, 0, &frame), 0);
    for (int i = 0; i < 20; i++)
        cr_assert_neq(publish(), 0);
    handoff_release(&segment, 4, frame.slot);
    cr_assert_eq(publish(), 0);
}

Test(handoff, a_required_slot_is_not_drawn_in)
{
    struct handoff_blockers blockers;
    struct pf_frame frame;

    reset(2);
    uint64_t seen = handoff_join(&segment, 9, LANE_EVERY);
    cr_assert_eq(seen, 0);
    cr_assert_eq(publish(), 0);
    cr_assert_eq(publish(), 1);
    cr_assert_eq(handoff_find_free_slot(&handoff, &segment, &blockers), -1);
    cr_assert_eq(blockers.lanes, 1u << 9, "the blocking lanes are %x", blockers.lanes);
    cr_assert_eq(handoff_claim_next(&segment, 9, 0, &frame), 0);
    cr_assert_eq(frame.sequence, 1);
    cr_assert_eq(free_slot(), -1, "the slot is held now");
    handoff_release(&segment, 9, frame.slot);
    cr_assert_eq(free_slot(), 0);
}

Test(handoff, an_every_frame_viewer_gets_each_frame_in_order)
{
    struct pf_frame frame;

    reset(4);
    uint64_t seen = handoff_join(&segment, 0, LANE_EVERY);
    cr_assert_eq(handoff_claim_next(&segment, 0, seen, &frame), -EAGAIN);
    for (int i = 0; i < 4; i++)
        publish();
    for (uint64_t expected = 1; expected <= 4; expected++) {
        cr_assert_eq(handoff_claim_next(&segment, 0, seen, &frame), 0);
        cr_assert_eq(frame.sequence, expected);
        seen = frame.sequence;
        handoff_release(&segment, 0, frame.slot);
    }
    cr_assert_eq(handoff_claim_next(&segment, 0, seen, &frame), -EAGAIN);
}

Test(handoff, a_seen_frame_is_not_claimed_again)
{
    struct pf_frame frame;

    reset(2);
    handoff_join(&segment, 0, LANE_LATEST);
    publish();
    cr_assert_eq(handoff_claim_newest(&segment, 0, 0, &frame), 0);
    cr_assert_eq(handoff_claim_newest(&segment, 0, 1, &frame), -EAGAIN);
    cr_assert_eq(LANE_HELD(0) & word(0), LANE_HELD(0), "a failed claim released the held slot");
}

Test(handoff, a_late_viewer_gets_the_newest_frame_and_no_earlier_one)
{
    reset(3);
    publish();
    publish();
    cr_assert_eq(handoff_join(&segment, 0, LANE_EVERY), 1);
    cr_assert_eq(LANE_NEXT(word(0)), 2);
    cr_assert_eq(publish(), 2);
    cr_assert_eq(publish(), 0, "frame 1 was published before the viewer joined");
    cr_assert_eq(publish(), -1, "frame 2 is required");
}

Test(handoff, eviction_keeps_held_slots)
{
    struct pf_frame frame;

    reset(2);
    handoff_join(&segment, 0, LANE_EVERY);
    publish();
    cr_assert_eq(handoff_claim_next(&segment, 0, 0, &frame), 0);
    publish();
    cr_assert_eq(free_slot(), -1);
    cr_assert(handoff_evict(&segment, 0, word(0)));
    cr_assert_eq(LANE_MODE(word(0)), LANE_LATEST);
    cr_assert_eq(free_slot(), -1, "with two slots, one held and one newest, none is free");
    handoff_release(&segment, 0, frame.slot);
    cr_assert_eq(free_slot(), 0);
    cr_assert_eq(handoff_claim_next(&segment, 0, 1, &frame), -ESTALE);
}

Test(handoff, a_viewer_that_claimed_a_frame_meanwhile_is_not_evicted)
{
    struct pf_frame frame;

    reset(2);
    handoff_join(&segment, 0, LANE_EVERY);
    publish();
    uint64_t before = word(0);
    cr_assert_eq(handoff_claim_next(&segment, 0, 0, &frame), 0);
    cr_assert_not(handoff_evict(&segment, 0, before));
    cr_assert_eq(LANE_MODE(word(0)), LANE_EVERY);
}

Test(handoff, leaving_frees_held_and_required_slots)
{
    struct pf_frame frame;

    reset(2);
    handoff_join(&segment, 0, LANE_EVERY);
    publish();
    cr_assert_eq(handoff_claim_next(&segment, 0, 0, &frame), 0);
    publish();
    cr_assert_eq(free_slot(), -1);
    handoff_leave(&segment, 0);
    cr_assert_eq(free_slot(), 0);
}

Test(handoff, an_unpublished_slot_stays_free)
{
    reset(2);
    cr_assert_eq(publish(), 0);
    cr_assert_eq(free_slot(), 1);
    cr_assert_eq(free_slot(), 1);
    cr_assert_eq(publish(), 1);
}

Test(handoff, doorbells_wake_and_are_quiet_after_a_clear)
{
    reset(2);
    handoff_join(&segment, 3, LANE_LATEST);
    publish();
    cr_assert_eq(doorbell_wait(&segment.viewers->lane[3].doorbell, 0), 0,
                 "publish rings the viewers");
    cr_assert_eq(doorbell_wait(&segment.viewers->lane[3].doorbell, 0), -ETIMEDOUT);
    publish();
    publish();
    doorbell_clear(&segment.viewers->lane[3].doorbell);
    cr_assert_eq(doorbell_wait(&segment.viewers->lane[3].doorbell, 0), -ETIMEDOUT);
    doorbell_clear(&segment.viewers->producer_doorbell);
    handoff_release(&segment, 3, 0);
    cr_assert_eq(doorbell_wait(&segment.viewers->producer_doorbell, 0), 0,
                 "release rings the producer");
    handoff_leave(&segment, 3);
    cr_assert_eq(doorbell_wait(&segment.viewers->producer_doorbell, 0), 0,
                 "leaving rings the producer");
}

/* Also values at which glibc aborts the process if they are in a sem_t. */
Test(handoff, a_damaged_doorbell_wakes_or_times_out)
{
    const uint32_t words[] = {0, 1, 2, 3, 0x5a5a5a5a, INT32_MAX, UINT32_MAX - 1, UINT32_MAX};

    reset(2);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        atomic_store(&viewers.producer_doorbell, words[i]);
        int ret = doorbell_wait(&segment.viewers->producer_doorbell, 0);
        cr_assert(ret == 0 || ret == -ETIMEDOUT, "%x: %d", words[i], ret);
        atomic_store(&viewers.producer_doorbell, words[i]);
        handoff_release(&segment, 3, 0);
        cr_assert_eq(doorbell_wait(&segment.viewers->producer_doorbell, 0), 0,
                     "%x: the ring is lost", words[i]);
        atomic_store(&viewers.producer_doorbell, words[i]);
        doorbell_clear(&segment.viewers->producer_doorbell);
        cr_assert_eq(doorbell_wait(&segment.viewers->producer_doorbell, 0), -ETIMEDOUT,
                     "%x: not cleared", words[i]);
    }
}

Test(handoff, endless_rings_are_throttled)
{
    int64_t start_ns = clock_now_ns();
    int rings = 0;

    for (int i = 0; i < DOORBELL_RINGS_MAX + 20; i++)
        cr_assert_eq(doorbell_throttle(&rings), 0);
    cr_assert_geq(clock_now_ns() - start_ns, 20 * DOORBELL_PAUSE_NS);
}

/* A caller that subtracts the times of a frame must not overflow, whatever the segment contains. */
Test(handoff, frame_times_are_ordered_and_not_in_the_future)
{
    const int64_t times[] = {INT64_MIN, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    enum { COUNT = sizeof times / sizeof *times };
    struct pf_frame frame;

    reset(2);
    handoff_join(&segment, 0, LANE_LATEST);
    for (int i = 0; i < COUNT * COUNT * COUNT; i++) {
        int slot = publish();
        cr_assert_geq(slot, 0);
        struct layout_meta *meta = &producer.meta[slot];
        atomic_store(&meta->due_ns, times[i % COUNT]);
        atomic_store(&meta->begin_ns, times[i / COUNT % COUNT]);
        atomic_store(&meta->publish_ns, times[i / COUNT / COUNT]);
        atomic_store(&meta->sequence, 77);
        cr_assert_eq(handoff_claim_newest(&segment, 0, (uint64_t)i, &frame), 0);
        cr_assert_eq(frame.sequence, (uint64_t)i + 1, "not the sequence that was claimed");
        cr_assert_geq(frame.due_ns, 0);
        cr_assert_leq(frame.due_ns, frame.acquire_ns);
        cr_assert_geq(frame.begin_ns, 0);
        cr_assert_leq(frame.begin_ns, frame.publish_ns);
        cr_assert_leq(frame.publish_ns, frame.acquire_ns);
        handoff_release(&segment, 0, frame.slot);
    }
}

Test(handoff, a_free_lane_is_not_rung)
{
    reset(2);
    publish();
    cr_assert_eq(doorbell_wait(&segment.viewers->lane[3].doorbell, 0), -ETIMEDOUT);
}

Test(handoff, sequences_continue_beyond_32_bits)
{
    struct pf_frame frame;

    reset(3);
    handoff.sequence = UINT32_MAX - 5;
    atomic_store(&producer.newest, NEWEST_WORD(handoff.sequence, 0));
    handoff_join(&segment, 0, LANE_EVERY);
    uint64_t seen = handoff.sequence; /* no slot contains that frame */
    atomic_store(&viewers.lane[0].word, LANE_WORD(LANE_EVERY, seen + 1));
    for (int i = 0; i < 10; i++) {
        cr_assert_geq(publish(), 0);
        cr_assert_eq(handoff_claim_next(&segment, 0, seen, &frame), 0);
        cr_assert_eq(frame.sequence, seen + 1);
        seen = frame.sequence;
        handoff_release(&segment, 0, frame.slot);
    }
    cr_assert_gt(seen, UINT32_MAX);
}

/* Damage or malice: any value in the control pages. */
Test(handoff, random_words_keep_every_access_inside_the_slots)
{
    struct handoff_blockers blockers;
    struct pf_frame frame;

    reset(3);
    srandom(1);
    for (int i = 0; i < 200000; i++) {
        for (int lane = 0; lane < PF_VIEWERS_MAX; lane++)
            atomic_store(&viewers.lane[lane].word, (uint64_t)random() << 33 ^ (uint64_t)random());
        int slot = handoff_find_free_slot(&handoff, &segment, &blockers);
        cr_assert(slot >= -1 && slot < 3, "slot %d", slot);
        atomic_store(&producer.newest, (uint64_t)random() << 33 ^ (uint64_t)random());
        if (handoff_claim_newest(&segment, 5, (uint64_t)(random() & 3), &frame) == 0) {
            cr_assert_lt(frame.slot, 3);
            cr_assert_geq(frame.plane[0].pixels, pixels[0]);
            cr_assert_lt(frame.plane[0].pixels, pixels[3]);
        }
        handoff_claim_next(&segment, 6, (uint64_t)(random() & 3), &frame);
    }
}
