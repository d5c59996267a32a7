/* SPDX-License-Identifier: MIT */
/*
 * A peer that writes what it likes into the segment: a thread here, with a mapping of its own,
 * while frames flow. Nobody may crash, write where it should not, wait beyond its time-out, or
 * spin.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "core/channel.h"
#include "core/doorbell.h"
#include "core/handoff.h"
#include "stream.h"

enum { PAGE = 4096, SCRIBBLE_S = 3, MARK = 7 };

static uint8_t *raw; /* the segment as a peer may map it: all of it writable */
static atomic_bool stop;

static struct layout_producer *page_1(void)
{
    return (struct layout_producer *)(void *)(raw + PAGE);
}

static struct layout_viewers *page_2(void)
{
    return (struct layout_viewers *)(void *)(raw + 2 * PAGE);
}

static void map_raw(void)
{
    raw = shmat(pf_viewer_segment(viewer)->shmid, NULL, 0);
    cr_assert_neq(raw, (void *)-1);
}

static void leave_raw(void)
{
    if (raw)
        shmdt(raw);
    finish();
}

TestSuite(hostile, .init = quiet, .fini = leave_raw);

static pthread_t start(void *(*work)(void *))
{
    pthread_t thread;

    atomic_store(&stop, false);
    cr_assert_eq(pthread_create(&thread, NULL, work, NULL), 0);
    return thread;
}

