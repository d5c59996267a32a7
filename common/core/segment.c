/* SPDX-License-Identifier: MIT */
/*
 * System V shared memory: make, attach, check, remove.
 *
 * The producer makes a segment and removes it at once: from IPC_RMID on it lives exactly as long as
 * somebody is attached, and on Linux others may still attach it by its id. So nothing is left
 * behind, however anybody dies, but for a death between those two calls: segment_sweep_orphans().
 *
 * A viewer trusts nothing: it looks read-only, copies the header, checks the copy against the size
 * that the kernel says, and uses only the copy from then on.
 */
#include "segment.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/shm.h>
#include <time.h>
#include <unistd.h>

#include "account.h"
#include "channel.h"
#include "fault.h"
#include "geometry.h"
#include "handoff.h"
#include "log.h"
#include "pages.h"
#include "text.h"

enum {
    KEY_PREFIX = 0x5046, /* "PF", the upper half of a private segment's key */
    KEY_TRIES_MAX = 64,  /* keys are random: so many taken in a row does not happen */
    ORPHAN_AGE_S = 5,    /* no producer needs so long from shmget() to IPC_RMID */
};

/* ------------------------------------------------------------------ the parts of a segment */

static void map_parts(struct segment *segment, void *base)
{
    uint8_t *bytes = base;

    segment->header = base;
    segment->producer = (void *)(bytes + geometry_page_bytes());
    segment->viewers = (void *)(bytes + 2 * geometry_page_bytes());
    segment->slots = bytes + LAYOUT_CONTROL_PAGES * geometry_page_bytes();
}

void segment_planes(const struct segment *segment, uint32_t slot,
                    struct pf_plane plane[PF_PLANES_MAX])
{
    const struct pf_segment *geometry = &segment->geometry;

    for (uint32_t p = 0; p < geometry->planes; p++)
        plane[p] = (struct pf_plane){
            .pixels =
                segment->slots + slot * geometry->slot_stride_bytes + geometry->plane_offset[p],
            .stride_bytes = geometry->plane_stride_bytes[p],
        };
}

/* ------------------------------------------------------------------ create */

/* Two limits have this one error, and neither is about a disk. */
static void explain_no_space(const char *size)
{
    uint64_t most_segments = pages_read_number("/proc/sys/kernel/shmmni");
    uint64_t most_pages = pages_read_number("/proc/sys/kernel/shmall");
    struct shm_info used = {0};

    shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&used);
    if ((uint64_t)used.used_ids >= most_segments)
        log_error(
            "segment of %s: all %llu segments of the system are in use (kernel.shmmni; this is "
            "not disk space); see ipcs -m",
            size, (unsigned long long)most_segments);
    else
        log_error("segment of %s: %lu of the system's %llu pages for segments are in use "
                  "(kernel.shmall; this is not disk space); see ipcs -m",
                  size, used.shm_tot, (unsigned long long)most_pages);
}

static int explain_shmget(int error, uint64_t bytes)
{
    char size[TEXT_BYTES_SIZE], limit[TEXT_BYTES_SIZE];
    uint64_t shmmax = pages_read_number("/proc/sys/kernel/shmmax");

    text_bytes(bytes, size);
    if (error == EINVAL && bytes > shmmax)
        log_error("segment of %s: kernel.shmmax is %s; raise it: sysctl kernel.shmmax=%llu", size,
                  text_bytes(shmmax, limit), (unsigned long long)bytes);
    else if (error == ENOSPC)
        explain_no_space(size);
    else
        log_error("segment of %s: %s; make the picture smaller or use fewer buffers", size,
                  strerror(error));
    return error == EINVAL ? -ENOSPC : -error;
}

/* A second try costs nothing; what stays after that is there until the machine is restarted. */
static int remove_id(int shmid)
{
    for (int tries = 0; tries < 2; tries++)
        /* The other two: somebody else has removed it. */
        if (shmctl(shmid, IPC_RMID, NULL) == 0 || errno == EINVAL || errno == EIDRM)
            return 0;
    int ret = -errno;
    log_error("segment %d: cannot remove it: %s; remove it: ipcrm -m %d", shmid, strerror(-ret),
              shmid);
    return ret;
}

static int fill_with_random(void *to, size_t bytes)
{
    if (getrandom(to, bytes, 0) == (ssize_t)bytes)
        return 0;
    int ret = -errno;
    log_error("segment: no random numbers: %s; getrandom(2) says when", strerror(-ret));
    return ret;
}

