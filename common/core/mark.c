/* SPDX-License-Identifier: MIT */
#include "mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

/* FNV-1a, including the NUL. */
static uint64_t hash(uint64_t start, const char *text)
{
    uint64_t sum = start;

    do
        sum = (sum ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    while (*text++);
    return sum;
}

off_t mark_byte(const char *what, const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    uint64_t sum = hash(UINT64_C(0xcbf29ce484222325), what);

    sum = hash(sum, slash ? slash + 1 : path);
    return (off_t)(hash(sum, name) >> 2); /* of 62 bits: byte + 1 does not overflow */
}

static int lock(int fd, int command, short type, off_t byte, struct flock *found)
{
    *found = (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(fd, command, found) < 0 ? -errno : 0;
}

int mark_set(int fd, off_t byte)
{
    struct flock unused;

    return lock(fd, F_OFD_SETLK, F_RDLCK, byte, &unused);
}

void mark_clear(int fd, off_t byte)
{
    struct flock unused;

    lock(fd, F_OFD_SETLK, F_UNLCK, byte, &unused);
}

bool mark_is_set(int fd, off_t byte)
{
    struct flock found;

    return lock(fd, F_OFD_GETLK, F_WRLCK, byte, &found) == 0 && found.l_type != F_UNLCK;
}
