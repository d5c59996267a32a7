/* SPDX-License-Identifier: MIT */
/* SDL's connection to the X server is lost, or its window is destroyed by somebody else: Xlib would
 * end the process, now the loop is told. */
#ifndef X11_LOSS_H
#define X11_LOSS_H

#include <SDL.h>
#include <stdbool.h>

#ifdef HAVE_X11

/* Before SDL_Init(), which takes this for what was there before it, and puts it back while it
 * closes its connection: a refused request is no end. */
void x11_loss_catch_errors(void);

/* From now on a lost connection of this window's only sets a flag. Any display but X11: nothing. */
void x11_loss_watch(SDL_Window *window);

/* Is it lost? Then no SDL call may follow: SDL has a second connection, and may hang or exit in it.
 */
bool x11_loss_seen(void);

/* Take it for lost, as it does not answer. */
void x11_loss_give_up(void);

/* Does this event say that the window has been destroyed? Nobody who is in it asks us before. */
bool x11_loss_of_window(const SDL_Event *event);

/* SDL is about to close it, and nobody asks any more: a loss from now on ends the process, at once.
 */
void x11_loss_is_final(void);

#else

static inline void x11_loss_catch_errors(void)
{
}

static inline void x11_loss_is_final(void)
{
}

static inline void x11_loss_watch(SDL_Window *window)
{
    (void)window;
}

static inline bool x11_loss_seen(void)
{
    return false;
}

static inline bool x11_loss_of_window(const SDL_Event *event)
{
    (void)event;
    return false;
}

#endif

#endif
