/* SPDX-License-Identifier: MIT */
/*
 * No SA_RESTART, so that a sleeping loop notices at once. A signal may also come just before the
 * loop falls asleep, and would then be noticed late or never: so the first one that asks to end
 * starts a timer whose signals interrupt whatever is slept in, until the process has ended.
 */
#include "signals.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "core/clock.h"

#define AGAIN_NS (50 * NS_PER_MS)

static volatile sig_atomic_t quit_signal;
static volatile sig_atomic_t report_wanted;
static timer_t again;
static bool has_again;

static void on_signal(int number)
{
    const struct itimerspec often = {.it_value = {.tv_nsec = AGAIN_NS},
                                     .it_interval = {.tv_nsec = AGAIN_NS}};

    switch (number) {
    case SIGUSR1: report_wanted = 1; return;
    case SIGALRM: return; /* to have come is all it is for */
    default:
        quit_signal = number;
        if (has_again)
            timer_settime(again, 0, &often, NULL); /* signal-safety(7) */
    }
}

static bool is_ignored(int number)
{
    struct sigaction now;

    return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

void signals_catch(void)
{
    const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGALRM};
    struct sigaction action = {.sa_handler = on_signal};

    has_again = timer_create(CLOCK_MONOTONIC, NULL, &again) == 0; /* it sends SIGALRM */
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
        if (caught[i] != SIGHUP || !is_ignored(SIGHUP)) /* or nohup would do nothing */
            sigaction(caught[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int signals_quit(void)
{
    return quit_signal;
}

bool signals_take_report(void)
{
    bool wanted = report_wanted;

    report_wanted = 0;
    return wanted;
}
