/* SPDX-License-Identifier: MIT */
#include "segment_key.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <time.h>
#include <unistd.h>

#include "layout.h"
#include "limits.h"
#include "log.h"
#include "random.h"

enum {
    KEY_PROJECT = 'p',   /* of ftok() */
    KEY_PREFIX = 0x5046, /* "PF", the upper half of a key without a key file */
    KEY_TRIES_MAX = 64,  /* keys are random: this many in use in a row is damage */
    ORPHAN_AGE_S = 5,    /* a producer needs less from shmget() to IPC_RMID */
};

/* ------------------------------------------------------------------ create */

static int create_private(uint64_t bytes)
{
    for (int tries = 0; tries < KEY_TRIES_MAX; tries++) {
        uint16_t random = 0;
        int ret = random_fill(&random, sizeof random);
        if (ret < 0)
            return ret;
        int shmid = shmget(KEY_PREFIX << 16 | random, bytes, IPC_CREAT | IPC_EXCL | 0600);
        if (shmid >= 0)
            return shmid;
        if (errno != EEXIST)
            return limits_report_shmget(errno, bytes);
    }
    return log_failure(ENOSPC, "segment: no free key in %d tries; ipcs -m lists them",
                       KEY_TRIES_MAX);
}

static int key_of_file(const char *key_file, key_t *key)
{
    *key = ftok(key_file, KEY_PROJECT);
    if (*key != -1)
        return 0;
    bool is_missing =
        errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG;
    return log_failure(is_missing ? EINVAL : errno, "key file %s: %s", key_file, strerror(errno));
}

static int report_key(const char *key_file, int shmid, int error)
{
    return log_failure(error, "key file %s: no access to its segment %d: %s", key_file, shmid,
                       strerror(error));
}

/* Was this segment created by a process of this user that no longer runs? */
static bool is_left_by_exited_creator(const struct shmid_ds *info)
{
    return info->shm_perm.cuid == geteuid() && info->shm_cpid > 0 && kill(info->shm_cpid, 0) < 0 &&
           errno == ESRCH;
}

/* A producer that was killed leaves its keyed segment. Remove the segment if it has no
 * attachments and is from pageflip, or is empty and its creator has exited: killed before it
 * wrote the header. */
static int reclaim(key_t key, const char *key_file)
{
    struct shmid_ds info;
    int shmid = shmget(key, 0, 0);

    if (shmid < 0 && errno == ENOENT)
        return 0;
    if (shmid < 0)
        return report_key(key_file, shmid, errno);
    const struct layout_header *header = shmat(shmid, NULL, SHM_RDONLY);
    if (header == (void *)-1) /* the segment may have been removed meanwhile */
        return errno == EINVAL || errno == EIDRM ? 0 : report_key(key_file, shmid, errno);
    if (shmctl(shmid, IPC_STAT, &info) < 0) {
        int error = errno;
        shmdt(header);
        return report_key(key_file, shmid, error);
    }
    uint32_t magic = info.shm_segsz >= sizeof *header
                         ? atomic_load_explicit(&header->magic, memory_order_acquire)
                         : 0;
    shmdt(header);
    if (magic != LAYOUT_MAGIC && !(magic == 0 && is_left_by_exited_creator(&info)))
        return log_failure(EEXIST,
                           "key file %s: key 0x%08x belongs to segment %d of another program; "
                           "remove it if it is not in use: ipcrm -m %d",
                           key_file, (unsigned)key, shmid, shmid);
    /* One is of this function. The others are no count of processes: each part mapped on its own
     * counts. */
    if (info.shm_nattch > 1)
        return log_failure(EBUSY, "key file %s: its segment %d is in use; pid %d created it",
                           key_file, shmid, (int)info.shm_cpid);
    if (shmctl(shmid, IPC_RMID, NULL) < 0)
        return report_key(key_file, shmid, errno);
    log_info("key file %s: reclaimed stale segment %d", key_file, shmid);
    return 0;
}

static int create_keyed(uint64_t bytes, const char *key_file)
{
    key_t key;
    int ret = key_of_file(key_file, &key);

    if (ret == 0)
        ret = reclaim(key, key_file);
    if (ret < 0)
        return ret;
    int shmid = shmget(key, bytes, IPC_CREAT | IPC_EXCL | 0600);
    if (shmid < 0 && errno == EEXIST)
        return log_failure(EBUSY, "key file %s: another program has taken its key meanwhile",
                           key_file);
    return shmid >= 0 ? shmid : limits_report_shmget(errno, bytes);
}

int segment_key_create(uint64_t bytes, const char *key_file)
{
    return key_file ? create_keyed(bytes, key_file) : create_private(bytes);
}

/* ------------------------------------------------------------------ find, remove */

int segment_key_find(const char *key_file)
{
    key_t key;
    int ret = key_of_file(key_file, &key);

    if (ret < 0)
        return ret;
    int shmid = shmget(key, 0, 0);
    if (shmid >= 0)
        return shmid;
    if (errno == ENOENT)
        return -ECONNREFUSED;
    return log_failure(errno, "key file %s: cannot find its segment: %s", key_file,
                       strerror(errno));
}

bool segment_key_name(const char *key_file, char name[SEGMENT_KEY_NAME_BYTES])
{
    key_t key = ftok(key_file, KEY_PROJECT);

    if (key == -1)
        return false;
    snprintf(name, SEGMENT_KEY_NAME_BYTES, "key 0x%08x", (unsigned)key);
    return true;
}

int segment_remove_id(int shmid)
{
    /* Two tries: a segment that cannot be removed stays until the machine restarts. */
    for (int tries = 0; tries < 2; tries++)
        if (shmctl(shmid, IPC_RMID, NULL) == 0 || errno == EINVAL || errno == EIDRM)
            return 0;
    return log_failure(errno, "segment %d: cannot be removed: %s; try: ipcrm -m %d", shmid,
                       strerror(errno), shmid);
}

/* Was this segment left by a producer of this user that was killed between shmget() and
 * IPC_RMID? */
static bool is_orphan(const struct shmid_ds *info)
{
    return (uint32_t)info->shm_perm.__key >> 16 == KEY_PREFIX && info->shm_nattch == 0 &&
           info->shm_ctime + ORPHAN_AGE_S <= time(NULL) && is_left_by_exited_creator(info);
}

int segment_key_sweep_orphans(void)
{
    struct shm_info unused;
    struct shmid_ds info;
    int swept = 0;
    int last = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&unused);

    for (int i = 0; i <= last; i++) {
        int shmid = shmctl(i, SHM_STAT, &info);
        if (shmid >= 0 && is_orphan(&info) && shmctl(shmid, IPC_RMID, NULL) == 0) {
            log_info("reclaimed orphan segment %d of process %d", shmid, (int)info.shm_cpid);
            swept++;
        }
    }
    return swept;
}
