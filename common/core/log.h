/* SPDX-License-Identifier: MIT */
/*
 * Messages of the library and of the programs, one line each, by default on standard error:
 *
 *     pageflip-viewer: error: what: why
 *
 * The first word is the name of the running program. Levels: pf_log_set_level() in pageflip.h. The
 * function that detects a failure logs it, once; callers pass the errno on without a message. Where
 * messages go: pf_log_set_callback().
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include "pageflip.h"

/* For a few bytes of each thread. With this model their access calls no function of the dynamic
 * loader, which the library would otherwise require in addition to libc. */
#define THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))

/* Log a failure of the library, unless its text is that of the last failure in this thread: a loop
 * that tries again prints one line. Returns -error, so that a call can end with it. */
int log_failure(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Log "WHAT: out of memory". Returns -ENOMEM. */
int log_out_of_memory(const char *what);

/* The newline is added. Write errors on standard error are ignored. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A warning for which the program may have advice, as for a failure with this errno. */
void log_warning_about(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum pf_log_level log_level(void);

/* Write the line "PROGRAM: error: MESSAGE; ADVICE" by one write(); `advice` may be NULL. */
void log_write_line(enum pf_log_level level, const char *message, const char *advice);

#endif