static void end(pthread_t thread)
{
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13; /* xorshift64: Marsaglia, 2003 */
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* ------------------------------------------------------------------ everything at once */

/* All the time, but for a pause now and then: in one of those a frame can be published, since the
 * producer takes the lanes of nobody back. While lanes change all the time it may have to wait. */
static void *scribble(void *unused)
{
    const struct timespec pause = {.tv_nsec = 5 * NS_PER_MS};
    uint64_t state = 42;

    while (!atomic_load(&stop)) {
        int64_t end_ns = clock_now_ns() + 20 * NS_PER_MS;
        while (clock_now_ns() < end_ns)
            for (size_t i = PAGE; i < 3 * PAGE; i += sizeof state)
                atomic_store_explicit((_Atomic uint64_t *)(void *)(raw + i), next_random(&state),
                                      memory_order_relaxed);
        nanosleep(&pause, NULL);
    }
    return unused;
}

static atomic_bool enough;
static atomic_int published;

static void *publish_on(void *unused)
{
    while (!atomic_load(&enough)) {
        struct pf_frame frame;
        int64_t start_ns = clock_now_ns();
        int ret = pf_producer_begin(producer, 2 * NS_PER_MS, &frame);

        cr_assert_leq(clock_now_ns() - start_ns, 2 * NS_PER_S, "begin() does not come back");
        if (ret < 0)
            continue;
        memset(frame.plane[0].pixels, MARK, (size_t)frame.plane[0].stride_bytes * 48);
        pf_producer_publish(producer, &frame);
        atomic_fetch_add(&published, 1);
    }
    return unused;
}

/* A frame's first byte of each row, all the same; or -1: there was none in time. */
static int look_at_one(int64_t timeout_ns)
{
    struct pf_frame frame;
    int64_t start_ns = clock_now_ns();
    int ret = pf_viewer_acquire(viewer, timeout_ns, &frame);

    cr_assert_leq(clock_now_ns() - start_ns, timeout_ns + 2 * NS_PER_S,
                  "acquire() does not come back");
    if (ret < 0)
        return -1;
    int first = frame.plane[0].pixels[0], others = 0;
    for (uint32_t y = 0; y < 48; y++) /* each row is ours to read */
        others += frame.plane[0].pixels[(size_t)y * frame.plane[0].stride_bytes] != first;
    pf_viewer_release(viewer, &frame);
    return others ? -2 : first;
}

/* The scribbler has gone. The viewer that was there may have a damaged lane word, or have been told
 * of a frame far in the future, until it leaves; everybody else goes on at once. */
static void recovers(bool every_frame)
{
    int before = atomic_load(&published);
    int64_t deadline_ns = clock_now_ns() + 2 * NS_PER_S;

    pf_viewer_close(viewer);
    viewer = NULL;
    while (atomic_load(&published) < before + 3 && clock_now_ns() < deadline_ns)
        sched_yield();
    cr_assert_geq(atomic_load(&published), before + 3, "the producer does not go on");
    open_viewer(every_frame);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(look_at_one(2 * NS_PER_S), MARK, "frame %d of a newcomer", i);
}

static void scribbled_over(bool every_frame)
{
    uint8_t header[PAGE];
    pthread_t scribbler, publisher;
    int acquired = 0;

    open_producer(3, NS_PER_S);
    open_viewer(every_frame);
    map_raw();
    memcpy(header, raw, PAGE);
    cr_assert_eq(pthread_create(&publisher, NULL, publish_on, NULL), 0);
    cr_assert_eq(look_at_one(2 * NS_PER_S), MARK);
    int before = atomic_load(&published);
    int64_t end_ns = clock_now_ns() + SCRIBBLE_S * NS_PER_S;
    scribbler = start(scribble);
    while (clock_now_ns() < end_ns)
        acquired += look_at_one(2 * NS_PER_MS) != -1;
    end(scribbler);
    cr_assert_gt(atomic_load(&published), before, "none was published");
    cr_assert_gt(acquired, 0, "none was acquired");
    cr_assert_eq(memcmp(raw, header, PAGE), 0, "somebody wrote over the header");
    recovers(every_frame);
    atomic_store(&enough, true);
    pthread_join(publisher, NULL);
}

Test(hostile, scribbles_harm_no_latest_viewer_and_no_producer)
{
    scribbled_over(false);
}

Test(hostile, scribbles_harm_no_every_frame_viewer_and_no_producer)
{
    scribbled_over(true);
}

/* ------------------------------------------------------------------ one word after the other */

/* Held by nobody who has a lease, so the producer takes the lanes back, over and over. */
static void *keep_lanes_taken(void *unused)
{
    while (!atomic_load(&stop))
        for (int i = 0; i < PF_VIEWERS_MAX; i++)
            atomic_store(&page_2()->lane[i].word, UINT64_MAX);
    return unused;
}

Test(hostile, lanes_that_are_taken_again_at_once_do_not_keep_the_producer)
{
    struct pf_producer_stats before, after;
    struct pf_frame frame;

    open_producer(2, 0);
    open_viewer(false);
    map_raw();
    pthread_t thread = start(keep_lanes_taken);
    int64_t end_ns = clock_now_ns() + NS_PER_S;
    while (clock_now_ns() < end_ns) {
        pf_producer_stats(producer, &before);
        if (pf_producer_begin(producer, 0, &frame) == 0)
            pf_producer_abandon(producer, &frame);
        pf_producer_stats(producer, &after);
        /* once because it is time, and once because no slot is free */
        cr_assert_leq(after.reaped - before.reaped, 2 * PF_VIEWERS_MAX, "in one call");
    }
    end(thread);
}

Test(hostile, a_lie_about_the_end_is_not_believed)
{
    const uint32_t lies[] = {LAYOUT_ENDED, LAYOUT_MOVED, 3, INT32_MAX, UINT32_MAX};
    struct pf_frame frame;

    open_producer(2, 0);
    open_viewer(false);
    map_raw();
    for (uint32_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        atomic_store(&page_1()->state, lies[i]);
        int ret = pf_viewer_acquire(viewer, 120 * NS_PER_MS, &frame);
        cr_assert_eq(ret, -EAGAIN, "state %u: acquire says %d", lies[i], ret);
        cr_assert_eq(pf_viewer_state(viewer), PF_RUNNING);
        publish(i + 1);
        expect(i + 1);
    }
}

Test(hostile, a_newest_word_out_of_range_is_not_followed)
{
    const uint64_t words[] = {NEWEST_WORD(9, 2), NEWEST_WORD(9, 7), UINT64_MAX,
                              UINT64_MAX << 3 | 3};
    struct pf_frame frame;

    open_producer(2, 0);
    open_viewer(false);
    map_raw();
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        atomic_store(&page_1()->newest, words[i]);
        cr_assert_eq(pf_viewer_acquire(viewer, 0, &frame), -EAGAIN, "word %zu", i);
        cr_assert_eq(pf_viewer_acquire_latest(viewer, &frame), -EAGAIN, "word %zu", i);
    }
}

Test(hostile, a_sequence_that_goes_back_is_not_new)
{
    struct pf_frame frame;

    open_producer(2, 0);
    open_viewer(false);
    map_raw();
    for (int i = 1; i <= 5; i++) {
        publish((uint32_t)i);
        expect(i);
    }
    for (uint64_t back = 0; back <= 5; back++) {
        atomic_store(&page_1()->newest, NEWEST_WORD(back, 0));
        cr_assert_eq(pf_viewer_acquire(viewer, 0, &frame), -EAGAIN, "sequence %d", (int)back);
    }
    publish(6);
    expect(6);
}

Test(hostile, a_lane_word_of_an_unknown_mode_costs_no_more_than_slots)
{
    const uint64_t words[] = {UINT64_MAX, 3, LANE_WORD(3, 7), UINT64_MAX - 3, LANE_HELD(0) * 255};
    struct pf_frame frame;

    open_producer(3, 0);
    open_viewer(false);
    map_raw();
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        atomic_store(&page_2()->lane[9].word, words[i]);
        cr_assert_eq(pf_producer_begin(producer, NS_PER_S, &frame), 0, "word %zu", i);
        pf_producer_abandon(producer, &frame); /* nobody had lane 9's lease */
    }
}

