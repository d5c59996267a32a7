/* SPDX-License-Identifier: MIT */
/* Signals only set a flag; the main loop polls it and returns. */
#ifndef PROGRAM_SIGNALS_H
#define PROGRAM_SIGNALS_H

#include <stdbool.h>

/*
 * From now on SIGINT, SIGTERM and SIGHUP request an exit, SIGUSR1 requests a report, and each ends
 * a wait with EINTR. SIGPIPE is ignored, so that a write to a closed pipe fails with EPIPE. A
 * SIGHUP that is ignored stays ignored (nohup).
 */
void signals_catch(void);

/* The signal that requested an exit; 0: none. */
int signals_quit(void);

/* True if a report was requested since the last call. */
bool signals_take_report(void);

#endif
