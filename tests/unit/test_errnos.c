/* SPDX-License-Identifier: MIT */
/*
 * A table of what can be wrong with the system when a channel is opened or listed, and the errno of
 * each call, all of which pageflip.h lists. Each row is a test of its own, since most of them
 * change the process: its user, its limits, its namespaces. A row that needs root is skipped
 * without it.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "last_message.h"
#include "stream.h"

enum {
    NOBODY = 65534,
    SUCCESS = 0,
    OMITTED = 1000, /* a list returns 0 and logs the channel that it omits */
};

static struct pf_producer_options options;
static struct pf_viewer_options viewer_options;
static struct pf_format format;
static char path[512]; /* the runtime directory */
static char key_file[512];
static int foreign = -1; /* a segment of another program */

static void init_errnos(void)
{
    init_stream();
    keep_messages();
    format = size(64, 48);
    scratch_path(path, scratch, "pageflip");
}

static void finish_errnos(void)
{
    char name[512];
    struct stat info;

    if (getuid() == 0)
        cr_assert_eq(seteuid(0), 0);
    chmod(scratch, 0700);
    umount2(scratch, MNT_DETACH); /* of this test's mount namespace, if it has one */
    if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode))
        chmod(path, 0700);
    scratch_path(name, path, "test.lock");
    rmdir(name);
    scratch_path(name, scratch, "folder");
    rmdir(name);
    if (foreign >= 0)
        shmctl(foreign, IPC_RMID, NULL);
    finish_stream();
}

TestSuite(errnos, .init = init_errnos, .fini = finish_errnos);

/* ------------------------------------------------------------------ the system */

/* Permissions count only for a user other than root. */
static void become_user(void)
{
    if (geteuid() != 0)
        return;
    cr_assert_eq(chown(scratch, NOBODY, NOBODY), 0);
    cr_assert_eq(setgroups(0, NULL), 0);
    cr_assert_eq(setegid(NOBODY), 0);
    cr_assert_eq(seteuid(NOBODY), 0);
    if (chmod(scratch, 0700) < 0)
        cr_skip_test("other users cannot use the directory for temporary files");
}

static void need_root(void)
{
    if (geteuid() != 0)
        cr_skip_test("needs root");
}

static void write_text(const char *to, const char *text)
{
    int fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0, "%s", to);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text), "%s", to);
    close(fd);
}

static void make_dir(mode_t mode)
{
    cr_assert_eq(mkdir(path, mode), 0);
    cr_assert_eq(chmod(path, mode), 0); /* mkdir() applied the umask */
}

static void make_lock_file(void)
{
    char lock[512];

    make_dir(0700);
    scratch_path(lock, path, "test.lock");
    write_text(lock, "");
}

static void limit(int resource, rlim_t most)
{
    struct rlimit old;

    getrlimit(resource, &old);
    old.rlim_cur = most;
    cr_assert_eq(setrlimit(resource, &old), 0);
}

static void set_in_namespace(const char *setting, const char *value)
{
    need_root();
    if (unshare(CLONE_NEWIPC) < 0)
        cr_skip_test("needs a namespace");
    write_text(setting, value);
}

/* A file system of its own on the directory that contains the runtime directory. */
static void mount_tmpfs(void)
{
    need_root();
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", scratch, "tmpfs", 0, "size=64k,mode=0700") < 0)
        cr_skip_test("needs a namespace");
}

static void use_key_file(const char *name)
{
    scratch_path(key_file, scratch, name);
    options.key_file = viewer_options.key_file = key_file;
}

/* ------------------------------------------------------------------ the calls */

static void expect_errno(int ret, int expected, const char *call)
{
    bool is_logged = expected < 0 || expected == OMITTED;

    if (expected == OMITTED)
        expected = 0;
    cr_expect_eq(ret, expected, "%s returned %d (%s), not %d (%s): %s", call, ret, strerror(-ret),
                 expected, strerror(-expected), message);
    /* The one answer of a viewer that finds no producer is logged as well. */
    cr_expect_eq(errors, is_logged, "%s: %d messages: %s", call, errors, message);
    keep_messages(); /* also of a failure that repeats */
}

