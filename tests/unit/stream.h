/* SPDX-License-Identifier: MIT */
/* A channel with one producer and one viewer, for tests of the calls in pageflip.h. */
#ifndef TESTS_UNIT_STREAM_H
#define TESTS_UNIT_STREAM_H

#include <string.h>

#include "core/clock.h"
#include "pageflip.h"

/* A wait that takes this long counts as hanging, on a machine that runs much else. */
#define HANG_NS (60 * NS_PER_S)
#include "scratch.h"

static struct pf_producer *producer;
static struct pf_viewer *viewer;

/* For .init of a test suite. */
static inline void init_stream(void)
{
    scratch_open();
    pf_log_set_level(PF_LOG_ERROR);
    producer = NULL;
    viewer = NULL;
}

/* For .fini of a test suite. */
static inline void finish_stream(void)
{
    pf_viewer_close(viewer);
    pf_producer_close(producer);
    scratch_close();
}

static inline struct pf_format size(uint32_t width, uint32_t height)
{
    return (struct pf_format){.fourcc = PF_FOURCC_XR24, .width = width, .height = height};
}

static inline void open_producer(uint32_t slots, int64_t evict_after_ns)
{
    struct pf_format format = size(64, 48);
    struct pf_producer_options options = {.slots = slots, .evict_after_ns = evict_after_ns};

    cr_assert_eq(pf_producer_open(&producer, "test", &format, &options), 0);
}

static inline void open_viewer(bool every_frame)
{
    struct pf_viewer_options options = {.every_frame = every_frame};

    cr_assert_eq(pf_viewer_open(&viewer, "test", &options), 0);
}

static inline struct pf_viewer_stats viewer_stats(void)
{
    struct pf_viewer_stats stats;

    pf_viewer_stats(viewer, &stats);
    return stats;
}

static inline struct pf_producer_stats producer_stats(void)
{
    struct pf_producer_stats stats;

    pf_producer_stats(producer, &stats);
    return stats;
}

/* Publish one frame whose bytes are all `value`. */
static inline int publish(uint32_t value)
{
    struct pf_frame frame;
    int ret = pf_producer_begin(producer, 0, &frame);

    if (ret < 0)
        return ret;
    memset(frame.plane[0].pixels, (int)value, (size_t)frame.plane[0].stride_bytes * 48);
    frame.pts_ns = value;
    pf_producer_publish(producer, &frame);
    return 0;
}

/* Acquire the next frame, check that it is the one published with `value`, and release it. */
static inline void expect(int64_t value)
{
    struct pf_frame frame;
    int ret = pf_viewer_acquire(viewer, HANG_NS, &frame);

    cr_assert_eq(ret, 0, "frame %d: acquire returned %d", (int)value, ret);
    cr_assert_eq(frame.pts_ns, value, "got frame %d, not %d", (int)frame.pts_ns, (int)value);
    cr_assert_eq(frame.plane[0].pixels[0], value);
    cr_assert_eq(frame.plane[0].pixels[frame.plane[0].stride_bytes * 48 - 1], value);
    pf_viewer_release(viewer, &frame);
}

#endif
