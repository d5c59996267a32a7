/* SPDX-License-Identifier: MIT */
/* What this process has in use. A test that repeats an operation a thousand times must not use more
 * afterwards. With a sanitizer mallinfo2() reports 0; the sanitizer detects leaks itself. */
#ifndef TESTS_UNIT_USE_H
#define TESTS_UNIT_USE_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

struct use {
    size_t heap_bytes;
    int lowest_fd; /* the lowest free descriptor */
};

static inline struct use use_now(void)
{
    struct use use = {mallinfo2().uordblks, open("/dev/null", O_RDONLY | O_CLOEXEC)};

    close(use.lowest_fd);
    return use;
}

/* A leak is at least one byte each time; the C library keeps less than that of what is freed. */
static inline void expect_use(const struct use *before, size_t times)
{
    struct use now = use_now();

    cr_assert_lt(now.heap_bytes, before->heap_bytes + times, "%zu bytes of heap, %zu before",
                 now.heap_bytes, before->heap_bytes);
    cr_assert_eq(now.lowest_fd, before->lowest_fd, "a file was left open");
}

#endif
