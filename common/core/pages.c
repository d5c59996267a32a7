/* SPDX-License-Identifier: MIT */
/* What the kernel says about memory, and pages made present at once instead of one fault at a time.
 */
#include "pages.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"
#include "text.h"

enum { GROUP_BYTES = 4096 }; /* the longest path of a control group that is looked at */

uint64_t pages_read_number(const char *path)
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

/* The least limit of the group `path` and of all that it is in. In a container without a name space
 * of its own for them the path leads nowhere, until its beginning is reached: that is its limit. */
static uint64_t group_bytes(const char *mounted, const char *path, const char *name)
{
    char file[GROUP_BYTES + 64], group[GROUP_BYTES];
    uint64_t least = UINT64_MAX;

    snprintf(group, sizeof group, "%s%s", mounted, path);
    for (;;) {
        snprintf(file, sizeof file, "%s/%s", group, name);
        uint64_t limit = pages_read_number(file);
        least = limit < least ? limit : least;
        if (strlen(group) <= strlen(mounted))
            return least;
        *strrchr(group, '/') = '\0';
    }
}

/* cgroups(7): a line is number:controllers:path, of version 2 without controllers. */
static uint64_t container_bytes(void)
{
    uint64_t least = UINT64_MAX;
    char line[GROUP_BYTES];
    FILE *file = fopen("/proc/self/cgroup", "re");

    while (file && fgets(line, sizeof line, file)) {
        char *controllers = strchr(line, ':');
        char *colon = controllers ? strchr(controllers + 1, ':') : NULL;
        uint64_t limit = UINT64_MAX;
        if (!colon)
            continue; /* the end of a line that was too long */
        char *path = colon + 1;
        path[strcspn(path, "\n")] = '\0';
        if (strstr(line, ":memory:"))
            limit = group_bytes("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes");
        else if (strstr(line, "::"))
            limit = group_bytes("/sys/fs/cgroup", path, "memory.max");
        least = limit < least ? limit : least;
    }
    if (file)
        fclose(file);
    return least;
}

int pages_check(uint64_t bytes)
{
    char wanted[TEXT_BYTES_SIZE], there[TEXT_BYTES_SIZE];
    uint64_t container = container_bytes();
    uint64_t available = available_bytes();
    uint64_t limit = container < available ? container : available;

    if (bytes <= limit)
        return 0;
    log_error(
        "segment of %s: only %s of memory are %s; make the picture smaller or use fewer buffers",
        text_bytes(bytes, wanted), text_bytes(limit, there),
        container < available ? "allowed in this control group" : "there");
    return -ENOMEM;
}

int pages_populate(void *pages, uint64_t bytes)
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
    log_error(
        "segment of %s: no memory for its pages: %s; make the picture smaller or use fewer buffers",
        text_bytes(bytes, size), strerror(errno));
    return -ENOMEM;
}
