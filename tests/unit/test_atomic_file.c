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

TestSuite(output, .init = quiet, .fini = scratch_close);

static int files(void)
{
    int count = 0;
    struct dirent *entry;
    DIR *dir = opendir(scratch);

    while ((entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void contains(const char *path, const char *wanted)
{
    char text[64] = "";
    FILE *file = fopen(path, "r");

    cr_assert_not_null(file, "%s is not there", path);
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = 0;
    cr_assert_str_eq(text, wanted);
}

Test(output, appears_whole_when_finished)
{
    char path[512];
    struct output output;
    struct stat info;

    scratch_path(path, scratch, "report");
    cr_assert_eq(output_open(&output, path), 0);
    fputs("half", output.file);
    fflush(output.file);
    cr_assert_neq(access(path, F_OK), 0, "half of it could be seen");
    fputs(" and half", output.file);
    cr_assert_eq(output_finish(&output), 0);
    contains(path, "half and half");
    cr_assert_eq(files(), 1, "%d files", files());
    cr_assert_eq(stat(path, &info), 0);
    mode_t mask = umask(0);
    umask(mask);
    cr_assert_eq(info.st_mode & 0777, 0666 & ~mask, "mode %o", info.st_mode & 0777);
}

Test(output, replaces_the_old_one_only_when_finished)
{
    char path[512];
    struct output output;

    scratch_path(path, scratch, "report");
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(output_open(&output, path), 0);
        fputs(i ? "new" : "old", output.file);
        if (i)
            contains(path, "old");
        cr_assert_eq(output_finish(&output), 0);
    }
    contains(path, "new");
}

Test(output, leaves_nothing_when_abandoned)
{
    char path[512];
    struct output output;

    scratch_path(path, scratch, "report");
    cr_assert_eq(output_open(&output, path), 0);
    fputs("text", output.file);
    output_abandon(&output);
    cr_assert_eq(files(), 0, "%d files", files());
}

Test(output, tells_a_full_disk)
{
    struct output output;

    cr_assert_eq(output_open(&output, "/dev/full"), 0);
    fputs("text", output.file);
    int ret = output_finish(&output);
    cr_assert_eq(ret, -ENOSPC, "%s", strerror(-ret));
}

Test(output, tells_a_folder_that_is_not_there)
{
    char path[512];
    struct output output;

    scratch_path(path, scratch, "absent/report");
    cr_assert_eq(output_open(&output, path), -ENOENT);
}

Test(output, writes_to_a_device_as_it_is)
{
    struct output output;
    struct stat info;

    cr_assert_eq(output_open(&output, "/dev/null"), 0);
    fputs("text", output.file);
    cr_assert_eq(output_finish(&output), 0);
    cr_assert_eq(stat("/dev/null", &info), 0);
    cr_assert(S_ISCHR(info.st_mode), "/dev/null was replaced by a file");
}

Test(output, tells_when_it_cannot_take_its_place)
{
    char path[512];
    struct output output;

    scratch_path(path, scratch, "report");
    cr_assert_eq(output_open(&output, path), 0);
    cr_assert_eq(mkdir(path, 0700), 0); /* meanwhile */
    cr_assert_eq(output_finish(&output), -EISDIR);
    cr_assert_eq(rmdir(path), 0);
    cr_assert_eq(files(), 0, "%d files", files());
}

Test(output, tells_a_place_that_is_a_directory)
{
    struct output output;

    cr_assert_eq(output_open(&output, scratch), -EISDIR);
}

Test(output, tells_a_closed_standard_output)
{
    struct output output;

    close(STDOUT_FILENO);
    cr_assert_lt(output_open(&output, "-"), 0);
}
