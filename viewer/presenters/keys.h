/* SPDX-License-Identifier: MIT */
/*
 * The keys of the window, by what is printed on them. The key that is labelled `q` quits, wherever
 * the layout has it. If no key of the layout has that label, as in Greek, the key in the place of
 * that label on a US keyboard is used instead.
 */
#ifndef VIEWER_PRESENTERS_KEYS_H
#define VIEWER_PRESENTERS_KEYS_H

#include <SDL.h>
#include <stdbool.h>

/* All labels that have a meaning. */
#define KEYS_LABELS "1foqs \x1b"

struct key_press {
    char label;        /* of KEYS_LABELS; 0: none of them */
    bool has_modifier; /* Ctrl, Alt or Super is held: the key is meant for another program */
};

/* Does a US keyboard have `label`, one of KEYS_LABELS, in this place? */
bool keys_is_place_of(SDL_Scancode place, char label);

/* `find` returns the place of a label in the current layout, or SDL_SCANCODE_UNKNOWN, as
 * SDL_GetScancodeFromKey() does. */
struct key_press keys_read(const SDL_Keysym *key, SDL_Scancode (*find)(SDL_Keycode label));

#endif
