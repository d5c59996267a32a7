/* SPDX-License-Identifier: MIT */
/* What the kernel reports in /proc and /sys about memory and System V segments. */
#include "limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "log.h"
#include "text.h"

enum { GROUP_BYTES = 4096 }; /* the longest path of a control group that is read */

uint64_t limits_read_number(const char *path)
{
    unsigned long long number = 0;
    FILE *file = fopen(path, "re");

    if (!file)
        return UINT64_MAX;
    int fields = fscanf(file, "%llu", &number);
    fclose(file);
    return fields == 1 ? number : UINT64_MAX;
}

static uint64_t available_bytes(void)
{
    unsigned long long kilobytes;
    uint64_t available = UINT64_MAX;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");

    if (!file)
        return available;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %llu", &kilobytes) == 1)
            available = kilobytes * 1024;
    fclose(file);
    return available;
}

/* The smallest limit of the control group `path` and its parents. In a container without a cgroup
 * namespace the path does not exist below the mount; then only the mount itself, which is the
 * container's group, has a limit. */
static uint64_t cgroup_path_bytes(const char *mounted, const char *path, const char *name)
{
    char file[GROUP_BYTES + 64], group[GROUP_BYTES];
    uint64_t least = UINT64_MAX;

    snprintf(group, sizeof group, "%s%s", mounted, path);
    for (;;) {
        snprintf(file, sizeof file, "%s/%s", group, name);
        uint64_t limit = limits_read_number(file);
        least = limit < least ? limit : least;
        if (strlen(group) <= strlen(mounted))
            return least;
        *strrchr(group, '/') = '\0';
    }
}

/* cgroups(7): a line is number:controllers:path; version 2 has no controllers. */
static uint64_t cgroup_bytes(void)
{
    uint64_t least = UINT64_MAX;
    char line[GROUP_BYTES];
    FILE *file = fopen("/proc/self/cgroup", "re");

    while (file && fgets(line, sizeof line, file)) {
        char *controllers = strchr(line, ':');
        char *colon = controllers ? strchr(controllers + 1, ':') : NULL;
        uint64_t limit = UINT64_MAX;
        if (!colon)
            continue; /* the rest of a line longer than the buffer */
        char *path = colon + 1;
        path[strcspn(path, "\n")] = '\0';
        if (strstr(line, ":memory:"))
            limit = cgroup_path_bytes("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes");
        else if (strstr(line, "::"))
            limit = cgroup_path_bytes("/sys/fs/cgroup", path, "memory.max");
        least = limit < least ? limit : least;
    }
    if (file)
        fclose(file);
    return least;
}

int limits_check_memory(uint64_t bytes)
{
    char wanted[TEXT_BYTES_SIZE], available[TEXT_BYTES_SIZE];
    uint64_t cgroup = cgroup_bytes(), machine = available_bytes();
    uint64_t limit = cgroup < machine ? cgroup : machine;

    if (bytes <= limit)
        return 0;
    return log_failure(ENOMEM, "segment of %s: only %s of memory is %s", text_bytes(bytes, wanted),
                       text_bytes(limit, available),
                       cgroup < machine ? "allowed in this control group" : "available");
}

int limits_populate_pages(void *pages, uint64_t bytes)
{
    char size[TEXT_BYTES_SIZE];

    if (madvise(pages, bytes, MADV_POPULATE_WRITE) == 0)
        return 0;
    if (errno == EINVAL) { /* Linux before 5.14: touch each page */
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        for (uint64_t at = 0; at < bytes; at += page)
            ((volatile uint8_t *)pages)[at] = 0;
        return 0;
    }
    return log_failure(ENOMEM, "segment of %s: no memory for its pages: %s",
                       text_bytes(bytes, size), strerror(errno));
}

/* ENOSPC stands for two limits, neither of which is disk space. */
static int report_no_space(const char *size)
{
    uint64_t shmmni = limits_read_number("/proc/sys/kernel/shmmni");
    uint64_t shmall = limits_read_number("/proc/sys/kernel/shmall");
    struct shm_info used = {0};

    shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&used);
    if ((uint64_t)used.used_ids >= shmmni)
        return log_failure(ENOSPC,
                           "segment of %s: all %llu segments of the system are in use "
                           "(kernel.shmmni); ipcs -m lists them",
                           size, (unsigned long long)shmmni);
    return log_failure(ENOSPC,
                       "segment of %s: %lu of the system's %llu pages for segments are in use "
                       "(kernel.shmall); ipcs -m lists them",
                       size, used.shm_tot, (unsigned long long)shmall);
}

int limits_report_shmget(int error, uint64_t bytes)
{
    char size[TEXT_BYTES_SIZE], limit[TEXT_BYTES_SIZE];
    uint64_t shmmax = limits_read_number("/proc/sys/kernel/shmmax");

    text_bytes(bytes, size);
    if (error == EINVAL && bytes > shmmax)
        return log_failure(
            ENOSPC, "segment of %s: kernel.shmmax is %s; raise it: sysctl kernel.shmmax=%llu", size,
            text_bytes(shmmax, limit), (unsigned long long)bytes);
    if (error == ENOSPC)
        return report_no_space(size);
    return log_failure(error == EINVAL ? ENOSPC : error, "segment of %s: shmget failed: %s", size,
                       strerror(error));
}
