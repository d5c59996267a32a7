/* SPDX-License-Identifier: MIT */
/*
 * What pf_producer_publish() costs the producer with VIEWERS viewers, compared with the same number
 * of bare semaphores posted in the same state, in turn:
 *
 *     asleep   each viewer sleeps in acquire, and each semaphore has a sleeper: the kernel wakes
 *              them one by one
 *     awake    no viewer sleeps, as if each were busy with a frame
 *
 * With 0 viewers the comparison is one post and one wait of a semaphore without a sleeper. The time
 * of one clock call is subtracted from each span.
 *
 *     bench_publish VIEWERS asleep|awake COUNT
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "figures.h"
#include "pageflip.h"

#define ASLEEP_NS (500 * NS_PER_US) /* enough for all to fall asleep */

static struct pf_viewer *viewers[PF_VIEWERS_MAX];
static sem_t semaphores[PF_VIEWERS_MAX];
static struct histogram publish, bare, clock_call;

static void *view(void *argument)
{
    struct pf_viewer *viewer = argument;
    struct pf_frame frame;
    int ret;

    while ((ret = pf_viewer_acquire(viewer, PF_FOREVER, &frame)) == 0 || ret == -EINTR)
        if (ret == 0)
            pf_viewer_release(viewer, &frame);
    return NULL;
}

static void *sleep_in_semaphore(void *argument)
{
    for (;;)
        sem_wait(argument);
    return NULL;
}

static int start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    return -pthread_create(thread, NULL, run, argument);
}

static void post_bare(int count)
{
    for (int i = 0; i < count; i++)
        sem_post(&semaphores[i]);
    if (count == 0) {
        sem_post(&semaphores[0]);
        sem_wait(&semaphores[0]);
    }
}

int main(int argc, char **argv)
{
    struct pf_format format = {.fourcc = PF_FOURCC_XR24, .width = 64, .height = 64};
    struct pf_producer_options options = {.slots = 3};
    struct pf_producer *producer;
    pthread_t threads[PF_VIEWERS_MAX], sleepers[PF_VIEWERS_MAX];
    int count = argc == 4 ? atoi(argv[1]) : -1;

    if (count < 0 || count > PF_VIEWERS_MAX)
        return 2;
    bool asleep = count > 0 && strcmp(argv[2], "asleep") == 0;
    long rounds = atol(argv[3]);
    if (pf_producer_open(&producer, "bench", &format, &options) < 0)
        return 1;
    sem_init(&semaphores[0], 1, 0);
    for (int i = 0; i < count; i++) {
        sem_init(&semaphores[i], 1, 0);
        if (pf_viewer_open(&viewers[i], "bench", NULL) < 0 ||
            (asleep && (start(&threads[i], view, viewers[i]) < 0 ||
                        start(&sleepers[i], sleep_in_semaphore, &semaphores[i]) < 0)))
            return 1;
    }
    struct timespec pause = clock_timespec(ASLEEP_NS);
    for (long i = 0; i < rounds; i++) {
        struct pf_frame frame;
        if (pf_producer_begin(producer, NS_PER_S, &frame) < 0)
            return 1;
        if (asleep)
            nanosleep(&pause, NULL);
        int64_t start_ns = clock_now_ns();
        pf_producer_publish(producer, &frame);
        int64_t published_ns = clock_now_ns();
        if (asleep)
            nanosleep(&pause, NULL); /* let the viewers that were woken sleep again */
        int64_t before_ns = clock_now_ns();
        post_bare(count);
        int64_t posted_ns = clock_now_ns();
        int64_t clock_ns = clock_now_ns() - posted_ns;
        if (i < rounds / 10)
            continue;
        histogram_record(&publish, published_ns - start_ns - clock_ns);
        histogram_record(&bare, posted_ns - before_ns - clock_ns);
        histogram_record(&clock_call, clock_ns);
    }
    pf_producer_close(producer); /* ends the stream: view() returns */
    for (int i = 0; i < count; i++) {
        if (asleep)
            pthread_join(threads[i], NULL);
        pf_viewer_close(viewers[i]);
    }
    figures_print("publish", &publish);
    figures_print("bare", &bare);
    figures_print("clock", &clock_call);
    return 0;
}
