/* SPDX-License-Identifier: MIT */
/*
 * The presenter's own connection to the X server, in addition to SDL's: SDL gets the events of its
 * window, and the presenter draws on it. What the display can do is queried once, when the
 * connection is opened.
 */
#ifndef VIEWER_PRESENTERS_X11_LINK_H
#define VIEWER_PRESENTERS_X11_LINK_H

#include <SDL.h>
#include <stdbool.h>
#include <xcb/present.h>
#include <xcb/render.h>
#include <xcb/shm.h>
#include <xcb/xcb.h>

#include "core/clock.h"

/* How the server reads the pixels of a frame. All but the first need RENDER. */
enum x11_kind {
    X11_OPAQUE, /* XR24 */
    X11_ALPHA,  /* AR24, premultiplied: drawn over the background */
    X11_MASK,   /* R8: white is drawn through it */
    X11_DEEP,   /* XR30, on a screen of 30 bits */
    X11_KINDS,
};

/* Of a frame's pixmaps, and of X11_OPAQUE ones. */
uint8_t x11_depth(enum x11_kind kind);
enum { X11_FRAME_DEPTH = 24 };

struct x11_link {
    xcb_connection_t *xcb;
    uint64_t processed_bytes; /* of those that libxcb has read from the socket */
    int sdl_fd;               /* the socket of SDL's connection */
    int64_t answer_ns;        /* no answer for this long: the display is lost */
    uint64_t request_bytes;   /* the longest request that the server takes */
    bool is_cut;              /* a request to exit has ended an x11_send() (send.h) */
    xcb_window_t window;
    xcb_visualid_t visual;
    uint8_t depth;
    bool is_xrgb; /* the window's pixels are XR24: no conversion is needed */
    bool has_shm;
    bool shares_pixmaps; /* MIT-SHM can make a pixmap of shared memory */
    bool has_present, has_render;
    uint8_t shm_completion;                          /* the event's number */
    xcb_gcontext_t gc;                               /* depth of the window, black, no exposures */
    xcb_render_pictformat_t frame_format[X11_KINDS]; /* None: the server cannot read such frames */
    xcb_render_pictformat_t window_format;
    xcb_special_event_t *present_events; /* NULL without Present */
};

/* Returns 0, or -ENOTSUP and *reason, a text, or -ENODEV, logged: the display is lost. */
int x11_link_open(struct x11_link *link, SDL_Window *window, const char **reason);
void x11_link_close(struct x11_link *link); /* accepts an all-zero struct */

/* Is one of the two connections closed? */
bool x11_link_is_lost(const struct x11_link *link);

/*
 * Does libxcb have data that it read from the socket while it wrote a request or waited for a
 * reply, and that is not processed yet? x11_link_set_processed(): all of it is processed now. No
 * system calls.
 */
bool x11_link_has_read_ahead(const struct x11_link *link);
void x11_link_set_processed(struct x11_link *link);

/* Time for the answer to a small request. Large frames get more: link->answer_ns. */
#define X11_ANSWER_NS (5 * NS_PER_S)

/*
 * Enclose calls that write to the connection: they wait while its socket is full. After 5 s in one
 * such pair the watchdog shuts the socket down (watchdog.h), and the call returns.
 */
void x11_link_enter(struct x11_link *link);
void x11_link_leave(struct x11_link *link);
void x11_link_flush(struct x11_link *link);

/*
 * Wait for the reply to a request, or until the server has processed all requests so far. Blocks up
 * to link->answer_ns if the server has stopped, so call them only where no frame waits. Both return
 * 0, or -ENODEV, logged: the display is lost. *reply is to be freed; NULL: an error.
 */
int x11_link_wait(struct x11_link *link, unsigned int sequence, void **reply);
int x11_link_sync(struct x11_link *link);

/* The X error code of a checked request, 0 for none. Call it only after x11_link_wait()
 * or x11_link_sync(); otherwise it may block without limit. */
int x11_link_take_error(struct x11_link *link, xcb_void_cookie_t cookie);

/* A pixmap in the server's own memory, of the depth of frames or of the window. */
xcb_pixmap_t x11_link_pixmap(struct x11_link *link, uint8_t depth, int width, int height);

/* A RENDER picture of a drawable; None without RENDER. */
xcb_render_picture_t x11_link_picture(struct x11_link *link, xcb_drawable_t drawable,
                                      xcb_render_pictformat_t format);

#endif
