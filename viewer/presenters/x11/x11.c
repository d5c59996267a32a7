/* SPDX-License-Identifier: MIT */
/*
 * The X server reads the producer's pages: the viewer copies no pixel. One to four requests show a
 * frame. Events and replies report the result later, in any order; sent.h has the table of the
 * frames that were sent. RENDER also reads AR24, R8, and XR30 for a screen of 30 bits. Other frames
 * are first converted to XR24 in shared memory of the viewer's own (staging.h), and shown from
 * there in the same ways.
 *
 *   direct   the window is as large as the frame: Present shows the slot's own pixmap, except
 *            with vsync and two slots: then as scaled
 *   scaled   RENDER scales from the slot to a back pixmap, and Present shows that
 *   put      without shared pixmaps, Present or RENDER, or as x11-put: ShmPutImage copies from
 *            the slot to the window, or to a pixmap that RENDER scales from
 *   send     where the server cannot attach the segment, or as x11-send: like put, but the
 *            pixels go through the connection
 *
 * Between attach and detach only wait_x11() waits for the server, and not forever, so that a server
 * that has stopped cannot block the loop; `send` waits for the connection, as watchdog.h describes.
 * readiness.h has the rule for when each connection is read.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/format.h"
#include "core/log.h"
#include "events.h"
#include "media/unpack.h"
#include "overlay_window.h"
#include "painter.h"
#include "presenters/display_loss.h"
#include "presenters/window.h"
#include "sent.h"
#include "slots.h"
#include "staging.h"
#include "waker.h"

enum { CONNECTION_SDL, CONNECTION_OWN, CONNECTIONS };

struct x11_presenter {
    struct presenter presenter;
    struct window window;
    struct x11_link link;
    struct x11_staging staging;
    struct x11_slots slots;
    struct x11_painter painter;
    struct x11_overlay_window overlay;
    struct waker waker;
    struct readiness connections[CONNECTIONS];
    unsigned int ways; /* that the presenter may use: bits of slots.h */
    bool vsync;
    bool may_replace; /* a newer frame may replace one that waits for the vblank */

    struct placement place;      /* of the segment's frames */
    struct x11_sent_table table; /* of the frames that were sent */
    bool redraws_frozen;         /* once the frames before it have appeared in the window */
};

static struct x11_presenter *of(struct presenter *presenter)
{
    return (struct x11_presenter *)presenter;
}

/* ------------------------------------------------------------------ the window's size */

static void create_backs(struct x11_presenter *self)
{
    x11_painter_fit(&self->painter);
    for (int i = 0; i < X11_SENT_MAX; i++)
        self->table.sent[i].back = -1;
}

/* The window or the segment has changed. */
static void fit(struct x11_presenter *self)
{
    self->window.resized = false;
    self->place = x11_painter_place(&self->painter, self->slots.width, self->slots.height);
    create_backs(self);
    x11_slots_scale(&self->slots, &self->link, &self->place);
}

/* By RENDER, into a back pixmap. */
static void compose(struct x11_presenter *self, xcb_render_picture_t picture, int back)
{
    x11_painter_compose(&self->painter, self->slots.kind, picture, self->slots.width,
                        self->slots.height, &self->place, &self->painter.back[back]);
}

static bool is_scaled(const struct x11_presenter *self)
{
    return self->place.width != self->slots.width || self->place.height != self->slots.height;
}

static bool fills_window(const struct x11_presenter *self)
{
    return self->link.is_xrgb && self->slots.kind == X11_OPAQUE && self->place.x == 0 &&
           self->place.y == 0 && self->slots.width == self->window.width &&
           self->slots.height == self->window.height && !is_scaled(self);
}

/* ------------------------------------------------------------------ a frame */

/* One frame at a time, unless a newer frame may replace one that waits for the vblank. */
static bool ready(const struct presenter *presenter)
{
    const struct x11_presenter *self = (const struct x11_presenter *)presenter;

    if (!self->may_replace || self->slots.way != X11_SHARED)
        return x11_sent_count(&self->table, ~0u) < 1;
    return x11_sent_count(&self->table, WAITS_FOR_SLOT | WAITS_FOR_DRAWING) < X11_BACKS &&
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
    compose(self, self->slots.picture[slot], sent->back);
    sent->slot_reply = request_reply(self);
    present(self, sent, self->painter.back[sent->back].pixmap);
}

/* The slot has been copied: nothing reads it any more. */
static void release_copied(struct x11_presenter *self, struct x11_sent *sent)
{
    sent->waits &= ~(unsigned int)WAITS_FOR_SLOT;
    sent->done.user_copies++;
    if (!sent->is_staged)
        pf_viewer_release(self->presenter.viewer, &sent->done.frame);
}

/* Where the display cannot read the frame: convert it, and release the original. Returns false if
 * there is no memory free to convert it into: then the frame is skipped. */
