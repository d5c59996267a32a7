/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/channel.h"
#include "scratch.h"

static struct channel one, two;

static void open_both(void)
{
    scratch_open();
    cr_assert_eq(channel_open(&one, "test"), 0);
    cr_assert_eq(channel_open(&two, "test"), 0);
}

static void close_both(void)
{
    channel_close(&one);
    channel_close(&two);
    scratch_close();
}

TestSuite(channel, .init = open_both, .fini = close_both);

Test(channel, knows_good_names_from_bad)
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
    cr_assert_not(channel_is_leased(&one, CHANNEL_PRODUCER), "one's own lease is nobody else's");
    cr_assert_eq(channel_lease(&two, CHANNEL_LANE_0), 0, "another byte is another lease");
    channel_unlease(&one, CHANNEL_PRODUCER);
    cr_assert_eq(channel_lease(&two, CHANNEL_PRODUCER), 0);
}

Test(channel, a_lease_ends_with_its_file)
{
    cr_assert_eq(channel_lease(&one, CHANNEL_PRODUCER), 0);
    channel_close(&one);
    cr_assert_not(channel_is_leased(&two, CHANNEL_PRODUCER));
}

Test(channel, an_id_is_read_as_it_was_written)
{
    struct channel_id written = {.shmid = 123456, .bytes = UINT64_C(1) << 40}, read;

    for (int i = 0; i < LAYOUT_NONCE_BYTES; i++)
        written.nonce[i] = (uint8_t)(i * 17);
    cr_assert_eq(channel_read_id(&two, &read), -ENOENT);
    cr_assert_eq(channel_write_id(&one, &written), 0);
    cr_assert_eq(channel_read_id(&two, &read), 0);
    cr_assert_eq(read.shmid, 123456);
    cr_assert_eq(read.bytes, UINT64_C(1) << 40);
    cr_assert_eq(read.pid, getpid());
    cr_assert_eq(read.ipc_namespace, channel_ipc_namespace());
    cr_assert_arr_eq(read.nonce, written.nonce, LAYOUT_NONCE_BYTES);
    channel_remove_id(&one);
    cr_assert_eq(channel_read_id(&two, &read), -ENOENT);
}

Test(channel, a_damaged_id_is_none)
{
    const char *damaged[] = {"", "pageflip",
                             "pageflip 1\nshmid 3\nnonce abc\nbytes 1\npid 1\nuid 0\n",
                             "pageflip 1\nshmid x\nnonce 00112233445566778899aabbccddeeff\n"};
    char path[512];
    struct channel_id read;

    snprintf(path, sizeof path, "%s/pageflip/test.id", scratch);
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        FILE *file = fopen(path, "w");
        fputs(damaged[i], file);
        fclose(file);
        cr_assert_eq(channel_read_id(&one, &read), -ENOENT, "%s", damaged[i]);
    }
}

Test(channel, does_not_follow_a_link_to_somebody_elses_file)
{
    char path[512];
    struct channel trap;

    snprintf(path, sizeof path, "%s/pageflip/trap.lock", scratch);
    cr_assert_eq(symlink("/etc/passwd", path), 0);
    cr_assert_eq(channel_open(&trap, "trap"), -ELOOP);
}

Test(channel, refuses_a_directory_that_others_may_write_to)
{
    char path[512];
    struct channel third;

    snprintf(path, sizeof path, "%s/pageflip", scratch);
    cr_assert_eq(chmod(path, 0777), 0);
    cr_assert_eq(channel_open(&third, "test"), -EPERM);
}

Test(channel, names_are_listed_in_order)
{
    struct channel other;
    char **names;

    cr_assert_eq(channel_open(&other, "another"), 0);
    channel_close(&other);
    cr_assert_eq(channel_names(&names), 2);
    cr_assert_str_eq(names[0], "another");
    cr_assert_str_eq(names[1], "test");
    free(names[0]);
    free(names[1]);
    free(names);
}

Test(channel, an_id_with_half_a_nonce_is_none)
{
    char path[512];
    struct channel_id read;

    snprintf(path, sizeof path, "%s/pageflip/test.id", scratch);
    FILE *file = fopen(path, "w");
    fputs("pageflip 1\nshmid 3\nnonce 0011223344556677\nbytes 1\npid 1\nuid 0\nipc-namespace 1\n",
          file);
    fclose(file);
    cr_assert_eq(channel_read_id(&one, &read), -ENOENT);
}

Test(channel, what_is_no_channel_is_not_listed)
{
    const char *others[] = {"noext", "x.txt", ".lock", "a b.lock", "y.id"};
    char path[512];
    char **names;

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(path, sizeof path, "%s/pageflip/%s", scratch, others[i]);
        fclose(fopen(path, "w"));
    }
    cr_assert_eq(channel_names(&names), 1);
    cr_assert_str_eq(names[0], "test");
    free(names[0]);
    free(names);
    snprintf(path, sizeof path, "%s/pageflip/.lock", scratch);
    unlink(path);
}

Test(channel, a_directory_that_cannot_be_read_is_told)
{
    char path[512];
    char **names;

    snprintf(path, sizeof path, "%s/pageflip/test.lock", scratch); /* a file */
    setenv("XDG_RUNTIME_DIR", path, 1);
    cr_assert_eq(channel_names(&names), -ENOTDIR);
    setenv("XDG_RUNTIME_DIR", scratch, 1);
}

/* In the order in which they were opened, and not. */
Test(channel, any_one_of_several_may_be_closed)
{
    struct channel third;

    cr_assert_eq(channel_open(&third, "third"), 0);
    channel_close(&one);
    channel_close(&one);
    cr_assert_eq(channel_lease(&third, CHANNEL_PRODUCER), 0);
    channel_close(&third);
}
