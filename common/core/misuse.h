/* SPDX-License-Identifier: MIT */
/* Misuse of a public call that every call may meet. Both return -EINVAL, logged with its name. */
#ifndef CORE_MISUSE_H
#define CORE_MISUSE_H

int misuse_null(const char *call);
int misuse_negative_timeout(const char *call);

#endif
