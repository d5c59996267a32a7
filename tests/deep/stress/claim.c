/* SPDX-License-Identifier: MIT */
/*
 * Dekker's pattern in the compiled code: a producer and a viewer run on one core each, in the
 * tightest possible loop, on real memory. If a store stays in its core's store buffer while a later
 * load proceeds (the only reordering on x86), a frame is torn or missing.
 *
 *     stress_claim [SECONDS]      of each of the two claims; default 1
 *
 * On a busy machine the two rarely run at the same time, so each takes as long as it needs for a
 * certain number of claims. After a fault it ends.
 *
 * The library is compiled with quiet_doorbells.h, because a ring would hide such a reordering.
 */
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/handoff.h"

enum { SLOTS = 2, READS = 12, CLAIMS_A_SECOND = 200000, SECONDS_MAX = 60 };

static alignas(4096) struct layout_header header;
static alignas(4096) struct layout_producer producer;
static alignas(4096) struct layout_viewers viewers;
static alignas(4096) uint8_t slots[SLOTS][4096];
static struct segment segment = {
    .header = &header,
    .producer = &producer,
    .viewers = &viewers,
    .slots = slots[0],
    .geometry = {.slots = SLOTS, .slot_stride_bytes = sizeof slots[0], .planes = 1},
};

static atomic_bool stop;
static uint64_t published;
static atomic_ullong claimed, faults;
static int64_t fault_ns; /* time of the first fault */

/* The content of a frame: its number, in one word. */
static _Atomic uint64_t *content(const struct pf_frame *frame)
{
    return (_Atomic uint64_t *)(void *)frame->plane[0].pixels;
}

/* Wait for a changing time, so that the two loops meet in every phase. */
static void wait_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223; /* Numerical Recipes */
    for (volatile uint32_t i = *state >> 26; i > 0; i--)
        ;
}

static void *produce(void *unused)
{
    struct handoff handoff = {0};
    struct handoff_blockers blockers;
    uint32_t state = 1;

    (void)unused;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        int slot = handoff_find_free_slot(&handoff, &segment, &blockers);
        if (slot < 0)
            continue;
        struct pf_frame frame = {.slot = (uint32_t)slot};
        segment_planes(&segment, frame.slot, frame.plane);
        atomic_store_explicit(content(&frame), handoff.sequence + 1, memory_order_relaxed);
        if (handoff.sequence % 4 == 0)
            wait_random(&state);
        handoff_publish(&handoff, &segment, &frame);
    }
    published = handoff.sequence;
    return NULL;
}

/* Only one thread writes the counter. An atomic addition would be a barrier. */
static void count(atomic_ullong *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static void fault(void)
{
    if (faults == 0)
        fault_ns = clock_now_ns();
    count(&faults);
}

/* Read a claimed frame repeatedly: a change during this time is a fault. */
static void read_claimed(const struct pf_frame *frame)
{
    count(&claimed);
    for (int i = 0; i < READS; i++)
        if (atomic_load_explicit(content(frame), memory_order_relaxed) != frame->sequence) {
            fault();
            return;
        }
}

static void *claim_newest(void *unused)
{
    uint32_t state = 2;
    uint64_t seen = 0;

    (void)unused;
    handoff_join(&segment, 0, LANE_LATEST);
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        struct pf_frame frame;
        if (handoff_claim_newest(&segment, 0, seen, &frame) < 0)
            continue;
        read_claimed(&frame);
        seen = frame.sequence;
        handoff_release(&segment, 0, frame.slot);
        wait_random(&state);
    }
    handoff_leave(&segment, 0);
    return NULL;
}

static void *join_and_claim(void *unused)
{
    uint32_t state = 3;

    (void)unused;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        struct pf_frame frame;
        uint64_t seen = handoff_join(&segment, 0, LANE_EVERY);
        bool is_published = handoff_newest_sequence(&segment) > seen;
        int ret = handoff_claim_next(&segment, 0, seen, &frame);
        if (ret == 0)
            read_claimed(&frame);
        else if (is_published)
            fault(); /* the frame that the lane requires was overwritten */
        handoff_leave(&segment, 0);
        wait_random(&state);
    }
    return NULL;
}

static void pin(pthread_t thread, int number)
{
    cpu_set_t all, one;

    sched_getaffinity(0, sizeof all, &all);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &all) && number-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            pthread_setaffinity_np(thread, sizeof one, &one);
        }
}

static void run(const char *name, void *(*viewer)(void *), int64_t seconds)
{
    pthread_t thread[2];
    int64_t start_ns = clock_now_ns();

    memset(&producer, 0, sizeof producer);
    memset(&viewers, 0, sizeof viewers);
    published = 0;
    atomic_store(&claimed, 0);
    atomic_store(&faults, 0);
    atomic_store(&stop, false);
    pthread_create(&thread[0], NULL, produce, NULL);
    pthread_create(&thread[1], NULL, viewer, NULL);
    pin(thread[0], 0);
    pin(thread[1], 1);
    while (!faults && (clock_now_ns() - start_ns < seconds * NS_PER_S ||
                       (claimed < CLAIMS_A_SECOND * (uint64_t)seconds &&
                        clock_now_ns() - start_ns < SECONDS_MAX * seconds * NS_PER_S))) {
        struct timespec pause = clock_timespec(20 * NS_PER_MS);
        nanosleep(&pause, NULL);
    }
    atomic_store(&stop, true);
    pthread_join(thread[0], NULL);
    pthread_join(thread[1], NULL);
    printf("# %s: %llu published, %llu claimed, %llu torn or missing", name,
           (unsigned long long)published, claimed, faults);
    if (faults)
        printf(", the first after %lld ms", (long long)((fault_ns - start_ns) / NS_PER_MS));
    printf("\n");
}

/* Few frames would prove nothing: the two loops must have overlapped. A busy machine has less. */
static bool report(int number, const char *name)
{
    bool ok = faults == 0 && published > 100 && claimed > 100;

    printf("%s %d - %s\n", ok ? "ok" : "not ok", number, name);
    return ok;
}

int main(int argc, char **argv)
{
    int64_t seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
    cpu_set_t all;

    if (sched_getaffinity(0, sizeof all, &all) < 0 || CPU_COUNT(&all) < 2) {
        printf("1..0 # SKIP needs two cores\n");
        return 0;
    }
    printf("TAP version 13\n1..2\n");
    run("claim newest", claim_newest, seconds);
    bool ok = report(1, "the_newest_frame_is_claimed_whole");
    run("join and claim", join_and_claim, seconds);
    ok &= report(2, "a_new_viewers_first_frame_is_present_and_whole");
    return !ok;
}
