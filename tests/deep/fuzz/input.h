/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as a file in memory, and its frames in heap memory, which ends with the last
 * pixel, so that the sanitizer detects any access after it. */
#ifndef TESTS_DEEP_FUZZ_INPUT_H
#define TESTS_DEEP_FUZZ_INPUT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "producer/sources/source.h"

enum { PIXELS_MAX = 1 << 20, FRAMES_MAX = 4 }; /* limits of one run, for speed */

static char input_path[64];
static int input_fd = -1;

static inline void input_set(const uint8_t *data, size_t size)
{
    if (input_fd < 0) {
        input_fd = memfd_create("input", MFD_CLOEXEC);
        snprintf(input_path, sizeof input_path, "/proc/self/fd/%d", input_fd);
        pf_log_set_level(PF_LOG_ERROR);
    }
    if (ftruncate(input_fd, 0) < 0 || pwrite(input_fd, data, size, 0) != (ssize_t)size)
        __builtin_trap();
}

/* Trap if the source has a format that no segment can have. */
static inline void input_check(const struct source *source)
{
    const struct pf_format *format = &source->format;

    if (format->width < 1 || format->width > PF_SIZE_MAX || format->height < 1 ||
        format->height > PF_SIZE_MAX || !format->rate_num != !format->rate_den)
        __builtin_trap();
}

/* Read the file as the producer does. */
static inline void input_play(const struct source_ops *ops)
{
    char *inputs[] = {input_path};
    struct source_config config = {.inputs = inputs, .input_count = 1};
    struct source *source;

    if (ops->open(&source, &config) < 0)
        return;
    input_check(source);
    for (int i = 0; i < FRAMES_MAX && ops->next(source) == 0; i++) {
        uint32_t width = source->format.width, height = source->format.height;

        input_check(source);
        if ((uint64_t)width * height > PIXELS_MAX)
            break;
        uint32_t stride_bytes = (width * 4 + 63) / 64 * 64;
        /* No padding after the last pixel. */
        uint8_t *pixels = malloc((size_t)stride_bytes * (height - 1) + 4 * (size_t)width);
        struct pf_frame frame = {.plane[0] = {pixels, stride_bytes}, .sequence = 1};
        int ret = ops->fill(source, &frame);
        free(pixels);
        if (ret < 0)
            break;
    }
    ops->close(source);
}

#endif
