/* SPDX-License-Identifier: MIT */
#include "misuse.h"

#include <errno.h>

#include "log.h"

int misuse_null(const char *call)
{
    return log_failure(EINVAL, "%s(): an argument is NULL", call);
}

int misuse_negative_timeout(const char *call)
{
    return log_failure(EINVAL, "%s(): the timeout is negative", call);
}
