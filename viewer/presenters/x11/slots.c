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

#include "core/log.h"
#include "send.h"

enum {
    X11_SIZE_MAX = 32767,
    /* Slower than any server that works: the time of one frame, in addition to X11_ANSWER_NS. */
    COPY_BYTES_PER_S = 32 * 1024 * 1024,
    SEND_BYTES_PER_S = 128 * 1024,
};

/* ------------------------------------------------------------------ attach, detach */

/* Another segment may have the same shmid in another IPC namespace, and the server would show its
 * content instead. So the server draws the nonce from its segment into a pixmap of one bit per
 * pixel, which every server keeps exactly. */
static xcb_get_image_cookie_t draw_nonce(struct x11_slots *slots, struct x11_link *link,
                                         const struct pf_segment *segment,
                                         xcb_void_cookie_t *put_cookie)
{
    enum { WIDTH = 8 * PF_NONCE_BYTES };
    xcb_pixmap_t pixmap = x11_link_pixmap(link, 1, WIDTH, 1);
    xcb_gcontext_t gc = xcb_generate_id(link->xcb);

    xcb_create_gc(link->xcb, gc, pixmap, XCB_GC_FOREGROUND | XCB_GC_BACKGROUND, (uint32_t[]){1, 0});
    *put_cookie = xcb_shm_put_image_checked(link->xcb, pixmap, gc, WIDTH, 1, 0, 0, WIDTH, 1, 0, 0,
                                            1, XCB_IMAGE_FORMAT_Z_PIXMAP, false, slots->shm,
                                            (uint32_t)segment->nonce_offset);
    xcb_get_image_cookie_t cookie =
        xcb_get_image(link->xcb, XCB_IMAGE_FORMAT_Z_PIXMAP, pixmap, 0, 0, WIDTH, 1, ~0u);
    xcb_free_gc(link->xcb, gc);
    xcb_free_pixmap(link->xcb, pixmap);
    return cookie;
}

/* Returns 0; or 1 and *reason: the server cannot attach the segment in this mode, or has another
 * one of this shmid; or -ENODEV, logged. One round trip. */
static int request_attach(struct x11_slots *slots, struct x11_link *link,
                          const struct pf_segment *segment, bool is_read_only, const char **reason)
{
    void *reply = NULL;
    xcb_void_cookie_t put_cookie;

    slots->shm = xcb_generate_id(link->xcb);
    xcb_void_cookie_t attach_cookie =
        xcb_shm_attach_checked(link->xcb, slots->shm, (uint32_t)segment->shmid, is_read_only);
    xcb_get_image_cookie_t image_cookie = draw_nonce(slots, link, segment, &put_cookie);
    int ret = x11_link_wait(link, image_cookie.sequence, &reply);
    if (ret < 0) {
        xcb_discard_reply(link->xcb, attach_cookie.sequence);
        xcb_discard_reply(link->xcb, put_cookie.sequence);
        free(reply);
        return ret;
    }
    bool is_refused = x11_link_take_error(link, attach_cookie) != 0;
    bool is_drawn = x11_link_take_error(link, put_cookie) == 0 && reply &&
                    xcb_get_image_data_length(reply) >= PF_NONCE_BYTES;
    bool is_ours =
        is_drawn && memcmp(xcb_get_image_data(reply), segment->nonce, PF_NONCE_BYTES) == 0;
    free(reply);
    if (is_ours)
        return 0;
    if (!is_refused)
        xcb_shm_detach(link->xcb, slots->shm);
    slots->shm = XCB_NONE;
    *reason = is_refused
                  ? "the X server is not permitted to attach the segment: it runs as another "
                    "user, in another IPC namespace or on another machine"
                  : "the X server has another segment of the same number: it runs in another "
                    "IPC namespace or on another machine";
    return 1;
}

static void free_pixmaps(struct x11_slots *slots, struct x11_link *link)
{
    for (uint32_t k = 0; k < PF_SLOTS_MAX; k++) {
        if (slots->picture[k])
            xcb_render_free_picture(link->xcb, slots->picture[k]);
        if (slots->pixmap[k])
            xcb_free_pixmap(link->xcb, slots->pixmap[k]);
        slots->picture[k] = XCB_NONE;
        slots->pixmap[k] = XCB_NONE;
    }
}

