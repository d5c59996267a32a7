/* SPDX-License-Identifier: MIT */
/*
 * System V shared memory: create, attach, check.
 *
 * Without a key file the producer removes a segment (IPC_RMID) directly after its attach. From then
 * on the segment exists exactly as long as a process is attached, and on Linux other processes may
 * still attach it by its shmid. So nothing is left behind, however the processes exit.
 *
 * A viewer trusts nothing in the segment: it attaches read-only, copies the header, checks the copy
 * against the size that the kernel reports, and uses only the copy from then on.
 */
#include "segment.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "account.h"
#include "fault.h"
#include "geometry.h"
#include "limits.h"
#include "log.h"
#include "random.h"
#include "segment_key.h"

/* ------------------------------------------------------------------ the parts of a segment */

static void map_parts(struct segment *segment, void *base)
{
    uint8_t *bytes = base;

    segment->header = base;
    segment->producer = (void *)(bytes + geometry_page_bytes());
    segment->viewers = (void *)(bytes + 2 * geometry_page_bytes());
    segment->events = (void *)(bytes + 3 * geometry_page_bytes());
    segment->slots = bytes + geometry_control_bytes();
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

uint8_t *segment_user(const struct segment *segment, uint32_t slot)
{
    const struct pf_segment *geometry = &segment->geometry;

    if (!geometry->user_bytes)
        return NULL;
    return segment->slots + slot * geometry->slot_stride_bytes + geometry->user_offset;
}

/* ------------------------------------------------------------------ create */

static void write_header(struct segment *segment)
{
    const struct pf_segment *geometry = &segment->geometry;
    struct layout_header *header = segment->header;

    header->version = LAYOUT_VERSION;
    header->layout_hash = layout_hash();
    header->header_bytes = sizeof *header;
    memcpy(header->nonce, geometry->nonce, sizeof header->nonce);
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
    header->color = geometry->format.color;
    memcpy(header->stride_bytes, geometry->plane_stride_bytes, sizeof header->stride_bytes);
    memcpy(header->plane_offset, geometry->plane_offset, sizeof header->plane_offset);
    header->user_offset = geometry->user_offset;
    header->user_bytes = geometry->user_bytes;
    header->producer_pid = geometry->producer_pid;
    snprintf(header->channel, sizeof header->channel, "%s", segment->channel);
    /* release: pairs with the acquire of `magic` in inspect() */
    atomic_store_explicit(&header->magic, LAYOUT_MAGIC, memory_order_release);
}

int segment_create(struct segment *segment, const char *channel, const char *key_file,
                   const struct pf_format *format, uint32_t slots, uint32_t user_bytes)
{
    *segment = (struct segment){.geometry = geometry_plan(format, slots, user_bytes),
                                .keyed = key_file != NULL};
    snprintf(segment->channel, sizeof segment->channel, "%s", channel);
    int ret = random_fill(segment->geometry.nonce, sizeof segment->geometry.nonce);
    if (ret == 0)
        ret = limits_check_memory(segment->geometry.bytes);
    if (ret == 0)
        ret = segment_key_create(segment->geometry.bytes, key_file);
    if (ret < 0)
        return ret;
    int shmid = segment->geometry.shmid = ret;

    FAULT_POINT(start_made_segment);
    void *base = shmat(shmid, NULL, 0);
    FAULT_POINT(start_attached);
    if (base == (void *)-1) {
        ret = log_failure(errno, "segment %d: cannot attach it: %s", shmid, strerror(errno));
        shmctl(shmid, IPC_RMID, NULL);
        return ret;
    }
    ret = key_file ? 0 : segment_remove_id(shmid);
    if (ret < 0) {
        shmdt(base);
        return ret;
    }
    FAULT_POINT(start_removed_id);
    map_parts(segment, base);
    madvise(base, segment->geometry.bytes, MADV_DONTFORK);
    ret = limits_populate_pages(base, segment->geometry.bytes);
    if (ret < 0) {
        segment_close(segment);
        return ret;
    }
    write_header(segment);
    return 0;
}

int segment_share(struct segment *segment, gid_t group)
{
    int shmid = segment->geometry.shmid;
    struct shmid_ds info;

    /* Read permission is not enough: a viewer writes its lane and the doorbells. The segment may
     * have been removed already; its mode still counts. */
    int ret = shmctl(shmid, IPC_STAT, &info);
    if (ret == 0) {
        info.shm_perm.gid = group;
        info.shm_perm.mode = 0660;
        ret = shmctl(shmid, IPC_SET, &info);
    }
    if (ret == 0)
        return 0;
    return log_failure(errno, "segment %d: cannot share it with the group: %s", shmid,
                       strerror(errno));
}

/* ------------------------------------------------------------------ attach */

/* Result of inspecting an untrusted segment. */
struct inspection {
    struct layout_header header; /* a private copy */
    struct pf_segment geometry;
    uint64_t newest;
    const char *wrong; /* with -EPROTO: the field */
};

/* The errno of a failed shmctl() or shmat(): -ECONNREFUSED if the segment no longer exists. */
static int attach_error(int error)
{
    return error == EINVAL || error == EIDRM ? -ECONNREFUSED : -error;
}

/* Returns 0, or as segment_attach(), not logged. */
static int inspect(int shmid, const uint8_t nonce[PF_NONCE_BYTES], struct inspection *found)
{
    struct shmid_ds info;

    *found = (struct inspection){.geometry.shmid = shmid};
    if (shmctl(shmid, IPC_STAT, &info) < 0)
        return attach_error(errno);
    if (info.shm_segsz < geometry_control_bytes()) {
        found->wrong = "size";
        return -EPROTO;
    }
    void *base = shmat(shmid, NULL, SHM_RDONLY);
    if (base == (void *)-1)
        return attach_error(errno);

    struct segment parts;
    map_parts(&parts, base);
    /* acquire: pairs with the release in write_header(): with magic, the header is complete. */
    uint32_t magic = atomic_load_explicit(&parts.header->magic, memory_order_acquire);
    memcpy(&found->header, parts.header, sizeof found->header);
    found->header.magic = magic;
    found->newest = atomic_load_explicit(&parts.producer->newest, memory_order_acquire);
    shmdt(base);

    /* A segment that was found by its key may not be filled yet. */
    if (!nonce && magic == 0)
        return -ECONNREFUSED;
    found->wrong = geometry_check(&found->header, info.shm_segsz, &found->geometry);
    if (found->wrong)
        return -EPROTO;
    if (nonce && memcmp(nonce, found->header.nonce, PF_NONCE_BYTES) != 0)
        return -EREMCHG;
    return 0;
}

static int report_no_access(int shmid)
{
    char owner[ACCOUNT_NAME_BYTES];
    struct shmid_ds info;
    bool is_known = shmctl(shmid, SHM_STAT_ANY, &info) >= 0;

    if (!is_known)
        return log_failure(EACCES, "segment %d: no permission: it belongs to another user", shmid);
    return log_failure(EACCES, "segment %d: no permission: it belongs to %s, mode %04o", shmid,
                       account_user_name(info.shm_perm.uid, owner),
                       (unsigned)info.shm_perm.mode & 0777);
}

static int report_inspection(int ret, int shmid, const struct inspection *found)
{
    switch (ret) {
    case -ECONNREFUSED:
    case -EREMCHG: return ret;
    case -EPROTO:
        return log_failure(EPROTO,
                           "segment %d: its \"%s\" is wrong: damaged, or from another version of "
                           "pageflip",
                           shmid, found->wrong);
    case -EACCES: return report_no_access(shmid);
    default: return log_failure(-ret, "segment %d: cannot attach it: %s", shmid, strerror(-ret));
    }
}

int segment_attach(struct segment *segment, int shmid, const uint8_t nonce[PF_NONCE_BYTES])
{
    uint64_t before_rings = 3 * geometry_page_bytes();
    struct inspection found;
    int ret = inspect(shmid, nonce, &found);

    *segment = (struct segment){0};
    if (ret < 0)
        return report_inspection(ret, shmid, &found);

    uint8_t *base = shmat(shmid, NULL, 0);
    if (base == (void *)-1)
        return report_inspection(attach_error(errno), shmid, &found);
    /* The kernel may have given the shmid to another segment since inspect(): the mapping has the
     * inspected size only if the nonce is still the same. */
    map_parts(segment, base);
    if (memcmp(segment->header->nonce, found.header.nonce, PF_NONCE_BYTES) != 0) {
        shmdt(base);
        *segment = (struct segment){0};
        return -EREMCHG;
    }
    /* Read-only except page 2, where the viewer's lane is. */
    if (mprotect(base, 2 * geometry_page_bytes(), PROT_READ) < 0 ||
        mprotect(base + before_rings, found.geometry.bytes - before_rings, PROT_READ) < 0) {
        ret =
            log_failure(errno, "segment %d: cannot make it read-only: %s", shmid, strerror(errno));
        shmdt(base);
        *segment = (struct segment){0};
        return ret;
    }
    madvise(base, found.geometry.bytes, MADV_DONTFORK);
    segment->geometry = found.geometry;
    memcpy(segment->channel, found.header.channel, sizeof segment->channel);
    return 0;
}

int segment_open_ring(struct segment *segment, uint32_t lane)
{
    uintptr_t page_mask = geometry_page_bytes() - 1;
    uintptr_t start = (uintptr_t)&segment->events->lane[lane];
    uintptr_t end = (start + sizeof segment->events->lane[lane] + page_mask) & ~page_mask;

    if (segment->has_open_ring)
        return 0;
    start &= ~page_mask;
    if (mprotect((void *)start, end - start, PROT_READ | PROT_WRITE) < 0)
        return log_failure(errno, "segment %d: cannot make the event ring writable: %s",
                           segment->geometry.shmid, strerror(errno));
    segment->has_open_ring = true;
    return 0;
}

void segment_populate(const struct segment *segment)
{
    /* Reading a byte of each page instead, on an older kernel, would cost the same page faults as
     * the first frames do. */
    madvise(segment->slots, segment->geometry.slots * segment->geometry.slot_stride_bytes,
            MADV_POPULATE_READ);
}

int segment_peek(int shmid, const uint8_t nonce[PF_NONCE_BYTES], struct pf_segment *geometry,
                 uint64_t *newest)
{
    struct inspection found;
    int ret = inspect(shmid, nonce, &found);

    if (ret == 0) {
        *geometry = found.geometry;
        *newest = found.newest;
    }
    return ret;
}

/* ------------------------------------------------------------------ remove */

void segment_remove_key(struct segment *segment)
{
    if (segment->keyed)
        segment_remove_id(segment->geometry.shmid);
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

void segment_reclaim(int shmid, const uint8_t nonce[PF_NONCE_BYTES])
{
    struct inspection found;

    if (inspect(shmid, nonce, &found) == 0 && segment_remove_id(shmid) == 0)
        log_info("reclaimed segment %d of a producer that crashed", shmid);
}
