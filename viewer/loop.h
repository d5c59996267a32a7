/* SPDX-License-Identifier: MIT */
/* The life of a viewer between open and close: frames in, frames shown, what people want done. */
#ifndef LOOP_H
#define LOOP_H

#include "options.h"
#include "record.h"
#include "report.h"

/*
 * Show frames until there is a reason to end. Returns 0 (as many frames or seconds as asked for,
 * the window was closed, or the producer said its end), or -EINTR (signals_quit()), -EPIPE (the
 * producer died), -ESTALE (evicted), -ENODEV (display lost), -EIO (an output failed), or another
 * negative errno. All but -EINTR are logged.
 */
int loop_run(const struct options *options, struct pf_viewer *viewer, struct presenter *presenter,
             struct report *report, struct record *record);

#endif
