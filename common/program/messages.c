/* SPDX-License-Identifier: MIT */
/* Any thread may log, so the flag for the position of the cursor is atomic. */
#include "messages.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"

enum { PROGRESS_BYTES = 256 };

static const char *(*advice_for)(int error);
static atomic_bool has_progress; /* the cursor is at the end of a progress line */

static void print(enum pf_log_level level, int error, const char *message, void *data)
{
    (void)data;
    messages_end_progress();
    log_write_line(level, message, error ? advice_for(error) : NULL);
}

void messages_init(const char *(*advice)(int error))
{
    advice_for = advice;
    pf_log_set_callback(print, NULL);
}

int messages_bad_value(const char *option, const char *value, const char *expected)
{
    if (*value)
        log_error("option %s \"%s\": not valid; %s", option, value, expected);
    else
        log_error("option %s: not valid; %s", option, expected);
    return -EINVAL;
}

void messages_unknown_option(const char *word)
{
    /* Within a bundle like -xq, getopt has not reached the end of the word. */
    const char letter[] = {'-', (char)optopt, '\0'};
    bool is_letter = optopt > ' ' && optopt < 0x7f;

    log_error("unknown option %s; see --help", is_letter ? letter : word);
}

int messages_cannot_write(const char *path, int error)
{
    if (!error)
        error = EIO;
    log_error("%s: cannot write: %s", path, strerror(error));
    return -error;
}

void messages_show_progress(const char *format, ...)
{
    char line[PROGRESS_BYTES];
    va_list arguments;

    if (log_level() == PF_LOG_ERROR || !isatty(STDERR_FILENO))
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    dprintf(STDERR_FILENO, "\r%s\x1b[K", line); /* ECMA-48: erase to the end of the line */
    atomic_store(&has_progress, true);
}

void messages_end_progress(void)
{
    if (atomic_exchange(&has_progress, false))
        dprintf(STDERR_FILENO, "\n");
}
