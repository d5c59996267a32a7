/* SPDX-License-Identifier: MIT */
/* The SDL window and what people do to it: shared by the presenters that have one. */
#ifndef WINDOW_H
#define WINDOW_H

#include <SDL.h>

#include "presenter.h"

struct window {
    SDL_Window *sdl;
    int width, height; /* pixels of the drawable, kept up to date */
    bool resized;      /* width or height have changed; the presenter clears it */
    bool is_lost;      /* the compositor has gone */
    bool overlay;      /* `o`: people want the overlay */
    bool one_to_one; /* `1`: one pixel of the frame is one pixel of the window; else it fits, aspect
                        kept */
};

/* Is DISPLAY set, so that there may be an X server? */
bool window_has_x11(void);

/*
 * SDL_Init with `driver` ("x11", or NULL for SDL's choice) and a window of the config's size for
 * the format. Signals stay ours. Returns 0, or -ENOTSUP with *reason in words, or another negative
 * errno, logged.
 */
int window_open(struct window *window, const char *driver, const struct presenter_config *config,
                const struct pf_format *format, const char **reason);
void window_close(struct window *window);
void window_set_title(struct window *window, const char *title);

/* Take every waiting SDL event. Returns the first that is a command; call again until COMMAND_NONE.
 */
enum command window_poll(struct window *window);

/* How large the panel is to be drawn; 0: people do not want it. */
uint32_t window_overlay_scale(const struct window *window);

#endif
