/* SPDX-License-Identifier: MIT */
/*
 * The segments that a viewer has mapped, and the frames in them that it holds. The first one is the
 * segment that the viewer joined last; linked to it are the earlier segments of which it still
 * holds frames. Everything here is private memory, protected by the viewer's mutex.
 */
#ifndef CORE_ATTACHMENT_H
#define CORE_ATTACHMENT_H

#include "channel.h"
#include "segment.h"

struct attachment {
    struct segment segment;
    uint32_t lane;
    struct {
        uint64_t sequence;
        uint32_t count; /* how often the frame is held; 0: the slot is not held */
    } held[PF_SLOTS_MAX];
    struct attachment *earlier;
    /* Of an earlier segment: the replaced channel that has its lane's lease, or lock_fd -1. */
    struct channel channel;
};

bool attachment_holds_any(const struct attachment *attachment);

/* Count a frame that was claimed in this segment. Returns 0, or -EOVERFLOW: it is held as often as
 * can be counted. */
int attachment_add(struct attachment *attachment, const struct pf_frame *frame);

/* The segment in which `frame` is held, of `latest` and those before it, or NULL. */
struct attachment *attachment_find(struct attachment *latest, const struct pf_frame *frame);

/* Leave the lane: free it, or, if frames are held, keep only their slots and require no others. */
void attachment_leave(struct attachment *attachment);

/* Remove one hold of a frame that `attachment`, found by attachment_find(), holds, and give the
 * frame's slot back after the last one. Returns the attachment if it is an earlier one that holds
 * no frame any more: it has left its lane and is no longer linked, and the caller closes it.
 * Otherwise returns NULL. */
struct attachment *attachment_release(struct attachment *latest, struct attachment *attachment,
                                      const struct pf_frame *frame);

/* Unmap the segment of an earlier attachment, and free it. Accepts NULL. */
void attachment_close(struct attachment *attachment);

#endif
