/* SPDX-License-Identifier: MIT */
/* The text is drawn here and goes up by PutImage, twice a second at most: some 90 kB, no frame. */
#include "x11_overlay.h"

#include <stdio.h>
#include <stdlib.h>

#include "glyphs.h"

enum { MARGIN = 6, AMBER = 0xffc040 };

static void draw(struct x11_overlay *overlay, struct x11_link *link)
{
    struct canvas canvas = {.width = glyphs_width(1, overlay->text) + 2 * MARGIN,
                            .height = GLYPH_HEIGHT + 2 * MARGIN};
    uint32_t size[] = {canvas.width, canvas.height};

    canvas.stride_bytes = canvas.width * 4;
    canvas.pixels = calloc(canvas.height, canvas.stride_bytes);
    if (!canvas.pixels)
        return; /* then the last text stays */
    glyphs_draw(&canvas, MARGIN, MARGIN, 1, AMBER, overlay->text);

    xcb_pixmap_t pixmap =
        x11_link_pixmap(link, X11_FRAME_DEPTH, (int)canvas.width, (int)canvas.height);
    xcb_put_image(link->xcb, XCB_IMAGE_FORMAT_Z_PIXMAP, pixmap, link->gc, (uint16_t)canvas.width,
                  (uint16_t)canvas.height, 0, 0, 0, X11_FRAME_DEPTH,
                  canvas.height * canvas.stride_bytes, canvas.pixels);
    xcb_configure_window(link->xcb, overlay->window,
                         XCB_CONFIG_WINDOW_WIDTH | XCB_CONFIG_WINDOW_HEIGHT, size);
    xcb_change_window_attributes(link->xcb, overlay->window, XCB_CW_BACK_PIXMAP, &pixmap);
    xcb_clear_area(link->xcb, false, overlay->window, 0, 0, 0, 0);
    xcb_free_pixmap(link->xcb, pixmap); /* the server keeps it as the background */
    xcb_flush(link->xcb);
    free(canvas.pixels);
}

void x11_overlay_say(struct x11_overlay *overlay, struct x11_link *link, const char *text)
{
    snprintf(overlay->text, sizeof overlay->text, "%s", text);
    if (overlay->is_shown)
        draw(overlay, link);
}

void x11_overlay_show(struct x11_overlay *overlay, struct x11_link *link, bool is_shown)
{
    if (is_shown == overlay->is_shown || !link->is_xrgb)
        return;
    overlay->is_shown = is_shown;
    if (!overlay->window) {
        overlay->window = xcb_generate_id(link->xcb);
        xcb_create_window(link->xcb, XCB_COPY_FROM_PARENT, overlay->window, link->window, 0, 0, 1,
                          1, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT, XCB_COPY_FROM_PARENT, 0, NULL);
    }
    if (is_shown) {
        draw(overlay, link);
        xcb_map_window(link->xcb, overlay->window);
    } else {
        xcb_unmap_window(link->xcb, overlay->window);
    }
    xcb_flush(link->xcb);
}
