/* SPDX-License-Identifier: MIT */
/*
 * The X server reads the producer's pages: the viewer copies no pixel. One to four requests show a
 * frame. Events and replies report the result later, in any order; sent.h has the table of the
 * frames that were sent.
 *
 *   direct   the window is as large as the frame: Present shows the slot's own pixmap, except
 *            with vsync and two slots: then as scaled
 *   scaled   RENDER scales from the slot to a back pixmap, and Present shows that
 *   put      without shared pixmaps, Present or RENDER, or as x11-put: ShmPutImage copies from
 *            the slot to the window, or to a pixmap that RENDER scales from
 *
 * Between attach and detach only wait_x11() waits for the server, and not forever, so that a server
 * that has stopped cannot block the loop. readiness.h has the rule for when each connection is
 * read.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "overlay_window.h"
#include "presenters/window.h"
#include "sent.h"
#include "slots.h"
#include "waker.h"

enum { BACKS = 2 };

enum { CONNECTION_SDL, CONNECTION_OWN, CONNECTIONS };

struct back {
    xcb_pixmap_t pixmap;
    xcb_render_picture_t picture;
};

struct x11_presenter {
    struct presenter presenter;
    struct window window;
    struct x11_link link;
    struct x11_slots slots;
    struct x11_overlay_window overlay;
    struct waker waker;
    struct readiness connections[CONNECTIONS];
    bool may_share;
    bool vsync;
    bool may_replace; /* a newer frame may replace one that waits for the vblank */

    struct placement place; /* of the segment's frames */
    struct back back[BACKS];
    int back_width, back_height;

    struct x11_sent_table table; /* of the frames that were sent */

    xcb_pixmap_t frozen; /* freeze()'s copy of a frame, in the server; XCB_NONE: none */
    xcb_render_picture_t frozen_picture;
    int frozen_width, frozen_height;
};

static struct x11_presenter *of(struct presenter *presenter)
{
    return (struct x11_presenter *)presenter;
}

/* ------------------------------------------------------------------ the window's size */

static struct placement place_in_window(const struct x11_presenter *self, int width, int height)
{
    /* Without RENDER there is nothing to scale with. */
    return placement_of_frame(width, height, self->window.width, self->window.height,
                              self->window.one_to_one || !self->link.has_render);
}

static void free_backs(struct x11_presenter *self)
{
    for (int i = 0; i < BACKS; i++) {
        if (self->back[i].picture)
            xcb_render_free_picture(self->link.xcb, self->back[i].picture);
        if (self->back[i].pixmap)
            xcb_free_pixmap(self->link.xcb, self->back[i].pixmap);
        self->back[i] = (struct back){0};
    }
}

static void fill_black(struct x11_presenter *self, xcb_drawable_t drawable)
{
    xcb_rectangle_t all = {.width = (uint16_t)self->window.width,
                           .height = (uint16_t)self->window.height};

    xcb_poly_fill_rectangle(self->link.xcb, drawable, self->link.gc, 1, &all);
}

/* Create new back pixmaps, black where no frame will be. An old one that a sent frame was composed
 * in can be freed: the server keeps it until it is shown. */
static void create_backs(struct x11_presenter *self)
{
    struct x11_link *link = &self->link;

    free_backs(self);
    self->back_width = self->window.width;
    self->back_height = self->window.height;
    for (int i = 0; i < BACKS && link->has_render; i++) {
        self->back[i].pixmap =
            x11_link_pixmap(link, link->depth, self->window.width, self->window.height);
        self->back[i].picture = x11_link_picture(link, self->back[i].pixmap, link->window_format);
        fill_black(self, self->back[i].pixmap);
    }
    for (int i = 0; i < X11_SENT_MAX; i++)
        self->table.sent[i].back = -1;
}

/* The window or the segment has changed. */
static void fit(struct x11_presenter *self)
{
    self->window.resized = false;
    self->place = place_in_window(self, self->slots.width, self->slots.height);
    create_backs(self);
    if (!self->link.has_render)
        fill_black(self, self->link.window);
    x11_slots_scale(&self->slots, &self->link, &self->place);
}

static bool fills_window(const struct x11_presenter *self)
{
    return self->link.is_xrgb && self->place.x == 0 && self->place.y == 0 &&
           self->slots.width == self->window.width && self->slots.height == self->window.height &&
           self->place.width == self->slots.width;
}

/* ------------------------------------------------------------------ a frame */

