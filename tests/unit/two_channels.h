/* SPDX-License-Identifier: MIT */
/* A test suite in which `one` and `two` have opened the channel "test", as two processes do. */
#ifndef TESTS_UNIT_TWO_CHANNELS_H
#define TESTS_UNIT_TWO_CHANNELS_H

#include "core/channel.h"
#include "scratch.h"

static struct channel one, two;

/* For .init of a test suite. */
static inline void open_both(void)
{
    scratch_open();
    cr_assert_eq(channel_open(&one, "test"), 0);
    cr_assert_eq(channel_open(&two, "test"), 0);
}

/* For .fini of a test suite. */
static inline void close_both(void)
{
    channel_close(&one);
    channel_close(&two);
    scratch_close();
}

#endif
