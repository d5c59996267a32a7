/* SPDX-License-Identifier: MIT */
/* Standard error becomes a socket that keeps the boundaries of each write(), so that the test can
 * check that each message is one write(). */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"
#include "program/messages.h"

static int reader = -1, saved_stderr = -1;

static void redirect_stderr(void)
{
    static char name[] = "tester";
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    saved_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    reader = ends[0];
    program_invocation_short_name = name;
}

static void restore_stderr(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(reader);
}

TestSuite(log, .init = redirect_stderr, .fini = restore_stderr);

/* Returns what the next write() wrote, or "" if there was none. */
static const char *next_write(void)
{
    static char text[4096];
    ssize_t length = recv(reader, text, sizeof text - 1, 0);

    text[length < 0 ? 0 : length] = '\0';
    return text;
}

Test(log, an_error_is_one_line_in_one_write)
{
    log_error("channel %s: %s; %s", "cam", "busy", "stop the other process");
    cr_assert_str_eq(next_write(), "tester: error: channel cam: busy; stop the other process\n");
    cr_assert_str_eq(next_write(), "");
}

Test(log, the_level_selects_the_messages)
{
    const struct {
        enum pf_log_level level;
        const char *expected[3];
    } cases[] = {
        {PF_LOG_ERROR, {"tester: error: e\n", "", ""}},
        {PF_LOG_WARNING, {"tester: error: e\n", "tester: warning: w\n", ""}},
        {PF_LOG_INFO, {"tester: error: e\n", "tester: warning: w\n", "tester: i\n"}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pf_log_set_level(cases[i].level);
        log_error("e");
        log_warning("w");
        log_info("i");
        for (int j = 0; j < 3; j++)
            cr_expect_str_eq(next_write(), cases[i].expected[j], "level %d, message %d",
                             cases[i].level, j);
    }
}

Test(log, warnings_are_printed_by_default)
{
    log_warning("w");
    log_info("i");
    cr_assert_str_eq(next_write(), "tester: warning: w\n");
    cr_assert_str_eq(next_write(), "");
}

Test(log, a_hostile_name_cannot_start_a_line_or_move_the_cursor)
{
    log_error("file %s", "a\nb\rc\x1b[2Jd\x7f"
                         "e\xc2\x9b"
                         "f");
    cr_assert_str_eq(next_write(), "tester: error: file a?b?c?[2Jd?e\xc2?f\n");
}

Test(log, non_ascii_letters_are_unchanged)
{
    log_error("%s", "Zürich 日本 é");
    cr_assert_str_eq(next_write(), "tester: error: Zürich 日本 é\n");
}

Test(log, a_message_that_is_too_long_is_truncated_to_one_line)
{
    char words[5000];

    memset(words, 'x', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    log_error("%s", words);
    const char *line = next_write();
    size_t length = strlen(line);
    cr_assert_gt(length, 500);
    cr_assert_lt(length, sizeof words - 1, "%zu bytes", length);
    cr_assert_eq(strchr(line, '\n'), line + length - 1);
    cr_assert_str_eq(next_write(), "");
}

Test(log, errno_is_unchanged)
{
    errno = ENOSPC;
    log_error("x");
    cr_assert_eq(errno, ENOSPC, "%d", errno);
}

Test(log, a_closed_standard_error_is_ignored)
{
    close(STDERR_FILENO);
    errno = EAGAIN;
    log_error("not printed");
    cr_assert_eq(errno, EAGAIN, "%d", errno);
}

static const char *advice(int error)
{
    return error == EBUSY ? "stop it first" : NULL;
}

Test(log, advice_is_added_only_to_failures_of_the_library)
{
    messages_init(advice);
    cr_assert_eq(log_failure(EBUSY, "channel %s: in use", "cam"), -EBUSY);
    cr_assert_str_eq(next_write(), "tester: error: channel cam: in use; stop it first\n");
    cr_assert_eq(log_failure(ENOSPC, "full"), -ENOSPC);
    cr_assert_str_eq(next_write(), "tester: error: full\n");
    log_error("its own");
    cr_assert_str_eq(next_write(), "tester: error: its own\n");
}

/* ------------------------------------------------------------------ what a program sets */

Test(log, none_prints_nothing)
{
    pf_log_set_level(PF_LOG_NONE);
    log_error("e");
    log_warning("w");
    log_info("i");
    cr_assert_eq(log_failure(EBUSY, "f"), -EBUSY);
    cr_assert_str_eq(next_write(), "");
    pf_log_set_level(PF_LOG_ERROR);
    log_failure(EBUSY, "f"); /* was not printed before */
    cr_assert_str_eq(next_write(), "tester: error: f\n");
}

static struct received {
    int count, error;
    enum pf_log_level level;
    char message[256];
    void *data;
} received;

static void receive(enum pf_log_level level, int error, const char *message, void *data)
{
    received.count++;
    received.level = level;
    received.error = error;
    received.data = data;
    snprintf(received.message, sizeof received.message, "%s", message);
}

Test(log, a_callback_gets_each_message_with_its_data)
{
    int data;

    pf_log_set_callback(receive, &data);
    log_failure(EBUSY, "channel %s\n", "cam");
    cr_assert_eq(received.count, 1);
    cr_assert_eq(received.level, PF_LOG_ERROR);
    cr_assert_eq(received.error, EBUSY);
    cr_assert_eq(received.data, &data);
    cr_assert_str_eq(received.message, "channel cam?");
    log_warning("w");
    cr_assert_eq(received.count, 2);
    cr_assert_eq(received.level, PF_LOG_WARNING);
    cr_assert_eq(received.error, 0);
    log_info("below the level");
    cr_assert_eq(received.count, 2);
    cr_assert_str_eq(next_write(), "");
    pf_log_set_callback(NULL, NULL);
    log_warning("w");
    cr_assert_eq(received.count, 2);
    cr_assert_str_eq(next_write(), "tester: warning: w\n");
}

Test(log, a_failure_that_repeats_is_printed_once)
{
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(log_failure(EBUSY, "channel \"%s\": busy", "a"), -EBUSY);
    cr_assert_str_eq(next_write(), "tester: error: channel \"a\": busy\n");
    cr_assert_str_eq(next_write(), "");
    log_failure(EBUSY, "channel \"%s\": busy", "b");
    cr_assert_str_eq(next_write(), "tester: error: channel \"b\": busy\n");
    log_failure(EBUSY, "channel \"%s\": busy", "a");
    cr_assert_str_eq(next_write(), "tester: error: channel \"a\": busy\n");
}

Test(log, a_warning_between_two_equal_failures_does_not_repeat_them)
{
    log_failure(EBUSY, "busy");
    log_warning("w");
    log_failure(EBUSY, "busy");
    cr_assert_str_eq(next_write(), "tester: error: busy\n");
    cr_assert_str_eq(next_write(), "tester: warning: w\n");
    cr_assert_str_eq(next_write(), "");
}

Test(log, a_new_callback_gets_the_failure_again)
{
    log_failure(EBUSY, "busy");
    pf_log_set_callback(receive, NULL);
    log_failure(EBUSY, "busy");
    cr_assert_eq(received.count, 1);
    log_failure(EBUSY, "busy");
    cr_assert_eq(received.count, 1);
}

static void *fail_too(void *unused)
{
    log_failure(EBUSY, "busy");
    return unused;
}

Test(log, another_thread_prints_the_same_failure)
{
    pthread_t thread;

    log_failure(EBUSY, "busy");
    cr_assert_eq(pthread_create(&thread, NULL, fail_too, NULL), 0);
    pthread_join(thread, NULL);
    cr_assert_str_eq(next_write(), "tester: error: busy\n");
    cr_assert_str_eq(next_write(), "tester: error: busy\n");
    cr_assert_str_eq(next_write(), "");
}

Test(log, errno_is_unchanged_by_a_failure_that_repeats)
{
    for (int i = 0; i < 2; i++) {
        errno = ENOSPC;
        log_failure(EBUSY, "busy");
        cr_assert_eq(errno, ENOSPC, "%d", errno);
    }
}

/* ------------------------------------------------------------------ progress */

Test(log, a_progress_line_needs_a_terminal)
{
    messages_show_progress("frame %d", 7);
    messages_end_progress();
    cr_assert_str_eq(next_write(), "");
}

/* Write progress lines and an error to a pseudoterminal. Returns its output in `text`. */
static void write_to_terminal(char text[512])
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);

    cr_assert_geq(terminal, 0);
    cr_assert_eq(grantpt(terminal), 0);
    cr_assert_eq(unlockpt(terminal), 0);
    int slave = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    cr_assert_geq(slave, 0);
    dup2(slave, STDERR_FILENO);
    messages_init(NULL);
    messages_show_progress("frame %d", 7);
    messages_show_progress("frame %d", 8);
    log_error("lost");
    messages_end_progress();
    pf_log_set_level(PF_LOG_ERROR);
    messages_show_progress("frame 9");
    /* The terminal passes the output on with a delay. */
    struct pollfd output = {.fd = terminal, .events = POLLIN};
    size_t length = 0;
    while (length < 511 && poll(&output, 1, 200) > 0) {
        ssize_t got = read(terminal, text + length, 511 - length);
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    text[length] = '\0';
    close(slave);
    close(terminal);
}

Test(log, a_progress_line_replaces_the_previous_and_stays_above_an_error)
{
    char text[512];

    write_to_terminal(text);
    cr_assert_str_eq(text, "\rframe 7\x1b[K\rframe 8\x1b[K\r\ntester: error: lost\r\n");
}
