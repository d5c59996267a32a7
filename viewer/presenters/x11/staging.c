/* SPDX-License-Identifier: MIT */
/* The segment begins with a page that contains the nonce. It has no key, and is marked for removal
 * directly after it was attached here: the server can still attach it by its id. */
#include "staging.h"

#include <errno.h>
#include <string.h>
#include <sys/shm.h>
#include <unistd.h>

#include "core/format.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/random.h"
#include "media/unpack.h"

static struct pf_segment plan(const struct pf_format *format)
{
    const struct pf_format xr24 = {.fourcc = PF_FOURCC_XR24,
                                   .width = format->width,
                                   .height = format->height};
    const struct pf_format_planes planes = format_planes(&xr24);
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    struct pf_segment segment = {
        .format = xr24,
        .slots = X11_STAGING_SLOTS,
        .slots_offset = page_bytes,
        .slot_stride_bytes = (planes.bytes + page_bytes - 1) / page_bytes * page_bytes,
        .planes = 1,
        .plane_stride_bytes = {planes.stride_bytes[0]},
        .nonce_offset = 0,
    };

    segment.bytes = page_bytes + X11_STAGING_SLOTS * segment.slot_stride_bytes;
    return segment;
}

/* Returns 0 or a negative errno. */
static int attach(struct x11_staging *staging)
{
    struct pf_segment *segment = &staging->segment;

    segment->shmid = shmget(IPC_PRIVATE, segment->bytes, IPC_CREAT | 0600);
    if (segment->shmid < 0)
        return limits_report_shmget(errno, segment->bytes);
    void *base = shmat(segment->shmid, NULL, 0);
    int ret = base == (void *)-1 ? -errno : 0;
    shmctl(segment->shmid, IPC_RMID, NULL);
    if (ret < 0) {
        log_error("presenter x11: cannot attach memory for converted frames: %s", strerror(-ret));
        return ret;
    }
    staging->base = base;
    return limits_populate_pages(base, segment->bytes);
}

int x11_staging_open(struct x11_staging *staging, const struct pf_format *format)
{
    *staging = (struct x11_staging){.segment = plan(format)};
    int ret = limits_check_memory(staging->segment.bytes);
    if (ret == 0)
        ret = random_fill(staging->segment.nonce, PF_NONCE_BYTES);
    if (ret == 0)
        ret = attach(staging);
    if (ret < 0)
        x11_staging_close(staging);
    else
        memcpy(staging->base, staging->segment.nonce, PF_NONCE_BYTES);
    return ret;
}

void x11_staging_close(struct x11_staging *staging)
{
    if (staging->base)
        shmdt(staging->base);
    *staging = (struct x11_staging){0};
}

static bool is_in_use(const struct x11_sent_table *table, uint32_t slot)
{
    for (int i = 0; i < X11_SENT_MAX; i++) {
        const struct x11_sent *sent = &table->sent[i];
        if (sent->is_used && sent->is_staged && (sent->waits & WAITS_FOR_SLOT) &&
            sent->done.frame.slot == slot)
            return true;
    }
    return false;
}

bool x11_staging_convert(struct x11_staging *staging, const struct x11_sent_table *table,
                         const struct background *background, struct x11_sent *sent)
{
    const struct pf_segment *segment = &staging->segment;
    struct pf_frame *frame = &sent->done.frame;
    uint32_t slot = 0;

    while (is_in_use(table, slot))
        if (++slot == segment->slots)
            return false;
    struct pf_plane plane = {staging->base + segment->slots_offset +
                                 slot * segment->slot_stride_bytes,
                             segment->plane_stride_bytes[0]};
    unpack(&frame->format, frame->plane, background, plane.pixels, plane.stride_bytes);
    frame->slot = slot;
    frame->plane[0] = plane;
    sent->is_staged = true;
    sent->done.user_copies = 1;
    return true;
}
