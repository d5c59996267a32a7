/* SPDX-License-Identifier: MIT */
/* The window on displays other than X11, by SDL's dummy driver, whose screen has 1024x768 pixels.
 * test_desktop.py has the windows on X11. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "pageflip.h"
#include "viewer/presenters/watchdog.h"
#include "viewer/presenters/window.h"

static struct window window;

static void init(void)
{
    setenv("SDL_VIDEODRIVER", "dummy", 1);
    pf_log_set_level(PF_LOG_ERROR);
}

static void finish(void)
{
    window_close(&window);
    watchdog_stop();
}

TestSuite(window, .init = init, .fini = finish);

static int open_as(struct presenter_config config, uint32_t width, uint32_t height)
{
    struct pf_format format = {.width = width, .height = height};
    const char *reason = "";

    return window_open(&window, "dummy", &config, &format, &reason);
}

/* The first command of the events. */
static enum command poll_all(void)
{
    enum command command, first = COMMAND_NONE;

    do {
        command = window_poll(&window);
        if (first == COMMAND_NONE)
            first = command;
    } while (command != COMMAND_NONE);
    return first;
}

static enum command send(Uint8 event)
{
    SDL_Event sent = {.window = {.type = SDL_WINDOWEVENT, .event = event}};

    poll_all();
    SDL_PushEvent(&sent);
    return poll_all();
}

static enum command press(SDL_Keycode label, Uint8 repeat)
{
    SDL_Event event = {.key = {.type = SDL_KEYDOWN,
                               .repeat = repeat,
                               .keysym = {.scancode = SDL_SCANCODE_F13, .sym = label}}};

    poll_all();
    SDL_PushEvent(&event);
    return poll_all();
}

/* ------------------------------------------------------------------ the size */

static void expect_size(struct presenter_config config, uint32_t width, uint32_t height,
                        int expected_width, int expected_height)
{
    int real_width, real_height;

    cr_assert_eq(open_as(config, width, height), 0);
    SDL_GetWindowSize(window.sdl, &real_width, &real_height);
    cr_assert(real_width == expected_width && real_height == expected_height,
              "%ux%u, scale %u: %dx%d instead of %dx%d", width, height, config.scale, real_width,
              real_height, expected_width, expected_height);
    cr_assert_eq(window.width, expected_width);
    cr_assert_eq(window.height, expected_height);
    cr_assert_not(window.resized);
    window_close(&window);
}

Test(window, a_frame_that_fits_is_as_large_as_the_window)
{
    expect_size((struct presenter_config){0}, 320, 240, 320, 240);
    expect_size((struct presenter_config){0}, 1024, 768, 1024, 768);
}

Test(window, a_larger_frame_is_reduced_in_its_shape)
{
    expect_size((struct presenter_config){0}, 4096, 3072, 1024, 768);
    expect_size((struct presenter_config){0}, 2048, 512, 1024, 256); /* only too wide */
    expect_size((struct presenter_config){0}, 768, 1536, 384, 768);  /* only too tall */
    expect_size((struct presenter_config){0}, 1025, 8, 1024, 7);
}

Test(window, a_scale_multiplies_the_frames_size_beyond_the_screen)
{
    expect_size((struct presenter_config){.scale = 1}, 2000, 1000, 2000, 1000);
    expect_size((struct presenter_config){.scale = 3}, 400, 300, 1200, 900);
}

Test(window, a_window_larger_than_16384_pixels_is_refused)
{
    cr_assert_eq(open_as((struct presenter_config){.scale = 2}, 8193, 8), -EINVAL);
    cr_assert_eq(open_as((struct presenter_config){.scale = 2}, 8, 8193), -EINVAL);
    cr_assert_null(window.sdl);
    cr_assert_eq(open_as((struct presenter_config){.scale = 2}, 8192, 8), 0);
}

Test(window, the_overlay_is_twice_as_large_from_1600_rows_on)
{
    const struct {
        uint32_t height, scale;
    } cases[] = {{800, 1}, {1599, 1}, {1600, 2}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(open_as((struct presenter_config){.scale = 1}, 64, cases[i].height), 0);
        cr_assert_eq(window_overlay_scale(&window), 0);
        press('o', 0);
        cr_assert_eq(window_overlay_scale(&window), cases[i].scale, "%u rows", cases[i].height);
        window_close(&window);
    }
}

Test(window, the_overlay_is_twice_as_large_on_a_dense_screen)
{
    cr_assert_eq(open_as((struct presenter_config){.scale = 1}, 64, 48), 0);
    press('o', 0);
    window.width = 2 * 64 - 1; /* as on a screen with almost two pixels in a unit */
    cr_assert_eq(window_overlay_scale(&window), 1);
    window.width = 2 * 64;
    cr_assert_eq(window_overlay_scale(&window), 2);
}

/* ------------------------------------------------------------------ fullscreen */

