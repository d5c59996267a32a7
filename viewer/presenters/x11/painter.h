/* SPDX-License-Identifier: MIT */
/*
 * How a frame gets from a picture or from memory into the window: RENDER scales it into one of two
 * back pixmaps of the window's size. On a server without RENDER this process scales the frame, and
 * sends the result. Also the copy of a frame that stays on display while the viewer is paused.
 */
#ifndef VIEWER_PRESENTERS_X11_PAINTER_H
#define VIEWER_PRESENTERS_X11_PAINTER_H

#include "link.h"
#include "media/background.h"
#include "presenters/window.h"
#include "slots.h"

enum { X11_BACKS = 2 };

struct x11_back {
    xcb_pixmap_t pixmap;
    xcb_render_picture_t picture;
};

struct x11_painter {
    struct x11_link *link;
    const struct window *window;
    struct background background;
    struct x11_back back[X11_BACKS];    /* with RENDER; of the window's size at x11_painter_fit() */
    xcb_render_picture_t white, behind; /* for X11_MASK and X11_ALPHA; made when needed */

    /* The frozen frame: in the server with RENDER, else in this process. All zero: none. */
    int frozen_width, frozen_height;
    enum x11_kind frozen_kind;
    xcb_pixmap_t frozen;
    xcb_render_picture_t frozen_picture;
    SDL_Surface *frozen_surface;
};

/* Create new back pixmaps of the window's size, black where no frame will be. The server keeps an
 * old one until it is shown. */
void x11_painter_fit(struct x11_painter *painter);

void x11_painter_fill_black(struct x11_painter *painter, xcb_drawable_t drawable);

struct placement x11_painter_place(const struct x11_painter *painter, int width, int height);

/* Draw the picture of a frame of width x height, which is scaled already, at `place` into a back
 * pixmap. */
void x11_painter_compose(struct x11_painter *painter, enum x11_kind kind,
                         xcb_render_picture_t picture, int width, int height,
                         const struct placement *place, const struct x11_back *back);
void x11_painter_copy_to_window(struct x11_painter *painter, const struct x11_back *back);

/* Scale the frame of width x height in this process, and send it to the window. Returns 0, or
 * -ENOMEM, logged. */
int x11_painter_send_scaled(struct x11_painter *painter, const struct pf_plane *plane, int width,
                            int height);

/*
 * Start to copy the frame. Returns 0, or -ENOMEM, logged. *put is the sequence number that
 * ShmCompletion will contain, or 0. `is_copied`: the slot is not read any more.
 */
int x11_painter_freeze(struct x11_painter *painter, struct x11_slots *slots,
                       const struct pf_frame *frame, unsigned int *put, bool *is_copied);
bool x11_painter_has_frozen(const struct x11_painter *painter);
void x11_painter_draw_frozen(struct x11_painter *painter);
void x11_painter_thaw(struct x11_painter *painter);

#endif
