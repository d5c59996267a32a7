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
#include "presenters/x11/keyboard.h"
#include "presenters/x11/loss.h"
#include "presenters/x11/server.h"
#include "watchdog.h"

enum {
    LARGE_HEIGHT = 1600,     /* pixels: from this height on the overlay is drawn twice as large */
    WINDOW_SIZE_MAX = 16384, /* of SDL */
};

/* The frame's size times the scale; without a scale, reduced until it fits the screen. */
static void first_size(const struct presenter_config *config, const struct pf_format *format,
                       int *width, int *height)
{
    int scale = config->scale ? (int)config->scale : 1;
    SDL_Rect screen;

    *width = (int)format->width * scale;
    *height = (int)format->height * scale;
    if (config->scale || SDL_GetDisplayUsableBounds(0, &screen) != 0 ||
        (*width <= screen.w && *height <= screen.h))
        return;
    struct placement fit =
        placement_of_frame((int)format->width, (int)format->height, screen.w, screen.h, false);
    *width = fit.width;
    *height = fit.height;
}

bool window_has_x11(void)
{
    const char *display = getenv("DISPLAY");

    return display && *display;
}

int window_open(struct window *window, const char *driver, const struct presenter_config *config,
                const struct pf_format *format, const char **reason)
{
    static char text[256];
    int width, height;

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
    SDL_SetHint(SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0");
    /* Without this SDL prefers a DirectColor visual, which maps the same pixels through a colour
     * map. */
    setenv("SDL_VIDEO_X11_NODIRECTCOLOR", "1", 0);
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
        SDL_EnableScreenSaver();
        first_size(config, format, &width, &height);
        window->sdl =
            SDL_CreateWindow("pageflip", SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED, width,
                             height,
                             SDL_WINDOW_RESIZABLE |
                                 (config->fullscreen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0));
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
    SDL_GetWindowSize(window->sdl, &window->width, &window->height);
    watchdog_leave();
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
    case 'f': {
        bool is_full = SDL_GetWindowFlags(window->sdl) & SDL_WINDOW_FULLSCREEN_DESKTOP;
        watchdog_enter();
        SDL_SetWindowFullscreen(window->sdl, is_full ? 0 : SDL_WINDOW_FULLSCREEN_DESKTOP);
        watchdog_leave();
        return COMMAND_NONE; /* an event reports the new size */
    }
    default: return COMMAND_NONE;
    }
}

static enum command on_window_event(struct window *window, const SDL_WindowEvent *event)
{
    switch (event->event) {
    case SDL_WINDOWEVENT_SIZE_CHANGED:
        window->resized =
            window->resized || event->data1 != window->width || event->data2 != window->height;
        window->width = event->data1;
        window->height = event->data2;
        return COMMAND_REDRAW;
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
    bool has_event = SDL_PollEvent(event);
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
        if (command != COMMAND_NONE)
            return command;
    }
    return COMMAND_NONE;
}

uint32_t window_overlay_scale(const struct window *window)
{
    return !window->overlay ? 0 : window->height >= LARGE_HEIGHT ? 2 : 1;
}
