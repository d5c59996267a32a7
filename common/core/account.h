/* SPDX-License-Identifier: MIT */
/* Users and groups of this machine, by name or by number. */
#ifndef CORE_ACCOUNT_H
#define CORE_ACCOUNT_H

#include <sys/types.h>

/* "alice" or "1000". Returns 0, or -EINVAL, logged: no such user or group. A number is accepted
 * without an entry in the user or group database, as is usual in containers. */
int account_user(const char *name, uid_t *uid);
int account_group(const char *name, gid_t *gid);

/* For messages: the name, or the number if there is no name, into `out`. Returns `out`. */
enum { ACCOUNT_NAME_BYTES = 64 };
char *account_user_name(uid_t uid, char out[ACCOUNT_NAME_BYTES]);
char *account_group_name(gid_t gid, char out[ACCOUNT_NAME_BYTES]);

#endif
