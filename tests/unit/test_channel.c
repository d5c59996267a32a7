/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "two_channels.h"

TestSuite(channel, .init = open_both, .fini = close_both);

Test(channel, accepts_valid_names_only)
{
    const char *good[] = {"a", "default", "A-Z_0.9", "x.lock"};
    const char *bad[] = {"", ".", "..", ".x", "a/b", "a b", "a\n", "\xc3\xa4"};
    char longest[65], longer[66];

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_assert(channel_name_is_valid(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(channel_name_is_valid(bad[i]), "%s", bad[i]);
    memset(longest, 'a', sizeof longest);
    longest[64] = '\0';
    memset(longer, 'a', sizeof longer);
    longer[65] = '\0';
    cr_assert(channel_name_is_valid(longest));
    cr_assert_not(channel_name_is_valid(longer));
}

Test(channel, a_lease_has_one_holder)
{
    cr_assert_not(channel_is_leased(&one, CHANNEL_PRODUCER));
    cr_assert_eq(channel_lease(&one, CHANNEL_PRODUCER), 0);
    cr_assert_eq(channel_lease(&two, CHANNEL_PRODUCER), -EAGAIN);
    cr_assert(channel_is_leased(&two, CHANNEL_PRODUCER));
    cr_assert_not(channel_is_leased(&one, CHANNEL_PRODUCER), "its own lease does not count");
    cr_assert_eq(channel_lease(&two, CHANNEL_LANE_0), 0, "another byte is another lease");
    channel_unlease(&one, CHANNEL_PRODUCER);
    cr_assert_eq(channel_lease(&two, CHANNEL_PRODUCER), 0);
}

Test(channel, closing_the_file_drops_the_lease)
{
    cr_assert_eq(channel_lease(&one, CHANNEL_PRODUCER), 0);
    channel_close(&one);
    cr_assert_not(channel_is_leased(&two, CHANNEL_PRODUCER));
}

Test(channel, does_not_follow_a_symbolic_link)
{
    char path[512];
    struct channel trap;

    snprintf(path, sizeof path, "%s/pageflip/trap.lock", scratch);
    cr_assert_eq(symlink("/etc/passwd", path), 0);
    cr_assert_eq(channel_open(&trap, "trap"), -ELOOP);
}

/* Not in the order in which they were opened. */
Test(channel, closes_any_of_several_channels)
{
    struct channel third;

    cr_assert_eq(channel_open(&third, "third"), 0);
    channel_close(&one);
    channel_close(&one);
    cr_assert_eq(channel_lease(&third, CHANNEL_PRODUCER), 0);
    channel_close(&third);
}
