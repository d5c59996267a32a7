/* SPDX-License-Identifier: MIT */
/* A clock whose times the test chooses. Include it once in a test program: its clock_gettime()
 * replaces that of the C library. */
#ifndef TESTS_UNIT_SCRIPTED_CLOCK_H
#define TESTS_UNIT_SCRIPTED_CLOCK_H

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t scripted_now_ns, scripted_cpu_ns, scripted_date_ns; /* 0: the real time */

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int64_t ns = clock == CLOCK_MONOTONIC            ? scripted_now_ns
                 : clock == CLOCK_PROCESS_CPUTIME_ID ? scripted_cpu_ns
                 : clock == CLOCK_REALTIME           ? scripted_date_ns
                                                     : 0;

    if (!ns)
        return (int)syscall(SYS_clock_gettime, clock, time);
    *time = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    return 0;
}

#endif
