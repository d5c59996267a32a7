/* SPDX-License-Identifier: MIT */
/*
 * The producer's slots in the X server, which attaches the segment by its shmid as this process
 * does. Either it has for each slot a pixmap whose memory *is* the slot (shared), or it copies
 * pixels from the slot to a drawable on request (ShmPutImage). Neither passes through this process.
 */
#ifndef VIEWER_PRESENTERS_X11_SLOTS_H
#define VIEWER_PRESENTERS_X11_SLOTS_H

#include "link.h"
#include "pageflip.h"
#include "presenters/placement.h"

struct x11_slots {
    bool is_shared; /* pixmap[k] is slot k; else pixmap[0] is in the server's memory, and slots are
                       copied to it */
    uint32_t count;
    int width, height; /* pixels of a frame */
    int stride_pixels; /* width of a shared pixmap: its last columns are padding */
    uint64_t offset, slot_stride_bytes;
    xcb_shm_seg_t shm; /* XCB_NONE: not attached */
    xcb_gcontext_t gc; /* of a frame's depth, which may not be the window's */
    xcb_pixmap_t pixmap[PF_SLOTS_MAX];
    xcb_render_picture_t picture[PF_SLOTS_MAX];
};

/*
 * `may_share` false: use ShmPutImage even where pixmaps could be shared. Returns 0, or -ENOTSUP and
 * *reason, a text, or -ENODEV, logged.
 */
int x11_slots_attach(struct x11_slots *slots, struct x11_link *link,
                     const struct pf_segment *segment, bool may_share, const char **reason);

/* Detach the segment from the server, after the requests so far. Accepts an all-zero struct. */
void x11_slots_detach(struct x11_slots *slots, struct x11_link *link);

/* Scale each slot's RENDER picture to `place` from now on. */
void x11_slots_scale(struct x11_slots *slots, struct x11_link *link, const struct placement *place);

/* Copy slot `k` to a drawable, in the server. ShmCompletion with this cookie's sequence number
 * reports the end. */
xcb_void_cookie_t x11_slots_put(struct x11_slots *slots, struct x11_link *link, uint32_t k,
                                xcb_drawable_t drawable, xcb_gcontext_t gc, int x, int y);

/*
 * Copy slot `k` to a pixmap of the frames' size and depth, in the server. Returns the sequence
 * number that ShmCompletion will contain; or 0 where the slots are shared: there is no event then,
 * so request a reply.
 */
unsigned int x11_slots_copy(struct x11_slots *slots, struct x11_link *link, uint32_t k,
                            xcb_pixmap_t pixmap);

/* Set the transform and filter so that a picture of width x height, padded or not, fills
 * `place`. */
void x11_scale_picture(struct x11_link *link, xcb_render_picture_t picture, int width, int height,
                       bool is_padded, const struct placement *place);

#endif
