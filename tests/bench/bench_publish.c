/* SPDX-License-Identifier: MIT */
/*
 * What a publish costs when nobody watches, beside one clock_gettime() (a publish needs one for
 * the frame's time) and one sem_post() + sem_wait() that nobody sleeps in, in the same run.
 */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "histogram.h"
#include "pageflip.h"

enum { ROUNDS = 1000000, WARM_UP = 10000 };

static struct histogram publish, clock_call, post;

static void print(const char *name, const struct histogram *histogram)
{
    printf("%-28s p50 %5lld  p99 %5lld  p99.9 %6lld ns\n", name,
           (long long)histogram_percentile_ns(histogram, 0.5),
           (long long)histogram_percentile_ns(histogram, 0.99),
           (long long)histogram_percentile_ns(histogram, 0.999));
}

int main(void)
{
    char runtime[] = "/tmp/pageflip-bench-XXXXXX";
    struct pf_format format = {.fourcc = PF_FOURCC_XR24, .width = 64, .height = 64};
    struct pf_producer_options options = {.slots = 3};
    struct pf_producer *producer;
    struct pf_frame frame;
    sem_t semaphore;

    if (!mkdtemp(runtime) || setenv("XDG_RUNTIME_DIR", runtime, 1) < 0 ||
        pf_producer_open(&producer, "bench", &format, &options) < 0)
        return 1;
    sem_init(&semaphore, 1, 0);
    for (int i = 0; i < ROUNDS + WARM_UP; i++) {
        if (pf_producer_begin(producer, 0, &frame) < 0)
            return 1;
        int64_t start_ns = clock_now_ns();
        pf_producer_publish(producer, &frame);
        int64_t published_ns = clock_now_ns();
        int64_t nothing_ns = clock_now_ns();
        sem_post(&semaphore);
        sem_wait(&semaphore);
        int64_t posted_ns = clock_now_ns();
        if (i < WARM_UP)
            continue;
        /* Each span has one clock call in it; take it off where it is not what is measured. */
        int64_t clock_ns = nothing_ns - published_ns;
        histogram_record(&clock_call, clock_ns);
        histogram_record(&publish, published_ns - start_ns - clock_ns);
        histogram_record(&post, posted_ns - nothing_ns - clock_ns);
    }
    pf_producer_close(producer);

    printf("%d publishes of 64x64 without a viewer\n", ROUNDS);
    print("publish", &publish);
    print("clock_gettime", &clock_call);
    print("sem_post + sem_wait", &post);
    printf("publish / (sem_post + sem_wait), p50: %.1f\n",
           (double)histogram_percentile_ns(&publish, 0.5) /
               (double)histogram_percentile_ns(&post, 0.5));

    char path[128];
    const char *files[] = {"bench.lock", "bench.id", ""};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/pageflip/%s", runtime, files[i]);
        remove(path);
    }
    remove(runtime);
    return 0;
}
