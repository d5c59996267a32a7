/* SPDX-License-Identifier: MIT */
/*
 * Eclipse iceoryx compared with pageflip: the same ping, with a subscriber that sleeps in a WaitSet
 * and with a subscriber that polls. The daemon iox-roudi must be running, with a pool of chunks as
 * large as the frame.
 */
#include <iceoryx_binding_c/publisher.h>
#include <iceoryx_binding_c/runtime.h>
#include <iceoryx_binding_c/subscriber.h>
#include <iceoryx_binding_c/wait_set.h>

#include "core/clock.h"
#include "ping.h"

static iox_pub_storage_t publisher_storage;
static iox_sub_storage_t subscriber_storage;
static iox_ws_storage_t set_storage;
static iox_pub_t publisher;
static iox_sub_t subscriber;
static iox_ws_t set;
static void *drawn;
static const void *shown;
static uint32_t chunk_bytes;

static int sender(const struct ping_frame *frame)
{
    iox_runtime_init("pageflip-bench-sender");
    publisher = iox_pub_init(&publisher_storage, "pageflip", "bench", "frames", NULL);
    chunk_bytes = (uint32_t)frame->bytes;
    return 0;
}

static int receiver(const struct ping_frame *frame)
{
    (void)frame;
    iox_runtime_init("pageflip-bench-receiver");
    subscriber = iox_sub_init(&subscriber_storage, "pageflip", "bench", "frames", NULL);
    set = iox_ws_init(&set_storage);
    if (iox_ws_attach_subscriber_state(set, subscriber, SubscriberState_HAS_DATA, 0, NULL) !=
        WaitSetResult_SUCCESS)
        return -1;
    int64_t deadline_ns = clock_now_ns() + 5 * NS_PER_S;
    while (iox_sub_get_subscription_state(subscriber) != SubscribeState_SUBSCRIBED)
        if (clock_now_ns() > deadline_ns)
            return -1;
    return 0;
}

static void prepare(void)
{
    int64_t deadline_ns = clock_now_ns() + 5 * NS_PER_S;

    /* The daemon connects the two sides one after the other. */
    while (!iox_pub_has_subscribers(publisher) && clock_now_ns() < deadline_ns)
        ;
    if (iox_pub_loan_chunk(publisher, &drawn, chunk_bytes) != AllocationResult_SUCCESS)
        drawn = NULL;
}

/* Without a chunk nothing is sent, and the receiver waits until the suite's time-out. */
static void send_chunk(const struct ping_frame *frame)
{
    (void)frame;
    if (drawn)
        iox_pub_publish_chunk(publisher, drawn);
}

static void receive_polling(const struct ping_frame *frame)
{
    (void)frame;
    while (iox_sub_take_chunk(subscriber, &shown) != ChunkReceiveResult_SUCCESS)
        ;
}

static void receive_sleeping(const struct ping_frame *frame)
{
    iox_notification_info_t notification;
    uint64_t missed;

    (void)frame;
    while (iox_sub_take_chunk(subscriber, &shown) != ChunkReceiveResult_SUCCESS)
        iox_ws_wait(set, &notification, 1, &missed);
}

static void release(void)
{
    iox_sub_release_chunk(subscriber, shown);
}

/* In this order, or iox-roudi waits for a process that has exited. */
static void leave(void)
{
    iox_ws_detach_subscriber_state(set, subscriber, SubscriberState_HAS_DATA);
    iox_ws_deinit(set);
    iox_sub_deinit(subscriber);
    iox_runtime_shutdown();
}

static void close_publisher(void)
{
    iox_pub_deinit(publisher);
    iox_runtime_shutdown();
}

static const struct way way_iceoryx = {.name = "iceoryx",
                                       .sender = sender,
                                       .receiver = receiver,
                                       .prepare = prepare,
                                       .send = send_chunk,
                                       .receive = receive_sleeping,
                                       .release = release,
                                       .leave = leave,
                                       .close = close_publisher};
static const struct way way_polled = {.name = "iceoryx-poll",
                                      .spins = true,
                                      .sender = sender,
                                      .receiver = receiver,
                                      .prepare = prepare,
                                      .send = send_chunk,
                                      .receive = receive_polling,
                                      .release = release,
                                      .leave = leave,
                                      .close = close_publisher};

int main(int argc, char **argv)
{
    /* A run may contain only one of the two iceoryx ways: they share a subscriber. */
    static const struct way *const ways[] = {&way_sleep, &way_spin, &way_iceoryx, &way_polled,
                                             NULL};

    return ping_main(argc, argv, ways);
}
