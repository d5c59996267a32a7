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
static pf_log_callback *log_to;
static void *log_data;
static atomic_uint callbacks_set; /* how often */

/* The last failure in this thread: a hash of its text, and callbacks_set at that time. */
static THREAD_LOCAL struct {
    uint64_t hash; /* 0: none yet */
    unsigned callbacks_set;
} last_failure;

void pf_log_set_level(enum pf_log_level level)
{
    atomic_store(&level_now, level);
}

enum pf_log_level log_level(void)
{
    return (enum pf_log_level)atomic_load(&level_now);
}

void pf_log_set_callback(pf_log_callback *callback, void *data)
{
    log_to = callback;
    log_data = data;
    atomic_fetch_add(&callbacks_set, 1);
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

static void write_message(enum pf_log_level level, int error, const char *message)
{
    if (log_to)
        log_to(level, error, message, log_data);
    else
        log_write_line(level, message, NULL);
}

static void format_message(char message[MESSAGE_BYTES], const char *format, va_list arguments)
{
    if (vsnprintf(message, MESSAGE_BYTES, format, arguments) < 0)
        message[0] = '\0';
    replace_control_characters(message);
}

static void log_at(enum pf_log_level level, int error, const char *format, va_list arguments)
{
    char message[MESSAGE_BYTES];
    int saved = errno;

    if (log_level() < level)
        return;
    format_message(message, format, arguments);
    write_message(level, error, message);
    errno = saved;
}

/* FNV-1a, 64 bits; never 0. */
static uint64_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash ? hash : 1;
}

/* Was this also the last failure in this thread? A new callback gets it again. */
static bool is_repeated(const char *message)
{
    uint64_t hash = hash_text(message);
    unsigned set = atomic_load(&callbacks_set);
    bool repeats = hash == last_failure.hash && set == last_failure.callbacks_set;

    last_failure.hash = hash;
    last_failure.callbacks_set = set;
    return repeats;
}

/* Log a failure unless it repeats. */
static void log_once(int error, const char *format, va_list arguments)
{
    char message[MESSAGE_BYTES];
    int saved = errno;

    if (log_level() < PF_LOG_ERROR)
        return;
    format_message(message, format, arguments);
    if (!is_repeated(message))
        write_message(PF_LOG_ERROR, error, message);
    errno = saved;
}

int log_failure(int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_once(error, format, arguments);
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
