/* SPDX-License-Identifier: MIT */
/* The viewer's main loop, from open to close: acquires frames, has them shown, handles commands. */
#ifndef VIEWER_LOOP_H
#define VIEWER_LOOP_H

#include "options.h"
#include "record.h"
#include "report.h"

/*
 * Show frames until there is a reason to end. Returns 0 (--frames or --seconds was reached, the
 * window was closed, or the producer ended the stream), or -EINTR (signals_quit()), -EPIPE (the
 * producer crashed), -ESTALE (evicted), -ENODEV (display lost), -EIO (an output failed), or another
 * negative errno. All but -EINTR are logged.
 */
int loop_run(const struct options *options, struct pf_viewer *viewer, struct presenter *presenter,
             struct report *report, struct record *record);

#endif