static void expect_fullscreen(bool is_full)
{
    Uint32 flags = SDL_GetWindowFlags(window.sdl) & SDL_WINDOW_FULLSCREEN_DESKTOP;

    cr_assert_eq(flags, is_full ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0, "%#x", flags);
    cr_assert_eq(window.is_fullscreen, is_full);
    cr_assert_eq(SDL_ShowCursor(SDL_QUERY), is_full ? SDL_DISABLE : SDL_ENABLE);
    cr_assert_eq(SDL_IsScreenSaverEnabled(), is_full ? SDL_FALSE : SDL_TRUE);
}

Test(window, the_key_f_enters_and_leaves_fullscreen)
{
    cr_assert_eq(open_as((struct presenter_config){0}, 320, 240), 0);
    expect_fullscreen(false);
    for (int i = 0; i < 2; i++) {
        press('f', 0);
        expect_fullscreen(true);
        press('f', 0);
        expect_fullscreen(false);
    }
}

Test(window, begins_fullscreen_if_that_was_requested)
{
    cr_assert_eq(open_as((struct presenter_config){.fullscreen = true}, 320, 240), 0);
    expect_fullscreen(true);
    press('f', 0);
    expect_fullscreen(false);
}

/* ------------------------------------------------------------------ events */

Test(window, each_key_returns_its_command)
{
    const struct {
        SDL_Keycode label;
        enum command command;
    } keys[] = {{'q', COMMAND_QUIT},     {SDLK_ESCAPE, COMMAND_QUIT}, {' ', COMMAND_PAUSE},
                {'s', COMMAND_SNAPSHOT}, {'o', COMMAND_REDRAW},       {'1', COMMAND_REDRAW},
                {'x', COMMAND_NONE}};

    cr_assert_eq(open_as((struct presenter_config){0}, 32, 16), 0);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        cr_assert_eq(press(keys[i].label, 0), keys[i].command, "%#x", (unsigned)keys[i].label);
        cr_assert_eq(press(keys[i].label, 1), COMMAND_NONE, "%#x, repeated",
                     (unsigned)keys[i].label);
    }
}

Test(window, the_keys_1_and_o_toggle)
{
    cr_assert_eq(open_as((struct presenter_config){0}, 32, 16), 0);
    for (int i = 0; i < 4; i++) {
        window.resized = false;
        press('1', 0);
        press('o', 0);
        cr_assert_eq(window.one_to_one, i % 2 == 0);
        cr_assert(window.resized, "the frame gets another place");
        cr_assert_eq(window_overlay_scale(&window), i % 2 == 0);
    }
}

Test(window, a_new_size_or_lost_content_is_drawn_again)
{
    cr_assert_eq(open_as((struct presenter_config){0}, 32, 16), 0);
    cr_assert_eq(send(SDL_WINDOWEVENT_EXPOSED), COMMAND_REDRAW);
    cr_assert_eq(send(SDL_WINDOWEVENT_SHOWN), COMMAND_REDRAW);
    cr_assert_eq(send(SDL_WINDOWEVENT_FOCUS_LOST), COMMAND_NONE);
    cr_assert_not(window.resized);
    SDL_SetWindowSize(window.sdl, 64, 40);
    cr_assert_eq(poll_all(), COMMAND_REDRAW);
    cr_assert_eq(window.width, 64);
    cr_assert_eq(window.height, 40);
    cr_assert(window.resized);
}

Test(window, its_user_can_resize_and_close_it)
{
    SDL_Event quit = {.type = SDL_QUIT};

    cr_assert_eq(open_as((struct presenter_config){0}, 32, 16), 0);
    cr_assert(SDL_GetWindowFlags(window.sdl) & SDL_WINDOW_RESIZABLE);
    cr_assert_eq(send(SDL_WINDOWEVENT_CLOSE), COMMAND_QUIT);
    SDL_PushEvent(&quit);
    cr_assert_eq(poll_all(), COMMAND_QUIT);
    cr_assert_not(window.is_lost, "only on Wayland this is a lost display");
}

/* The program has its own handlers, and the desktop its own screen saver and compositor. */
Test(window, takes_neither_signals_nor_the_screen_saver_nor_the_compositor)
{
    const int signals[] = {SIGINT, SIGTERM};
    struct sigaction action;

    for (size_t i = 0; i < 2; i++)
        signal(signals[i], SIG_DFL); /* a shell may have ignored them */
    cr_assert_eq(open_as((struct presenter_config){0}, 32, 16), 0);
    cr_assert(SDL_IsScreenSaverEnabled());
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(sigaction(signals[i], NULL, &action), 0);
        cr_assert(action.sa_handler == SIG_DFL, "signal %d", signals[i]);
    }
    cr_assert_not(SDL_GetHintBoolean(SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, SDL_TRUE),
                  "SDL's default is to bypass the compositor");
}
