/* SPDX-License-Identifier: MIT */
/*
 * A hostile peer overwrites the segment while frames are published: here a thread that has its own
 * mapping. Producer and viewer must not crash, write outside their own words, wait longer than
 * their time-out, or spin.
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

enum { PAGE = 4096, OVERWRITE_S = 3, MARK = 7 };

static uint8_t *raw; /* the segment as a peer can map it: all of it writable */
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

static void unmap_raw(void)
{
    if (raw)
        shmdt(raw);
    finish_stream();
}

TestSuite(hostile, .init = init_stream, .fini = unmap_raw);

static pthread_t start_thread(void *(*work)(void *))
{
    pthread_t thread;

    atomic_store(&stop, false);
    cr_assert_eq(pthread_create(&thread, NULL, work, NULL), 0);
    return thread;
}

static void stop_thread(pthread_t thread)
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

/* ------------------------------------------------------------------ all words together */

/* Pauses from time to time. In a pause the producer can reclaim the lanes without a lease and
 * publish a frame; while the lanes change it may have to wait. */
static void *overwrite_words(void *unused)
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

static void *publish_until_enough(void *unused)
{
    while (!atomic_load(&enough)) {
        struct pf_frame frame;
        int64_t start_ns = clock_now_ns();
        int ret = pf_producer_begin(producer, 2 * NS_PER_MS, &frame);

        cr_assert_leq(clock_now_ns() - start_ns, HANG_NS, "begin() took longer");
        if (ret < 0)
            continue;
        memset(frame.plane[0].pixels, MARK, (size_t)frame.plane[0].stride_bytes * 48);
        pf_producer_publish(producer, &frame);
        atomic_fetch_add(&published, 1);
    }
    return unused;
}

/* Acquire a frame and read the first byte of each row. Returns that byte, or -2 if the rows differ,
 * or -1 if no frame was acquired. */
static int read_frame(int64_t timeout_ns)
{
    struct pf_frame frame;
    int64_t start_ns = clock_now_ns();
    int ret = pf_viewer_acquire(viewer, timeout_ns, &frame);

    cr_assert_leq(clock_now_ns() - start_ns, timeout_ns + HANG_NS,
                  "acquire() took longer than its time-out");
    if (ret < 0)
        return -1;
    int first = frame.plane[0].pixels[0], others = 0;
    for (uint32_t y = 0; y < 48; y++)
        others += frame.plane[0].pixels[(size_t)y * frame.plane[0].stride_bytes] != first;
    pf_viewer_release(viewer, &frame);
    return others ? -2 : first;
}

/* After the attack the attached viewer may still have a damaged lane word, or may have acquired a
 * frame with a much later sequence, until it leaves. The producer and new viewers continue
 * immediately. */
static void expect_recovery(bool every_frame)
{
    int before = atomic_load(&published);
    int64_t deadline_ns = clock_now_ns() + HANG_NS;

    pf_viewer_close(viewer);
    viewer = NULL;
    while (atomic_load(&published) < before + 3 && clock_now_ns() < deadline_ns)
        sched_yield();
    cr_assert_geq(atomic_load(&published), before + 3, "the producer does not continue");
    open_viewer(every_frame);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(read_frame(HANG_NS), MARK, "frame %d of a new viewer", i);
}

static void run_overwritten(bool every_frame)
{
    uint8_t header[PAGE];
    pthread_t overwriter, publisher;
    int acquired = 0;

    open_producer(3, NS_PER_S);
    open_viewer(every_frame);
    map_raw();
    memcpy(header, raw, PAGE);
    cr_assert_eq(pthread_create(&publisher, NULL, publish_until_enough, NULL), 0);
    cr_assert_eq(read_frame(HANG_NS), MARK);
    int before = atomic_load(&published);
    int64_t end_ns = clock_now_ns() + OVERWRITE_S * NS_PER_S;
    overwriter = start_thread(overwrite_words);
    /* On a busy machine there is little progress among the overwritten words. */
    while (clock_now_ns() < end_ns || ((acquired == 0 || atomic_load(&published) == before) &&
                                       clock_now_ns() < end_ns + HANG_NS))
        acquired += read_frame(2 * NS_PER_MS) != -1;
    stop_thread(overwriter);
    cr_assert_gt(atomic_load(&published), before, "no frame was published");
    cr_assert_gt(acquired, 0, "no frame was acquired");
    cr_assert_eq(memcmp(raw, header, PAGE), 0, "the header was overwritten");
    expect_recovery(every_frame);
    atomic_store(&enough, true);
    pthread_join(publisher, NULL);
}

Test(hostile, a_latest_viewer_and_the_producer_continue_after_overwritten_words)
{
    run_overwritten(false);
}

Test(hostile, an_every_frame_viewer_and_the_producer_continue_after_overwritten_words)
{
    run_overwritten(true);
}

/* ------------------------------------------------------------------ single words */

/* No process has the leases of these lanes, so that the producer reclaims them again and again. */
static void *retake_lanes(void *unused)
{
    while (!atomic_load(&stop))
        for (int i = 0; i < PF_VIEWERS_MAX; i++)
            atomic_store(&page_2()->lane[i].word, UINT64_MAX);
    return unused;
}

Test(hostile, lanes_retaken_immediately_do_not_block_the_producer)
{
    struct pf_producer_stats before, after;
    struct pf_frame frame;

    open_producer(2, 0);
    open_viewer(false);
    map_raw();
    pthread_t thread = start_thread(retake_lanes);
    int64_t end_ns = clock_now_ns() + NS_PER_S;
    while (clock_now_ns() < end_ns) {
        pf_producer_stats(producer, &before);
        if (pf_producer_begin(producer, 0, &frame) == 0)
            pf_producer_abandon(producer, &frame);
        pf_producer_stats(producer, &after);
        /* once by the periodic scan, and once because no slot is free */
        cr_assert_leq(after.reaped - before.reaped, 2 * PF_VIEWERS_MAX, "reclaimed in one call");
    }
    stop_thread(thread);
}

