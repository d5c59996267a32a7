/* SPDX-License-Identifier: MIT */
/* A label is looked up in the group that the event names, then in the keyboard's other groups: with
 * layouts "fr,ru", the keys of a French keyboard keep their labels while Russian is selected. */
#include "keyboard.h"

#include <SDL_syswm.h>
#include <X11/XKBlib.h>
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/keysym.h>

#include "presenters/watchdog.h"

enum { LEVELS = 2 /* without and with Shift */ };

static XKeyEvent press_event; /* its keycode is 0 if there is none */

void x11_keyboard_process(const SDL_Event *event)
{
    press_event.keycode = 0;
    if (event->type != SDL_SYSWMEVENT || event->syswm.msg->subsystem != SDL_SYSWM_X11)
        return;
    const XEvent *x11 = &event->syswm.msg->msg.x11.event;
    if (x11->type == KeyPress)
        press_event = x11->xkey;
}

/* Without XKEYBOARD there are two groups. */
static KeySym keysym_of(Display *display, KeyCode keycode, int group, int level)
{
    XKeyEvent event = {.type = KeyPress, .display = display, .keycode = keycode};

    if (!XkbQueryExtension(display, NULL, NULL, NULL, NULL, NULL))
        return group < 2 ? XLookupKeysym(&event, LEVELS * group + level) : NoSymbol;
    KeySym keysym = XkbKeycodeToKeysym(display, keycode, group, level);
    if (keysym == NoSymbol && group > 0) /* a key that is the same in all groups has only one */
        keysym = XkbKeycodeToKeysym(display, keycode, 0, level);
    return keysym;
}

static bool is_on_key(Display *display, KeyCode keycode, int group, char label)
{
    for (int level = 0; level < LEVELS; level++) {
        KeySym keysym = keysym_of(display, keycode, group, level);
        if (keysym >= XK_A && keysym <= XK_Z)
            keysym += XK_a - XK_A;
        if (keysym == (label == SDLK_ESCAPE ? XK_Escape : (KeySym)label))
            return true;
    }
    return false;
}

static bool is_on_any_key(Display *display, int group, char label)
{
    int first, last;

    XDisplayKeycodes(display, &first, &last);
    for (int keycode = first; keycode <= last; keycode++)
        if (is_on_key(display, (KeyCode)keycode, group, label))
            return true;
    return false;
}

/* The group that has `label` on a key, first the current one; -1: none. */
static int find_group(Display *display, int current, char label)
{
    if (is_on_any_key(display, current, label))
        return current;
    for (int group = 0; group < XkbNumKbdGroups; group++)
        if (is_on_any_key(display, group, label))
            return group;
    return -1;
}

static char label_of(XKeyEvent *event, SDL_Scancode place)
{
    int current = XkbGroupForCoreState(event->state);

    if (place == SDL_SCANCODE_KP_1)
        return '1';
    for (const char *label = KEYS_LABELS; *label; label++) {
        int group = find_group(event->display, current, *label);
        if (group >= 0 ? is_on_key(event->display, (KeyCode)event->keycode, group, *label)
                       : keys_is_place_of(place, *label))
            return *label;
    }
    return 0;
}

bool x11_keyboard_read(const SDL_Keysym *key, struct key_press *press)
{
    if (!press_event.keycode)
        return false;
    watchdog_enter();
    press->label = label_of(&press_event, key->scancode);
    watchdog_leave();
    press->has_modifier = press_event.state & (ControlMask | Mod1Mask | Mod4Mask);
    press_event.keycode = 0;
    return true;
}
