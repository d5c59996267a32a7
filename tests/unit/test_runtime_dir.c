/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/runtime_dir.h"
#include "two_channels.h"

TestSuite(runtime_dir, .init = open_both, .fini = close_both);

static int list(char ***names)
{
    char path[RUNTIME_DIR_PATH_BYTES];

    runtime_dir_private_path(path);
    return runtime_dir_list(path, names);
}

Test(runtime_dir, lists_names_in_order)
{
    struct channel other;
    char **names;

    cr_assert_eq(channel_open(&other, "another"), 0);
    channel_close(&other);
    cr_assert_eq(list(&names), 2);
    cr_assert_str_eq(names[0], "another");
    cr_assert_str_eq(names[1], "test");
    free(names[0]);
    free(names[1]);
    free(names);
}

Test(runtime_dir, lists_only_lock_files)
{
    const char *others[] = {"noext", "x.txt", "y.id", "z.log", "test.lock.new", "x.locked"};
    char path[512];
    char **names;

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(path, sizeof path, "%s/pageflip/%s", scratch, others[i]);
        fclose(fopen(path, "w"));
    }
    cr_assert_eq(list(&names), 1);
    cr_assert_str_eq(names[0], "test");
    free(names[0]);
    free(names);
}

Test(runtime_dir, reports_a_directory_that_cannot_be_read)
{
    char path[512];
    char **names;

    snprintf(path, sizeof path, "%s/pageflip/test.lock", scratch); /* not a directory */
    setenv("XDG_RUNTIME_DIR", path, 1);
    cr_assert_eq(list(&names), -ENOTDIR);
    setenv("XDG_RUNTIME_DIR", scratch, 1);
}

Test(runtime_dir, refuses_a_directory_that_others_may_write_to)
{
    const mode_t modes[] = {0777, 0770, 0707};
    char path[512];
    struct channel third;

    pf_log_set_level(PF_LOG_ERROR);
    snprintf(path, sizeof path, "%s/pageflip", scratch);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        cr_assert_eq(chmod(path, modes[i] & ~0055u), 0);
        cr_assert_eq(channel_open(&third, "test"), -EPERM, "%o", (unsigned)modes[i]);
    }
    cr_assert_eq(chmod(path, 0755), 0);
    cr_assert_eq(channel_open(&third, "test"), 0, "others may read it");
    channel_close(&third);
}

Test(runtime_dir, is_in_tmp_unless_the_variable_has_an_absolute_path)
{
    char own[RUNTIME_DIR_PATH_BYTES], path[RUNTIME_DIR_PATH_BYTES], longest[2 * sizeof path];
    const char *bad[] = {"", "run/user", ".", longest};

    snprintf(own, sizeof own, "/tmp/pageflip-%u", (unsigned)geteuid());
    memset(longest, 'x', sizeof longest - 1);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("XDG_RUNTIME_DIR", bad[i], 1);
        runtime_dir_private_path(path);
        cr_assert_str_eq(path, own, "%.20s", bad[i]);
    }
    unsetenv("XDG_RUNTIME_DIR");
    runtime_dir_private_path(path);
    cr_assert_str_eq(path, own);
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    runtime_dir_private_path(path);
    cr_assert_str_eq(path, "/run/user/7/pageflip");
    longest[sizeof path - sizeof "/pageflip"] = '\0'; /* fits exactly, with its NUL */
    setenv("XDG_RUNTIME_DIR", longest, 1);
    runtime_dir_private_path(path);
    cr_assert_eq(strlen(path), sizeof path - 1);
    setenv("XDG_RUNTIME_DIR", scratch, 1);
}

Test(runtime_dir, of_another_user_is_refused)
{
    char path[RUNTIME_DIR_PATH_BYTES];

    pf_log_set_level(PF_LOG_ERROR);
    runtime_dir_private_path(path);
    cr_assert_eq(runtime_dir_open(path, geteuid() + 1), -EPERM);
    int fd = runtime_dir_open(path, geteuid());
    cr_assert_geq(fd, 0);
    close(fd);
}

Test(runtime_dir, in_a_directory_of_another_user_is_refused_unless_all_may_write_there)
{
    char path[RUNTIME_DIR_PATH_BYTES];

    if (chown(scratch, geteuid() + 12345, (gid_t)-1) < 0) {
        close_both(); /* a skipped test has no .fini */
        cr_skip_test("only root can give a directory away");
    }
    pf_log_set_level(PF_LOG_ERROR);
    runtime_dir_private_path(path);
    cr_assert_eq(chmod(scratch, 0755), 0);
    cr_assert_eq(runtime_dir_open(path, geteuid()), -EPERM);
    cr_assert_eq(chmod(scratch, 01777), 0);
    int fd = runtime_dir_open(path, geteuid());
    cr_assert_geq(fd, 0);
    close(fd);
}

/* systemd-tmpfiles skips a directory that it cannot lock, as long as any producer is in it. */
Test(runtime_dir, is_locked_by_each_producer)
{
    char path[RUNTIME_DIR_PATH_BYTES];

    runtime_dir_private_path(path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(flock(fd, LOCK_EX | LOCK_NB), -1);
    cr_assert_eq(flock(fd, LOCK_SH | LOCK_NB), 0, "others share it");
    cr_assert_eq(flock(fd, LOCK_UN), 0);
    channel_close(&one);
    cr_assert_eq(flock(fd, LOCK_EX | LOCK_NB), -1);
    channel_close(&two);
    cr_assert_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    close(fd);
}
