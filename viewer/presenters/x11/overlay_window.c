/* SPDX-License-Identifier: MIT */
/* The panel goes up by PutImage, twice a second at most: half a megabyte, and no frame. */
#include "overlay_window.h"

#include "media/canvas.h"

static void make_window(struct x11_overlay *overlay, struct x11_link *link)
{
    overlay->window = xcb_generate_id(link->xcb);
    xcb_create_window(link->xcb, XCB_COPY_FROM_PARENT, overlay->window, link->window, 0, 0, 1, 1, 0,
                      XCB_WINDOW_CLASS_INPUT_OUTPUT, XCB_COPY_FROM_PARENT, 0, NULL);
}

static void set_picture(struct x11_overlay *overlay, struct x11_link *link,
                        const struct canvas *panel)
{
    uint32_t size[] = {panel->width, panel->height};
    xcb_pixmap_t pixmap =
        x11_link_pixmap(link, X11_FRAME_DEPTH, (int)panel->width, (int)panel->height);

    xcb_put_image(link->xcb, XCB_IMAGE_FORMAT_Z_PIXMAP, pixmap, link->gc, (uint16_t)panel->width,
                  (uint16_t)panel->height, 0, 0, 0, X11_FRAME_DEPTH,
                  panel->height * panel->stride_bytes, panel->pixels);
    xcb_configure_window(link->xcb, overlay->window,
                         XCB_CONFIG_WINDOW_WIDTH | XCB_CONFIG_WINDOW_HEIGHT, size);
    xcb_change_window_attributes(link->xcb, overlay->window, XCB_CW_BACK_PIXMAP, &pixmap);
    xcb_clear_area(link->xcb, false, overlay->window, 0, 0, 0, 0);
    xcb_free_pixmap(link->xcb, pixmap); /* the server keeps it as the background */
}

void x11_overlay_show(struct x11_overlay *overlay, struct x11_link *link,
                      const struct canvas *panel)
{
    if (!link->is_xrgb || (!panel && !overlay->is_shown))
        return;
    if (!overlay->window)
        make_window(overlay, link);
    if (panel) {
        set_picture(overlay, link, panel);
        xcb_map_window(link->xcb, overlay->window);
    } else {
        xcb_unmap_window(link->xcb, overlay->window);
    }
    overlay->is_shown = panel;
    xcb_flush(link->xcb);
}
