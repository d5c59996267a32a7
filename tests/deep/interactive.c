/* SPDX-License-Identifier: MIT */
/*
 * A producer that sends user data and takes events, and a viewer that reads user data and sends
 * events, for kill_matrix.py. Each exits with 1 if what it reads is torn or not in order.
 *
 *     interactive producer SLOTS              until SIGTERM
 *     interactive viewer latest|every [FRAMES]    until SIGINT; exit 10 if the producer exits
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fault.h"

#include "pageflip.h"

enum { CAPACITY = 4096, EXIT_CRASHED = 10 };

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static uint32_t user_bytes_of(uint64_t sequence)
{
    return 64 + (uint32_t)(sequence * 37 % (CAPACITY - 64));
}

/* ------------------------------------------------------------------ producer */

static uint64_t last[PF_VIEWERS_MAX]; /* of each lane: pid << 32 | number */
static int taken;

static int take_events(struct pf_producer *producer)
{
    struct pf_event event;

    while (pf_producer_next_event(producer, &event) == 0) {
        uint64_t now = event.user[0], before = last[event.lane];

        taken++;
        last[event.lane] = now;
        if (event.kind != PF_EVENT_USER || event.user[1] != ~now) {
            fprintf(stderr, "torn event on lane %u\n", event.lane);
            return -1;
        }
        if (now >> 32 == before >> 32 ? now != before + 1 : (uint32_t)now != 1) {
            fprintf(stderr, "lane %u: event %llx after %llx\n", event.lane, (unsigned long long)now,
                    (unsigned long long)before);
            return -1;
        }
    }
    return 0;
}

static int publish(struct pf_producer *producer)
{
    struct pf_frame frame;
    int ret = pf_producer_begin(producer, 10 * NS_PER_MS, &frame);

    if (ret < 0)
        return ret == -EAGAIN || ret == -EINTR ? 0 : ret;
    uint32_t half = user_bytes_of(frame.sequence) / 2;
    memset(frame.user, (int)frame.sequence, half);
    FAULT_POINT(part_of_user_data);
    memset(frame.user + half, (int)frame.sequence, user_bytes_of(frame.sequence) - half);
    frame.user_bytes = user_bytes_of(frame.sequence);
    return pf_producer_publish(producer, &frame);
}

static int produce(uint32_t slots)
{
    struct pf_format format = {.fourcc = PF_FOURCC_XR24, .width = 64, .height = 64};
    struct pf_producer_options options = {.slots = slots, .user_bytes = CAPACITY};
    const struct timespec pause = {.tv_nsec = 2 * NS_PER_MS};
    struct pf_producer *producer;
    int ret = pf_producer_open(&producer, "default", &format, &options);

    if (ret < 0)
        return 1;
    while (!stop && ret == 0) {
        ret = take_events(producer);
        if (ret == 0)
            ret = publish(producer);
        nanosleep(&pause, NULL);
    }
    for (int i = 0; i < 2 && ret == 0; i++)
        ret = take_events(producer);
    pf_producer_close(producer);
    fprintf(stderr, "events %d\n", taken);
    return ret < 0;
}

/* ------------------------------------------------------------------ viewer */

static int check_frame(const struct pf_frame *frame, uint64_t before, bool every_frame)
{
    bool is_next = every_frame && before ? frame->sequence == before + 1 : frame->sequence > before;
    bool is_whole = frame->user_bytes == user_bytes_of(frame->sequence);

    for (uint32_t i = 0; i < frame->user_bytes; i++)
        is_whole &= frame->user[i] == (uint8_t)frame->sequence;
    if (is_next && is_whole)
        return 0;
    fprintf(stderr, "frame %llu after %llu: %s\n", (unsigned long long)frame->sequence,
            (unsigned long long)before, is_whole ? "not in order" : "torn user data");
    return -1;
}

static int view(bool every_frame, long frames)
{
    struct pf_viewer_options options = {.every_frame = every_frame, .wait_ns = 60 * NS_PER_S};
    struct pf_viewer *viewer;
    uint64_t before = 0, number = (uint64_t)getpid() << 32;
    int ret = pf_viewer_open(&viewer, "default", &options);

    if (ret < 0)
        return 1;
    for (long i = 0; i < frames && !stop && ret == 0; i++) {
        struct pf_frame frame;
        ret = pf_viewer_acquire(viewer, PF_FOREVER, &frame);
        if (ret < 0)
            break;
        ret = check_frame(&frame, before, every_frame);
        before = frame.sequence;
        struct pf_event event = {.kind = PF_EVENT_USER, .user = {number + 1, ~(number + 1)}};
        number += pf_viewer_send(viewer, &event) == 0;
        pf_viewer_release(viewer, &frame);
    }
    pf_viewer_close(viewer);
    fprintf(stderr, "last %llu\n", (unsigned long long)before);
    if (ret == -EPIPE)
        return EXIT_CRASHED;
    return ret < 0 && ret != -EINTR;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (argc == 3 && strcmp(argv[1], "producer") == 0)
        return produce((uint32_t)strtoul(argv[2], NULL, 10));
    if (argc >= 3 && strcmp(argv[1], "viewer") == 0)
        return view(strcmp(argv[2], "every") == 0, argc > 3 ? strtol(argv[3], NULL, 10) : LONG_MAX);
    fprintf(stderr, "usage: interactive producer SLOTS | viewer latest|every [FRAMES]\n");
    return 2;
}
