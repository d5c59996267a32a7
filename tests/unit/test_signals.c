/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "program/signals.h"

Test(signals, ask_to_end_and_say_which)
{
    signals_catch();
    cr_assert_eq(signals_quit(), 0);
    raise(SIGTERM);
    cr_assert_eq(signals_quit(), SIGTERM);
}

/* The way of a signal that comes between a loop's question and its sleep. */
Test(signals, end_a_sleep_that_begins_after_them)
{
    struct timespec pause = {.tv_sec = 20};

    signals_catch();
    raise(SIGINT);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(nanosleep(&pause, NULL), -1, "sleep %d was not ended", i);
        cr_assert_eq(errno, EINTR);
    }
    cr_assert_eq(signals_quit(), SIGINT);
}

Test(signals, a_report_is_asked_for_once)
{
    signals_catch();
    cr_assert_not(signals_take_report());
    raise(SIGUSR1);
    cr_assert(signals_take_report());
    cr_assert_not(signals_take_report());
    cr_assert_eq(signals_quit(), 0, "a report ends nothing");
}

Test(signals, a_closed_pipe_is_an_error_and_no_end)
{
    signals_catch();
    raise(SIGPIPE);
    cr_assert_eq(signals_quit(), 0);
}

/* As nohup leaves it to the programs that it starts. */
Test(signals, a_hangup_that_was_ignored_stays_so)
{
    signal(SIGHUP, SIG_IGN);
    signals_catch();
    raise(SIGHUP);
    cr_assert_eq(signals_quit(), 0);
    raise(SIGTERM);
    cr_assert_eq(signals_quit(), SIGTERM);
}

Test(signals, a_hangup_asks_to_end)
{
    signal(SIGHUP, SIG_DFL);
    signals_catch();
    raise(SIGHUP);
    cr_assert_eq(signals_quit(), SIGHUP);
}
