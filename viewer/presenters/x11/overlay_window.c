/* SPDX-License-Identifier: MIT */
/* The pixels are sent, at most twice a second: about 0.6 MB at scale 1. */
#include "overlay_window.h"

#include "media/canvas.h"
#include "send.h"

static void create_window(struct x11_overlay_window *overlay, struct x11_link *link)
{
    overlay->window = xcb_generate_id(link->xcb);
    xcb_create_window(link->xcb, XCB_COPY_FROM_PARENT, overlay->window, link->window, 0, 0, 1, 1, 0,
                      XCB_WINDOW_CLASS_INPUT_OUTPUT, XCB_COPY_FROM_PARENT, 0, NULL);
}

static void set_background(struct x11_overlay_window *overlay, struct x11_link *link,
                           const struct canvas *canvas)
{
    uint32_t size[] = {canvas->width, canvas->height};
    xcb_pixmap_t pixmap =
        x11_link_pixmap(link, X11_FRAME_DEPTH, (int)canvas->width, (int)canvas->height);

    x11_send(link, (const uint8_t *)canvas->pixels, (int)canvas->stride_bytes, (int)canvas->width,
             (int)canvas->height, pixmap, link->gc, 0, 0);
    xcb_configure_window(link->xcb, overlay->window,
                         XCB_CONFIG_WINDOW_WIDTH | XCB_CONFIG_WINDOW_HEIGHT, size);
    xcb_change_window_attributes(link->xcb, overlay->window, XCB_CW_BACK_PIXMAP, &pixmap);
    xcb_clear_area(link->xcb, false, overlay->window, 0, 0, 0, 0);
    xcb_free_pixmap(link->xcb, pixmap); /* the server keeps it as the background */
}

void x11_overlay_window_show(struct x11_overlay_window *overlay, struct x11_link *link,
                             const struct canvas *canvas)
{
    if (!link->is_xrgb || (!canvas && !overlay->is_shown))
        return;
    if (!overlay->window)
        create_window(overlay, link);
    if (canvas) {
        set_background(overlay, link, canvas);
        xcb_map_window(link->xcb, overlay->window);
    } else {
        xcb_unmap_window(link->xcb, overlay->window);
    }
    overlay->is_shown = canvas;
    x11_link_flush(link);
}