/* One frame at a time, unless a newer frame may replace one that waits for the vblank. */
static bool ready(const struct presenter *presenter)
{
    const struct x11_presenter *self = (const struct x11_presenter *)presenter;

    if (!self->may_replace || !self->slots.is_shared)
        return x11_sent_count(&self->table, ~0u) < 1;
    return x11_sent_count(&self->table, WAITS_FOR_SLOT | WAITS_FOR_DRAWING) < BACKS &&
           x11_sent_count(&self->table, ~0u) < X11_SENT_MAX - 1; /* the last is for freeze() */
}

static unsigned int request_reply(struct x11_presenter *self)
{
    return xcb_get_input_focus(self->link.xcb).sequence;
}

static void present(struct x11_presenter *self, struct x11_sent *sent, xcb_pixmap_t pixmap)
{
    /* Without COPY the server may show the pixmap itself, and keep it until the next frame. */
    uint32_t options = XCB_PRESENT_OPTION_COPY | (self->vsync ? 0 : XCB_PRESENT_OPTION_ASYNC);

    xcb_present_pixmap(self->link.xcb, self->link.window, pixmap, sent->serial, XCB_NONE, XCB_NONE,
                       0, 0, XCB_NONE, XCB_NONE, XCB_NONE, options, 0, 0, 0, 0, NULL);
    sent->waits |= WAITS_FOR_DRAWING | WAITS_FOR_RESULT;
}

/* Returns a back pixmap that no frame is waiting in; ready() ensures that there is one. */
static int free_back(const struct x11_presenter *self)
{
    return x11_sent_uses_back(&self->table, 0) ? 1 : 0;
}

static void compose(struct x11_presenter *self, xcb_render_picture_t picture,
                    const struct placement *place, int back)
{
    xcb_render_composite(self->link.xcb, XCB_RENDER_PICT_OP_SRC, picture, XCB_NONE,
                         self->back[back].picture, 0, 0, 0, 0, (int16_t)place->x, (int16_t)place->y,
                         (uint16_t)place->width, (uint16_t)place->height);
}

static void copy_to_window(struct x11_presenter *self, int back)
{
    xcb_copy_area(self->link.xcb, self->back[back].pixmap, self->link.window, self->link.gc, 0, 0,
                  0, 0, (uint16_t)self->back_width, (uint16_t)self->back_height);
}

static void show_shared(struct x11_presenter *self, struct x11_sent *sent, uint32_t slot)
{
    /* With two slots, one that waits for the vblank would block the producer. Composing in the back
     * pixmap frees the slot in a few ms. */
    bool is_direct = fills_window(self) && !(self->vsync && self->slots.count == 2);

    sent->waits = WAITS_FOR_SLOT;
    if (is_direct) {
        present(self, sent, self->slots.pixmap[slot]);
        return;
    }
    sent->back = free_back(self);
    compose(self, self->slots.picture[slot], &self->place, sent->back);
    sent->slot_reply = request_reply(self);
    present(self, sent, self->back[sent->back].pixmap);
}

static void show_put(struct x11_presenter *self, struct x11_sent *sent, uint32_t slot)
{
    bool is_direct = fills_window(self) || !self->link.has_render;

    sent->waits = WAITS_FOR_SLOT | WAITS_FOR_DRAWING;
    sent->put = is_direct ? x11_slots_put(&self->slots, &self->link, slot, self->link.window,
                                          self->link.gc, self->place.x, self->place.y)
                                .sequence
                          : x11_slots_copy(&self->slots, &self->link, slot, self->slots.pixmap[0]);
    if (is_direct)
        return;
    compose(self, self->slots.picture[0], &self->place, 0);
    copy_to_window(self, 0);
    sent->drawing_reply = request_reply(self);
}

static int show(struct presenter *presenter, const struct pf_frame *frame, bool again)
{
    struct x11_presenter *self = of(presenter);
    struct x11_sent *sent = x11_sent_add(&self->table, frame, again);

    if (self->window.resized)
        fit(self);
    if (self->slots.is_shared)
        show_shared(self, sent, frame->slot);
    else
        show_put(self, sent, frame->slot);
    xcb_flush(self->link.xcb);
    return 0; /* finish_part() in sent.c releases the slot when the server has read it */
}

/* ------------------------------------------------------------------ a frozen frame */

static void free_frozen(struct x11_presenter *self)
{
    if (!self->frozen)
        return;
    if (self->frozen_picture)
        xcb_render_free_picture(self->link.xcb, self->frozen_picture);
    xcb_free_pixmap(self->link.xcb, self->frozen);
    self->frozen = XCB_NONE;
    self->frozen_picture = XCB_NONE;
}

