/* SPDX-License-Identifier: MIT */
/*
 * pageflip-producer with another number of its first frame, as if it had been running for a year.
 *
 *     PAGEFLIP_FIRST=4294967196 late_producer ...
 *
 * The real program has no such option. This program is the same objects, linked with --wrap: a new
 * segment has the frame PAGEFLIP_FIRST in slot 0, and the producer's private state matches.
 */
#include <stdlib.h>

#include "core/clock.h"
#include "core/handoff.h"
#include "media/stamp.h"

int __real_segment_create(struct segment *segment, const char *channel, const char *key_file,
                          const struct pf_format *format, uint32_t slots, uint32_t user_bytes);
int __wrap_segment_create(struct segment *segment, const char *channel, const char *key_file,
                          const struct pf_format *format, uint32_t slots, uint32_t user_bytes);
int __real_handoff_find_free_slot(const struct handoff *handoff, struct segment *segment,
                                  struct handoff_blockers *blockers);
int __wrap_handoff_find_free_slot(struct handoff *handoff, struct segment *segment,
                                  struct handoff_blockers *blockers);

static uint64_t first(void)
{
    const char *text = getenv("PAGEFLIP_FIRST");

    return text ? strtoull(text, NULL, 10) : 1;
}

int __wrap_segment_create(struct segment *segment, const char *channel, const char *key_file,
                          const struct pf_format *format, uint32_t slots, uint32_t user_bytes)
{
    int ret = __real_segment_create(segment, channel, key_file, format, slots, user_bytes);

    if (ret < 0)
        return ret;
    struct layout_meta *meta = &segment->producer->meta[0];
    struct stamp stamp = {.sequence = (uint32_t)first()};
    struct pf_plane plane[PF_PLANES_MAX];
    int64_t now_ns = clock_now_ns();

    segment_planes(segment, 0, plane);
    stamp_draw(stamp, format, plane);
    atomic_store(&meta->sequence, first());
    atomic_store(&meta->due_ns, now_ns);
    atomic_store(&meta->begin_ns, now_ns);
    atomic_store(&meta->publish_ns, now_ns);
    atomic_store(&meta->flags, PF_FRAME_STAMPED);
    atomic_store(&segment->producer->newest, NEWEST_WORD(first(), 0));
    return 0;
}

int __wrap_handoff_find_free_slot(struct handoff *handoff, struct segment *segment,
                                  struct handoff_blockers *blockers)
{
    if (!handoff->sequence)
        *handoff = (struct handoff){.sequence = first(), .slot_sequence = {first()}};
    return __real_handoff_find_free_slot(handoff, segment, blockers);
}
