/* SPDX-License-Identifier: MIT */
/* Keeps the latest message instead of printing it, and counts the messages. */
#ifndef TESTS_UNIT_LAST_MESSAGE_H
#define TESTS_UNIT_LAST_MESSAGE_H

#include <stdio.h>

#include "core/log.h"

static char message[1024];
static int warnings, errors;
static int message_error; /* the errno that the program's advice depends on; 0: no advice */

static inline void keep_message(enum pf_log_level level, int error, const char *text, void *data)
{
    (void)data;
    message_error = error;
    warnings += level == PF_LOG_WARNING;
    errors += level == PF_LOG_ERROR;
    snprintf(message, sizeof message, "%s", text);
}

/* For .init of a test suite. */
static inline void keep_messages(void)
{
    pf_log_set_callback(keep_message, NULL);
    message[0] = '\0';
    warnings = errors = 0;
}

#endif
