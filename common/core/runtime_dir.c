/* SPDX-License-Identifier: MIT */
#include "runtime_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account.h"
#include "held_fd.h"
#include "log.h"

enum { PATH_BYTES = RUNTIME_DIR_PATH_BYTES };

/* ------------------------------------------------------------------ paths */

static void fallback_path(char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "/tmp/pageflip-%u", (unsigned)geteuid());
}

void runtime_dir_private_path(char path[PATH_BYTES])
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    if (runtime && runtime[0] == '/' && strlen(runtime) + sizeof "/pageflip" <= PATH_BYTES)
        snprintf(path, PATH_BYTES, "%s/pageflip", runtime);
    else
        fallback_path(path);
}

void runtime_dir_shared_path(char path[PATH_BYTES], uid_t owner)
{
    snprintf(path, PATH_BYTES, "/tmp/pageflip-%u-shared", (unsigned)owner);
}

int runtime_dir_other_paths(char paths[RUNTIME_DIR_OTHERS_MAX][PATH_BYTES])
{
    char own[PATH_BYTES];
    int count = 0;

    runtime_dir_private_path(own);
    /* The usual XDG_RUNTIME_DIR of a login session. */
    snprintf(paths[count], PATH_BYTES, "/run/user/%u/pageflip", (unsigned)geteuid());
    count += strcmp(paths[count], own) != 0;
    fallback_path(paths[count]);
    count += strcmp(paths[count], own) != 0;
    return count;
}

/* ------------------------------------------------------------------ open */

static int report(const char *path, int error)
{
    return log_failure(error, "runtime directory %s: %s", path, strerror(error));
}

/* Refuse a directory within one of another user, except in one that all users may write to, such as
 * /tmp. */
static int check_parent(const char *path)
{
    char parent[PATH_BYTES], owner[ACCOUNT_NAME_BYTES], own[ACCOUNT_NAME_BYTES];
    struct stat info;

    snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(path, '/') - path), path);
    if (stat(*parent ? parent : "/", &info) < 0)
        return report(path, errno);
    if (info.st_uid == geteuid() || (info.st_mode & 0002))
        return 0;
    return log_failure(EPERM,
                       "runtime directory %s: %s belongs to %s, and this process runs as %s; unset "
                       "XDG_RUNTIME_DIR, or set it to a directory of %s",
                       path, parent, account_user_name(info.st_uid, owner),
                       account_user_name(geteuid(), own), own);
}

static int check_owner(const char *path, int fd, uid_t owner)
{
    char is[ACCOUNT_NAME_BYTES], expected[ACCOUNT_NAME_BYTES];
    struct stat info;

    if (fstat(fd, &info) < 0) {
        report(path, errno);
        return -EPERM;
    }
    if (info.st_uid != owner)
        return log_failure(EPERM, "runtime directory %s: it belongs to %s instead of %s, mode %04o",
                           path, account_user_name(info.st_uid, is),
                           account_user_name(owner, expected), (unsigned)info.st_mode & 07777);
    if (info.st_mode & 022)
        return log_failure(EPERM,
                           "runtime directory %s: other users may write to it: it belongs to %s, "
                           "mode %04o",
                           path, account_user_name(info.st_uid, is),
                           (unsigned)info.st_mode & 07777);
    return 0;
}

static int open_checked(const char *path, uid_t owner, int flags)
{
    int fd = held_fd_open(AT_FDCWD, path, flags | O_DIRECTORY | O_NOFOLLOW, 0);

    if (fd < 0)
        return fd == -ENOENT ? fd : report(path, -fd);
    int ret = check_owner(path, fd, owner);
    if (ret == 0)
        return fd;
    held_fd_close(fd);
    return ret;
}

int runtime_dir_create(const char *path, mode_t mode)
{
    int ret = check_parent(path);

    if (ret < 0)
        return ret;
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return report(path, errno);
    int fd = open_checked(path, geteuid(), O_RDONLY);
    if (fd == -ENOENT)
        return report(path, ENOENT);
    if (fd < 0)
        return fd;
    /* mkdir() applied the umask. */
    if (mode != 0700 && fchmod(fd, mode) < 0) {
        ret = report(path, errno);
        held_fd_close(fd);
        return ret;
    }
    /* tmpfiles.d(5): a directory with a lock is not cleaned. The stream also works without it. */
    if (flock(fd, LOCK_SH | LOCK_NB) < 0)
        log_info("runtime directory %s: cannot be locked: %s", path, strerror(errno));
    return fd;
}

int runtime_dir_open(const char *path, uid_t owner)
{
    int ret = check_parent(path);

    if (ret < 0)
        return ret;
    ret = open_checked(path, owner, O_PATH);
    return ret == -ENOENT ? -ECONNREFUSED : ret;
}

/* ------------------------------------------------------------------ list */

static int is_lock_file(const struct dirent *entry)
{
    const char *suffix = strrchr(entry->d_name, '.');

    return suffix && strcmp(suffix, ".lock") == 0;
}

int runtime_dir_list(const char *path, char ***names)
{
    struct dirent **entries;

    *names = NULL;
    int count = scandir(path, &entries, is_lock_file, alphasort);
    if (count < 0)
        return errno == ENOENT ? 0 : -errno;

    char **found = calloc((size_t)count + 1, sizeof *found);
    int listed = 0;
    for (int i = 0; i < count; i++) {
        char *name = strndup(entries[i]->d_name, strlen(entries[i]->d_name) - strlen(".lock"));
        if (found && name)
            found[listed++] = name;
        else
            free(name);
        free(entries[i]);
    }
    free(entries);
    *names = found;
    return found ? listed : -ENOMEM;
}