Test(hostile, a_false_state_does_not_end_the_stream)
{
    const uint32_t states[] = {LAYOUT_ENDED, LAYOUT_MOVED, 3, INT32_MAX, UINT32_MAX};
    struct pf_frame frame;

    open_producer(2, 0);
    open_viewer(false);
    map_raw();
    for (uint32_t i = 0; i < sizeof states / sizeof *states; i++) {
        atomic_store(&page_1()->state, states[i]);
        int ret = pf_viewer_acquire(viewer, 120 * NS_PER_MS, &frame);
        cr_assert_eq(ret, -EAGAIN, "state %u: acquire returned %d", states[i], ret);
        cr_assert_eq(pf_viewer_state(viewer), PF_RUNNING);
        publish(i + 1);
        expect(i + 1);
    }
}

Test(hostile, an_out_of_range_newest_word_is_ignored)
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

Test(hostile, a_sequence_that_goes_back_is_ignored)
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

Test(hostile, a_damaged_lane_word_without_a_lease_is_reclaimed)
{
    const uint64_t words[] = {UINT64_MAX, 3, LANE_WORD(3, 7), UINT64_MAX - 3, LANE_HELD(0) * 255};
    struct pf_frame frame;

    open_producer(3, 0);
    open_viewer(false);
    map_raw();
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        atomic_store(&page_2()->lane[9].word, words[i]);
        cr_assert_eq(pf_producer_begin(producer, HANG_NS, &frame), 0, "word %zu", i);
        pf_producer_abandon(producer, &frame);
    }
}

/* ------------------------------------------------------------------ doorbells */

static void *ring_endlessly(void *unused)
{
    struct segment segment = {.viewers = page_2()};

    while (!atomic_load(&stop)) {
        doorbell_ring(&segment.viewers->lane[0].doorbell);
        handoff_release(&segment, 5, 0); /* rings the producer */
    }
    return unused;
}

static int64_t thread_cpu_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return used.tv_sec * NS_PER_S + used.tv_nsec;
}

Test(hostile, endless_rings_keep_no_core_busy)
{
    struct pf_frame frame, held;

    open_producer(2, 0);
    open_viewer(true);
    map_raw();
    pthread_t thread = start_thread(ring_endlessly);
    int64_t cpu_ns = thread_cpu_ns();
    cr_assert_eq(pf_viewer_acquire(viewer, NS_PER_S, &frame), -EAGAIN);
    cr_assert_leq(thread_cpu_ns() - cpu_ns, NS_PER_S / 4, "the viewer spins");
    publish(1);
    publish(2);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &held), 0);
    cpu_ns = thread_cpu_ns();
    cr_assert_eq(pf_producer_begin(producer, NS_PER_S, &frame), -EAGAIN);
    cr_assert_leq(thread_cpu_ns() - cpu_ns, NS_PER_S / 4, "the producer spins");
    pf_viewer_release(viewer, &held);
    stop_thread(thread);
}

/* ------------------------------------------------------------------ what a viewer writes */

enum { CANARY = 0xa4 }; /* as a lane word it is FREE */

/* May the viewer on lane 0 write this byte of page 2? It sends no events. */
static bool is_writable(size_t offset)
{
    const size_t word = offsetof(struct layout_viewers, lane[0].word);
    const size_t pid = offsetof(struct layout_viewers, lane[0].pid);
    const size_t own = offsetof(struct layout_viewers, lane[0].doorbell);
    const size_t producers = offsetof(struct layout_viewers, producer_doorbell);

    return (offset >= word && offset < word + 8) || (offset >= pid && offset < pid + 4) ||
           (offset >= own && offset < own + 4) || (offset >= producers && offset < producers + 4);
}

static void expect_own_writes_only(bool every_frame)
{
    struct pf_frame frame;

    open_producer(3, 0);
    open_viewer(every_frame);
    map_raw();
    pf_viewer_close(viewer);
    for (size_t i = 0; i < PAGE; i++)
        if (!is_writable(i))
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
        cr_assert(is_writable(i) || raw[2 * PAGE + i] == CANARY, "byte %zu of page 2 is %02x", i,
                  raw[2 * PAGE + i]);
}

Test(hostile, a_latest_viewer_writes_only_its_lane_and_doorbells)
{
    expect_own_writes_only(false);
}

Test(hostile, an_every_frame_viewer_writes_only_its_lane_and_doorbells)
{
    expect_own_writes_only(true);
}

/* ------------------------------------------------------------------ removed pages */

Test(hostile, pages_removed_by_a_peer_read_as_zero)
{
    struct pf_frame frame;

    open_producer(3, 0);
    open_viewer(false);
    map_raw();
    publish(0x55);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    cr_assert_eq(madvise(raw, pf_viewer_segment(viewer)->bytes, MADV_REMOVE), 0, "%s",
                 strerror(errno));
    for (uint32_t y = 0; y < 48; y++)
        for (uint32_t x = 0; x < 64 * 4; x++)
            cr_assert_eq(frame.plane[0].pixels[(size_t)y * frame.plane[0].stride_bytes + x], 0);
    pf_viewer_release(viewer, &frame);
    publish(0x66); /* the producer's own state is private */
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    cr_assert_eq(frame.plane[0].pixels[0], 0x66);
    pf_viewer_release(viewer, &frame);
}
