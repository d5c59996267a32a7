/* SPDX-License-Identifier: MIT */
/*
 * A display that has stopped must not hold the viewer. Most calls into SDL may wait for the
 * display, some of them for ever, so they are put between watchdog_enter() and watchdog_leave().
 * When one takes longer than 5 s, the watchdog says "display lost: no answer for 5 s" and ends the
 * wait.
 *
 * All of it is for one thread, the loop's.
 */
#ifndef WATCHDOG_H
#define WATCHDOG_H

#include <stdbool.h>

int watchdog_start(void); /* unless it runs. Returns 0, or a negative errno, logged */
void watchdog_stop(void); /* if it runs */

/* Pairs do not nest. watchdog_enter() again says that a long call has come further. */
void watchdog_enter(void);
void watchdog_leave(void);

/* Ending a wait: `fd`, the socket that it is for, is shut down, so the call comes back with an
 * error and the loop can end in order. -1: not known, then the process ends at once, with exit
 * code 12. */
void watchdog_set_socket(int fd);

/* Has it ended a wait? Then it has said so, too. */
bool watchdog_has_barked(void);

#endif