static bool stage(struct x11_presenter *self, struct x11_sent *sent, const struct pf_frame *frame)
{
    if (!self->staging.base)
        return true;
    bool is_converted =
        x11_staging_convert(&self->staging, &self->table, &self->painter.background, sent);
    pf_viewer_release(self->presenter.viewer, frame);
    if (!is_converted) {
        sent->done.skipped = true;
        sent->done.done_ns = clock_now_ns();
    }
    return is_converted;
}

static void show_put(struct x11_presenter *self, struct x11_sent *sent)
{
    const struct pf_frame *frame = &sent->done.frame;
    bool has_failed = false;

    sent->waits = WAITS_FOR_SLOT | WAITS_FOR_DRAWING;
    if (!self->link.has_render && is_scaled(self))
        has_failed = x11_painter_send_scaled(&self->painter, &frame->plane[0], self->slots.width,
                                             self->slots.height) < 0;
    else if (fills_window(self) || !self->link.has_render)
        sent->put = x11_slots_put(&self->slots, &self->link, frame, self->link.window,
                                  self->link.gc, self->place.x, self->place.y);
    else
        sent->put = x11_slots_copy(&self->slots, &self->link, frame, self->slots.pixmap[0]);
    if (!sent->put)
        release_copied(self, sent);
    if (self->link.has_render && !fills_window(self)) {
        compose(self, self->slots.picture[0], 0);
        x11_painter_copy_to_window(&self->painter, &self->painter.back[0]);
    }
    if (!sent->put || (self->link.has_render && !fills_window(self)))
        sent->drawing_reply = request_reply(self);
    if (has_failed || self->link.is_cut) {
        sent->done.skipped = true;
        sent->done.user_copies = 0;
    }
}

static int show(struct presenter *presenter, const struct pf_frame *frame, bool again)
{
    struct x11_presenter *self = of(presenter);
    struct x11_sent *sent = x11_sent_add(&self->table, frame, again);

    if (self->window.resized)
        fit(self);
    if (stage(self, sent, frame)) { /* fails after many pauses: else ready() keeps a slot free */
        if (self->slots.way == X11_SHARED)
            show_shared(self, sent, sent->done.frame.slot);
        else
            show_put(self, sent);
    }
    x11_link_flush(&self->link);
    sent->flush_ns = clock_now_ns();
    /* finish_part() in sent.c releases the slot when the server has read it. */
    return x11_link_is_lost(&self->link) ? display_loss_closed() : 0;
}

/* ------------------------------------------------------------------ a frozen frame */

/* May a frame that was sent still appear in the window? */
static bool is_presenting(const struct x11_presenter *self)
{
    return x11_sent_count(&self->table, WAITS_FOR_DRAWING | WAITS_FOR_RESULT) > 0;
}