static int create_private(uint64_t bytes)
{
    for (int tries = 0; tries < KEY_TRIES_MAX; tries++) {
        uint16_t random = 0;
        int ret = fill_with_random(&random, sizeof random);
        if (ret < 0)
            return ret;
        int shmid = shmget(KEY_PREFIX << 16 | random, bytes, IPC_CREAT | IPC_EXCL | 0600);
        if (shmid >= 0)
            return shmid;
        if (errno != EEXIST)
            return explain_shmget(errno, bytes);
    }
    log_error("segment: %d keys in a row are taken; see ipcs -m", KEY_TRIES_MAX);
    return -ENOSPC;
}

static int key_of(const char *key_file, key_t *key)
{
    *key = ftok(key_file, 'p');
    if (*key == -1) {
        int ret = -errno;
        log_error("key file %s: %s; name a file that exists", key_file, strerror(-ret));
        return ret == -ENOENT ? -EINVAL : ret;
    }
    return 0;
}

static int refuse_key(const char *key_file, int shmid, int error)
{
    log_error("key file %s: its segment %d is somebody else's: %s; take another file", key_file,
              shmid, strerror(error));
    return -error;
}

/* A producer that was killed leaves a keyed segment behind. Ours, and nobody attached: away. */
static int reclaim_key(key_t key, const char *key_file)
{
    struct shmid_ds info;
    int shmid = shmget(key, 0, 0);

    if (shmid < 0 && errno == ENOENT)
        return 0;
    if (shmid < 0)
        return refuse_key(key_file, shmid, errno);
    const struct layout_header *header = shmat(shmid, NULL, SHM_RDONLY);
    if (header == (void *)-1) /* has it just gone? */
        return errno == EINVAL || errno == EIDRM ? 0 : refuse_key(key_file, shmid, errno);
    if (shmctl(shmid, IPC_STAT, &info) < 0) {
        int error = errno;
        shmdt(header);
        return refuse_key(key_file, shmid, error);
    }
    bool is_ours = info.shm_segsz >= sizeof *header &&
                   atomic_load_explicit(&header->magic, memory_order_acquire) == LAYOUT_MAGIC;
    shmdt(header);
    if (!is_ours) {
        log_error("key file %s: its key 0x%08x belongs to segment %d, which is not pageflip's; "
                  "take another file, or remove it: ipcrm -m %d",
                  key_file, (unsigned)key, shmid, shmid);
        return -EEXIST;
    }
    /* The look counts as an attach. */
    if (info.shm_nattch > 1) {
        log_error("key file %s: its segment %d is in use by %lu processes; end them, or take "
                  "another file",
                  key_file, shmid, (unsigned long)info.shm_nattch - 1);
        return -EBUSY;
    }
    if (shmctl(shmid, IPC_RMID, NULL) < 0)
        return refuse_key(key_file, shmid, errno);
    log_info("key file %s: reclaimed stale segment %d", key_file, shmid);
    return 0;
}

static int create_keyed(uint64_t bytes, const char *key_file)
{
    key_t key;
    int ret = key_of(key_file, &key);

    if (ret == 0)
        ret = reclaim_key(key, key_file);
    if (ret < 0)
        return ret;
    int shmid = shmget(key, bytes, IPC_CREAT | IPC_EXCL | 0600);
    if (shmid < 0 && errno == EEXIST) {
        log_error("key file %s: another program has taken its key just now; take another file",
                  key_file);
        return -EBUSY;
    }
    return shmid >= 0 ? shmid : explain_shmget(errno, bytes);
}

static void write_header(struct segment *segment)
{
    const struct pf_segment *geometry = &segment->geometry;
    struct layout_header *header = segment->header;

    header->version = LAYOUT_VERSION;
    header->layout_hash = LAYOUT_HASH;
    header->header_bytes = sizeof *header;
    memcpy(header->nonce, segment->nonce, sizeof header->nonce);
    header->total_bytes = geometry->bytes;
    header->slots_offset = geometry->slots_offset;
    header->slot_stride_bytes = geometry->slot_stride_bytes;
    header->page_bytes = (uint32_t)geometry_page_bytes();
    header->slots = geometry->slots;
    header->fourcc = geometry->format.fourcc;
    header->width = geometry->format.width;
    header->height = geometry->format.height;
    header->rate_num = geometry->format.rate_num;
    header->rate_den = geometry->format.rate_den;
    memcpy(header->stride_bytes, geometry->plane_stride_bytes, sizeof header->stride_bytes);
    memcpy(header->plane_offset, geometry->plane_offset, sizeof header->plane_offset);
    header->producer_pid = geometry->producer_pid;
    snprintf(header->channel, sizeof header->channel, "%s", segment->channel);
    /* release: pairs with the acquire of `magic` in look_at() */
    atomic_store_explicit(&header->magic, LAYOUT_MAGIC, memory_order_release);
}

