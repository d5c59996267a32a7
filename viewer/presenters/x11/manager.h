/* SPDX-License-Identifier: MIT */
/*
 * The window manager, by EWMH, and the X server where none runs. SDL asks the window manager for
 * fullscreen without checking that there is one, and then reports a size that the window does not
 * have; so SDL is not used for it on X11.
 */
#ifndef VIEWER_PRESENTERS_X11_MANAGER_H
#define VIEWER_PRESENTERS_X11_MANAGER_H

#include <SDL.h>
#include <stdbool.h>

/* As EWMH numbers them. */
enum x11_change { X11_REMOVE, X11_ADD, X11_TOGGLE };

#ifdef HAVE_X11

/* Does DISPLAY name another screen than the first, like ":0.1"? Does not connect. */
bool x11_manager_names_other_screen(void);

bool x11_manager_is_on_x11(SDL_Window *window);

/* The rest is for windows on X11. Each call waits for the X server, but not for the window
 * manager: an event reports what it did. */

/* Does a window manager run that can make windows fullscreen? */
bool x11_manager_is_running(SDL_Window *window);

bool x11_manager_has_fullscreen(SDL_Window *window);
void x11_manager_change_fullscreen(SDL_Window *window, enum x11_change change);

/* Move the window, with its borders, and resize it, without them; raise it above others. A window
 * manager may refuse. */
void x11_manager_place_frame(SDL_Window *window, const SDL_Rect *rect);

/* Undo the X11 part of SDL_DisableScreenSaver(), which SDL_EnableScreenSaver() of SDL 2.26 does not
 * undo without a session bus. Does nothing on other displays. */
void x11_manager_resume_screen_saver(SDL_Window *window);

/* Has the window manager changed the window's state, or the width of its borders? */
bool x11_manager_has_changed(const SDL_Event *event);

#else

static inline bool x11_manager_names_other_screen(void)
{
    return false;
}

static inline bool x11_manager_is_on_x11(SDL_Window *window)
{
    (void)window;
    return false;
}

static inline bool x11_manager_is_running(SDL_Window *window)
{
    (void)window;
    return false;
}

static inline bool x11_manager_has_fullscreen(SDL_Window *window)
{
    (void)window;
    return false;
}

static inline void x11_manager_change_fullscreen(SDL_Window *window, enum x11_change change)
{
    (void)window;
    (void)change;
}

static inline void x11_manager_place_frame(SDL_Window *window, const SDL_Rect *rect)
{
    (void)window;
    (void)rect;
}

static inline void x11_manager_resume_screen_saver(SDL_Window *window)
{
    (void)window;
}

static inline bool x11_manager_has_changed(const SDL_Event *event)
{
    (void)event;
    return false;
}

#endif

#endif