static int freeze(struct presenter *presenter, const struct pf_frame *frame)
{
    struct x11_presenter *self = of(presenter);
    bool is_copied;

    x11_painter_thaw(&self->painter);
    if (!frame)
        return 0;
    struct x11_sent *sent = x11_sent_add(&self->table, frame, true);
    if (!sent) { /* many pauses before the server has answered: the window keeps its content */
        pf_viewer_release(presenter->viewer, frame);
        return 0;
    }
    if (!stage(self, sent, frame))
        return 0;
    sent->waits = WAITS_FOR_SLOT;
    int ret =
        x11_painter_freeze(&self->painter, &self->slots, &sent->done.frame, &sent->put, &is_copied);
    if (is_copied)
        release_copied(self, sent);
    else if (!sent->put)
        sent->slot_reply = request_reply(self);
    if (ret == 0) /* else the window keeps its content */
        x11_painter_draw_frozen(&self->painter);
    self->redraws_frozen = is_presenting(self);
    sent->flush_ns = clock_now_ns();
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
        /* It returned before its queue was empty, or a call has read ahead. */
        if (*command != COMMAND_NONE || x11_events_are_waiting())
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
    if (*command == COMMAND_REDRAW && x11_painter_has_frozen(&self->painter)) {
        x11_painter_draw_frozen(&self->painter);
        *command = COMMAND_NONE;
    }
    if (self->redraws_frozen && !is_presenting(self)) {
        self->redraws_frozen = false;
        if (x11_painter_has_frozen(&self->painter))
            x11_painter_draw_frozen(&self->painter);
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
    return unpack_supports(format);
}

/* How the server reads such frames; X11_KINDS: not at all. */
static enum x11_kind kind_of(const struct x11_link *link, const struct pf_format *format)
{
    const struct pf_color color = format_color(format);

    if (unpack_is_copy(format))
        return X11_OPAQUE;
    if (color.range != PF_RANGE_FULL)
        return X11_KINDS;
    enum x11_kind kind = format->fourcc == PF_FOURCC_R8     ? X11_MASK
                         : format->fourcc == PF_FOURCC_XR30 ? X11_DEEP
                         : format->fourcc == PF_FOURCC_AR24 && color.alpha == PF_ALPHA_PREMULTIPLIED
                             ? X11_ALPHA
                             : X11_KINDS;
    return kind != X11_KINDS && link->frame_format[kind] ? kind : X11_KINDS;
}

/* Returns as x11_slots_attach(). */
static int attach_segment(struct x11_presenter *self, const char **reason)
{
    const struct pf_segment *segment = pf_viewer_segment(self->presenter.viewer);
    enum x11_kind kind = kind_of(&self->link, &segment->format);
    unsigned int shared = self->ways & ~(unsigned int)X11_SEND;
    int ret = -ENOTSUP;

    if (kind == X11_OPAQUE)
        return x11_slots_attach(&self->slots, &self->link, segment, kind, self->ways, reason);
    if (kind != X11_KINDS && shared)
        ret = x11_slots_attach(&self->slots, &self->link, segment, kind, shared, reason);
    if (ret != -ENOTSUP)
        return ret;
    ret = x11_staging_open(&self->staging, &segment->format);
    return ret < 0 ? ret
                   : x11_slots_attach(&self->slots, &self->link, &self->staging.segment, X11_OPAQUE,
                                      self->ways, reason);
}

static int join_segment(struct x11_presenter *self, const char **reason)
{
    int ret = attach_segment(self, reason);

    if (ret < 0)
        return ret;
    self->presenter.way = self->slots.way == X11_SHARED ? "x11-present"
                          : self->slots.way == X11_PUT  ? "x11-putimage"
                                                        : "x11-send";
    self->presenter.has_vsync = self->vsync && self->slots.way == X11_SHARED;
    fit(self);
    return 0;
}

static int attach(struct presenter *presenter)
{
    const char *reason = "";
    int ret = join_segment(of(presenter), &reason);

    if (ret == -ENOTSUP) {
        log_error("presenter %s: %s; try --presenter x11-send", presenter->ops->name, reason);
        return -ENODEV;
    }
    return ret;
}

static void detach(struct presenter *presenter)
{
    struct x11_presenter *self = of(presenter);

    x11_sent_drain(&self->table, &self->link);
    x11_slots_detach(&self->slots, &self->link);
    x11_staging_close(&self->staging);
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

static int open_with(struct presenter **presenter, const struct presenter_config *config,
                     struct pf_viewer *viewer, const char **reason, const struct presenter_ops *ops,
                     unsigned int ways)
{
    if (!window_has_x11()) {
        *reason = "DISPLAY is not set";
        return -ENOTSUP;
    }
    struct x11_presenter *self = calloc(1, sizeof *self);
    if (!self)
        return log_out_of_memory("presenter x11");
    self->presenter = (struct presenter){.ops = ops, .viewer = viewer};
    self->table.viewer = viewer;
    self->painter.background = config->background;
    self->painter.link = &self->link;
    self->painter.window = &self->window;
    self->ways = ways;
    self->vsync = config->vsync;
    self->may_replace = config->vsync && config->may_skip && (ways & X11_SHARED);
    int ret = window_open(&self->window, "x11", config, &pf_viewer_segment(viewer)->format, reason);
    if (ret < 0)
        goto failed;
    ret = x11_link_open(&self->link, self->window.sdl, reason);
    if (ret < 0)
        goto failed;
    ret = join_segment(self, reason);
    if (ret < 0)
        goto failed;
    x11_painter_fill_black(&self->painter, self->link.window);
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

/* As `auto` it also sends the pixels where no memory can be shared, now or after a format change.
 */
static int open_x11(struct presenter **presenter, const struct presenter_config *config,
                    struct pf_viewer *viewer, const char **reason)
{
    unsigned int send = strcmp(config->name, "auto") == 0 ? X11_SEND : 0;

    return open_with(presenter, config, viewer, reason, &presenter_x11_ops,
                     X11_SHARED | X11_PUT | send);
}

static int open_x11_put(struct presenter **presenter, const struct presenter_config *config,
                        struct pf_viewer *viewer, const char **reason)
{
    return open_with(presenter, config, viewer, reason, &presenter_x11_put_ops, X11_PUT);
}

static int open_x11_send(struct presenter **presenter, const struct presenter_config *config,
                         struct pf_viewer *viewer, const char **reason)
{
    return open_with(presenter, config, viewer, reason, &presenter_x11_send_ops, X11_SEND);
}

#define X11_VERBS                                                                                  \
    .supports = supports, .detach = detach, .attach = attach, .ready = ready, .show = show,        \
    .freeze = freeze, .poll = poll_x11, .wait = wait_x11, .set_status = set_status,                \
    .close = close_x11

const struct presenter_ops presenter_x11_ops = {
    .name = "x11",
    .summary =
        "the X server shows the producer's own pages; no copy in any user process, except to "
        "convert formats that the server cannot read",
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

const struct presenter_ops presenter_x11_send_ops = {
    .name = "x11-send",
    .summary = "sends the pixels to the X server, also to one on another machine; one copy, and a "
               "conversion of formats other than XR24",
    .open = open_x11_send,
    X11_VERBS,
};
