/* SPDX-License-Identifier: MIT */
/*
 * The segments that a viewer is attached to, and which of their frames it holds: the segment that
 * it joined last, and linked from there the earlier ones of which it still holds frames. Everything
 * here is private memory, and under the caller's mutex.
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

/* Leave the lane: free it, or, while frames are held, only stop requiring further ones. */
void attachment_leave(struct attachment *attachment);

/* Count one hold less of a frame that `attachment`, found by attachment_find(), holds, and give its
 * slot back after the last one. Returns the attachment if it is an earlier one that holds no frame
 * any more: it has left its lane and is no longer linked; the caller closes it. Else NULL. */
struct attachment *attachment_release(struct attachment *latest, struct attachment *attachment,
                                      const struct pf_frame *frame);

/* Unmap the segment of an earlier attachment, and free it. Accepts NULL. */
void attachment_close(struct attachment *attachment);

#endif
