/* SPDX-License-Identifier: MIT */
#include "id_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"
#include "log.h"

#define ID_FORMAT                                                                                  \
    "pageflip %d\nshmid %d\nnonce %s\nbytes %" PRIu64 "\npid %d\nuid %u\n"                         \
    "ipc-namespace %" PRIu64 "\n"
#define ID_SCAN                                                                                    \
    "pageflip %d shmid %d nonce %32[0-9a-f] bytes %" SCNu64 " pid %d uid %u "                      \
    "ipc-namespace %" SCNu64

enum { ID_BYTES = 512, HEX_BYTES = 2 * PF_NONCE_BYTES + 1 };

struct id_file id_file_of(const struct pf_segment *geometry)
{
    struct id_file id = {.shmid = geometry->shmid, .bytes = geometry->bytes};

    memcpy(id.nonce, geometry->nonce, sizeof id.nonce);
    return id;
}

uint64_t id_file_ipc_namespace(void)
{
    struct stat info;

    return stat("/proc/self/ns/ipc", &info) == 0 ? info.st_ino : 0;
}

static void to_hex(char hex[HEX_BYTES], const uint8_t nonce[PF_NONCE_BYTES])
{
    for (int i = 0; i < PF_NONCE_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", nonce[i]);
}

static bool from_hex(uint8_t nonce[PF_NONCE_BYTES], const char *hex)
{
    if (strlen(hex) != HEX_BYTES - 1)
        return false;
    for (int i = 0; i < PF_NONCE_BYTES; i++)
        sscanf(hex + 2 * i, "%2hhx", &nonce[i]);
    return true;
}

bool id_file_parse(const char *text, struct id_file *id)
{
    char nonce[HEX_BYTES];
    int version, pid;
    unsigned uid;

    if (sscanf(text, ID_SCAN, &version, &id->shmid, nonce, &id->bytes, &pid, &uid,
               &id->ipc_namespace) != 7)
        return false;
    id->pid = pid;
    return from_hex(id->nonce, nonce);
}

/* Write all of `text` to `fd` and close it. Returns 0 or a negative errno. */
static int write_and_close(int fd, const char *text, size_t length)
{
    ssize_t written = write(fd, text, length);
    int ret = written < 0 ? -errno : (size_t)written < length ? -ENOSPC : 0;

    if (close(fd) < 0 && ret == 0)
        ret = -errno;
    return ret;
}

/* Returns 0 or a negative errno, not logged. */
static int write_new_file(const struct channel *channel, const char *name, const char *text)
{
    int fd =
        openat(channel->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return -errno;
    int ret = channel_share_file(channel, fd, 0640);
    if (ret < 0) {
        close(fd);
        return ret;
    }
    return write_and_close(fd, text, strlen(text));
}

int id_file_write(const struct channel *channel, struct id_file *id)
{
    char temporary[CHANNEL_FILE_NAME_BYTES], final[CHANNEL_FILE_NAME_BYTES];
    char text[ID_BYTES], nonce[HEX_BYTES];

    id->pid = getpid();
    id->ipc_namespace = id_file_ipc_namespace();
    to_hex(nonce, id->nonce);
    snprintf(text, sizeof text, ID_FORMAT, LAYOUT_VERSION, id->shmid, nonce, id->bytes,
             (int)id->pid, (unsigned)geteuid(), id->ipc_namespace);

    /* Only the holder of the producer lease writes here: one temporary name is enough. */
    channel_file_name(channel, ".id.new", temporary);
    channel_file_name(channel, ".id", final);
    int ret = write_new_file(channel, temporary, text);
    if (ret == 0) {
        FAULT_POINT(start_wrote_id);
        if (renameat(channel->dir_fd, temporary, channel->dir_fd, final) < 0)
            ret = -errno;
    }
    if (ret < 0) {
        log_failure(-ret, "channel \"%s\": cannot write its id file in %s: %s", channel->name,
                    channel->dir, strerror(-ret));
        unlinkat(channel->dir_fd, temporary, 0);
    }
    return ret;
}

int id_file_read(const struct channel *channel, struct id_file *id)
{
    char name[CHANNEL_FILE_NAME_BYTES], text[ID_BYTES];

    channel_file_name(channel, ".id", name);
    int fd = openat(channel->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0)
        return -ENOENT;
    text[length] = '\0';
    return id_file_parse(text, id) ? 0 : -ENOENT;
}

int id_file_restore(const struct channel *channel, struct id_file *id)
{
    struct id_file found = {0};
    int ret = id_file_read(channel, &found);

    /* This process is out of descriptors or memory for now: the file may be in order. */
    if (ret == -EMFILE || ret == -ENFILE || ret == -ENOMEM)
        return 0;
    if (ret == 0 && found.shmid == id->shmid && found.ipc_namespace == id_file_ipc_namespace() &&
        memcmp(found.nonce, id->nonce, sizeof id->nonce) == 0)
        return 0;
    ret = id_file_write(channel, id);
    if (ret == 0)
        log_warning(
            "channel \"%s\": its id file in %s was removed or changed, and has been written "
            "again",
            channel->name, channel->dir);
    return ret;
}

void id_file_remove(const struct channel *channel, const uint8_t nonce[PF_NONCE_BYTES])
{
    char name[CHANNEL_FILE_NAME_BYTES];
    struct id_file id;

    if (id_file_read(channel, &id) < 0 || memcmp(id.nonce, nonce, sizeof id.nonce) != 0)
        return;
    channel_file_name(channel, ".id", name);
    unlinkat(channel->dir_fd, name, 0);
}