int segment_create(struct segment *segment, const char *channel, const char *key_file,
                   const struct pf_format *format, uint32_t slots)
{
    *segment =
        (struct segment){.geometry = geometry_plan(format, slots), .keyed = key_file != NULL};
    snprintf(segment->channel, sizeof segment->channel, "%s", channel);
    int ret = fill_with_random(segment->nonce, sizeof segment->nonce);
    if (ret == 0)
        ret = pages_check(segment->geometry.bytes);
    if (ret < 0)
        return ret;
    ret = key_file ? create_keyed(segment->geometry.bytes, key_file)
                   : create_private(segment->geometry.bytes);
    if (ret < 0)
        return ret;
    segment->geometry.shmid = ret;

    FAULT_POINT(start_made_segment);
    void *base = shmat(segment->geometry.shmid, NULL, 0);
    FAULT_POINT(start_attached);
    if (base == (void *)-1) {
        ret = -errno;
        log_error("segment %d: cannot attach it: %s; close other programs or raise their limits",
                  segment->geometry.shmid, strerror(-ret));
        shmctl(segment->geometry.shmid, IPC_RMID, NULL);
        return ret;
    }
    ret = key_file ? 0 : remove_id(segment->geometry.shmid);
    if (ret < 0) {
        shmdt(base);
        return ret;
    }
    FAULT_POINT(start_removed_id);
    map_parts(segment, base);
    madvise(base, segment->geometry.bytes, MADV_DONTFORK);
    ret = pages_populate(base, segment->geometry.bytes);
    if (ret < 0) {
        segment_close(segment);
        return ret;
    }
    handoff_init(segment->producer, segment->viewers);
    write_header(segment);
    return 0;
}

int segment_share(struct segment *segment, gid_t group)
{
    int shmid = segment->geometry.shmid;
    struct shmid_ds info;

    /* Reading is not enough: a viewer writes its lane and the doorbells. Of a segment that is
     * already removed this changes the mode alone. */
    int ret = shmctl(shmid, IPC_STAT, &info);
    if (ret == 0) {
        info.shm_perm.gid = group;
        info.shm_perm.mode = 0660;
        ret = shmctl(shmid, IPC_SET, &info);
    }
    if (ret == 0)
        return 0;
    ret = -errno;
    log_error("segment %d: cannot share it: %s; leave --group out", shmid, strerror(-ret));
    return ret;
}

/* ------------------------------------------------------------------ attach */

/* What a look at the segment without trusting it brings home. */
struct look {
    struct layout_header header; /* a private copy */
    struct pf_segment geometry;
    uint64_t newest;
    const char *wrong; /* with -EPROTO: the field */
};

static int look_at(int shmid, const uint8_t nonce[LAYOUT_NONCE_BYTES], struct look *look)
{
    struct shmid_ds info;

    *look = (struct look){.geometry.shmid = shmid};
    if (shmctl(shmid, IPC_STAT, &info) < 0)
        return errno == EINVAL || errno == EIDRM ? -ECONNREFUSED : -errno;
    if (info.shm_segsz < LAYOUT_CONTROL_PAGES * geometry_page_bytes()) {
        look->wrong = "size";
        return -EPROTO;
    }
    void *base = shmat(shmid, NULL, SHM_RDONLY);
    if (base == (void *)-1)
        return errno == EINVAL || errno == EIDRM ? -ECONNREFUSED : -errno;

    struct segment parts;
    map_parts(&parts, base);
    /* acquire: pairs with the release in write_header(); the rest of the header is there if this is
     */
    uint32_t magic = atomic_load_explicit(&parts.header->magic, memory_order_acquire);
    memcpy(&look->header, parts.header, sizeof look->header);
    look->header.magic = magic;
    look->newest = atomic_load_explicit(&parts.producer->newest, memory_order_acquire);
    shmdt(base);

    /* Found by its key, a segment may still be in the making. */
    if (!nonce && magic == 0)
        return -ECONNREFUSED;
    look->wrong = geometry_check(&look->header, info.shm_segsz, &look->geometry);
    if (look->wrong)
        return -EPROTO;
    if (nonce && memcmp(nonce, look->header.nonce, LAYOUT_NONCE_BYTES) != 0)
        return -EREMCHG;
    return 0;
}

