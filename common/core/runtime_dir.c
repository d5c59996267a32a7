/* SPDX-License-Identifier: MIT */
#include "runtime_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account.h"
#include "log.h"

enum { PATH_BYTES = RUNTIME_DIR_PATH_BYTES };

static void private_path(char path[PATH_BYTES])
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    if (runtime && runtime[0] == '/' && strlen(runtime) + sizeof "/pageflip" <= PATH_BYTES)
        snprintf(path, PATH_BYTES, "%s/pageflip", runtime);
    else
        snprintf(path, PATH_BYTES, "/tmp/pageflip-%u", (unsigned)geteuid());
}

static void shared_path(char path[PATH_BYTES], uid_t owner)
{
    snprintf(path, PATH_BYTES, "/tmp/pageflip-%u-shared", (unsigned)owner);
}

static int report(const char *path, int error)
{
    return log_failure(error, "runtime directory %s: %s", path, strerror(error));
}

static int open_owned(const char *path, uid_t owner)
{
    struct stat info;
    int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return report(path, errno);
    if (fstat(fd, &info) < 0 || info.st_uid != owner || (info.st_mode & 022)) {
        char name[ACCOUNT_NAME_BYTES];
        close(fd);
        return log_failure(EPERM,
                           "runtime directory %s: other users may write to it: it belongs to %s, "
                           "mode %04o",
                           path, account_user_name(info.st_uid, name),
                           (unsigned)info.st_mode & 07777);
    }
    return fd;
}

static int create_and_open(const char *path, mode_t mode)
{
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return report(path, errno);
    return open_owned(path, geteuid());
}

int runtime_dir_open(void)
{
    char path[PATH_BYTES];

    private_path(path);
    return create_and_open(path, 0700);
}

int runtime_dir_open_own_shared(void)
{
    char path[PATH_BYTES];

    shared_path(path, geteuid());
    int fd = create_and_open(path, 0711);
    /* mkdir() applied the umask. Set the mode by path, because fchmod() refuses a descriptor of
     * O_PATH. */
    if (fd >= 0 && chmod(path, 0711) < 0) {
        int error = errno;
        close(fd);
        return report(path, error);
    }
    return fd;
}

int runtime_dir_open_shared(uid_t owner)
{
    char path[PATH_BYTES];

    shared_path(path, owner);
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return -ECONNREFUSED;
    return open_owned(path, owner);
}

char *runtime_dir_path(int fd, char path[PATH_BYTES])
{
    char link[64];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_BYTES - 1);
    if (length < 0)
        length = snprintf(path, PATH_BYTES, "the runtime directory");
    path[length] = '\0';
    return path;
}

/* ------------------------------------------------------------------ list */

static int is_lock_file(const struct dirent *entry)
{
    const char *suffix = strrchr(entry->d_name, '.');

    return suffix && strcmp(suffix, ".lock") == 0;
}

int runtime_dir_list(char ***names)
{
    char path[PATH_BYTES];
    struct dirent **entries;

    *names = NULL;
    private_path(path);
    int count = scandir(path, &entries, is_lock_file, alphasort);
    if (count < 0)
        return errno == ENOENT ? 0 : report(path, errno);

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
    return found ? listed : log_out_of_memory("list of channels");
}