/* ------------------------------------------------------------------ bells */

static void *ring_on(void *unused)
{
    struct segment peers = {.viewers = page_2()};

    while (!atomic_load(&stop)) {
        doorbell_ring(&peers.viewers->lane[0].doorbell);
        handoff_release(&peers, 5, 0); /* rings the producer */
    }
    return unused;
}

static int64_t thread_cpu_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return used.tv_sec * NS_PER_S + used.tv_nsec;
}

Test(hostile, bells_that_never_stop_keep_no_core_busy)
{
    struct pf_frame frame, held;

    open_producer(2, 0);
    open_viewer(true);
    map_raw();
    pthread_t thread = start(ring_on);
    int64_t cpu_ns = thread_cpu_ns();
    cr_assert_eq(pf_viewer_acquire(viewer, NS_PER_S, &frame), -EAGAIN);
    cr_assert_leq(thread_cpu_ns() - cpu_ns, NS_PER_S / 4, "the viewer spins");
    publish(1);
    publish(2);
    cr_assert_eq(pf_viewer_acquire(viewer, NS_PER_S, &held), 0);
    cpu_ns = thread_cpu_ns();
    cr_assert_eq(pf_producer_begin(producer, NS_PER_S, &frame), -EAGAIN);
    cr_assert_leq(thread_cpu_ns() - cpu_ns, NS_PER_S / 4, "the producer spins");
    pf_viewer_release(viewer, &held);
    end(thread);
}

/* ------------------------------------------------------------------ what a viewer writes */

enum { CANARY = 0xa4 }; /* as a lane word it is FREE */

/* Is this byte of page 2 one that the viewer on lane 0 has business with? */
static bool is_viewers(size_t offset)
{
    const size_t word = offsetof(struct layout_viewers, lane[0].word);
    const size_t pid = offsetof(struct layout_viewers, lane[0].pid);
    const size_t door = offsetof(struct layout_viewers, lane[0].doorbell);
    const size_t space = offsetof(struct layout_viewers, producer_doorbell);

    return (offset >= word && offset < word + 8) || (offset >= pid && offset < pid + 4) ||
           (offset >= door && offset < door + 4) || (offset >= space && offset < space + 4);
}

static void writes_its_lane_and_bells_only(bool every_frame)
{
    struct pf_frame frame;

    open_producer(3, 0);
    open_viewer(every_frame);
    map_raw();
    pf_viewer_close(viewer);
    for (size_t i = 0; i < PAGE; i++)
        if (!is_viewers(i))
            raw[2 * PAGE + i] = CANARY;
    open_viewer(every_frame); /* on lane 0 again */
    for (int i = 1; i <= 200; i++) {
        publish((uint32_t)i);
        expect(i);
        cr_assert_eq(pf_viewer_acquire_latest(viewer, &frame), 0);
        pf_viewer_wake(viewer);
        cr_assert_eq(pf_viewer_wait(viewer, 0), -EINTR);
        pf_viewer_release(viewer, &frame);
    }
    cr_assert_eq(pf_viewer_acquire(viewer, NS_PER_MS, &frame), -EAGAIN);
    pf_viewer_close(viewer);
    viewer = NULL;
    for (size_t i = 0; i < PAGE; i++)
        cr_assert(is_viewers(i) || raw[2 * PAGE + i] == CANARY, "byte %zu of page 2 is %02x", i,
                  raw[2 * PAGE + i]);
}

Test(hostile, a_latest_viewer_writes_its_lane_and_bells_only)
{
    writes_its_lane_and_bells_only(false);
}

Test(hostile, an_every_frame_viewer_writes_its_lane_and_bells_only)
{
    writes_its_lane_and_bells_only(true);
}

/* ------------------------------------------------------------------ pages taken away */

Test(hostile, pages_that_a_peer_takes_away_are_black)
{
    struct pf_frame frame;

    open_producer(3, 0);
    open_viewer(false);
    map_raw();
    publish(0x55);
    cr_assert_eq(pf_viewer_acquire(viewer, NS_PER_S, &frame), 0);
    cr_assert_eq(madvise(raw, pf_viewer_segment(viewer)->bytes, MADV_REMOVE), 0, "%s",
                 strerror(errno));
    for (uint32_t y = 0; y < 48; y++)
        for (uint32_t x = 0; x < 64 * 4; x++)
            cr_assert_eq(frame.plane[0].pixels[(size_t)y * frame.plane[0].stride_bytes + x], 0);
    pf_viewer_release(viewer, &frame);
    publish(0x66); /* the producer remembers by itself where it was */
    cr_assert_eq(pf_viewer_acquire(viewer, NS_PER_S, &frame), 0);
    cr_assert_eq(frame.plane[0].pixels[0], 0x66);
    pf_viewer_release(viewer, &frame);
}
