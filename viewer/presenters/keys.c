/* SPDX-License-Identifier: MIT */
/* SDL's key code is the label in the current layout, in lower case. For the keys above the letters
 * it is always the digit, which French keyboards have on the upper half of the key. */
#include "keys.h"

#include <string.h>

bool keys_is_place_of(SDL_Scancode place, char label)
{
    switch (label) {
    case '1': return place == SDL_SCANCODE_1;
    case ' ': return place == SDL_SCANCODE_SPACE;
    case SDLK_ESCAPE: return place == SDL_SCANCODE_ESCAPE;
    default: return (int)place == SDL_SCANCODE_A + label - 'a';
    }
}

static char label_of(const SDL_Keysym *key, SDL_Scancode (*find)(SDL_Keycode label))
{
    if (key->scancode == SDL_SCANCODE_KP_1)
        return '1';
    if (key->sym > 0 && key->sym < 128 && strchr(KEYS_LABELS, key->sym))
        return (char)key->sym;
    for (const char *label = KEYS_LABELS; *label; label++)
        if (keys_is_place_of(key->scancode, *label) && find(*label) == SDL_SCANCODE_UNKNOWN)
            return *label;
    return 0;
}

struct key_press keys_read(const SDL_Keysym *key, SDL_Scancode (*find)(SDL_Keycode label))
{
    return (struct key_press){.label = label_of(key, find),
                              .has_modifier = key->mod & (KMOD_CTRL | KMOD_ALT | KMOD_GUI)};
}
