/* SPDX-License-Identifier: MIT */
/* pageflip as a way, with a viewer that sleeps and with a viewer that spins. The time from publish
 * to acquire is measured; begin() is called before that, and release() after it. */
#include <errno.h>

#include "core/clock.h"
#include "ping.h"

/* Each of the two has its own channel. */
static struct end {
    struct pf_producer *producer;
    struct pf_viewer *viewer;
    struct pf_frame drawn, shown;
} sleeping, spinning;

static int open_producer(struct end *end, const char *channel, const struct ping_frame *frame)
{
    const struct pf_producer_options options = {.slots = 3};

    return pf_producer_open(&end->producer, channel, &frame->format, &options);
}

static int open_viewer(struct end *end, const char *channel, int64_t spin_ns)
{
    const struct pf_viewer_options options = {.wait_ns = 10 * NS_PER_S, .spin_ns = spin_ns};

    return pf_viewer_open(&end->viewer, channel, &options);
}

static void acquire(struct end *end)
{
    while (pf_viewer_acquire(end->viewer, PF_FOREVER, &end->shown) == -EINTR)
        ;
}

#define PAGEFLIP_WAY(end, spin)                                                                    \
    static int end##_sender(const struct ping_frame *frame)                                        \
    {                                                                                              \
        return open_producer(&end, #end, frame);                                                   \
    }                                                                                              \
    static int end##_receiver(const struct ping_frame *frame)                                      \
    {                                                                                              \
        (void)frame;                                                                               \
        return open_viewer(&end, #end, spin);                                                      \
    }                                                                                              \
    static void end##_prepare(void)                                                                \
    {                                                                                              \
        while (pf_producer_begin(end.producer, PF_FOREVER, &end.drawn) == -EINTR)                  \
            ;                                                                                      \
    }                                                                                              \
    static void end##_send(const struct ping_frame *frame)                                         \
    {                                                                                              \
        (void)frame;                                                                               \
        pf_producer_publish(end.producer, &end.drawn);                                             \
    }                                                                                              \
    static void end##_receive(const struct ping_frame *frame)                                      \
    {                                                                                              \
        (void)frame;                                                                               \
        acquire(&end);                                                                             \
    }                                                                                              \
    static void end##_release(void)                                                                \
    {                                                                                              \
        pf_viewer_release(end.viewer, &end.shown);                                                 \
    }                                                                                              \
    static void end##_close(void)                                                                  \
    {                                                                                              \
        pf_producer_close(end.producer);                                                           \
    }

PAGEFLIP_WAY(sleeping, 0)
PAGEFLIP_WAY(spinning, 10 * NS_PER_S)

const struct way way_sleep = {.name = "sleep",
                              .sender = sleeping_sender,
                              .receiver = sleeping_receiver,
                              .prepare = sleeping_prepare,
                              .send = sleeping_send,
                              .receive = sleeping_receive,
                              .release = sleeping_release,
                              .close = sleeping_close};
const struct way way_spin = {.name = "spin",
                             .spins = true,
                             .sender = spinning_sender,
                             .receiver = spinning_receiver,
                             .prepare = spinning_prepare,
                             .send = spinning_send,
                             .receive = spinning_receive,
                             .release = spinning_release,
                             .close = spinning_close};
