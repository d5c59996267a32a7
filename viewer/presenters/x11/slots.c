/* SPDX-License-Identifier: MIT */
/*
 * The server attaches a segment once for all of its clients, in the mode that the first one
 * requested. Shared pixmaps need it writable, so that is requested first, although no client
 * writes.
 */
#include "slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { X11_SIZE_MAX = 32767 };

/* ------------------------------------------------------------------ attach, detach */

/* Returns the X error code, 0 for none, or -ENODEV, logged. */
static int request_attach(struct x11_slots *slots, struct x11_link *link, int shmid,
                          bool is_read_only)
{
    xcb_void_cookie_t cookie =
        xcb_shm_attach_checked(link->xcb, slots->shm, (uint32_t)shmid, is_read_only);
    int ret = x11_link_sync(link);

    if (ret < 0) { /* the server has stopped: xcb_request_check() would wait forever */
        xcb_discard_reply(link->xcb, cookie.sequence);
        return ret;
    }
    xcb_generic_error_t *error = xcb_request_check(link->xcb, cookie);
    if (error)
        ret = error->error_code;
    free(error);
    return ret;
}

static void share_pixmaps(struct x11_slots *slots, struct x11_link *link)
{
    for (uint32_t k = 0; k < slots->count; k++) {
        uint64_t at = slots->offset + k * slots->slot_stride_bytes;
        slots->pixmap[k] = xcb_generate_id(link->xcb);
        xcb_shm_create_pixmap(link->xcb, slots->pixmap[k], link->window,
                              (uint16_t)slots->stride_pixels, (uint16_t)slots->height,
                              X11_FRAME_DEPTH, slots->shm, (uint32_t)at);
        slots->picture[k] = x11_link_picture(link, slots->pixmap[k], link->frame_format);
    }
}

/* The server faults in a slot's pages when it first reads them, which takes 16 ms at 4K. Let it do
 * so before the first frames. */
static void warm_up(struct x11_slots *slots, struct x11_link *link)
{
    xcb_pixmap_t scratch = x11_link_pixmap(link, X11_FRAME_DEPTH, slots->width, slots->height);

    slots->gc = xcb_generate_id(link->xcb);
    xcb_create_gc(link->xcb, slots->gc, scratch, XCB_GC_GRAPHICS_EXPOSURES, (uint32_t[]){0});
    for (uint32_t k = 0; k < slots->count; k++)
        x11_slots_copy(slots, link, k, scratch);
    xcb_free_pixmap(link->xcb, scratch);
}

int x11_slots_attach(struct x11_slots *slots, struct x11_link *link,
                     const struct pf_segment *segment, bool may_share, const char **reason)
{
    const struct pf_format *format = &segment->format;

    *slots = (struct x11_slots){
        .is_shared = may_share && link->shares_pixmaps && link->has_present && link->has_render,
        .count = segment->slots,
        .width = (int)format->width,
        .height = (int)format->height,
        .stride_pixels = (int)segment->plane_stride_bytes[0] / 4,
        .offset = segment->slots_offset + segment->plane_offset[0],
        .slot_stride_bytes = segment->slot_stride_bytes,
    };
    if (slots->stride_pixels > X11_SIZE_MAX || segment->bytes > UINT32_MAX) {
        *reason = "the frames exceed the size limit of X11";
        return -ENOTSUP;
    }
    slots->shm = xcb_generate_id(link->xcb);
    int ret = request_attach(slots, link, segment->shmid, false);
    if (ret > 0) {
        slots->is_shared = false;
        ret = request_attach(slots, link, segment->shmid, true);
    }
    if (ret != 0)
        slots->shm = XCB_NONE;
    if (ret > 0) {
        *reason = "the X server is not permitted to attach the segment: it runs as another user or "
                  "in another IPC namespace";
        return -ENOTSUP;
    }
    if (ret < 0)
        return ret;

    if (slots->is_shared) {
        share_pixmaps(slots, link);
    } else if (link->has_render) {
        slots->pixmap[0] = x11_link_pixmap(link, X11_FRAME_DEPTH, slots->width, slots->height);
        slots->picture[0] = x11_link_picture(link, slots->pixmap[0], link->frame_format);
    }
    warm_up(slots, link);
    return x11_link_sync(link);
}

