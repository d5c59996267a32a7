/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "core/clock.h"
#include "program/signals.h"
#include "program/threads.h"

Test(signals, sigterm_asks_to_exit_and_is_reported)
{
    signals_catch();
    cr_assert_eq(signals_quit(), 0);
    raise(SIGTERM);
    cr_assert_eq(signals_quit(), SIGTERM);
}

/* The signal arrives after the loop polled the flag and before it sleeps. */
Test(signals, interrupt_a_sleep_that_begins_after_them)
{
    struct timespec pause = {.tv_sec = 20};

    signals_catch();
    raise(SIGINT);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(nanosleep(&pause, NULL), -1, "sleep %d was not interrupted", i);
        cr_assert_eq(errno, EINTR);
    }
    cr_assert_eq(signals_quit(), SIGINT);
}

static int count_report(void *reports)
{
    ++*(int *)reports;
    return -EIO;
}

Test(signals, a_requested_report_interrupts_a_wait_that_begins_after_it)
{
    struct timespec pause = {.tv_sec = 60};
    int reports = 0;

    signals_catch();
    signals_on_report(count_report, &reports);
    raise(SIGUSR1);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(nanosleep(&pause, NULL), -1, "sleep %d was not interrupted", i);
        cr_assert_eq(errno, EINTR);
    }
    cr_assert_eq(signals_check(), -EIO);
    pause.tv_sec = 0;
    pause.tv_nsec = 200000000;
    cr_assert_eq(nanosleep(&pause, NULL), 0, "the report is written, but the signals go on");
    cr_assert_eq(reports, 1);
}

Test(signals, sigusr1_requests_one_report)
{
    int reports = 0;

    signals_catch();
    raise(SIGUSR1);
    cr_assert_eq(signals_check(), 0, "no report is possible yet");
    signals_on_report(count_report, &reports);
    cr_assert_eq(signals_check(), -EIO);
    cr_assert_eq(signals_check(), 0);
    cr_assert_eq(reports, 1);
    cr_assert_eq(signals_quit(), 0, "SIGUSR1 requested an exit");
}

/* A write by stdio that a signal ends would lose what has not been written yet. */
Test(signals, sigusr1_ends_a_poll_and_no_read)
{
    struct sigaction action;
    struct pollfd none = {.fd = -1};

    signals_catch();
    sigaction(SIGUSR1, NULL, &action);
    cr_assert(action.sa_flags & SA_RESTART);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    const struct itimerspec soon = {.it_value = {.tv_nsec = 20000000},
                                    .it_interval = {.tv_nsec = 20000000}};
    cr_assert_eq(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    cr_assert_eq(timer_settime(timer, 0, &soon, NULL), 0);
    cr_assert_eq(poll(&none, 1, -1), -1);
    cr_assert_eq(errno, EINTR);
    timer_delete(timer);
}

Test(signals, sigpipe_is_ignored)
{
    signals_catch();
    raise(SIGPIPE);
    cr_assert_eq(signals_quit(), 0);
}

Test(signals, sigxfsz_is_ignored)
{
    signals_catch();
    raise(SIGXFSZ);
    cr_assert_eq(signals_quit(), 0);
}

/* nohup(1) starts programs this way. */
Test(signals, an_ignored_sighup_stays_ignored)
{
    signal(SIGHUP, SIG_IGN);
    signals_catch();
    raise(SIGHUP);
    cr_assert_eq(signals_quit(), 0);
    raise(SIGTERM);
    cr_assert_eq(signals_quit(), SIGTERM);
}

Test(signals, sighup_asks_to_exit)
{
    signal(SIGHUP, SIG_DFL);
    signals_catch();
    raise(SIGHUP);
    cr_assert_eq(signals_quit(), SIGHUP);
}

static void *blocked(void *mask)
{
    pthread_sigmask(SIG_SETMASK, NULL, mask);
    return NULL;
}

/* Else it may be handled there, and the wait of the main thread would not end. */
Test(signals, only_the_main_thread_handles_signals)
{
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGALRM};
    sigset_t mask;
    pthread_t thread;

    signals_catch();
    cr_assert_eq(thread_start(&thread, blocked, &mask), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        cr_assert_eq(sigismember(&mask, numbers[i]), 1, "signal %d", numbers[i]);
    blocked(&mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        cr_assert_eq(sigismember(&mask, numbers[i]), 0, "signal %d, main thread", numbers[i]);
}
