/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/limits.h"
#include "last_message.h"
#include "pageflip.h"

static size_t page;

static void quiet(void)
{
    pf_log_set_level(PF_LOG_ERROR);
    page = (size_t)sysconf(_SC_PAGESIZE);
}

TestSuite(limits, .init = quiet);

static uint8_t *map(size_t pages)
{
    void *made =
        mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    cr_assert_neq(made, MAP_FAILED);
    return made;
}

static int present(uint8_t *pages, size_t count)
{
    unsigned char in[64];
    int found = 0;

    cr_assert_eq(mincore(pages, count * page, in), 0);
    for (size_t i = 0; i < count; i++)
        found += in[i] & 1;
    return found;
}

Test(limits, populated_pages_are_present)
{
    uint8_t *pages = map(16);

    cr_assert_eq(present(pages, 16), 0);
    cr_assert_eq(limits_populate_pages(pages, 16 * page), 0);
    cr_assert_eq(present(pages, 16), 16);
}

/* madvise() returns EINVAL for an address inside a page, as it does for every address before Linux
 * 5.14. */
Test(limits, pages_are_touched_one_by_one_when_madvise_fails)
{
    uint8_t *pages = map(16);

    cr_assert_eq(limits_populate_pages(pages + 64, 15 * page), 0);
    cr_assert_eq(present(pages, 16), 15);
}

Test(limits, a_hole_in_the_mapping_is_enomem)
{
    uint8_t *pages = map(16);

    cr_assert_eq(munmap(pages + 8 * page, page), 0);
    cr_assert_eq(limits_populate_pages(pages, 16 * page), -ENOMEM);
}

static char *scripted_meminfo; /* what /proc/meminfo contains; NULL: the real files */

/* Replaces that of the C library. With a script there is no control group. */
FILE *fopen(const char *path, const char *mode)
{
    FILE *(*real)(const char *, const char *);

    *(void **)&real = dlsym(RTLD_NEXT, "fopen");
    if (scripted_meminfo && strcmp(path, "/proc/meminfo") == 0)
        return fmemopen(scripted_meminfo, strlen(scripted_meminfo), "r");
    return scripted_meminfo && strcmp(path, "/proc/self/cgroup") == 0 ? NULL : real(path, mode);
}

/* proc(5): "kB" are units of 1024 bytes. */
Test(limits, all_memory_that_is_available_may_be_used)
{
    static char meminfo[] = "MemTotal:        9000 kB\n"
                            "MemFree:          100 kB\n"
                            "MemAvailable:    3000 kB\n"
                            "Cached:             5 kB\n";

    scripted_meminfo = meminfo;
    keep_messages();
    cr_assert_eq(limits_check_memory(3000 * 1024), 0, "%s", message);
    cr_assert_eq(limits_check_memory(3000 * 1024 + 1), -ENOMEM);
    cr_assert_not_null(strstr(message, "available"), "%s", message);
}

/* A container may allow less memory than the machine has. */
Test(limits, more_memory_than_the_machine_has_is_refused)
{
    uint64_t kilobytes = 0;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");

    while (fgets(line, sizeof line, file))
        sscanf(line, "MemAvailable: %" SCNu64, &kilobytes);
    fclose(file);
    cr_assert_eq(limits_check_memory(1), 0);
    keep_messages();
    cr_assert(limits_check_memory(kilobytes * 2) == 0 || strstr(message, "control group"), "%s",
              message);
    cr_assert_eq(limits_check_memory(UINT64_MAX / 2), -ENOMEM);
}

Test(limits, a_file_without_a_number_reads_as_the_largest)
{
    cr_assert_gt(limits_read_number("/proc/sys/kernel/pid_max"), 100);
    cr_assert_lt(limits_read_number("/proc/sys/kernel/pid_max"), UINT64_MAX);
    cr_assert_eq(limits_read_number("/proc/sys/kernel/ostype"), UINT64_MAX,
                 "a word is not a number");
    cr_assert_eq(limits_read_number("/proc/none"), UINT64_MAX);
}
