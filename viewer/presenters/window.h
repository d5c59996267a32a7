/* SPDX-License-Identifier: MIT */
/* The SDL window and what the user does with it: shared by the presenters that have one. */
#ifndef VIEWER_PRESENTERS_WINDOW_H
#define VIEWER_PRESENTERS_WINDOW_H

#include <SDL.h>

#include "presenter.h"

struct window {
    SDL_Window *sdl;
    bool is_x11;
    int width, height;  /* pixels of the drawable; window_poll() updates them */
    bool is_fullscreen; /* by the user or by the window manager */
    bool covers_screen; /* fullscreen without a window manager */
    SDL_Rect uncovered; /* where the window was before */
    bool may_shrink;    /* until its size is known to fit the screen with its borders */
    bool resized;       /* width, height or one_to_one have changed; the presenter clears it */
    bool is_lost;       /* the Wayland compositor has closed the connection */
    bool is_destroyed;  /* by another client */
    bool overlay;       /* key `o`: the user wants the overlay */
    bool one_to_one;    /* key `1`: one pixel of the frame is one pixel of the window */
};

/* Is DISPLAY set, so that there may be an X server? */
bool window_has_x11(void);

/*
 * Initialize SDL with `driver` ("x11" or "wayland") and open a window for frames
 * of the format. SDL installs no signal handlers. Returns 0, or -ENOTSUP and *reason, a text, or
 * another negative errno, logged.
 */
int window_open(struct window *window, const char *driver, const struct presenter_config *config,
                const struct pf_format *format, const char **reason);
void window_close(struct window *window);
void window_set_title(struct window *window, const char *title);

/* Process SDL's events up to the first that is a command, and return that. COMMAND_NONE: there are
 * no more events, except that on X11 some may wait for the next call (x11/events.h). */
enum command window_poll(struct window *window);

/* The scale that the user wants the overlay in, twice as large on a large or dense screen; 0:
 * hidden. */
uint32_t window_overlay_scale(const struct window *window);

#endif
