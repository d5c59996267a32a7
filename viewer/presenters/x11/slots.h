/* SPDX-License-Identifier: MIT */
/*
 * The producer's slots as the X server sees them. It attaches the segment by its shmid, as we do.
 * Either it then has a pixmap for each slot whose memory *is* the slot (shared), or it is told to
 * put pixels from the slot onto something (ShmPutImage). Neither passes through this process.
 */
#ifndef X11_SLOTS_H
#define X11_SLOTS_H

#include "link.h"
#include "presenters/placement.h"

struct x11_slots {
    bool is_shared; /* pixmap[k] is slot k; else pixmap[0] is the server's own, and slots are put
                       there */
    uint32_t count;
    int width, height; /* pixels of a frame */
    int stride_pixels; /* a shared pixmap is that wide: its last columns are padding */
    uint64_t offset, slot_stride_bytes;
    xcb_shm_seg_t shm; /* XCB_NONE: not attached */
    xcb_gcontext_t gc; /* of a frame's depth, which may not be the window's */
    xcb_pixmap_t pixmap[PF_SLOTS_MAX];
    xcb_render_picture_t picture[PF_SLOTS_MAX];
};

/*
 * `may_share` false: ShmPutImage even where pixmaps could be shared. Returns 0, or -ENOTSUP with
 * *reason in words, or -ENODEV, logged.
 */
int x11_slots_attach(struct x11_slots *slots, struct x11_link *link,
                     const struct pf_segment *segment, bool may_share, const char **reason);

/* The server lets go of the segment; its requests until now still count. Accepts one that is all
 * zero. */
void x11_slots_detach(struct x11_slots *slots, struct x11_link *link);

/* Scale each picture of a slot to `place` from now on. */
void x11_slots_scale(struct x11_slots *slots, struct x11_link *link, const struct placement *place);

/* Have the server copy slot `k` to a drawable. Answered by ShmCompletion with this cookie's
 * sequence. */
xcb_void_cookie_t x11_slots_put(struct x11_slots *slots, struct x11_link *link, uint32_t k,
                                xcb_drawable_t drawable, xcb_gcontext_t gc, int x, int y);

/*
 * Have the server copy slot `k` to a pixmap of the frames' size and depth. Returns the sequence
 * that ShmCompletion answers; or 0 where the slots are shared: then nothing does, ask for a reply.
 */
unsigned int x11_slots_copy(struct x11_slots *slots, struct x11_link *link, uint32_t k,
                            xcb_pixmap_t pixmap);

/* The transform and filter by which a picture of width x height, padded or not, fills `place`. */
void x11_scale_picture(struct x11_link *link, xcb_render_picture_t picture, int width, int height,
                       bool is_padded, const struct placement *place);

#endif
