/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "pageflip.h"
#include "program/atomic_file.h"
#include "scratch.h"

static void quiet(void)
{
    scratch_open();
    pf_log_set_level(PF_LOG_ERROR);
}

TestSuite(atomic_file, .init = quiet, .fini = scratch_close);

static int file_count(void)
{
    int count = 0;
    struct dirent *entry;
    DIR *dir = opendir(scratch);

    while ((entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void contains(const char *path, const char *expected)
{
    char text[64] = "";
    FILE *file = fopen(path, "r");

    cr_assert_not_null(file, "%s does not exist", path);
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = 0;
    cr_assert_str_eq(text, expected);
}

Test(atomic_file, appears_complete_when_finished)
{
    char path[512];
    struct atomic_file file;
    struct stat info;

    scratch_path(path, scratch, "report");
    cr_assert_eq(atomic_file_open(&file, path), 0);
    fputs("half", file.stream);
    fflush(file.stream);
    cr_assert_neq(access(path, F_OK), 0, "a part of it was visible");
    fputs(" and half", file.stream);
    cr_assert_eq(atomic_file_finish(&file), 0);
    contains(path, "half and half");
    cr_assert_eq(file_count(), 1, "%d files", file_count());
    cr_assert_eq(stat(path, &info), 0);
    mode_t mask = umask(0);
    umask(mask);
    cr_assert_eq(info.st_mode & 0777, 0666 & ~mask, "mode %o", info.st_mode & 0777);
}

Test(atomic_file, replaces_the_old_file_only_when_finished)
{
    char path[512];
    struct atomic_file file;

    scratch_path(path, scratch, "report");
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(atomic_file_open(&file, path), 0);
        fputs(i ? "new" : "old", file.stream);
        if (i)
            contains(path, "old");
        cr_assert_eq(atomic_file_finish(&file), 0);
    }
    contains(path, "new");
}

Test(atomic_file, leaves_nothing_when_abandoned)
{
    char path[512];
    struct atomic_file file;

    scratch_path(path, scratch, "report");
    cr_assert_eq(atomic_file_open(&file, path), 0);
    fputs("text", file.stream);
    atomic_file_abandon(&file);
    cr_assert_eq(file_count(), 0, "%d files", file_count());
}

Test(atomic_file, reports_a_full_disk)
{
    struct atomic_file file;

    cr_assert_eq(atomic_file_open(&file, "/dev/full"), 0);
    fputs("text", file.stream);
    int ret = atomic_file_finish(&file);
    cr_assert_eq(ret, -ENOSPC, "%s", strerror(-ret));
}

Test(atomic_file, reports_a_folder_that_does_not_exist)
{
    char path[512];
    struct atomic_file file;

    scratch_path(path, scratch, "absent/report");
    cr_assert_eq(atomic_file_open(&file, path), -ENOENT);
}

Test(atomic_file, writes_to_a_device_in_place)
{
    struct atomic_file file;
    struct stat info;

    cr_assert_eq(atomic_file_open(&file, "/dev/null"), 0);
    fputs("text", file.stream);
    cr_assert_eq(atomic_file_finish(&file), 0);
    cr_assert_eq(stat("/dev/null", &info), 0);
    cr_assert(S_ISCHR(info.st_mode), "/dev/null was replaced by a file");
}

Test(atomic_file, reports_a_directory_created_at_its_path_meanwhile)
{
    char path[512];
    struct atomic_file file;

    scratch_path(path, scratch, "report");
    cr_assert_eq(atomic_file_open(&file, path), 0);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(atomic_file_finish(&file), -EISDIR);
    cr_assert_eq(rmdir(path), 0);
    cr_assert_eq(file_count(), 0, "%d files", file_count());
}

Test(atomic_file, refuses_a_path_that_is_a_directory)
{
    struct atomic_file file;

    cr_assert_eq(atomic_file_open(&file, scratch), -EISDIR);
}

Test(atomic_file, reports_a_closed_standard_output)
{
    struct atomic_file file;

    close(STDOUT_FILENO);
    cr_assert_lt(atomic_file_open(&file, "-"), 0);
}
