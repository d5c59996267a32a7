/* SPDX-License-Identifier: MIT */
/*
 * SDL creates the window and gets its events; the presenters draw. No renderer is created here: SDL
 * may recreate the window for it, and the x11 presenter draws on this window's id.
 */
#include "window.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "keys.h"
#include "placement.h"
#include "presenters/x11/events.h"
#include "presenters/x11/keyboard.h"
#include "presenters/x11/loss.h"
#include "presenters/x11/manager.h"
#include "presenters/x11/server.h"
#include "watchdog.h"

enum {
    LARGE_HEIGHT = 1600,     /* pixels: from this height on the overlay is drawn twice as large */
    WINDOW_SIZE_MAX = 16384, /* of SDL */
};

/* ------------------------------------------------------------------ the size */

/* Reduce a size until it fits. */
static void fit(int *width, int *height, int max_width, int max_height)
{
    if (*width <= max_width && *height <= max_height)
        return;
    struct placement place = placement_of_frame(*width, *height, max_width, max_height, false);
    *width = place.width;
    *height = place.height;
}

/* Pixels in a unit of SDL's sizes, which is larger than a pixel on Wayland screens with a scale. */
static double density(const struct window *window)
{
    int units;

    SDL_GetWindowSize(window->sdl, &units, NULL);
    return (double)window->width / units;
}

/* In SDL's units. The frame's size times the scale; without a scale, reduced until it fits the
 * screen, with room for borders if the window begins fullscreen: they are not known then. */
static void first_size(const struct presenter_config *config, const struct pf_format *format,
                       double pixels_per_unit, int *width, int *height)
{
    double scale = config->scale ? config->scale : 1;
    SDL_Rect screen;

    *width = (int)(format->width * scale / pixels_per_unit);
    *height = (int)(format->height * scale / pixels_per_unit);
    if (!config->scale && SDL_GetDisplayUsableBounds(0, &screen) == 0)
        fit(width, height, config->fullscreen ? screen.w * 7 / 8 : screen.w,
            config->fullscreen ? screen.h * 7 / 8 : screen.h);
}

/* The window manager's borders are known when the window is on the screen. The window is as large
 * as fits inside of them, and is moved, so that all of it can be seen. */
static void fit_with_borders(struct window *window)
{
    SDL_Rect screen, frame = {.w = window->width, .h = window->height};
    int top, left, bottom, right;

    if (!window->may_shrink || window->is_fullscreen ||
        SDL_GetWindowBordersSize(window->sdl, &top, &left, &bottom, &right) != 0 ||
        top + left + bottom + right == 0)
        return;
    watchdog_enter();
    int ret = SDL_GetDisplayUsableBounds(SDL_GetWindowDisplayIndex(window->sdl), &screen);
    watchdog_leave();
    if (ret != 0)
        return;
    screen.w -= left + right;
    screen.h -= top + bottom;
    fit(&frame.w, &frame.h, screen.w, screen.h);
    frame.x = screen.x + (screen.w - frame.w) / 2;
    frame.y = screen.y + (screen.h - frame.h) / 2;
    if (frame.w != window->width || frame.h != window->height)
        x11_manager_place_frame(window->sdl, &frame);
    window->may_shrink = false;
}

/* An event reports each later size; its own data are not in pixels. */
static void read_size(struct window *window)
{
    int width, height;

    /* This call also works without OpenGL, and before SDL 2.26, which has
     * SDL_GetWindowSizeInPixels(). */
    SDL_GL_GetDrawableSize(window->sdl, &width, &height);
    window->resized = window->resized || width != window->width || height != window->height;
    window->width = width;
    window->height = height;
}

/* ------------------------------------------------------------------ fullscreen */

static void follow_fullscreen(struct window *window)
{
    bool is_full = window->covers_screen ||
                   (window->is_x11 ? x11_manager_has_fullscreen(window->sdl)
                                   : SDL_GetWindowFlags(window->sdl) & SDL_WINDOW_FULLSCREEN);

    if (is_full == window->is_fullscreen)
        return;
    window->is_fullscreen = is_full;
    watchdog_enter();
    SDL_ShowCursor(is_full ? SDL_DISABLE : SDL_ENABLE);
    if (is_full)
        SDL_DisableScreenSaver();
    else
        SDL_EnableScreenSaver();
    watchdog_leave();
    if (!is_full)
        x11_manager_resume_screen_saver(window->sdl);
}

