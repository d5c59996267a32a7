/* SPDX-License-Identifier: MIT */
/* What the kernel counts for this process, and a limit for a call that must not block. */
#ifndef TESTS_UNIT_HELP_SYSTEM_H
#define TESTS_UNIT_HELP_SYSTEM_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static inline int count_descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");

    cr_assert_not_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* How often this thread went to sleep by itself. A thread that only computes never does. */
static inline long count_sleeps(void)
{
    struct rusage usage;

    cr_assert_eq(getrusage(RUSAGE_THREAD, &usage), 0);
    return usage.ru_nvcsw;
}

static inline void pause_ms(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000 * 1000};

    nanosleep(&pause, NULL);
}

/* A call that takes this long does not end by itself. Only a defect waits for that: the runner of
 * seeded defects sets a shorter time. */
static inline unsigned hang_s(void)
{
    const char *given = getenv("PAGEFLIP_HANG_SECONDS");

    return given ? (unsigned)atoi(given) : 60;
}

static volatile sig_atomic_t alarms;

static inline void on_alarm(int number)
{
    (void)number;
    alarms++;
}

/* From now on a call that has blocked this long returns -EINTR. The signal is repeated, since a
 * call that polls may be between two sleeps. There is one alarm: this also replaces that of
 * kill_after(), and the reverse. */
static inline void interrupt_after(unsigned seconds)
{
    struct sigaction action = {.sa_handler = on_alarm}; /* without SA_RESTART */
    struct itimerval repeated = {.it_value.tv_sec = seconds, .it_interval.tv_usec = 100 * 1000};

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &repeated, NULL);
}

/* From now on a test that takes this long is killed, even if its call continues after a signal. */
static inline void kill_after(unsigned seconds)
{
    signal(SIGALRM, SIG_DFL);
    alarm(seconds);
}

#endif
