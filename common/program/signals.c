/* SPDX-License-Identifier: MIT */
/*
 * No SA_RESTART, so that a signal ends a wait immediately. But a signal may also arrive just before
 * the loop begins to wait, and would then be noticed late or never. So the first signal that
 * requests an exit starts a timer, whose signals interrupt each wait until the process exits.
 */
#include "signals.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "core/clock.h"

#define REPEAT_NS (50 * NS_PER_MS)

static volatile sig_atomic_t quit_signal;
static volatile sig_atomic_t report_requested;
static timer_t repeat_timer;
static bool has_timer;

static void on_signal(int number)
{
    const struct itimerspec interval = {.it_value = {.tv_nsec = REPEAT_NS},
                                        .it_interval = {.tv_nsec = REPEAT_NS}};

    switch (number) {
    case SIGUSR1: report_requested = 1; return;
    case SIGALRM: return; /* it has interrupted the wait */
    default:
        quit_signal = number;
        if (has_timer)
            timer_settime(repeat_timer, 0, &interval, NULL); /* allowed: signal-safety(7) */
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

    has_timer = timer_create(CLOCK_MONOTONIC, NULL, &repeat_timer) == 0; /* sends SIGALRM */
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
        if (caught[i] != SIGHUP || !is_ignored(SIGHUP)) /* nohup(1) ignores it */
            sigaction(caught[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int signals_quit(void)
{
    return quit_signal;
}

bool signals_take_report(void)
{
    bool requested = report_requested;

    report_requested = 0;
    return requested;
}
