/* SPDX-License-Identifier: MIT */
/* The frames of the measuring programs. Content and schedule are the same for all contestants, so
 * that they do not affect the comparison. */
#ifndef TESTS_BENCH_SCENE_H
#define TESTS_BENCH_SCENE_H

#include <stdint.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "media/stamp.h"

/* Write every pixel, and a stamp that the probe can read. */
static inline void scene_draw(uint8_t *pixels, uint32_t stride_bytes, uint32_t width,
                              uint32_t height, uint64_t sequence)
{
    memset(pixels, (int)sequence, (size_t)stride_bytes * height);
    const struct pf_format format = {.fourcc = PF_FOURCC_XR24, .width = width, .height = height};
    const struct pf_plane plane = {.pixels = pixels, .stride_bytes = stride_bytes};

    stamp_draw((struct stamp){.sequence = (uint32_t)sequence}, &format, &plane);
}

/* When frame `number` is due. With a spread the frames are due at every phase of a display's
 * refresh; at the display's own rate all would have the same phase. 7919 is a prime. */
static inline int64_t scene_due_ns(int64_t start_ns, int64_t interval_ns, int64_t spread_ns,
                                   uint64_t number)
{
    int64_t phase_ns = spread_ns ? (int64_t)(number * 7919 * NS_PER_US) % spread_ns : 0;

    return start_ns + (int64_t)number * interval_ns + phase_ns;
}

static inline void scene_sleep_until(int64_t due_ns)
{
    struct timespec due = clock_timespec(due_ns);

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
}

#endif
