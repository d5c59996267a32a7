/* SPDX-License-Identifier: MIT */
/* Misuse that most public calls check for. Both functions log it with the name of the call, and
 * return -EINVAL. */
#ifndef CORE_MISUSE_H
#define CORE_MISUSE_H

int misuse_null(const char *call);
int misuse_negative_timeout(const char *call);

#endif
