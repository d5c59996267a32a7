/* SPDX-License-Identifier: MIT */
/* The keys of displays other than X11. test_desktop.py presses keys on X11. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/presenters/keys.h"
#include "viewer/presenters/watchdog.h"
#include "viewer/presenters/window.h"

/* Where a French keyboard has our labels; the digits have their usual places. */
static SDL_Scancode find_french(SDL_Keycode label)
{
    switch (label) {
    case 'q': return SDL_SCANCODE_A;
    case 's': return SDL_SCANCODE_S;
    case 'o': return SDL_SCANCODE_O;
    case 'f': return SDL_SCANCODE_F;
    default: return label == '1' ? SDL_SCANCODE_1 : SDL_SCANCODE_SPACE;
    }
}

static SDL_Scancode find_greek(SDL_Keycode label)
{
    return label == '1' ? SDL_SCANCODE_1 : SDL_SCANCODE_UNKNOWN;
}

static char label_of(SDL_Scancode place, SDL_Keycode sym, SDL_Scancode (*find)(SDL_Keycode))
{
    SDL_Keysym key = {.scancode = place, .sym = sym};

    return keys_read(&key, find).label;
}

Test(keys, the_label_counts_where_the_layout_has_it)
{
    cr_assert_eq(label_of(SDL_SCANCODE_A, 'q', find_french), 'q');
    cr_assert_eq(label_of(SDL_SCANCODE_Q, 'a', find_french), 0);
    cr_assert_eq(label_of(SDL_SCANCODE_1, '1', find_french), '1');
    cr_assert_eq(label_of(SDL_SCANCODE_ESCAPE, SDLK_ESCAPE, find_french), SDLK_ESCAPE);
    cr_assert_eq(label_of(SDL_SCANCODE_SPACE, ' ', find_french), ' ');
}

Test(keys, the_place_counts_where_the_layout_has_no_such_label)
{
    cr_assert_eq(label_of(SDL_SCANCODE_Q, ';', find_greek), 'q');
    cr_assert_eq(label_of(SDL_SCANCODE_S, 0x3c3 /* sigma */, find_greek), 's');
    cr_assert_eq(label_of(SDL_SCANCODE_O, 0x3bf /* omicron */, find_greek), 'o');
    cr_assert_eq(label_of(SDL_SCANCODE_F, 0x3c6 /* phi */, find_greek), 'f');
    cr_assert_eq(label_of(SDL_SCANCODE_A, 0x3b1 /* alpha */, find_greek), 0);
    cr_assert_eq(label_of(SDL_SCANCODE_Q, SDLK_UNKNOWN, find_greek), 'q', "a key without a label");
}

Test(keys, the_1_of_the_keypad_is_a_1)
{
    cr_assert_eq(label_of(SDL_SCANCODE_KP_1, SDLK_KP_1, find_french), '1');
    cr_assert_eq(label_of(SDL_SCANCODE_KP_2, SDLK_KP_2, find_french), 0);
}

Test(keys, other_keys_have_no_label)
{
    cr_assert_eq(label_of(SDL_SCANCODE_F1, SDLK_F1, find_french), 0);
    cr_assert_eq(label_of(SDL_SCANCODE_LSHIFT, SDLK_LSHIFT, find_greek), 0);
    cr_assert_eq(label_of(SDL_SCANCODE_UNKNOWN, SDLK_UNKNOWN, find_greek), 0);
}

static enum command press(struct window *window, SDL_Scancode place, SDL_Keycode sym, Uint16 mod)
{
    SDL_Event event = {
        .key = {.type = SDL_KEYDOWN, .keysym = {.scancode = place, .sym = sym, .mod = mod}}};
    enum command command;

    while (window_poll(window) != COMMAND_NONE)
        ;
    SDL_PushEvent(&event);
    command = window_poll(window);
    return command;
}

static void open_window(struct window *window)
{
    struct presenter_config config = {.scale = 1};
    struct pf_format format = {.width = 32, .height = 16};
    const char *reason = "";

    setenv("SDL_VIDEODRIVER", "dummy", 1);
    cr_assert_eq(window_open(window, "dummy", &config, &format, &reason), 0, "%s", reason);
}

Test(keys, a_key_with_ctrl_alt_or_super_is_no_command)
{
    static const Uint16 mods[] = {KMOD_LCTRL, KMOD_RCTRL, KMOD_LALT, KMOD_LGUI, KMOD_RGUI};
    struct window window;

    open_window(&window);
    for (size_t i = 0; i < sizeof mods / sizeof *mods; i++)
        cr_assert_eq(press(&window, SDL_SCANCODE_S, 's', mods[i]), COMMAND_NONE, "%#x", mods[i]);
    cr_assert_eq(press(&window, SDL_SCANCODE_S, 's', KMOD_LSHIFT), COMMAND_SNAPSHOT);
    cr_assert_eq(press(&window, SDL_SCANCODE_Q, 'q', KMOD_CAPS | KMOD_NUM), COMMAND_QUIT);
    window_close(&window);
    watchdog_stop();
}

/* While SDL takes text, it passes each key to the input method, which may keep it. */
Test(keys, a_window_takes_keys_and_no_text)
{
    struct window window;

    open_window(&window);
    cr_assert(!SDL_IsTextInputActive());
    window_close(&window);
    watchdog_stop();
}
