/* SPDX-License-Identifier: MIT */
/*
 * The panel over the picture: a child window whose background it is. The server keeps it apart from
 * the frames by itself, so nothing flickers and no frame is drawn on. It selects no events: clicks
 * and keys go through to SDL's window.
 */
#ifndef X11_OVERLAY_H
#define X11_OVERLAY_H

#include "link.h"

struct canvas;

struct x11_overlay {
    xcb_window_t window; /* XCB_NONE: not made; it is when first shown */
    bool is_shown;
};

/* Show `panel` from now on; NULL: nothing. Only where the window's pixels are XR24. */
void x11_overlay_show(struct x11_overlay *overlay, struct x11_link *link,
                      const struct canvas *panel);

#endif
