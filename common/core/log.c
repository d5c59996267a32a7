/* SPDX-License-Identifier: MIT */
/*
 * A line is one write(), so that lines of several processes on one terminal do not mix. Text from
 * outside (names, paths) cannot start a line or move the cursor: control characters become '?'.
 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 896, LINE_BYTES = 1024 };

static atomic_int level_now = PF_LOG_WARNING;
static log_sink *log_to;

void pf_log_set_level(enum pf_log_level level)
{
    atomic_store(&level_now, level);
}

enum pf_log_level log_level(void)
{
    return (enum pf_log_level)atomic_load(&level_now);
}

void log_set_sink(log_sink *sink)
{
    log_to = sink;
}

/* C0, DEL, and C1 (ISO 6429) in UTF-8: c2 80 .. c2 9f, which some terminals execute. */
static bool is_control(unsigned char before, unsigned char byte)
{
    return byte < ' ' || byte == 0x7f || (before == 0xc2 && (byte & 0xe0) == 0x80);
}

static void replace_control_characters(char *message)
{
    unsigned char before = 0;

    for (char *c = message; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        if (is_control(before, byte))
            *c = '?';
        before = byte;
    }
}

void log_write_line(enum pf_log_level level, const char *message, const char *advice)
{
    static const char *const kinds[] = {
        [PF_LOG_ERROR] = "error: ",
        [PF_LOG_WARNING] = "warning: ",
        [PF_LOG_INFO] = "",
    };
    char line[LINE_BYTES];
    int length = snprintf(line, sizeof line - 1, "%.64s: %s%s%s%s", program_invocation_short_name,
                          kinds[level], message, advice ? "; " : "", advice ? advice : "");

    if (length > (int)sizeof line - 2)
        length = (int)sizeof line - 2;
    line[length] = '\n';
    /* If standard error fails, there is no other place to report it. */
    ssize_t written = write(STDERR_FILENO, line, (size_t)length + 1);
    (void)written;
}

static void log_at(enum pf_log_level level, int error, const char *format, va_list arguments)
{
    char message[MESSAGE_BYTES];
    int saved = errno;

    if (log_level() < level)
        return;
    if (vsnprintf(message, sizeof message, format, arguments) < 0)
        message[0] = '\0';
    replace_control_characters(message);
    if (log_to)
        log_to(level, error, message);
    else
        log_write_line(level, message, NULL);
    errno = saved;
}

int log_failure(int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_at(PF_LOG_ERROR, error, format, arguments);
    va_end(arguments);
    return -error;
}

int log_out_of_memory(const char *what)
{
    return log_failure(ENOMEM, "%s: out of memory", what);
}

void log_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_at(PF_LOG_ERROR, 0, format, arguments);
    va_end(arguments);
}

void log_warning(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_at(PF_LOG_WARNING, 0, format, arguments);
    va_end(arguments);
}

void log_warning_about(int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_at(PF_LOG_WARNING, error, format, arguments);
    va_end(arguments);
}

void log_info(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_at(PF_LOG_INFO, 0, format, arguments);
    va_end(arguments);
}
