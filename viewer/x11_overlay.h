/* SPDX-License-Identifier: MIT */
/*
 * A line of text over the picture: a child window whose background is the text. The server keeps it
 * apart from the frames by itself, so nothing flickers and no frame is drawn on. It selects no
 * events: clicks and keys go through to SDL's window.
 */
#ifndef X11_OVERLAY_H
#define X11_OVERLAY_H

#include "x11_link.h"

struct x11_overlay {
    xcb_window_t window; /* XCB_NONE: not made; it is when first shown */
    bool is_shown;
    char text[256];
};

void x11_overlay_say(struct x11_overlay *overlay, struct x11_link *link, const char *text);

/* Only where the window's pixels are XR24; elsewhere it stays hidden. */
void x11_overlay_show(struct x11_overlay *overlay, struct x11_link *link, bool is_shown);

#endif
