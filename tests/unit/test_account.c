/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>

#include "core/account.h"
#include "pageflip.h"

static void quiet(void)
{
    pf_log_set_level(PF_LOG_ERROR);
}

TestSuite(account, .init = quiet);

Test(account, names_and_numbers_lead_to_users_and_groups)
{
    uid_t uid = 1;
    gid_t gid = 1;

    cr_assert_eq(account_user("root", &uid), 0);
    cr_assert_eq(uid, 0);
    cr_assert_eq(account_user("123456789", &uid), 0);
    cr_assert_eq(uid, 123456789);
    cr_assert_eq(account_group("root", &gid), 0);
    cr_assert_eq(gid, 0);
    cr_assert_eq(account_group("4294967294", &gid), 0);
    cr_assert_eq(gid, 4294967294);
}

/* The last number is the kernel's word for none: to give a file to it is to change nothing. */
Test(account, refuses_what_is_neither)
{
    const char *none[] = {"",     "no such name",        "-1", "4294967295", "1000 ",
                          "0x10", "99999999999999999999"};
    uid_t uid = 7;
    gid_t gid = 7;

    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        cr_assert_eq(account_user(none[i], &uid), -EINVAL, "user \"%s\"", none[i]);
        cr_assert_eq(account_group(none[i], &gid), -EINVAL, "group \"%s\"", none[i]);
    }
    cr_assert_eq(uid, 7);
    cr_assert_eq(gid, 7);
}

Test(account, who_has_no_name_is_told_by_number)
{
    char name[ACCOUNT_NAME_BYTES];

    cr_assert_str_eq(account_user_name(0, name), "root");
    cr_assert_str_eq(account_user_name(123456789, name), "123456789");
    cr_assert_str_eq(account_group_name(0, name), "root");
    cr_assert_str_eq(account_group_name(4000000000, name), "4000000000");
}
