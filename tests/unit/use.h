/* SPDX-License-Identifier: MIT */
/* What this process holds: whoever does something a thousand times must not hold more after it. The
 * sanitizers have a heap of their own, which says 0 here, and look for leaks themselves. */
#ifndef TESTS_UNIT_USE_H
#define TESTS_UNIT_USE_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

struct use {
    size_t heap_bytes;
    int lowest_fd; /* that is free */
};

static inline struct use use_now(void)
{
    struct use use = {mallinfo2().uordblks, open("/dev/null", O_RDONLY | O_CLOEXEC)};

    close(use.lowest_fd);
    return use;
}

/* What is lost each time is at least a byte; the C library keeps some of what is freed. */
static inline void expect_use(const struct use *before, size_t times)
{
    struct use now = use_now();

    cr_assert_lt(now.heap_bytes, before->heap_bytes + times, "%zu bytes of heap, before it %zu",
                 now.heap_bytes, before->heap_bytes);
    cr_assert_eq(now.lowest_fd, before->lowest_fd, "a file is left open");
}

#endif
