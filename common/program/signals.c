/* SPDX-License-Identifier: MIT */
/*
 * A signal that requests something may arrive just before a wait begins, and would then be noticed
 * late or never. So it starts a timer, whose signals interrupt each wait until the report is
 * written, or the process exits.
 *
 * Only a request to exit may end the open() of a FIFO or a read by stdio. So SIGUSR1 has
 * SA_RESTART, and SIGALRM has it until an exit is requested; poll(), futexes and sleeps end with
 * EINTR in any case (signal(7)).
 */
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "core/clock.h"

#define REPEAT_NS (50 * NS_PER_MS)

static volatile sig_atomic_t quit_signal;
static volatile sig_atomic_t report_requested;
static timer_t repeat_timer;
static bool has_timer;
static int (*report_to)(void *context);
static void *report_context;

static void catch_signal(int number, int flags);

/* Called in a signal handler: see signal-safety(7). */
static void repeat(bool on)
{
    struct timespec pause = {.tv_nsec = on ? REPEAT_NS : 0};
    const struct itimerspec interval = {.it_value = pause, .it_interval = pause};

    if (has_timer)
        timer_settime(repeat_timer, 0, &interval, NULL);
}

static void on_signal(int number)
{
    switch (number) {
    case SIGALRM: return; /* it has interrupted the wait */
    case SIGUSR1:
        report_requested = 1;
        if (report_to)
            repeat(true);
        return;
    default:
        quit_signal = number;
        catch_signal(SIGALRM, 0);
        repeat(true);
    }
}

static void catch_signal(int number, int flags)
{
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

    sigaction(number, &action, NULL);
}

static bool is_ignored(int number)
{
    struct sigaction now;

    return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

void signals_catch(void)
{
    has_timer = timer_create(CLOCK_MONOTONIC, NULL, &repeat_timer) == 0; /* sends SIGALRM */
    catch_signal(SIGALRM, SA_RESTART);
    catch_signal(SIGUSR1, SA_RESTART);
    catch_signal(SIGINT, 0);
    catch_signal(SIGTERM, 0);
    if (!is_ignored(SIGHUP)) /* nohup(1) ignores it */
        catch_signal(SIGHUP, 0);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

int signals_quit(void)
{
    return quit_signal;
}

void signals_on_report(int (*report)(void *context), void *context)
{
    report_to = report;
    report_context = context;
}

int signals_check(void)
{
    if (quit_signal)
        return -EINTR;
    if (!report_to || !report_requested)
        return 0;
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    report_requested = 0;
    repeat(quit_signal);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return report_to(report_context);
}
