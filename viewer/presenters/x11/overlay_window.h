/* SPDX-License-Identifier: MIT */
/*
 * The overlay: a child window that has it as its background. The server keeps the child window and
 * the frames apart, so nothing flickers and no frame is drawn on. The window selects no events:
 * clicks and keys go to SDL's window.
 */
#ifndef VIEWER_PRESENTERS_X11_OVERLAY_WINDOW_H
#define VIEWER_PRESENTERS_X11_OVERLAY_WINDOW_H

#include "link.h"

struct canvas;

struct x11_overlay_window {
    xcb_window_t window; /* XCB_NONE: not created yet; the first show creates it */
    bool is_shown;
};

/* Show the canvas from now on; NULL: hide the overlay. Does nothing unless the window's pixels are
 * XR24. */
void x11_overlay_window_show(struct x11_overlay_window *overlay, struct x11_link *link,
                             const struct canvas *canvas);

#endif
