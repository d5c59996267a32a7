/* SPDX-License-Identifier: MIT */
/*
 * The producer's slots and the X server. The server attaches the segment by its shmid, as this
 * process does. Either it has for each slot a pixmap whose memory *is* the slot (shared), or it
 * copies pixels from the slot to a drawable on request (put). Neither passes through this process.
 * Where the server cannot attach the segment, the pixels are sent to it.
 */
#ifndef VIEWER_PRESENTERS_X11_SLOTS_H
#define VIEWER_PRESENTERS_X11_SLOTS_H

#include "link.h"
#include "pageflip.h"
#include "presenters/placement.h"

/* Ways of showing a slot, as a set of bits. */
enum {
    X11_SHARED = 1, /* pixmap[k] is slot k */
    X11_PUT = 2,    /* ShmPutImage */
    X11_SEND = 4,   /* PutImage: one copy, by this process */
};

struct x11_slots {
    unsigned int way; /* one of the bits; 0: not attached */
    enum x11_kind kind;
    uint32_t count;
    int width, height; /* pixels of a frame */
    int stride_pixels; /* width of a shared pixmap: its last columns are padding */
    uint64_t offset, slot_stride_bytes;
    xcb_shm_seg_t shm; /* XCB_NONE: not attached */
    xcb_gcontext_t gc; /* of a frame's depth, which may not be the window's */
    /* Unless shared, pixmap[0] is in the server's own memory: RENDER draws from it. */
    xcb_pixmap_t pixmap[PF_SLOTS_MAX];
    xcb_render_picture_t picture[PF_SLOTS_MAX];
};

/*
 * Use the first of `ways` that works for this segment, whose frames are of this kind: one that the
 * link has a format for, and X11_OPAQUE if X11_SEND is one of the ways. Before the server draws
 * from the segment, it must show that it has attached this one: in another IPC namespace another
 * segment may have the same shmid. Returns 0, or -ENOTSUP and *reason, a text, or -ENODEV, logged.
 */
int x11_slots_attach(struct x11_slots *slots, struct x11_link *link,
                     const struct pf_segment *segment, enum x11_kind kind, unsigned int ways,
                     const char **reason);

/* Detach the segment from the server, after the requests so far. Accepts an all-zero struct. */
void x11_slots_detach(struct x11_slots *slots, struct x11_link *link);

/* Scale each slot's RENDER picture to `place` from now on. */
void x11_slots_scale(struct x11_slots *slots, struct x11_link *link, const struct placement *place);

/*
 * Copy the frame's slot to a drawable. Returns the sequence number that ShmCompletion will contain,
 * or 0 when the pixels were sent: the slot is not read any more.
 */
unsigned int x11_slots_put(struct x11_slots *slots, struct x11_link *link,
                           const struct pf_frame *frame, xcb_drawable_t drawable, xcb_gcontext_t gc,
                           int x, int y);

/*
 * Copy the frame's slot to a pixmap of the frames' size and depth. Returns as x11_slots_put(), and
 * also 0 where the slots are shared: there is no event then, so request a reply.
 */
unsigned int x11_slots_copy(struct x11_slots *slots, struct x11_link *link,
                            const struct pf_frame *frame, xcb_pixmap_t pixmap);

/* Set the transform and filter so that a picture of width x height, padded or not, fills
 * `place`. */
void x11_scale_picture(struct x11_link *link, xcb_render_picture_t picture, int width, int height,
                       bool is_padded, const struct placement *place);

#endif
