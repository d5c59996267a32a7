/* SPDX-License-Identifier: MIT */
/* Pixels through the connection to the X server, which works also where no memory can be shared. */
#ifndef VIEWER_PRESENTERS_X11_SEND_H
#define VIEWER_PRESENTERS_X11_SEND_H

#include "link.h"

/*
 * Send `width` x `height` pixels of XR24, with their rows `stride_bytes` apart, to (x, y) of a
 * drawable whose pixels are XR24. Waits while the connection is full; each piece may take 5 s
 * (watchdog.h), so a slow connection may take longer for all of them. A request to exit ends it
 * between two pieces, and sets link->is_cut. The pixels are not read after the return.
 */
void x11_send(struct x11_link *link, const uint8_t *pixels, int stride_bytes, int width, int height,
              xcb_drawable_t drawable, xcb_gcontext_t gc, int x, int y);

#endif
