/* SPDX-License-Identifier: MIT */
/*
 * A display that has stopped must not block the viewer. Most calls into SDL may wait for the
 * display, some of them forever, so each is enclosed by watchdog_enter() and watchdog_leave(). When
 * one takes longer than 5 s, the watchdog's thread logs "display lost: no answer for 5 s" and ends
 * the wait: it shuts down the socket that the call waits for, so that the call returns with an
 * error. If the call still does not return, or the socket is not known, the process exits with code
 * 12.
 *
 * Call these functions from the loop's thread only.
 */
#ifndef VIEWER_PRESENTERS_WATCHDOG_H
#define VIEWER_PRESENTERS_WATCHDOG_H

/* Does nothing if the thread is already running. Returns 0, or a negative errno, logged. */
int watchdog_start(void);
void watchdog_stop(void); /* does nothing if the thread is not running */

/* Pairs do not nest. watchdog_enter() inside a pair starts the 5 s again. */
void watchdog_enter(void);
void watchdog_leave(void);

/* `fd`: the socket of the display; -1: not known. */
void watchdog_set_socket(int fd);

#endif
