/* SPDX-License-Identifier: MIT */
/* Each test has its own runtime directory, so that tests can run in parallel and leave no files. */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch[128];

static inline void scratch_path(char path[512], const char *folder, const char *name)
{
    cr_assert_lt(snprintf(path, 512, "%s/%s", folder, name), 512);
}

/* The path of a file of a channel, like test.id. */
static inline void runtime_path_of(char path[512], const char *name)
{
    char folder[512];

    scratch_path(folder, scratch, "pageflip");
    scratch_path(path, folder, name);
}

/* For .init of a test suite. */
static inline void scratch_open(void)
{
    const char *temporary = getenv("TMPDIR");

    snprintf(scratch, sizeof scratch, "%s/pageflip-test-XXXXXX", temporary ? temporary : "/tmp");
    cr_assert_not_null(mkdtemp(scratch));
    setenv("XDG_RUNTIME_DIR", scratch, 1);
}

static inline void scratch_empty(const char *folder)
{
    char path[512];
    struct dirent *entry;
    /* A test may have left a symbolic link here, to a directory that is not its own. */
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    while (dir && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        scratch_path(path, folder, entry->d_name);
        unlink(path);
    }
    if (dir)
        closedir(dir);
}

/* For .fini of a test suite. */
static inline void scratch_close(void)
{
    char path[512];

    scratch_path(path, scratch, "pageflip");
    scratch_empty(path);
    rmdir(path);
    scratch_empty(scratch);
    rmdir(scratch);
}

/* Does the kernel's list contain this System V segment? */
static inline int scratch_segment_exists(int shmid)
{
    char line[512];
    int id, found = 0;
    FILE *file = fopen("/proc/sysvipc/shm", "re");

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "%*d %d", &id) == 1 && id == shmid)
            found = 1;
    if (file)
        fclose(file);
    return found;
}

#endif
