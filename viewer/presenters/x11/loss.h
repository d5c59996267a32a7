/* SPDX-License-Identifier: MIT */
/*
 * SDL's connection to the X server is lost, or another client has destroyed its window. Xlib would
 * exit the process; these functions set a flag for the loop instead.
 */
#ifndef VIEWER_PRESENTERS_X11_LOSS_H
#define VIEWER_PRESENTERS_X11_LOSS_H

#include <SDL.h>
#include <stdbool.h>

#ifdef HAVE_X11

/* Log requests that the X server refuses, instead of exiting. Call it before SDL_Init(): SDL
 * restores the handler that it found while it closes its connection. */
void x11_loss_handle_errors(void);

/* From now on the loss of this window's connection only sets the flag, and the watchdog gets the
 * connection's socket. Does nothing on displays other than X11. */
void x11_loss_watch(SDL_Window *window);

/* Is the connection lost? After that, do not call SDL: the call may hang or exit. */
bool x11_loss_is_detected(void);

/* Treat the connection as lost, since the server does not answer. */
void x11_loss_set(void);

/* Does this event report that the window was destroyed? There is no request to confirm, unlike
 * WM_DELETE_WINDOW. */
bool x11_loss_is_window_destroyed(const SDL_Event *event);

/* SDL is about to close the connection, and the flag is not read any more: a loss from now on exits
 * the process immediately, with code 12. */
void x11_loss_make_fatal(void);

#else

static inline void x11_loss_handle_errors(void)
{
}

static inline void x11_loss_make_fatal(void)
{
}

static inline void x11_loss_watch(SDL_Window *window)
{
    (void)window;
}

static inline bool x11_loss_is_detected(void)
{
    return false;
}

static inline bool x11_loss_is_window_destroyed(const SDL_Event *event)
{
    (void)event;
    return false;
}

#endif

#endif
