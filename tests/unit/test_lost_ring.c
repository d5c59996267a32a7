/* SPDX-License-Identifier: MIT */
/* A process is killed before it rings a doorbell: the other one polls again after a short time. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "core/segment.h"
#include "stream.h"

TestSuite(lost_ring, .init = init_stream, .fini = finish_stream);

static struct segment mapping; /* a second mapping of the segment, for its doorbells */

/* Wait until a process sleeps on the doorbell, then set the word as if no process did: the next
 * ring does not wake the sleeper, as if the ringing process had been killed before. */
static void lose_next_ring(_Atomic uint32_t *doorbell)
{
    for (int ms = 0; atomic_load(doorbell) == 0 && ms < 60000; ms++)
        usleep(1000);
    atomic_store(doorbell, 0);
}

static void *publish_without_ring(void *unused)
{
    lose_next_ring(&mapping.viewers->lane[0].doorbell);
    publish(5);
    return unused;
}

static void *release_without_ring(void *frame)
{
    lose_next_ring(&mapping.viewers->producer_doorbell);
    pf_viewer_release(viewer, frame);
    return NULL;
}

/* How long the viewer waits for a frame that is published without a ring. */
static int64_t viewer_wait_ns(void)
{
    struct pf_frame frame;
    pthread_t thread;
    int64_t start_ns = clock_now_ns();

    pthread_create(&thread, NULL, publish_without_ring, NULL);
    cr_assert_eq(pf_viewer_acquire(viewer, PF_FOREVER, &frame), 0);
    int64_t wait_ns = clock_now_ns() - start_ns;
    pthread_join(thread, NULL);
    pf_viewer_release(viewer, &frame);
    return wait_ns;
}

/* How long the producer waits for a slot that is released without a ring. */
static int64_t producer_wait_ns(void)
{
    struct pf_frame frame, next;
    pthread_t thread;

    cr_assert_eq(publish(6), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &frame), 0);
    cr_assert_eq(publish(7), 0); /* now one slot is held, and the other has the latest frame */
    int64_t start_ns = clock_now_ns();
    pthread_create(&thread, NULL, release_without_ring, &frame);
    cr_assert_eq(pf_producer_begin(producer, PF_FOREVER, &next), 0);
    int64_t wait_ns = clock_now_ns() - start_ns;
    pthread_join(thread, NULL);
    pf_producer_abandon(producer, &next);
    expect(7);
    return wait_ns;
}

/* A sleep takes at most DOORBELL_SLEEP_MAX_NS. A busy machine may delay one, but not each. */
static bool is_short_once(int64_t (*measure)(void))
{
    for (int i = 0; i < 4; i++)
        if (measure() < NS_PER_S)
            return true;
    return false;
}

Test(lost_ring, a_sleeper_whose_ring_is_lost_polls_again_soon)
{
    open_producer(2, 0);
    open_viewer(true);
    cr_assert_eq(segment_attach(&mapping, pf_viewer_segment(viewer)->shmid, NULL), 0);
    cr_assert(is_short_once(viewer_wait_ns), "the viewer slept too long");
    cr_assert(is_short_once(producer_wait_ns), "the producer slept too long");
    segment_close(&mapping);
}
