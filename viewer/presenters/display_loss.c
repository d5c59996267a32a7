/* SPDX-License-Identifier: MIT */
/* A display that does not answer is also closed: the watchdog shuts its socket down. */
#include "display_loss.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/log.h"

static int report(const char *why)
{
    static atomic_bool is_reported;

    if (!atomic_exchange(&is_reported, true))
        log_error("display lost: %s", why);
    return -ENODEV;
}

int display_loss_closed(void)
{
    return report("connection closed");
}

int display_loss_no_answer(int64_t waited_ns)
{
    char why[64];

    snprintf(why, sizeof why, "no answer for %d s", (int)(waited_ns / NS_PER_S));
    return report(why);
}