/* Returns 0; or 1: the server refuses them; or -ENODEV, logged. */
static int share_pixmaps(struct x11_slots *slots, struct x11_link *link)
{
    xcb_void_cookie_t cookies[PF_SLOTS_MAX];
    int is_refused = 0;

    for (uint32_t k = 0; k < slots->count; k++) {
        uint64_t at = slots->offset + k * slots->slot_stride_bytes;
        slots->pixmap[k] = xcb_generate_id(link->xcb);
        cookies[k] =
            xcb_shm_create_pixmap_checked(link->xcb, slots->pixmap[k], link->window,
                                          (uint16_t)slots->stride_pixels, (uint16_t)slots->height,
                                          x11_depth(slots->kind), slots->shm, (uint32_t)at);
    }
    int ret = x11_link_sync(link);
    for (uint32_t k = 0; k < slots->count; k++) {
        if (ret < 0) {
            xcb_discard_reply(link->xcb, cookies[k].sequence);
        } else if (x11_link_take_error(link, cookies[k]) != 0) {
            slots->pixmap[k] = XCB_NONE;
            is_refused = 1;
        }
    }
    if (ret < 0 || is_refused) {
        free_pixmaps(slots, link);
        return ret < 0 ? ret : 1;
    }
    for (uint32_t k = 0; k < slots->count; k++)
        slots->picture[k] =
            x11_link_picture(link, slots->pixmap[k], link->frame_format[slots->kind]);
    return 0;
}

/* The server faults in a slot's pages when it first reads them, which takes 16 ms at 4K. Let it do
 * so before the first frames, in bands: while it is busy it does not answer. Returns 0, or -ENODEV,
 * logged. */
static int warm_up(struct x11_slots *slots, struct x11_link *link)
{
    enum { BAND_PIXELS = 2 * 1024 * 1024 };
    int rows = BAND_PIXELS / slots->stride_pixels;
    if (rows > slots->height)
        rows = slots->height;
    xcb_pixmap_t scratch = x11_link_pixmap(link, x11_depth(slots->kind), slots->width, rows);
    int ret = 0;

    for (uint32_t k = 0; k < slots->count; k++) {
        uint64_t at = slots->offset + k * slots->slot_stride_bytes;
        for (int y = 0; y < slots->height && ret == 0; y += rows) {
            uint16_t band = (uint16_t)(rows < slots->height - y ? rows : slots->height - y);
            if (slots->way == X11_SHARED)
                xcb_copy_area(link->xcb, slots->pixmap[k], scratch, slots->gc, 0, (int16_t)y, 0, 0,
                              (uint16_t)slots->width, band);
            else
                xcb_shm_put_image(link->xcb, scratch, slots->gc, (uint16_t)slots->stride_pixels,
                                  (uint16_t)slots->height, 0, (uint16_t)y, (uint16_t)slots->width,
                                  band, 0, 0, x11_depth(slots->kind), XCB_IMAGE_FORMAT_Z_PIXMAP,
                                  false, slots->shm, (uint32_t)at);
            ret = x11_link_sync(link);
        }
    }
    xcb_free_pixmap(link->xcb, scratch);
    return ret;
}

/* Returns 0, or 1 and *reason, or -ENODEV, logged. */
static int attach_segment(struct x11_slots *slots, struct x11_link *link,
                          const struct pf_segment *segment, bool may_share, const char **reason)
{
    *reason = !link->has_shm                ? "the display has no MIT-SHM extension"
              : segment->bytes > UINT32_MAX ? "the segment exceeds the size limit of MIT-SHM"
                                            : NULL;
    if (*reason)
        return 1;
    slots->way = X11_PUT;
    int ret = request_attach(slots, link, segment, false, reason);
    if (ret > 0)
        return request_attach(slots, link, segment, true, reason);
    if (ret < 0 || !may_share || !link->shares_pixmaps || !link->has_present || !link->has_render)
        return ret;
    ret = share_pixmaps(slots, link);
    if (ret == 0)
        slots->way = X11_SHARED;
    return ret < 0 ? ret : 0;
}

/* Sets slots->way. Returns as x11_slots_attach(). */
static int choose_way(struct x11_slots *slots, struct x11_link *link,
                      const struct pf_segment *segment, unsigned int ways, const char **reason)
{
    if (ways != X11_SEND) {
        int ret = attach_segment(slots, link, segment, ways & X11_SHARED, reason);
        if (ret <= 0)
            return ret;
        slots->way = 0;
        if (!(ways & X11_SEND))
            return -ENOTSUP;
        log_info("presenter x11: pixels are sent to the X server: %s", *reason);
    }
    slots->way = X11_SEND;
    return 0;
}

