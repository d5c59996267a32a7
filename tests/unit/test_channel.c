/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "help_system.h"
#include "last_message.h"
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

static void remove_lock_file(void)
{
    char path[512];

    snprintf(path, sizeof path, "%s/pageflip/test.lock", scratch);
    cr_assert_eq(unlink(path), 0);
}

static struct channel join(void)
{
    struct channel joined;

    cr_assert_eq(channel_join(&joined, "test"), 0);
    return joined;
}

Test(channel, a_viewer_creates_no_file)
{
    struct channel absent;
    char path[512];

    cr_assert_eq(channel_join(&absent, "absent"), -ECONNREFUSED);
    snprintf(path, sizeof path, "%s/pageflip/absent.lock", scratch);
    cr_assert_neq(access(path, F_OK), 0);
    remove_lock_file();
    cr_assert_eq(channel_join(&absent, "test"), -ECONNREFUSED);
}

Test(channel, has_one_producer_even_without_its_lock_file)
{
    struct channel third;

    cr_assert_eq(channel_claim(&one), 0);
    cr_assert_eq(channel_claim(&two), -EAGAIN);
    remove_lock_file();
    cr_assert_eq(channel_open(&third, "test"), 0);
    cr_assert_eq(channel_lease(&third, CHANNEL_PRODUCER), 0, "another file, another lease");
    channel_unlease(&third, CHANNEL_PRODUCER);
    cr_assert_eq(channel_claim(&third), -EAGAIN);
    channel_close(&third);
    cr_assert_eq(channel_open(&third, "test"), 0);
    channel_close(&one);
    cr_assert_eq(channel_claim(&third), 0);
    channel_close(&third);
}

static atomic_int claimed = 1; /* the result of claim(); 1: none yet */

static void *claim(void *channel)
{
    atomic_store(&claimed, channel_claim(channel));
    return NULL;
}

/* Else a viewer joins the first producer's segment through the lock file of the second. */
Test(channel, a_producer_that_is_refused_never_holds_the_lease)
{
    struct channel third;
    pthread_t thread;
    int ret;

    cr_assert_eq(channel_claim(&one), 0);
    remove_lock_file();
    cr_assert_eq(channel_open(&third, "test"), 0);
    struct channel joined = join();
    pthread_create(&thread, NULL, claim, &third);
    do {
        ret = atomic_load(&claimed);
        cr_assert_not(channel_is_leased(&joined, CHANNEL_PRODUCER));
    } while (ret == 1);
    pthread_join(thread, NULL);
    cr_assert_eq(ret, -EAGAIN);
    channel_close(&joined);
    channel_close(&third);
}

Test(channel, a_removed_lock_file_is_created_again_with_its_leases)
{
    pf_log_set_level(PF_LOG_ERROR);
    cr_assert_eq(channel_claim(&one), 0);
    cr_assert_eq(channel_lease(&two, CHANNEL_LANE_0 + 1), 0);
    remove_lock_file();
    cr_assert_eq(channel_check_file(&two), CHANNEL_FILE_REMOVED);
    cr_assert_eq(channel_restore(&one), 0);
    cr_assert_eq(channel_check_file(&one), CHANNEL_FILE_IN_PLACE);
    cr_assert_eq(channel_check_file(&two), CHANNEL_FILE_REPLACED);

    struct channel third = join();
    cr_assert(channel_is_leased(&third, CHANNEL_PRODUCER));
    cr_assert(channel_is_leased(&two, CHANNEL_PRODUCER), "through the old file as well");
    cr_assert_eq(channel_lease(&third, CHANNEL_LANE_0), 0);
    cr_assert_eq(channel_lease(&third, CHANNEL_LANE_0 + 1), -EAGAIN);
    cr_assert(channel_is_leased(&one, CHANNEL_LANE_0), "a viewer through the new file");
    cr_assert(channel_is_leased(&one, CHANNEL_LANE_0 + 1), "a viewer through the old file");
    cr_assert_eq(channel_lease(&one, CHANNEL_LANE_0 + 1), -EAGAIN);

    channel_close(&two);
    cr_assert_eq(channel_restore(&one), 0);
    cr_assert_eq(channel_lease(&third, CHANNEL_LANE_0 + 1), 0);
    channel_close(&third);
}

/* A process that exits may close its lock file before the directory with its mark. */
static void *close_mark_later(void *unused)
{
    (void)unused;
    pause_ms(20);
    channel_close(&one);
    return NULL;
}

Test(channel, a_producer_waits_for_the_mark_of_one_that_exits)
{
    pthread_t thread;

    cr_assert_eq(channel_claim(&one), 0);
    channel_unlease(&one, CHANNEL_PRODUCER);
    pthread_create(&thread, NULL, close_mark_later, NULL);
    cr_assert_eq(channel_claim(&two), 0);
    pthread_join(thread, NULL);
}

Test(channel, a_refused_producer_keeps_no_descriptor)
{
    cr_assert_eq(channel_claim(&one), 0);
    int before = count_descriptors();
    cr_assert_eq(channel_claim(&two), -EAGAIN);
    cr_assert_eq(count_descriptors(), before);
}

