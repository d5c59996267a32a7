/* SPDX-License-Identifier: MIT */
/* The list of shared fields, and a hash over it: two builds whose structures differ anywhere must
 * not share a segment. */
#include "layout.h"

#define FIELD(structure, field)                                                                    \
    {                                                                                              \
        .name = #structure "." #field, .offset = offsetof(struct structure, field),                \
        .bytes = sizeof(((struct structure *)NULL)->field),                                        \
        .alignment = _Alignof(__typeof__(((struct structure *)NULL)->field)),                      \
    }

static const struct layout_field fields[] = {
    FIELD(layout_header, magic),
    FIELD(layout_header, version),
    FIELD(layout_header, layout_hash),
    FIELD(layout_header, header_bytes),
    FIELD(layout_header, nonce),
    FIELD(layout_header, total_bytes),
    FIELD(layout_header, slots_offset),
    FIELD(layout_header, slot_stride_bytes),
    FIELD(layout_header, page_bytes),
    FIELD(layout_header, slots),
    FIELD(layout_header, fourcc),
    FIELD(layout_header, width),
    FIELD(layout_header, height),
    FIELD(layout_header, rate_num),
    FIELD(layout_header, rate_den),
    FIELD(layout_header, stride_bytes),
    FIELD(layout_header, color.matrix),
    FIELD(layout_header, color.range),
    FIELD(layout_header, color.transfer),
    FIELD(layout_header, color.alpha),
    FIELD(layout_header, plane_offset),
    FIELD(layout_header, user_offset),
    FIELD(layout_header, user_bytes),
    FIELD(layout_header, producer_pid),
    FIELD(layout_header, channel),
    FIELD(layout_producer, newest),
    FIELD(layout_producer, state),
    FIELD(layout_producer, stream),
    FIELD(layout_producer, frames_before),
    FIELD(layout_producer, meta),
    FIELD(layout_producer, history),
    FIELD(layout_producer, event_tail),
    FIELD(layout_meta, sequence),
    FIELD(layout_meta, pts_ns),
    FIELD(layout_meta, due_ns),
    FIELD(layout_meta, begin_ns),
    FIELD(layout_meta, publish_ns),
    FIELD(layout_meta, input_ns),
    FIELD(layout_meta, flags),
    FIELD(layout_meta, user_bytes),
    FIELD(layout_damage, sequence),
    FIELD(layout_damage, rect),
    FIELD(layout_damage, count),
    FIELD(layout_viewers, lane),
    FIELD(layout_viewers, producer_doorbell),
    FIELD(layout_lane, word),
    FIELD(layout_lane, pid),
    FIELD(layout_lane, event_head),
    FIELD(layout_lane, doorbell),
    FIELD(layout_event, word),
    FIELD(layout_ring, entry),
    FIELD(layout_events, lane),
};

const struct layout_field *layout_fields(size_t *count)
{
    *count = sizeof fields / sizeof *fields;
    return fields;
}

/* FNV-1a (Fowler, Noll, Vo), a word at a time. */
static uint32_t mix(uint32_t hash, size_t word)
{
    return (hash ^ (uint32_t)word) * 16777619u;
}

uint32_t layout_hash(void)
{
    uint32_t hash = mix(2166136261u, sizeof(void *));

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        hash = mix(mix(hash, fields[i].offset), fields[i].bytes);
    return hash;
}
