/* SPDX-License-Identifier: MIT */
/* Signals only set a flag; the loop that asks for it leaves by itself. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <stdbool.h>

/* From now on SIGINT, SIGTERM and SIGHUP ask to end, SIGUSR1 asks for a report, and each ends a
 * wait with EINTR. SIGPIPE is ignored: writes say EPIPE. A SIGHUP that is ignored stays so: nohup.
 */
void signals_catch(void);

/* The signal that asked to end; 0: none. */
int signals_quit(void);

/* Was a report asked for since the last call? */
bool signals_take_report(void);

#endif
