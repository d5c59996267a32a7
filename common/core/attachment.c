/* SPDX-License-Identifier: MIT */
#include "attachment.h"

#include <errno.h>
#include <stdlib.h>

#include "fault.h"
#include "handoff.h"

bool attachment_holds_any(const struct attachment *attachment)
{
    for (uint32_t k = 0; k < PF_SLOTS_MAX; k++)
        if (attachment->held[k].count)
            return true;
    return false;
}

static bool holds(const struct attachment *attachment, const struct pf_frame *frame)
{
    return frame->generation == attachment->segment.generation && frame->slot < PF_SLOTS_MAX &&
           attachment->held[frame->slot].count &&
           attachment->held[frame->slot].sequence == frame->sequence;
}

int attachment_add(struct attachment *attachment, const struct pf_frame *frame)
{
    /* A producer publishes another frame in a held slot only if the segment is damaged. The frame
     * that was there has been drawn over, and counts as released. */
    if (!holds(attachment, frame))
        attachment->held[frame->slot].count = 0;
    if (attachment->held[frame->slot].count == UINT32_MAX)
        return -EOVERFLOW;
    attachment->held[frame->slot].sequence = frame->sequence;
    attachment->held[frame->slot].count++;
    return 0;
}

struct attachment *attachment_find(struct attachment *latest, const struct pf_frame *frame)
{
    while (latest && !holds(latest, frame))
        latest = latest->earlier;
    return latest;
}

void attachment_leave(struct attachment *attachment)
{
    uint32_t slots = 0;

    FAULT_POINT(viewer_leaves);
    for (uint32_t k = 0; k < PF_SLOTS_MAX; k++)
        slots |= (attachment->held[k].count > 0) << k;
    if (slots)
        handoff_leave_held(&attachment->segment, attachment->lane, slots);
    else
        handoff_leave(&attachment->segment, attachment->lane);
}

struct attachment *attachment_release(struct attachment *latest, struct attachment *attachment,
                                      const struct pf_frame *frame)
{
    if (--attachment->held[frame->slot].count)
        return NULL;
    if (attachment == latest || attachment_holds_any(attachment)) {
        handoff_release(&attachment->segment, attachment->lane, frame->slot);
        return NULL;
    }
    handoff_leave(&attachment->segment, attachment->lane);
    while (latest->earlier != attachment)
        latest = latest->earlier;
    latest->earlier = attachment->earlier;
    return attachment;
}

void attachment_close(struct attachment *attachment)
{
    if (!attachment)
        return;
    segment_close(&attachment->segment);
    channel_close(&attachment->channel);
    free(attachment);
}