static void draw_frozen(struct x11_presenter *self)
{
    struct x11_link *link = &self->link;
    struct placement place = place_in_window(self, self->frozen_width, self->frozen_height);

    if (self->window.width != self->back_width || self->window.height != self->back_height ||
        self->window.resized)
        create_backs(self); /* the next frame calls fit() */
    if (self->frozen_picture) {
        x11_scale_picture(link, self->frozen_picture, self->frozen_width, self->frozen_height,
                          false, &place);
        /* Back 0 may be waiting to be presented; the window then shows the frozen frame twice. */
        compose(self, self->frozen_picture, &place, 0);
        copy_to_window(self, 0);
    } else {
        fill_black(self, link->window);
        xcb_copy_area(link->xcb, self->frozen, link->window, link->gc, 0, 0, (int16_t)place.x,
                      (int16_t)place.y, (uint16_t)place.width, (uint16_t)place.height);
    }
    xcb_flush(link->xcb);
}

static int freeze(struct presenter *presenter, const struct pf_frame *frame)
{
    struct x11_presenter *self = of(presenter);
    struct x11_link *link = &self->link;
    struct x11_slots *slots = &self->slots;

    free_frozen(self);
    if (!frame)
        return 0;
    struct x11_sent *sent = x11_sent_add(&self->table, frame, true);
    if (!sent) { /* many pauses before the server has answered: the window keeps its content */
        pf_viewer_release(presenter->viewer, frame);
        return 0;
    }
    self->frozen_width = slots->width;
    self->frozen_height = slots->height;
    self->frozen = x11_link_pixmap(link, X11_FRAME_DEPTH, slots->width, slots->height);
    self->frozen_picture = x11_link_picture(link, self->frozen, link->frame_format);

    sent->waits = WAITS_FOR_SLOT;
    sent->put = x11_slots_copy(slots, link, frame->slot, self->frozen);
    if (!sent->put)
        sent->slot_reply = request_reply(self);
    draw_frozen(self);
    return 0;
}

/* ------------------------------------------------------------------ events, status */

/* Only a check of our own connection: SDL's is marked where a call may read ahead. */
static void mark_read_ahead(struct x11_presenter *self)
{
    if (x11_link_has_read_ahead(&self->link))
        readiness_mark(&self->connections[CONNECTION_OWN]);
}

/* While no other frame can be sent, the loop needs only the display's events. Waiting here
 * avoids a wake-up through the waker's thread. */
static void wait_x11(struct presenter *presenter, int64_t timeout_ns)
{
    struct x11_presenter *self = of(presenter);
    struct pollfd sockets[CONNECTIONS];

    mark_read_ahead(self);
    for (int i = 0; i < CONNECTIONS; i++) {
        if (readiness_is_marked(&self->connections[i]))
            return;
        sockets[i] = (struct pollfd){.fd = self->connections[i].fd, .events = POLLIN};
    }
    if (poll(sockets, CONNECTIONS, (int)((timeout_ns + NS_PER_MS - 1) / NS_PER_MS)) <= 0)
        return;
    for (int i = 0; i < CONNECTIONS; i++)
        if (sockets[i].revents != 0)
            readiness_mark(&self->connections[i]);
}

static int poll_x11(struct presenter *presenter, struct presented *done, enum command *command)
{
    struct x11_presenter *self = of(presenter);
    int64_t now_ns = clock_now_ns();
    int ret = 0;

    *command = COMMAND_NONE;
    if (readiness_take(&self->connections[CONNECTION_SDL], now_ns)) {
        *command = window_poll(&self->window);
        if (*command != COMMAND_NONE) /* it returned before its queue was empty */
            readiness_mark(&self->connections[CONNECTION_SDL]);
    }
    mark_read_ahead(self);
    while (ret == 0 && readiness_take(&self->connections[CONNECTION_OWN], now_ns)) {
        ret = x11_sent_process_replies(&self->table, &self->link);
        mark_read_ahead(self); /* else the loop might sleep on what this has read ahead */
    }
    if (ret == 0)
        ret = x11_sent_check(&self->table, &self->link);
    if (ret < 0)
        return ret;
    presenter->overlay_scale = window_overlay_scale(&self->window);
    if (*command == COMMAND_REDRAW && self->frozen) {
        draw_frozen(self);
        *command = COMMAND_NONE;
    }
    return x11_sent_take_done(&self->table, done);
}

