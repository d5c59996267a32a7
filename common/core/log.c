/* SPDX-License-Identifier: MIT */
/*
 * One line, one write(): lines of several processes on one terminal do not run into each other.
 * What comes from outside (names, paths) cannot start a line or move the cursor: control characters
 * are shown as '?'.
 */
#include "log.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 1024 };

static atomic_int log_level = PF_LOG_WARNING;
static atomic_bool progress_stands; /* the cursor is behind a progress line */

void pf_log_set_level(enum pf_log_level level)
{
    atomic_store(&log_level, level);
}

static void write_line(const char *line, int length)
{
    /* There is nobody left to tell when this fails. */
    ssize_t written = write(STDERR_FILENO, line, (size_t)length);
    (void)written;
}

/* C0, DEL, and C1 (ISO 6429) as UTF-8 has it: c2 80 .. c2 9f, which some terminals obey too. */
static bool is_control(unsigned char before, unsigned char byte)
{
    return byte < ' ' || byte == 0x7f || (before == 0xc2 && (byte & 0xe0) == 0x80);
}

/* `start`, then the message with its control characters shown, then `end`: never more than a line.
 */
static void say(const char *start, const char *format, va_list arguments, const char *end)
{
    char line[LINE_BYTES];
    int saved = errno;
    int head = snprintf(line, sizeof line, "%s", start);
    int room = (int)sizeof line - head - (int)strlen(end) - 1;
    int length = vsnprintf(line + head, (size_t)room, format, arguments);

    if (length < 0)
        length = 0;
    if (length >= room)
        length = room - 1;
    for (int i = head; i < head + length; i++)
        if (is_control((unsigned char)line[i - 1], (unsigned char)line[i]))
            line[i] = '?';
    int total = head + length;
    total += snprintf(line + total, sizeof line - (size_t)total, "%s", end);
    write_line(line, total);
    errno = saved;
}

static void say_at(enum pf_log_level level, const char *kind, const char *format, va_list arguments)
{
    char start[128];

    if (atomic_load(&log_level) < (int)level)
        return;
    log_progress_end();
    snprintf(start, sizeof start, "%.64s: %s", program_invocation_short_name, kind);
    say(start, format, arguments, "\n");
}

void log_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say_at(PF_LOG_ERROR, "error: ", format, arguments);
    va_end(arguments);
}

int log_no_memory(const char *what)
{
    log_error("%s: there is no memory for it; close other programs", what);
    return -ENOMEM;
}

int log_bad_value(const char *option, const char *value, const char *expected)
{
    if (*value)
        log_error("option %s \"%s\": not valid; %s", option, value, expected);
    else
        log_error("option %s: not valid; %s", option, expected);
    return -EINVAL;
}

void log_unknown_option(const char *word)
{
    /* Within a bundle like -xq, getopt has not come to the end of the word. */
    const char letter[] = {'-', (char)optopt, '\0'};
    bool is_letter = optopt > ' ' && optopt < 0x7f;

    log_error("option %s: there is no such option, or it takes no value; see --help",
              is_letter ? letter : word);
}

void log_warning(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say_at(PF_LOG_WARNING, "warning: ", format, arguments);
    va_end(arguments);
}

void log_info(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say_at(PF_LOG_INFO, "", format, arguments);
    va_end(arguments);
}

void log_progress(const char *format, ...)
{
    va_list arguments;

    if (atomic_load(&log_level) == PF_LOG_ERROR || !isatty(STDERR_FILENO))
        return;
    va_start(arguments, format);
    say("\r", format, arguments, "\x1b[K"); /* ECMA-48: erase to the end of the line */
    va_end(arguments);
    atomic_store(&progress_stands, true);
}

void log_progress_end(void)
{
    if (atomic_exchange(&progress_stands, false))
        write_line("\n", 1);
}