static void cover_screen(struct window *window)
{
    SDL_Rect screen;

    window->covers_screen = !window->covers_screen;
    if (window->covers_screen) {
        window->uncovered = (struct SDL_Rect){.w = window->width, .h = window->height};
        SDL_GetWindowPosition(window->sdl, &window->uncovered.x, &window->uncovered.y);
        SDL_GetDisplayBounds(SDL_GetWindowDisplayIndex(window->sdl), &screen);
        x11_manager_place_frame(window->sdl, &screen);
    } else {
        x11_manager_place_frame(window->sdl, &window->uncovered);
    }
    follow_fullscreen(window);
}

/* An event reports the new size. */
static void change_fullscreen(struct window *window, enum x11_change change)
{
    if (!window->is_x11) {
        watchdog_enter();
        SDL_SetWindowFullscreen(window->sdl,
                                window->is_fullscreen ? 0 : SDL_WINDOW_FULLSCREEN_DESKTOP);
        watchdog_leave();
        follow_fullscreen(window);
    } else if (window->covers_screen || !x11_manager_is_running(window->sdl)) {
        cover_screen(window);
    } else {
        x11_manager_change_fullscreen(window->sdl, change);
    }
}

/* ------------------------------------------------------------------ open and close */

bool window_has_x11(void)
{
    const char *display = getenv("DISPLAY");

    return display && *display;
}

/* Sets window->sdl; NULL on failure. */
static void create(struct window *window, const struct presenter_config *config,
                   const struct pf_format *format)
{
    int width, height;

    first_size(config, format, 1, &width, &height);
    window->sdl = SDL_CreateWindow("pageflip", SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED,
                                   width, height, SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI);
    if (!window->sdl)
        return;
    read_size(window);
    if (density(window) > 1) {
        first_size(config, format, density(window), &width, &height);
        SDL_SetWindowSize(window->sdl, width, height);
        read_size(window);
    }
    window->resized = false;
}

