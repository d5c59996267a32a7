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

Test(account, finds_users_and_groups_by_name_and_number)
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

/* 4294967295 is (uid_t)-1, which chown() takes for "no change". */
Test(account, refuses_unknown_names_and_invalid_numbers)
{
    const char *wrong[] = {"",     "no such name",        "-1", "4294967295", "1000 ",
                           "0x10", "99999999999999999999"};
    uid_t uid = 7;
    gid_t gid = 7;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_assert_eq(account_user(wrong[i], &uid), -EINVAL, "user \"%s\"", wrong[i]);
        cr_assert_eq(account_group(wrong[i], &gid), -EINVAL, "group \"%s\"", wrong[i]);
    }
    cr_assert_eq(uid, 7);
    cr_assert_eq(gid, 7);
}

Test(account, an_id_without_a_name_is_printed_as_a_number)
{
    char name[ACCOUNT_NAME_BYTES];

    cr_assert_str_eq(account_user_name(0, name), "root");
    cr_assert_str_eq(account_user_name(123456789, name), "123456789");
    cr_assert_str_eq(account_group_name(0, name), "root");
    cr_assert_str_eq(account_group_name(4000000000, name), "4000000000");
}