void x11_slots_detach(struct x11_slots *slots, struct x11_link *link)
{
    if (!slots->shm)
        return;
    /* The server stays attached as long as one pixmap exists. */
    for (uint32_t k = 0; k < slots->count; k++) {
        if (slots->picture[k])
            xcb_render_free_picture(link->xcb, slots->picture[k]);
        if (slots->pixmap[k])
            xcb_free_pixmap(link->xcb, slots->pixmap[k]);
    }
    if (slots->gc)
        xcb_free_gc(link->xcb, slots->gc);
    xcb_shm_detach(link->xcb, slots->shm);
    xcb_flush(link->xcb);
    *slots = (struct x11_slots){0};
}

/* ------------------------------------------------------------------ draw */

xcb_void_cookie_t x11_slots_put(struct x11_slots *slots, struct x11_link *link, uint32_t k,
                                xcb_drawable_t drawable, xcb_gcontext_t gc, int x, int y)
{
    uint64_t at = slots->offset + k * slots->slot_stride_bytes;

    return xcb_shm_put_image(link->xcb, drawable, gc, (uint16_t)slots->stride_pixels,
                             (uint16_t)slots->height, 0, 0, (uint16_t)slots->width,
                             (uint16_t)slots->height, (int16_t)x, (int16_t)y, X11_FRAME_DEPTH,
                             XCB_IMAGE_FORMAT_Z_PIXMAP, true, slots->shm, (uint32_t)at);
}

unsigned int x11_slots_copy(struct x11_slots *slots, struct x11_link *link, uint32_t k,
                            xcb_pixmap_t pixmap)
{
    if (!slots->is_shared)
        return x11_slots_put(slots, link, k, pixmap, slots->gc, 0, 0).sequence;
    xcb_copy_area(link->xcb, slots->pixmap[k], pixmap, slots->gc, 0, 0, 0, 0,
                  (uint16_t)slots->width, (uint16_t)slots->height);
    return 0;
}

/* Returns the factor from pixels of the window to pixels of the frame, in 16.16 fixed point. */
static xcb_render_fixed_t scale_of(int frame, int window, bool is_padded)
{
    int64_t from = (int64_t)frame * 65536, to = window;

    /* When enlarged, the last pixel would mix with the padding next to it. So its middle is the
     * last point that is read: (window - 1/2) -> (frame - 1/2). */
    if (is_padded && window > frame) {
        from = (2 * (int64_t)frame - 1) * 65536;
        to = 2 * (int64_t)window - 1;
    }
    return (xcb_render_fixed_t)(from / to);
}

static bool is_whole_factor(int frame, int window)
{
    return window % frame == 0;
}

void x11_scale_picture(struct x11_link *link, xcb_render_picture_t picture, int width, int height,
                       bool is_padded, const struct placement *place)
{
    bool is_sharp = is_whole_factor(width, place->width) && is_whole_factor(height, place->height);
    const char *filter = is_sharp ? "nearest" : "bilinear";
    xcb_render_transform_t transform = {
        .matrix11 = scale_of(width, place->width, is_padded && !is_sharp),
        .matrix22 = scale_of(height, place->height, false),
        .matrix33 = 65536,
    };

    xcb_render_set_picture_transform(link->xcb, picture, transform);
    xcb_render_set_picture_filter(link->xcb, picture, (uint16_t)strlen(filter), filter, 0, NULL);
}

void x11_slots_scale(struct x11_slots *slots, struct x11_link *link, const struct placement *place)
{
    for (uint32_t k = 0; k < slots->count; k++)
        if (slots->picture[k])
            x11_scale_picture(link, slots->picture[k], slots->width, slots->height,
                              slots->is_shared && slots->stride_pixels > slots->width, place);
}