static void create_gc(struct x11_slots *slots, struct x11_link *link)
{
    xcb_pixmap_t pixmap = x11_link_pixmap(link, x11_depth(slots->kind), 1, 1);

    slots->gc = xcb_generate_id(link->xcb);
    xcb_create_gc(link->xcb, slots->gc, pixmap, XCB_GC_GRAPHICS_EXPOSURES, (uint32_t[]){0});
    xcb_free_pixmap(link->xcb, pixmap);
}

int x11_slots_attach(struct x11_slots *slots, struct x11_link *link,
                     const struct pf_segment *segment, enum x11_kind kind, unsigned int ways,
                     const char **reason)
{
    const struct pf_format *format = &segment->format;
    int pixel_bytes = kind == X11_MASK ? 1 : 4;

    *slots = (struct x11_slots){
        .kind = kind,
        .count = segment->slots,
        .width = (int)format->width,
        .height = (int)format->height,
        .stride_pixels = (int)segment->plane_stride_bytes[0] / pixel_bytes,
        .offset = segment->slots_offset + segment->plane_offset[0],
        .slot_stride_bytes = segment->slot_stride_bytes,
    };
    if (slots->stride_pixels > X11_SIZE_MAX) {
        *reason = "the frames exceed the size limit of X11";
        return -ENOTSUP;
    }
    link->answer_ns = X11_ANSWER_NS; /* until frames are shown */
    int ret = choose_way(slots, link, segment, ways, reason);
    if (ret < 0)
        return ret;
    create_gc(slots, link);
    if (slots->way != X11_SHARED && link->has_render) {
        slots->pixmap[0] =
            x11_link_pixmap(link, x11_depth(slots->kind), slots->width, slots->height);
        slots->picture[0] =
            x11_link_picture(link, slots->pixmap[0], link->frame_format[slots->kind]);
    }
    ret = slots->way == X11_SEND ? x11_link_sync(link) : warm_up(slots, link);
    int bytes_per_s = slots->way == X11_SEND ? SEND_BYTES_PER_S : COPY_BYTES_PER_S;
    link->answer_ns = X11_ANSWER_NS + (int64_t)slots->slot_stride_bytes * (NS_PER_S / bytes_per_s);
    return ret;
}

void x11_slots_detach(struct x11_slots *slots, struct x11_link *link)
{
    if (!slots->way)
        return;
    /* The server stays attached as long as one pixmap exists. */
    free_pixmaps(slots, link);
    if (slots->gc)
        xcb_free_gc(link->xcb, slots->gc);
    if (slots->shm)
        xcb_shm_detach(link->xcb, slots->shm);
    x11_link_flush(link);
    *slots = (struct x11_slots){0};
}

/* ------------------------------------------------------------------ draw */

unsigned int x11_slots_put(struct x11_slots *slots, struct x11_link *link,
                           const struct pf_frame *frame, xcb_drawable_t drawable, xcb_gcontext_t gc,
                           int x, int y)
{
    uint64_t at = slots->offset + frame->slot * slots->slot_stride_bytes;

    if (slots->way == X11_SEND) {
        x11_send(link, frame->plane[0].pixels, (int)frame->plane[0].stride_bytes, slots->width,
                 slots->height, drawable, gc, x, y);
        return 0;
    }
    return xcb_shm_put_image(link->xcb, drawable, gc, (uint16_t)slots->stride_pixels,
                             (uint16_t)slots->height, 0, 0, (uint16_t)slots->width,
                             (uint16_t)slots->height, (int16_t)x, (int16_t)y,
                             x11_depth(slots->kind), XCB_IMAGE_FORMAT_Z_PIXMAP, true, slots->shm,
                             (uint32_t)at)
        .sequence;
}

unsigned int x11_slots_copy(struct x11_slots *slots, struct x11_link *link,
                            const struct pf_frame *frame, xcb_pixmap_t pixmap)
{
    if (slots->way != X11_SHARED)
        return x11_slots_put(slots, link, frame, pixmap, slots->gc, 0, 0);
    xcb_copy_area(link->xcb, slots->pixmap[frame->slot], pixmap, slots->gc, 0, 0, 0, 0,
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
                              slots->way == X11_SHARED && slots->stride_pixels > slots->width,
                              place);
}
