/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "program/signals.h"

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

Test(signals, sigusr1_requests_one_report)
{
    signals_catch();
    cr_assert_not(signals_take_report());
    raise(SIGUSR1);
    cr_assert(signals_take_report());
    cr_assert_not(signals_take_report());
    cr_assert_eq(signals_quit(), 0, "SIGUSR1 requested an exit");
}

Test(signals, sigpipe_is_ignored)
{
    signals_catch();
    raise(SIGPIPE);
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
