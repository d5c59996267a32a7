/* SPDX-License-Identifier: MIT */
/*
 * Words for people, on standard error, one line each:
 *
 *     pageflip-viewer: error: <what>: <why>; <what to do>
 *
 * The name is the running program's. Levels: pf_log_set_level() in pageflip.h. The place that sees
 * a failure first logs it once; whoever gets the negative errno passes it up and says nothing.
 */
#ifndef LOG_H
#define LOG_H

#include "pageflip.h"

/* Each appends the newline itself. A standard error that cannot be written to changes nothing else.
 */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Errors that have always the same words: there is no memory for `what` (returns -ENOMEM); an
 * option has a bad value, or "" for none of its own (returns -EINVAL); and getopt_long() has
 * answered with '?', `word` being the last of argv that it has read. */
int log_no_memory(const char *what);
int log_bad_value(const char *option, const char *value, const char *expected);
void log_unknown_option(const char *word);

/*
 * A progress line that replaces the one before it; only if standard error is a terminal and the
 * level is not PF_LOG_ERROR. The next error, warning, info or log_progress_end() leaves the last
 * one standing.
 */
void log_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_progress_end(void);

#endif