/* What happens first, and what a producer, a viewer and a list return then. */
#define ROW(name, producer_errno, viewer_errno, list_errno)                                        \
    static void name(void);                                                                        \
    Test(errnos, name)                                                                             \
    {                                                                                              \
        struct pf_channel_info info;                                                               \
        name();                                                                                    \
        expect_errno(pf_channel_list(&info, 1), list_errno, "pf_channel_list()");                  \
        expect_errno(pf_viewer_open(&viewer, "test", &viewer_options), viewer_errno,               \
                     "pf_viewer_open()");                                                          \
        expect_errno(pf_producer_open(&producer, "test", &format, &options), producer_errno,       \
                     "pf_producer_open()");                                                        \
    }                                                                                              \
    static void name(void)

ROW(nothing_is_wrong, SUCCESS, -ECONNREFUSED, 0)
{
}

ROW(no_xdg_runtime_dir, -ENOENT, -ENOENT, 0)
{
    char missing[512];

    scratch_path(missing, scratch, "missing");
    setenv("XDG_RUNTIME_DIR", missing, 1);
}

ROW(xdg_runtime_dir_is_a_file, -ENOTDIR, -ENOTDIR, -ENOTDIR)
{
    char file[512];

    scratch_path(file, scratch, "file");
    write_text(file, "");
    setenv("XDG_RUNTIME_DIR", file, 1);
}

ROW(runtime_directory_is_a_file, -ENOTDIR, -ENOTDIR, -ENOTDIR)
{
    write_text(path, "");
}

ROW(runtime_directory_is_a_symbolic_link, -ENOTDIR, -ENOTDIR, 0)
{
    char folder[512];

    scratch_path(folder, scratch, "folder");
    cr_assert_eq(mkdir(folder, 0700), 0);
    cr_assert_eq(symlink(folder, path), 0);
}

ROW(runtime_directory_is_a_loop, -ENOTDIR, -ENOTDIR, -ELOOP)
{
    cr_assert_eq(symlink(path, path), 0);
}

ROW(runtime_directory_may_be_written_by_all, -EPERM, -EPERM, -EPERM)
{
    make_lock_file();
    cr_assert_eq(chmod(path, 0777), 0);
}

ROW(runtime_directory_of_another_user, -EPERM, -EPERM, -EPERM)
{
    need_root();
    make_lock_file();
    cr_assert_eq(chown(path, NOBODY, NOBODY), 0);
}

ROW(xdg_runtime_dir_of_another_user, -EPERM, -EPERM, 0)
{
    need_root();
    cr_assert_eq(chown(scratch, NOBODY, NOBODY), 0);
}

ROW(xdg_runtime_dir_cannot_be_written, -EACCES, -ECONNREFUSED, 0)
{
    become_user();
    cr_assert_eq(chmod(scratch, 0500), 0);
}

ROW(xdg_runtime_dir_cannot_be_searched, -EACCES, -EACCES, -EACCES)
{
    become_user();
    cr_assert_eq(chmod(scratch, 0600), 0);
}

ROW(runtime_directory_cannot_be_read, -EACCES, -ECONNREFUSED, -EACCES)
{
    become_user();
    make_dir(0300);
}

ROW(runtime_directory_cannot_be_written, -EACCES, -ECONNREFUSED, 0)
{
    become_user();
    make_dir(0500);
}

ROW(lock_file_is_a_directory, -EISDIR, -EISDIR, OMITTED)
{
    char lock[512];

    make_dir(0700);
    scratch_path(lock, path, "test.lock");
    cr_assert_eq(mkdir(lock, 0700), 0);
}