static void set_status(struct presenter *presenter, const char *title,
                       const struct canvas *overlay_canvas)
{
    struct x11_presenter *self = of(presenter);

    if (title) {
        window_set_title(&self->window, title);
        readiness_mark(&self->connections[CONNECTION_SDL]);
    }
    x11_overlay_window_show(&self->overlay, &self->link, overlay_canvas);
}

/* ------------------------------------------------------------------ open, attach, close */

static bool supports(const struct pf_format *format)
{
    return format->fourcc == PF_FOURCC_XR24;
}

static int join_segment(struct x11_presenter *self, const char **reason)
{
    int ret = x11_slots_attach(&self->slots, &self->link, pf_viewer_segment(self->presenter.viewer),
                               self->may_share, reason);
    if (ret < 0)
        return ret;
    self->presenter.way = self->slots.is_shared ? "x11-present" : "x11-putimage";
    fit(self);
    return 0;
}

static int attach(struct presenter *presenter)
{
    const char *reason;
    int ret = join_segment(of(presenter), &reason);

    if (ret == -ENOTSUP) {
        log_error("presenter %s: %s; try --presenter sdl", presenter->ops->name, reason);
        return -ENODEV;
    }
    return ret;
}

static void detach(struct presenter *presenter)
{
    struct x11_presenter *self = of(presenter);

    x11_sent_drain(&self->table, &self->link);
    x11_slots_detach(&self->slots, &self->link);
}

static void close_x11(struct presenter *presenter)
{
    struct x11_presenter *self = of(presenter);

    waker_stop(&self->waker);
    if (self->link.xcb) {
        detach(presenter);
        x11_link_close(&self->link); /* the server frees pixmaps and pictures */
    }
    window_close(&self->window);
    free(self);
}

static int open_either(struct presenter **presenter, const struct presenter_config *config,
                       struct pf_viewer *viewer, const char **reason, bool may_share)
{
    if (!window_has_x11()) {
        *reason = "DISPLAY is not set";
        return -ENOTSUP;
    }
    struct x11_presenter *self = calloc(1, sizeof *self);
    if (!self)
        return log_out_of_memory("presenter x11");
    self->presenter =
        (struct presenter){.ops = may_share ? &presenter_x11_ops : &presenter_x11_put_ops,
                           .viewer = viewer};
    self->table.viewer = viewer;
    self->may_share = may_share;
    self->vsync = config->vsync;
    self->may_replace = config->vsync && config->may_skip && may_share;
    int ret = window_open(&self->window, "x11", config, &pf_viewer_segment(viewer)->format, reason);
    if (ret < 0)
        goto failed;
    ret = x11_link_open(&self->link, self->window.sdl, reason);
    if (ret < 0)
        goto failed;
    ret = join_segment(self, reason);
    if (ret < 0)
        goto failed;
    fill_black(self, self->link.window);
    /* The waker watches our own connection only if a newer frame may replace one that waits: else
     * the loop waits for frames only while nothing of this connection is outstanding. */
    readiness_init(&self->connections[CONNECTION_SDL], self->link.sdl_fd);
    readiness_init(&self->connections[CONNECTION_OWN], xcb_get_file_descriptor(self->link.xcb));
    ret = waker_start(&self->waker, viewer, self->connections, self->may_replace ? CONNECTIONS : 1);
    if (ret < 0)
        goto failed;
    *presenter = &self->presenter;
    return 0;

failed:
    close_x11(&self->presenter);
    return ret;
}

static int open_x11(struct presenter **presenter, const struct presenter_config *config,
                    struct pf_viewer *viewer, const char **reason)
{
    return open_either(presenter, config, viewer, reason, true);
}

static int open_x11_put(struct presenter **presenter, const struct presenter_config *config,
                        struct pf_viewer *viewer, const char **reason)
{
    return open_either(presenter, config, viewer, reason, false);
}

#define X11_VERBS                                                                                  \
    .supports = supports, .detach = detach, .attach = attach, .ready = ready, .show = show,        \
    .freeze = freeze, .poll = poll_x11, .wait = wait_x11, .set_status = set_status,                \
    .close = close_x11

const struct presenter_ops presenter_x11_ops = {
    .name = "x11",
    .summary = "the X server shows the producer's own pages; no copy in any user process",
    .is_for_auto = true,
    .open = open_x11,
    X11_VERBS,
};

const struct presenter_ops presenter_x11_put_ops = {
    .name = "x11-put",
    .summary = "like x11, but by ShmPutImage only: faster on servers that copy, may tear",
    .open = open_x11_put,
    X11_VERBS,
};
