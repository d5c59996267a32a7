/* SPDX-License-Identifier: MIT */
/*
 * PutImage in pieces: a request has a maximum size, and the watchdog can tell a slow connection
 * from one that has stopped only if each piece is small.
 */
#include "send.h"

#include <string.h>

#include "program/signals.h"

enum {
    PIECE_BYTES = 256 * 1024,
    REQUEST_BYTES = 32, /* PutImage without its pixels, with the longer length of BIG-REQUESTS */
    PIXEL_BYTES = 4,
};

void x11_send(struct x11_link *link, const uint8_t *pixels, int stride_bytes, int width, int height,
              xcb_drawable_t drawable, xcb_gcontext_t gc, int x, int y)
{
    static uint8_t packed[PIECE_BYTES];
    int piece_pixels = link->request_bytes < PIECE_BYTES + REQUEST_BYTES
                           ? ((int)link->request_bytes - REQUEST_BYTES) / PIXEL_BYTES
                           : PIECE_BYTES / PIXEL_BYTES;
    int columns = width < piece_pixels ? width : piece_pixels;
    int rows = piece_pixels / columns;
    bool is_packed = stride_bytes == columns * PIXEL_BYTES;

    for (int top = 0; top < height; top += rows) {
        int piece_rows = rows < height - top ? rows : height - top;
        for (int left = 0; left < width && !x11_link_is_lost(link); left += columns) {
            int piece_columns = columns < width - left ? columns : width - left;
            size_t row_bytes = (size_t)piece_columns * PIXEL_BYTES;
            const uint8_t *from =
                pixels + (size_t)top * (size_t)stride_bytes + (size_t)left * PIXEL_BYTES;
            for (int row = 0; row < piece_rows && !is_packed; row++)
                memcpy(packed + (size_t)row * row_bytes, from + (size_t)row * (size_t)stride_bytes,
                       row_bytes);
            link->is_cut = link->is_cut || signals_quit();
            if (link->is_cut)
                return;
            x11_link_enter(link);
            xcb_put_image(link->xcb, XCB_IMAGE_FORMAT_Z_PIXMAP, drawable, gc,
                          (uint16_t)piece_columns, (uint16_t)piece_rows, (int16_t)(x + left),
                          (int16_t)(y + top), 0, X11_FRAME_DEPTH,
                          (uint32_t)((size_t)piece_rows * row_bytes), is_packed ? from : packed);
            x11_link_leave(link);
        }
    }
}