ROW(file_system_is_read_only, -EROFS, -ECONNREFUSED, 0)
{
    mount_tmpfs();
    make_dir(0700);
    cr_assert_eq(mount(NULL, scratch, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
}

ROW(file_system_is_full, -ENOSPC, -ECONNREFUSED, 0)
{
    char file[512], page[4096] = {0};

    mount_tmpfs();
    scratch_path(file, scratch, "file");
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(fd, page, sizeof page) > 0)
        ;
    close(fd);
}

ROW(too_many_open_files, -EMFILE, -EMFILE, -EMFILE)
{
    make_dir(0700);
    cr_assert_eq(dup(STDERR_FILENO), dup(STDERR_FILENO) - 1); /* descriptors have no gap */
    int lowest = dup(STDERR_FILENO);
    limit(RLIMIT_NOFILE, (rlim_t)lowest);
}

ROW(too_many_segments, -ENOSPC, -ECONNREFUSED, 0)
{
    set_in_namespace("/proc/sys/kernel/shmmni", "0");
}

ROW(segment_is_too_large, -ENOSPC, -ECONNREFUSED, 0)
{
    set_in_namespace("/proc/sys/kernel/shmmax", "4096");
}

ROW(too_many_pages, -ENOSPC, -ECONNREFUSED, 0)
{
    set_in_namespace("/proc/sys/kernel/shmall", "1");
}

#ifndef __SANITIZE_ADDRESS__
ROW(too_little_address_space, -ENOMEM, -ECONNREFUSED, 0)
{
    unsigned long pages;
    FILE *file = fopen("/proc/self/statm", "re");

    cr_assert_eq(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    limit(RLIMIT_AS, pages * (rlim_t)sysconf(_SC_PAGESIZE) + (16 << 20));
    format = size(3840, 2160);
}
#endif

ROW(no_such_group, -EINVAL, -ECONNREFUSED, 0)
{
    options.group = "no such group";
}

ROW(group_of_other_users, -EPERM, -ECONNREFUSED, 0)
{
    become_user();
    if (getegid() == 0)
        cr_skip_test("is a member of group 0");
    options.group = "0";
}

ROW(no_such_user, SUCCESS, -EINVAL, 0)
{
    viewer_options.user = "no such user";
}

ROW(no_such_key_file, -EINVAL, -EINVAL, 0)
{
    use_key_file("missing");
}

ROW(key_file_below_a_file, -EINVAL, -EINVAL, 0)
{
    char file[512];

    scratch_path(file, scratch, "file");
    write_text(file, "");
    use_key_file("file/key");
}

ROW(key_file_is_a_loop, -EINVAL, -EINVAL, 0)
{
    use_key_file("key");
    cr_assert_eq(symlink(key_file, key_file), 0);
}

ROW(key_file_with_a_name_that_is_too_long, -EINVAL, -EINVAL, 0)
{
    char name[300];

    memset(name, 'k', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    use_key_file(name);
}

ROW(key_file_cannot_be_reached, -EACCES, -EACCES, 0)
{
    char folder[512];

    become_user();
    scratch_path(folder, scratch, "folder");
    cr_assert_eq(mkdir(folder, 0600), 0);
    use_key_file("folder/key");
}

ROW(key_of_another_program, -EEXIST, -EPROTO, 0)
{
    use_key_file("key");
    write_text(key_file, "");
    foreign = shmget(ftok(key_file, 'p'), 65536, IPC_CREAT | 0600);
    cr_assert_geq(foreign, 0);
    uint32_t *words = shmat(foreign, NULL, 0);
    words[0] = 77; /* no header of pageflip, and not empty */
    shmdt(words);
}

ROW(key_of_another_user, -EACCES, -EACCES, 0)
{
    need_root();
    use_key_file("key");
    write_text(key_file, "");
    foreign = shmget(ftok(key_file, 'p'), 65536, IPC_CREAT | 0600);
    become_user();
}

ROW(channel_has_a_producer, -EBUSY, SUCCESS, 1)
{
    static struct pf_producer *first; /* until the process exits */

    cr_assert_eq(pf_producer_open(&first, "test", &format, NULL), 0);
}

ROW(name_is_not_valid, -EINVAL, -ECONNREFUSED, 0)
{
    /* The name of the row's calls is valid, so another one is tested here. */
    expect_errno(pf_producer_open(&producer, "a/b", &format, &options), -EINVAL, "a/b");
    expect_errno(pf_producer_open(&producer, ".a", &format, &options), -EINVAL, ".a");
    expect_errno(pf_viewer_open(&viewer, "", &viewer_options), -EINVAL, "empty");
    format.width = PF_SIZE_MAX + 1;
}
