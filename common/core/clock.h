/* SPDX-License-Identifier: MIT */
/* Time in nanoseconds of CLOCK_MONOTONIC, the clock of every time and time-out of a frame. */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

static inline int64_t clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static inline struct timespec clock_timespec(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
}

static inline int64_t clock_earlier(int64_t a_ns, int64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

/* CPU time of this process so far, all threads, user and system. */
static inline int64_t clock_cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * NS_PER_S + used.tv_nsec;
}

/* `start_ns` + `timeout_ns` without overflow: PF_FOREVER stays PF_FOREVER. */
static inline int64_t clock_deadline_ns(int64_t start_ns, int64_t timeout_ns)
{
    return timeout_ns > INT64_MAX - start_ns ? INT64_MAX : start_ns + timeout_ns;
}

#endif
