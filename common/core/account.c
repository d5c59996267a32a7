/* SPDX-License-Identifier: MIT */
/* A name is looked up before it is read as a number: a user may be called "1000". */
#include "account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>

#include "log.h"
#include "text.h"

/* The kernel uses the largest number for "none". */
#define NUMBER_MAX (UINT32_MAX - 1)

int account_user(const char *name, uid_t *uid)
{
    const struct passwd *entry = getpwnam(name);
    int64_t number;

    if (!entry && !text_to_int(name, 0, NUMBER_MAX, &number))
        return log_failure(EINVAL, "no such user: %s", name);
    *uid = entry ? entry->pw_uid : (uid_t)number;
    return 0;
}

int account_group(const char *name, gid_t *gid)
{
    const struct group *entry = getgrnam(name);
    int64_t number;

    if (!entry && !text_to_int(name, 0, NUMBER_MAX, &number))
        return log_failure(EINVAL, "no such group: %s", name);
    *gid = entry ? entry->gr_gid : (gid_t)number;
    return 0;
}

char *account_user_name(uid_t uid, char out[ACCOUNT_NAME_BYTES])
{
    const struct passwd *entry = getpwuid(uid);

    if (entry)
        snprintf(out, ACCOUNT_NAME_BYTES, "%s", entry->pw_name);
    else
        snprintf(out, ACCOUNT_NAME_BYTES, "%u", (unsigned)uid);
    return out;
}

char *account_group_name(gid_t gid, char out[ACCOUNT_NAME_BYTES])
{
    const struct group *entry = getgrgid(gid);

    if (entry)
        snprintf(out, ACCOUNT_NAME_BYTES, "%s", entry->gr_name);
    else
        snprintf(out, ACCOUNT_NAME_BYTES, "%u", (unsigned)gid);
    return out;
}