static int explain_look(int error, int shmid, const struct look *look)
{
    struct shmid_ds info;

    if (error == -EPROTO) {
        log_error("segment %d: its \"%s\" is wrong: damaged, or from another version of pageflip; "
                  "restart "
                  "the producer with this version",
                  shmid, look->wrong);
    } else if (error == -EACCES) {
        char owner[ACCOUNT_NAME_BYTES];
        bool known = shmctl(shmid, SHM_STAT_ANY, &info) >= 0;
        log_error("segment %d: no permission, it belongs to %s, mode %04o; run the viewer as that "
                  "user, or start the producer with --group NAME",
                  shmid, known ? account_user_name(info.shm_perm.uid, owner) : "another user",
                  known ? (unsigned)info.shm_perm.mode & 0777 : 0);
    } else if (error != -ECONNREFUSED && error != -EREMCHG) {
        log_error("segment %d: cannot attach it: %s; close other programs or raise their limits",
                  shmid, strerror(-error));
    }
    return error;
}

int segment_attach(struct segment *segment, int shmid, const uint8_t nonce[LAYOUT_NONCE_BYTES])
{
    struct look look;
    int ret = look_at(shmid, nonce, &look);

    *segment = (struct segment){0};
    if (ret < 0)
        return explain_look(ret, shmid, &look);

    uint8_t *base = shmat(shmid, NULL, 0);
    if (base == (void *)-1)
        return explain_look(errno == EINVAL || errno == EIDRM ? -ECONNREFUSED : -errno, shmid,
                            &look);
    /* Everything but page 2, where our lane is. The mapping is as large as the segment that was
     * looked at only if it still is that segment: an id may have been given anew in between. */
    map_parts(segment, base);
    if (memcmp(segment->header->nonce, look.header.nonce, LAYOUT_NONCE_BYTES) != 0) {
        shmdt(base);
        *segment = (struct segment){0};
        return -EREMCHG;
    }
    if (mprotect(base, 2 * geometry_page_bytes(), PROT_READ) < 0 ||
        mprotect(base + LAYOUT_CONTROL_PAGES * geometry_page_bytes(),
                 look.geometry.bytes - LAYOUT_CONTROL_PAGES * geometry_page_bytes(),
                 PROT_READ) < 0) {
        ret = -errno;
        log_error("segment %d: cannot make it read-only: %s; close other programs", shmid,
                  strerror(-ret));
        shmdt(base);
        *segment = (struct segment){0};
        return ret;
    }
    madvise(base, look.geometry.bytes, MADV_DONTFORK);
    segment->geometry = look.geometry;
    memcpy(segment->nonce, look.header.nonce, sizeof segment->nonce);
    memcpy(segment->channel, look.header.channel, sizeof segment->channel);
    return 0;
}

int segment_peek(int shmid, const uint8_t nonce[LAYOUT_NONCE_BYTES], struct pf_segment *geometry,
                 uint64_t *newest)
{
    struct look look;
    int ret = look_at(shmid, nonce, &look);

    if (ret == 0) {
        *geometry = look.geometry;
        *newest = look.newest;
    }
    return ret;
}

int segment_find_key(const char *key_file)
{
    key_t key;
    int ret = key_of(key_file, &key);

    if (ret < 0)
        return ret;
    int shmid = shmget(key, 0, 0);
    if (shmid >= 0)
        return shmid;
    if (errno == ENOENT)
        return -ECONNREFUSED;
    ret = -errno;
    log_error("key file %s: cannot look up its segment: %s; run the viewer as the producer's user",
              key_file, strerror(-ret));
    return ret;
}

/* ------------------------------------------------------------------ remove */

void segment_remove_key(struct segment *segment)
{
    if (segment->keyed)
        remove_id(segment->geometry.shmid);
    segment->keyed = false;
}

void segment_close(struct segment *segment)
{
    if (!segment->header)
        return;
    segment_remove_key(segment);
    shmdt(segment->header);
    *segment = (struct segment){0};
}

void segment_reclaim(int shmid, const uint8_t nonce[LAYOUT_NONCE_BYTES])
{
    struct look look;

    if (look_at(shmid, nonce, &look) == 0 && remove_id(shmid) == 0)
        log_info("reclaimed segment %d of a producer that has died", shmid);
}

/* Has a producer of this user died between shmget() and IPC_RMID, and left this? */
static bool is_orphan(const struct shmid_ds *info)
{
    return (uint32_t)info->shm_perm.__key >> 16 == KEY_PREFIX && info->shm_nattch == 0 &&
           info->shm_perm.cuid == geteuid() && info->shm_ctime + ORPHAN_AGE_S <= time(NULL) &&
           info->shm_cpid > 0 && kill(info->shm_cpid, 0) < 0 && errno == ESRCH;
}

int segment_sweep_orphans(void)
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
