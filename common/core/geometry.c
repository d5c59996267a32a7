/* SPDX-License-Identifier: MIT */
/*
 * The producer plans the geometry of a segment; a viewer checks it before it trusts any byte.
 *
 * The check reads a private copy of the header, field by field, so that each check may use the
 * fields before it. Sizes are compared by subtraction from a size known to be larger, so that
 * nothing overflows.
 */
#include "geometry.h"

#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "format.h"

uint64_t geometry_page_bytes(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t round_up(uint64_t bytes, uint64_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

uint64_t geometry_control_bytes(void)
{
    return 3 * geometry_page_bytes() +
           round_up(sizeof(struct layout_events), geometry_page_bytes());
}

struct pf_segment geometry_plan(const struct pf_format *format, uint32_t slots, uint32_t user_bytes)
{
    struct pf_format_planes planes = format_planes(format);
    uint64_t user_offset = round_up(planes.bytes, LAYOUT_LINE);
    struct pf_segment geometry = {
        .format = *format,
        .slots = slots,
        .slots_offset = geometry_control_bytes(),
        .slot_stride_bytes = round_up(user_offset + user_bytes, geometry_page_bytes()),
        .planes = planes.count,
        .user_offset = user_offset,
        .user_bytes = user_bytes,
        .producer_pid = getpid(),
        .nonce_offset = offsetof(struct layout_header, nonce),
    };

    for (uint32_t p = 0; p < planes.count; p++) {
        geometry.plane_offset[p] = planes.offset[p];
        geometry.plane_stride_bytes[p] = planes.stride_bytes[p];
    }
    geometry.bytes = geometry.slots_offset + slots * geometry.slot_stride_bytes;
    return geometry;
}

const char *geometry_check(const struct layout_header *header, uint64_t segment_bytes,
                           struct pf_segment *geometry)
{
    if (segment_bytes < geometry_control_bytes() + geometry_page_bytes())
        return "size";
    if (header->magic != LAYOUT_MAGIC)
        return "magic";
    if (header->version != LAYOUT_VERSION)
        return "version";
    if (header->layout_hash != layout_hash())
        return "layout_hash";
    if (header->header_bytes != sizeof *header)
        return "header_bytes";
    if (header->page_bytes != geometry_page_bytes())
        return "page_bytes";
    if (header->width < 1 || header->width > PF_SIZE_MAX)
        return "width";
    if (header->height < 1 || header->height > PF_SIZE_MAX)
        return "height";
    if (!format_is_known(header->fourcc))
        return "fourcc";

    struct pf_format format = {.fourcc = header->fourcc,
                               .width = header->width,
                               .height = header->height,
                               .color = header->color};
    if (header->rate_num && header->rate_den) { /* else unknown */
        format.rate_num = header->rate_num;
        format.rate_den = header->rate_den;
    }
    const char *color_fault = format_color_fault(&format.color);
    if (color_fault)
        return color_fault;
    struct pf_format_planes planes = format_planes(&format);
    for (uint32_t p = 0; p < planes.count; p++)
        if (header->stride_bytes[p] < planes.row_bytes[p] ||
            header->stride_bytes[p] > FORMAT_STRIDE_MAX ||
            header->stride_bytes[p] % FORMAT_STRIDE_ALIGN)
            return "stride_bytes";
    if (header->slots < PF_SLOTS_MIN || header->slots > PF_SLOTS_MAX)
        return "slots";
    if (header->slot_stride_bytes % geometry_page_bytes() ||
        header->slot_stride_bytes > segment_bytes)
        return "slot_stride_bytes";
    for (uint32_t p = 0; p < planes.count; p++) {
        /* at most 2^14 rows of 2^17 bytes: no overflow */
        uint64_t plane_bytes = (uint64_t)header->stride_bytes[p] * planes.rows[p];
        if (header->plane_offset[p] % FORMAT_STRIDE_ALIGN ||
            header->plane_offset[p] > header->slot_stride_bytes ||
            plane_bytes > header->slot_stride_bytes - header->plane_offset[p])
            return "plane_offset";
    }
    if (header->user_bytes > PF_USER_BYTES_MAX || header->user_bytes > header->slot_stride_bytes)
        return "user_bytes";
    if (header->user_offset % LAYOUT_LINE ||
        header->user_offset > header->slot_stride_bytes - header->user_bytes)
        return "user_offset";
    if (header->slots_offset != geometry_control_bytes())
        return "slots_offset";
    /* slot_stride_bytes <= segment_bytes < 2^63 / 8 on every real machine; checked in any case. */
    uint64_t slots_bytes;
    if (__builtin_mul_overflow(header->slot_stride_bytes, (uint64_t)header->slots, &slots_bytes) ||
        slots_bytes > header->total_bytes ||
        header->total_bytes - slots_bytes < header->slots_offset ||
        header->total_bytes > segment_bytes)
        return "total_bytes";
    if (!memchr(header->channel, '\0', sizeof header->channel) ||
        !channel_name_is_valid(header->channel))
        return "channel";

    *geometry = (struct pf_segment){
        .shmid = geometry->shmid,
        .bytes = header->total_bytes,
        .format = format,
        .slots = header->slots,
        .slots_offset = header->slots_offset,
        .slot_stride_bytes = header->slot_stride_bytes,
        .planes = planes.count,
        .user_offset = header->user_offset,
        .user_bytes = header->user_bytes,
        .producer_pid = header->producer_pid,
        .nonce_offset = offsetof(struct layout_header, nonce),
    };
    memcpy(geometry->nonce, header->nonce, sizeof geometry->nonce);
    for (uint32_t p = 0; p < planes.count; p++) {
        geometry->plane_offset[p] = header->plane_offset[p];
        geometry->plane_stride_bytes[p] = header->stride_bytes[p];
    }
    return NULL;
}
