/* SPDX-License-Identifier: MIT */
/*
 * Frames that the display cannot read are converted to XR24 in a shared segment of the viewer's
 * own, and shown from there like the producer's. A slot is in use until the server has read the
 * frame that was sent from it (sent.h).
 */
#ifndef VIEWER_PRESENTERS_X11_STAGING_H
#define VIEWER_PRESENTERS_X11_STAGING_H

#include "media/background.h"
#include "sent.h"

/* More than the number of frames that may wait: X11_BACKS, and the frame of a pause. */
enum { X11_STAGING_SLOTS = 4 };

struct x11_staging {
    uint8_t *base;             /* NULL: frames are shown from the producer's segment */
    struct pf_segment segment; /* for x11_slots_attach() */
};

/* Create the segment for frames of this format. Returns 0 or a negative errno, logged. */
int x11_staging_open(struct x11_staging *staging, const struct pf_format *format);

/* The server must have detached the segment. */
void x11_staging_close(struct x11_staging *staging);

/*
 * Convert the frame of `sent` into a free slot, and replace sent->done.frame by that slot. The
 * caller must then release the original frame. Returns false if no slot is free.
 */
bool x11_staging_convert(struct x11_staging *staging, const struct x11_sent_table *table,
                         const struct background *background, struct x11_sent *sent);

#endif
