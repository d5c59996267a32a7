/* SPDX-License-Identifier: MIT */
#include "random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "log.h"

int random_fill(void *to, size_t bytes)
{
    if (getrandom(to, bytes, 0) == (ssize_t)bytes)
        return 0;
    return log_failure(errno, "getrandom failed: %s", strerror(errno));
}
