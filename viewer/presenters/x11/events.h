/* SPDX-License-Identifier: MIT */
/*
 * SDL_PollEvent() for the window on X11, with a limit. SDL processes events until none is left, and
 * for some it waits for the X server. While another client resizes the window without a pause, more
 * events arrive meanwhile than SDL processes, so SDL alone would not return until that ends.
 */
#ifndef VIEWER_PRESENTERS_X11_EVENTS_H
#define VIEWER_PRESENTERS_X11_EVENTS_H

#include <SDL.h>
#include <stdbool.h>

#ifdef HAVE_X11

/* From now on poll this window's events; on displays other than X11 as SDL does. */
void x11_events_watch(SDL_Window *window);

/* Returns false if there is no event, or if the connection is lost. For the watchdog, each event
 * that the server sends is an answer. */
bool x11_events_poll(SDL_Event *event);

/* Are there events that SDL has not processed, though the server has sent all of them? */
bool x11_events_are_waiting(void);

#else

static inline void x11_events_watch(SDL_Window *window)
{
    (void)window;
}

static inline bool x11_events_poll(SDL_Event *event)
{
    return SDL_PollEvent(event);
}

#endif

#endif
