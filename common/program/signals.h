/* SPDX-License-Identifier: MIT */
/* Signals only set a flag; the loops poll it and return. */
#ifndef PROGRAM_SIGNALS_H
#define PROGRAM_SIGNALS_H

#include <stdbool.h>

/*
 * From now on SIGINT, SIGTERM and SIGHUP request an exit and end each wait with EINTR. SIGUSR1
 * requests a report; it ends poll(), a futex wait or a sleep with EINTR, but no read, write or
 * open. SIGPIPE and SIGXFSZ are ignored, so that a write to a closed pipe fails with EPIPE, and one
 * beyond the limit of a file's size (ulimit -f) with EFBIG. A SIGHUP that is ignored stays ignored
 * (nohup).
 */
void signals_catch(void);

/* The signal that requested an exit; 0: none. */
int signals_quit(void);

/* From now on signals_check() calls `report` for SIGUSR1, also for one that has arrived already. */
void signals_on_report(int (*report)(void *context), void *context);

/* To be called in each loop, and after each wait that ended with EINTR. Writes the report if one
 * was requested. Returns 0, or -EINTR if an exit was requested, or what the report returned. */
int signals_check(void);

#endif
