/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "pageflip.h"
#include "program/atomic_file.h"
#include "program/output.h"
#include "scratch.h"

static void quiet(void)
{
    scratch_open();
    pf_log_set_level(PF_LOG_ERROR);
}

TestSuite(atomic_file, .init = quiet, .fini = scratch_close);

/* The latest file that was synced, as it was at that time, and what the next sync returns. */
static struct stat synced;
static int sync_error;
static bool was_complete; /* when it got its name */

int fsync(int fd)
{
    __extension__ int (*sync)(int) = dlsym(RTLD_NEXT, "fsync");

    cr_assert_eq(fstat(fd, &synced), 0);
    errno = sync_error;
    return sync_error ? -1 : sync(fd);
}

int rename(const char *from, const char *to)
{
    __extension__ int (*give_name)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    struct stat renamed;

    cr_assert_eq(stat(from, &renamed), 0);
    was_complete = renamed.st_ino == synced.st_ino && renamed.st_size == synced.st_size;
    return give_name(from, to);
}

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

static void write_text(const char *path, const char *text)
{
    struct atomic_file file;

    cr_assert_eq(atomic_file_open(&file, path), 0);
    fputs(text, file.stream);
    cr_assert_eq(atomic_file_finish(&file), 0);
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

/* Write "old", then "new", which must not be visible before it is finished. Returns what the second
 * finish returns if its sync fails with `error`. */
static int replace(const char *path, int error)
{
    struct atomic_file file;

    write_text(path, "old");
    cr_assert_eq(atomic_file_open(&file, path), 0);
    fputs("new", file.stream);
    fflush(file.stream);
    contains(path, "old");
    sync_error = error;
    return atomic_file_finish(&file);
}

Test(atomic_file, replaces_the_old_file_only_when_finished)
{
    char path[512];

    scratch_path(path, scratch, "report");
    cr_assert_eq(replace(path, 0), 0);
    contains(path, "new");
}

/* Otherwise a loss of power could leave an empty file in place of a complete one. */
Test(atomic_file, is_on_the_disk_before_it_gets_its_name)
{
    char path[512];
    struct atomic_file file;

    scratch_path(path, scratch, "report");
    cr_assert_eq(atomic_file_open(&file, path), 0);
    fputs("text", file.stream);
    cr_assert_eq(atomic_file_finish(&file), 0);
    cr_assert(was_complete, "%d bytes of it were synced", (int)synced.st_size);
}

Test(atomic_file, keeps_the_old_file_if_the_disk_fails_at_the_end)
{
    char path[512];

    scratch_path(path, scratch, "report");
    cr_assert_eq(replace(path, EIO), -EIO);
    contains(path, "old");
    cr_assert_eq(file_count(), 1, "%d files", file_count());
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

/* Checked before a test opens a device: with a defect here, root would replace it. */
static void assert_in_place(const char *path)
{
    cr_assert(output_is_in_place(path), "%s would be replaced", path);
}

Test(atomic_file, reports_a_full_disk)
{
    struct atomic_file file;

    assert_in_place("/dev/full");
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

    assert_in_place("/dev/null");
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

Test(atomic_file, writes_to_the_target_of_a_link)
{
    char path[512], target[512];
    struct stat info;

    scratch_path(path, scratch, "link");
    scratch_path(target, scratch, "target");
    cr_assert_eq(symlink("target", path), 0);
    for (int i = 0; i < 2; i++) { /* there is no target, and an old one */
        write_text(path, i ? "new" : "old, and longer");
        contains(target, i ? "new" : "old, and longer");
        cr_assert_eq(lstat(path, &info), 0);
        cr_assert(S_ISLNK(info.st_mode), "the link was replaced");
        cr_assert_eq(atomic_file_check(path), 0);
        contains(target, i ? "new" : "old, and longer");
    }
    cr_assert_eq(file_count(), 2);
}

Test(atomic_file, writes_to_a_descriptor_at_its_position)
{
    char path[512], name[64];
    const char *folders[] = {"/dev/fd", "/proc/self/fd"};

    scratch_path(path, scratch, "log");
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dprintf(fd, "before");
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s/%d", folders[i], fd);
        cr_assert_eq(atomic_file_check(name), 0);
        write_text(name, "+");
    }
    dprintf(fd, "after");
    close(fd);
    contains(path, "before++after");
    cr_assert_eq(atomic_file_check(name), -EBADF, "it is closed");
    fd = open(path, O_RDONLY);
    snprintf(name, sizeof name, "/dev/fd/%d", fd);
    cr_assert_eq(atomic_file_check(name), -EBADF, "it cannot be written");
    cr_assert(output_is_in_place("/dev/stdout"));
    cr_assert(output_is_in_place("/dev/stderr"));
}

Test(atomic_file, writes_to_a_file_of_another_owner_in_place)
{
    char path[512];
    struct stat before, after;

    if (getuid() != 0) {
        scratch_close(); /* a skipped test has no .fini */
        cr_skip_test("only root can give a file away");
    }
    scratch_path(path, scratch, "report");
    write_text(path, "old");
    cr_assert_eq(chown(path, 1, 1), 0);
    cr_assert_eq(stat(path, &before), 0);
    write_text(path, "new");
    cr_assert_eq(stat(path, &after), 0);
    cr_assert_eq(before.st_ino, after.st_ino);
    contains(path, "new");
}

Test(atomic_file, a_check_finds_what_can_never_be_written)
{
    char path[512];
    const struct {
        const char *name;
        int ret;
    } cases[] = {{"absent/report", -ENOENT}, {"", -EISDIR},     {"file/report", -ENOTDIR},
                 {"loop", -ELOOP},           {"into", -ENOENT}, {"folder", -EISDIR}};

    scratch_path(path, scratch, "file");
    write_text(path, "text");
    scratch_path(path, scratch, "loop");
    cr_assert_eq(symlink("loop", path), 0);
    scratch_path(path, scratch, "into");
    cr_assert_eq(symlink("absent/report", path), 0);
    scratch_path(path, scratch, "folder");
    cr_assert_eq(symlink(".", path), 0);
    int count = file_count();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scratch_path(path, scratch, cases[i].name);
        cr_assert_eq(atomic_file_check(path), cases[i].ret, "%s", path);
        cr_assert_eq(output_check(path), cases[i].ret, "%s", path);
    }
    cr_assert_eq(atomic_file_check(""), -ENOENT);
    cr_assert_eq(output_check(""), -ENOENT);
    cr_assert_eq(file_count(), count, "a check left a file");
}

Test(atomic_file, a_check_changes_nothing)
{
    char path[512];

    scratch_path(path, scratch, "fifo");
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(atomic_file_check(path), 0, "without a reader");
    cr_assert_eq(unlink(path), 0);
    scratch_path(path, scratch, "report");
    cr_assert_eq(atomic_file_check(path), 0);
    cr_assert_eq(output_check(path), 0);
    cr_assert_eq(file_count(), 0, "a check left a file");
    scratch_path(path, scratch, "link");
    cr_assert_eq(symlink("report", path), 0);
    cr_assert_eq(atomic_file_check(path), 0);
    cr_assert_eq(output_check(path), 0);
    cr_assert_eq(file_count(), 1, "a check left the target of a link");
    cr_assert_eq(unlink(path), 0);
    scratch_path(path, scratch, "report");
    write_text(path, "old");
    cr_assert_eq(atomic_file_check(path), 0);
    cr_assert_eq(output_check(path), 0);
    contains(path, "old");
    cr_assert_eq(file_count(), 1);
}

Test(atomic_file, a_check_never_shows_an_empty_report)
{
    char path[512], events[1024] __attribute__((aligned(8)));
    int watch = inotify_init1(IN_NONBLOCK);

    cr_assert_geq(inotify_add_watch(watch, scratch, IN_CREATE), 0);
    scratch_path(path, scratch, "report");
    cr_assert_eq(atomic_file_check(path), 0);
    ssize_t length = read(watch, events, sizeof events);
    cr_assert_gt(length, 0, "the check did not try to create a file");
    for (ssize_t at = 0; at < length;) {
        const struct inotify_event *event = (const void *)(events + at);
        cr_assert_str_neq(event->name, "report");
        at += (ssize_t)(sizeof *event + event->len);
    }
    close(watch);
}