Test(channel, a_lock_file_that_cannot_be_created_again_leaves_no_file_and_no_descriptor)
{
    char path[512];

    pf_log_set_level(PF_LOG_ERROR);
    cr_assert_eq(channel_claim(&one), 0);
    remove_lock_file();
    snprintf(path, sizeof path, "%s/pageflip/test.lock", scratch);
    cr_assert_eq(mkdir(path, 0700), 0); /* in the way */
    int before = count_descriptors();
    cr_assert_lt(channel_restore(&one), 0);
    rmdir(path);
    cr_assert_eq(count_descriptors(), before);
    snprintf(path, sizeof path, "%s/pageflip/test.lock.new", scratch);
    cr_assert_neq(access(path, F_OK), 0);
}

Test(channel, a_second_new_lock_file_waits_for_the_viewers_of_the_first)
{
    pf_log_set_level(PF_LOG_ERROR);
    cr_assert_eq(channel_claim(&one), 0);
    cr_assert_eq(channel_lease(&two, CHANNEL_LANE_0), 0);
    remove_lock_file();
    cr_assert_eq(channel_restore(&one), 0);
    remove_lock_file();
    keep_messages();
    pf_log_set_level(PF_LOG_WARNING);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(channel_restore(&one), -EBUSY);
    cr_assert_eq(warnings, 1, "reported once");
    pf_log_set_level(PF_LOG_ERROR);
    cr_assert_eq(channel_lease(&one, CHANNEL_LANE_0), -EAGAIN);
    channel_close(&two);
    cr_assert_eq(channel_restore(&one), 0);
    cr_assert_eq(channel_check_file(&one), CHANNEL_FILE_IN_PLACE);
}

Test(channel, a_lane_of_the_old_file_can_be_reaped)
{
    pf_log_set_level(PF_LOG_ERROR);
    cr_assert_eq(channel_claim(&one), 0);
    cr_assert_eq(channel_lease(&two, CHANNEL_LANE_0), 0);
    cr_assert_eq(channel_lease(&two, CHANNEL_LANE_0 + 1), 0);
    remove_lock_file();
    cr_assert_eq(channel_restore(&one), 0);
    channel_unlease(&two, CHANNEL_LANE_0);
    cr_assert_eq(channel_lease(&one, CHANNEL_LANE_0), 0);
    channel_unlease(&one, CHANNEL_LANE_0);
    struct channel third = join();
    cr_assert_eq(channel_lease(&third, CHANNEL_LANE_0), 0);
    cr_assert_eq(channel_lease(&third, CHANNEL_LANE_0 + 1), -EAGAIN);
    channel_close(&third);
}

Test(channel, a_removed_directory_is_created_again)
{
    char path[512], moved[512];

    pf_log_set_level(PF_LOG_ERROR);
    cr_assert_eq(channel_claim(&one), 0);
    scratch_path(path, scratch, "pageflip");
    scratch_path(moved, scratch, "moved");
    cr_assert_eq(rename(path, moved), 0);
    cr_assert_eq(channel_restore(&one), 0);
    struct channel third = join();
    cr_assert(channel_is_leased(&third, CHANNEL_PRODUCER));
    channel_close(&third);
    scratch_empty(moved);
    rmdir(moved);
}

Test(channel, a_directory_that_cannot_be_created_again_is_given_up)
{
    char path[512], moved[512];

    pf_log_set_level(PF_LOG_ERROR);
    cr_assert_eq(channel_claim(&one), 0);
    scratch_path(path, scratch, "pageflip");
    scratch_path(moved, scratch, "moved");
    cr_assert_eq(rename(path, moved), 0);
    cr_assert_eq(symlink(moved, path), 0);
    cr_assert_eq(channel_restore(&one), 0, "the same file, by a link");
    unlink(path);
    cr_assert_eq(symlink("nowhere", path), 0);
    cr_assert_lt(channel_restore(&one), 0);
    cr_assert_eq(channel_restore(&one), -ENOENT);
    cr_assert(channel_is_leased(&two, CHANNEL_PRODUCER), "viewers keep the stream");
    unlink(path);
    cr_assert_eq(rename(moved, path), 0);
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

static bool is_in_scratch(const char *name)
{
    char dir[512];

    scratch_path(dir, scratch, "pageflip");
    return channel_is_in(dir, name);
}

Test(channel, with_a_producer_is_found_in_its_directory)
{
    char path[512], link[512];

    cr_assert_not(is_in_scratch("test"));
    cr_assert_eq(channel_lease(&one, CHANNEL_LANE_0), 0);
    cr_assert_not(is_in_scratch("test"), "it only has a viewer");
    cr_assert_eq(channel_lease(&one, CHANNEL_PRODUCER), 0);
    cr_assert(is_in_scratch("test"));
    snprintf(path, sizeof path, "%s/pageflip/test.lock", scratch);
    snprintf(link, sizeof link, "%s/pageflip/link.lock", scratch);
    cr_assert_eq(symlink(path, link), 0);
    cr_assert_not(is_in_scratch("link"));
    if (chown(path, geteuid() + 12345, (gid_t)-1) == 0) /* as root */
        cr_assert_not(is_in_scratch("test"), "it belongs to another user");
}

/* No process writes to it, so opening it as a file would block. */
Test(channel, a_fifo_is_no_channel)
{
    char path[512];

    snprintf(path, sizeof path, "%s/pageflip/fifo.lock", scratch);
    cr_assert_eq(mkfifo(path, 0600), 0);
    interrupt_after(hang_s());
    cr_assert_not(is_in_scratch("fifo"));
    cr_assert_eq(alarms, 0, "it has blocked until the signal");
}
