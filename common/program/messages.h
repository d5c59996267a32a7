/* SPDX-License-Identifier: MIT */
/*
 * What both programs print on standard error apart from their reports: the library's messages with
 * advice about this program's options, errors of the command line and of output files, and a
 * progress line.
 */
#ifndef PROGRAM_MESSAGES_H
#define PROGRAM_MESSAGES_H

/*
 * Call once at the start of main(), before a second thread starts. `advice` returns what the user
 * of this program can do about a failure of the library with this errno, or NULL: the text is
 * added to the library's line.
 */
void messages_init(const char *(*advice)(int error));

/* "option --rate "x": not valid; EXPECTED". `value` "" if the option itself is wrong. Returns
 * -EINVAL. */
int messages_bad_value(const char *option, const char *value, const char *expected);

/* getopt_long() has returned '?', and `word` is the last word of argv that it has read. */
void messages_unknown_option(const char *word);

/* "PATH: cannot write: No space left on device". An `error` of 0 counts as EIO. Returns -error. */
int messages_cannot_write(const char *path, int error);

/*
 * A progress line that replaces the previous one; only if standard error is a terminal and the
 * level is not PF_LOG_ERROR. The next message, or messages_end_progress(), leaves it in place and
 * continues below it. Its control characters are not replaced: print no text from outside.
 */
void messages_show_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void messages_end_progress(void);

#endif
