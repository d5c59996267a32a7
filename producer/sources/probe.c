/* SPDX-License-Identifier: MIT */
#include "probe.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAGIC_MAX = 16 };

bool probe_suffix(const char *input, const char *suffix)
{
    size_t length = strlen(input), suffix_length = strlen(suffix);

    return length > suffix_length && strcasecmp(input + length - suffix_length, suffix) == 0;
}

bool probe_content(const char *input, const void *magic, size_t bytes)
{
    char start[MAGIC_MAX];
    struct stat info;

    /* Check before open(): a writer may notice that a pipe is opened. */
    if (strcmp(input, "-") == 0 || stat(input, &info) < 0 || !S_ISREG(info.st_mode))
        return false;
    int fd = open(input, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    bool is_equal = bytes <= sizeof start && pread(fd, start, bytes, 0) == (ssize_t)bytes &&
                    memcmp(start, magic, bytes) == 0;
    close(fd);
    return is_equal;
}

bool probe_is_stream(const char *input)
{
    struct stat info;

    if (strcmp(input, "-") == 0)
        return true;
    if (stat(input, &info) < 0 || S_ISREG(info.st_mode))
        return false;
    return S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode) || strcmp(input, "/dev/stdin") == 0;
}

bool probe_is_folder(const char *input)
{
    struct stat info;

    return stat(input, &info) == 0 && S_ISDIR(info.st_mode);
}