int window_open(struct window *window, const char *driver, const struct presenter_config *config,
                const struct pf_format *format, const char **reason)
{
    static char text[256];

    *window = (struct window){0};
    if (config->scale * format->width > WINDOW_SIZE_MAX ||
        config->scale * format->height > WINDOW_SIZE_MAX) {
        log_error("--scale %u: a window of %ux%u exceeds %d pixels; use a smaller scale",
                  config->scale, config->scale * format->width, config->scale * format->height,
                  WINDOW_SIZE_MAX);
        return -EINVAL;
    }
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    SDL_SetHint(SDL_HINT_APP_NAME, "pageflip-viewer");
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    SDL_SetHint(SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0");
    /* Without this SDL prefers a DirectColor visual, which maps the same pixels through a colour
     * map. */
    setenv("SDL_VIDEO_X11_NODIRECTCOLOR", "1", 0);
    /* By XRANDR SDL opens its windows on the first screen of the server. */
    if (x11_manager_names_other_screen())
        SDL_SetHint(SDL_HINT_VIDEO_X11_XRANDR, "0");
    SDL_SetHint(SDL_HINT_VIDEODRIVER, driver);
    int ret = watchdog_start();
    if (ret < 0)
        return ret;
    x11_loss_handle_errors();
    watchdog_set_socket(-1);
    watchdog_enter();
    bool is_init = SDL_InitSubSystem(SDL_INIT_VIDEO) == 0;
    if (is_init && strcmp(SDL_GetCurrentVideoDriver(), driver) != 0) {
        SDL_SetError("SDL_VIDEODRIVER=%s selects another driver", SDL_GetHint("SDL_VIDEODRIVER"));
    } else if (is_init) {
        SDL_StopTextInput(); /* else an input method takes the keys */
        create(window, config, format);
    }
    if (!window->sdl) {
        snprintf(text, sizeof text, "SDL cannot open a window: %s", SDL_GetError());
        *reason = strcmp(driver, "x11") == 0 ? x11_server_why_no_connection() : NULL;
        if (!*reason)
            *reason = text;
        SDL_QuitSubSystem(SDL_INIT_VIDEO);
        watchdog_leave();
        return -ENOTSUP;
    }
    x11_loss_watch(window->sdl);
    x11_events_watch(window->sdl);
    watchdog_leave();
    window->is_x11 = x11_manager_is_on_x11(window->sdl);
    window->may_shrink = window->is_x11 && !config->scale && !config->fullscreen;
    if (config->fullscreen)
        change_fullscreen(window, X11_ADD);
    return 0;
}

void window_close(struct window *window)
{
    /* SDL would wait forever for the end of a window that another client has destroyed. */
    if (!window->sdl || window->is_destroyed || x11_loss_is_detected())
        return;
    x11_loss_make_fatal();
    watchdog_enter();
    SDL_DestroyWindow(window->sdl);
    SDL_QuitSubSystem(SDL_INIT_VIDEO);
    watchdog_leave();
    window->sdl = NULL;
}

/* ------------------------------------------------------------------ events */

static enum command on_key(struct window *window, const SDL_Keysym *key)
{
    struct key_press press;

    if (!x11_keyboard_read(key, &press))
        press = keys_read(key, SDL_GetScancodeFromKey);
    if (press.has_modifier)
        return COMMAND_NONE;
    switch (press.label) {
    case 'q':
    case SDLK_ESCAPE: return COMMAND_QUIT;
    case ' ': return COMMAND_PAUSE;
    case 's': return COMMAND_SNAPSHOT;
    case 'o': window->overlay = !window->overlay; return COMMAND_REDRAW;
    case '1':
        window->one_to_one = !window->one_to_one;
        window->resized = true;
        return COMMAND_REDRAW;
    case 'f': change_fullscreen(window, X11_TOGGLE); return COMMAND_NONE;
    default: return COMMAND_NONE;
    }
}

static enum command on_window_event(struct window *window, const SDL_WindowEvent *event)
{
    switch (event->event) {
    case SDL_WINDOWEVENT_SIZE_CHANGED: read_size(window); return COMMAND_REDRAW;
    case SDL_WINDOWEVENT_EXPOSED:
    case SDL_WINDOWEVENT_SHOWN: return COMMAND_REDRAW;
    case SDL_WINDOWEVENT_CLOSE: return COMMAND_QUIT;
    default: return COMMAND_NONE;
    }
}

void window_set_title(struct window *window, const char *title)
{
    watchdog_enter();
    SDL_SetWindowTitle(window->sdl, title);
    watchdog_leave();
}

static bool next_event(SDL_Event *event)
{
    watchdog_enter();
    bool has_event = x11_events_poll(event);
    watchdog_leave();
    return has_event;
}

enum command window_poll(struct window *window)
{
    SDL_Event event;

    while (next_event(&event)) {
        enum command command = COMMAND_NONE;
        /* If the user closes the window, the loop ends before this event. Otherwise the event is
         * SDL's only report of a lost Wayland compositor. */
        if (event.type == SDL_QUIT)
            window->is_lost = strcmp(SDL_GetCurrentVideoDriver(), "wayland") == 0;
        window->is_destroyed = window->is_destroyed || x11_loss_is_window_destroyed(&event);
        if (event.type == SDL_QUIT || window->is_destroyed)
            command = COMMAND_QUIT;
        else if (event.type == SDL_KEYDOWN && !event.key.repeat)
            command = on_key(window, &event.key.keysym);
        else if (event.type == SDL_WINDOWEVENT)
            command = on_window_event(window, &event.window);
        if (event.type != SDL_KEYDOWN)
            x11_keyboard_process(&event);
        if (window->is_x11 ? x11_manager_has_changed(&event) : event.type == SDL_WINDOWEVENT) {
            follow_fullscreen(window);
            fit_with_borders(window);
        }
        if (command != COMMAND_NONE)
            return command;
    }
    return COMMAND_NONE;
}

uint32_t window_overlay_scale(const struct window *window)
{
    if (!window->overlay)
        return 0;
    return window->height >= LARGE_HEIGHT || density(window) >= 2 ? 2 : 1;
}
