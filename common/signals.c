/* SPDX-License-Identifier: MIT */
/* No SA_RESTART, so that a sleeping loop notices at once. */
#include "signals.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t quit_signal;
static volatile sig_atomic_t report_wanted;

static void on_signal(int number)
{
    if (number == SIGUSR1)
        report_wanted = 1;
    else
        quit_signal = number;
}

void signals_catch(void)
{
    const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    struct sigaction action = {.sa_handler = on_signal};

    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
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
