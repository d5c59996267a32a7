/* SPDX-License-Identifier: MIT */
/*
 * Keys on X11. SDL 2 does not follow a switch of the keyboard's group (layout), and reports no
 * label of a key in another group, so these functions read the X event that SDL has received.
 */
#ifndef VIEWER_PRESENTERS_X11_KEYBOARD_H
#define VIEWER_PRESENTERS_X11_KEYBOARD_H

#include "presenters/keys.h"

#ifdef HAVE_X11

/* Remember the X event that SDL's next SDL_KEYDOWN is about. To be called with every event of SDL
 * but SDL_KEYDOWN. */
void x11_keyboard_process(const SDL_Event *event);

/* The key of SDL_KEYDOWN. Returns false without an X event: on another display, or if an input
 * method has sent the key; keys_read() reads it then. */
bool x11_keyboard_read(const SDL_Keysym *key, struct key_press *press);

#else

static inline void x11_keyboard_process(const SDL_Event *event)
{
    (void)event;
}

static inline bool x11_keyboard_read(const SDL_Keysym *key, struct key_press *press)
{
    (void)key;
    (void)press;
    return false;
}

#endif

#endif
