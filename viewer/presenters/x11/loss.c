/* SPDX-License-Identifier: MIT */
/* Xlib's handlers can only set a flag. It needs no lock: SDL calls Xlib on the loop's thread. */
#include "loss.h"

#include <SDL_syswm.h>
#include <X11/Xlib.h>
#include <unistd.h>

#include "core/log.h"
#include "presenters/watchdog.h"
#include "program/exit_code.h"

static bool is_lost, is_final;
static Window x11_window;

static int on_io_error(Display *display)
{
    (void)display;
    is_lost = true;
    return 0;
}

/* Replaces Xlib's exit(1). It may return: most of Xlib's calls then do nothing, but one that waits
 * for an event waits forever. Xlib still collects requests, and crashes when its buffer for them is
 * full, so this removes the events for which SDL would make some. */
static void on_io_error_exit(Display *display, void *user)
{
    XEvent event;

    (void)user;
    is_lost = true;
    if (is_final)
        _exit(EXIT_DISPLAY_LOST);
    while (XEventsQueued(display, QueuedAlready) > 0)
        XNextEvent(display, &event);
}

/* Replaces Xlib's exit(1). After another client has destroyed the window, the server refuses every
 * request for it, until SDL returns the event that reports it. After any other refusal only the
 * effect of that request is missing. A request that is repeated with each frame is logged once. */
static int on_error(Display *display, XErrorEvent *error)
{
    static bool is_logged[UINT8_MAX + 1][UINT8_MAX + 1]; /* by request and error */

    (void)display;
    if (is_logged[error->request_code][error->error_code])
        return 0;
    is_logged[error->request_code][error->error_code] = true;
    log_info("the X server refused request %d.%d with error %d", error->request_code,
             error->minor_code, error->error_code);
    return 0;
}

void x11_loss_handle_errors(void)
{
    XSetErrorHandler(on_error);
}

void x11_loss_watch(SDL_Window *window)
{
    SDL_SysWMinfo info;

    is_lost = is_final = false;
    x11_window = None;
    SDL_VERSION(&info.version);
    if (!SDL_GetWindowWMInfo(window, &info) || info.subsystem != SDL_SYSWM_X11)
        return;
    x11_window = info.info.x11.window;
    watchdog_set_socket(ConnectionNumber(info.info.x11.display));
    XSetIOErrorHandler(on_io_error);
    XSetIOErrorExitHandler(info.info.x11.display, on_io_error_exit, NULL);
    SDL_EventState(SDL_SYSWMEVENT, SDL_ENABLE); /* for x11_loss_is_window_destroyed() */
}

void x11_loss_make_fatal(void)
{
    is_final = true;
}

void x11_loss_set(void)
{
    is_lost = true;
}

bool x11_loss_is_detected(void)
{
    return is_lost;
}

bool x11_loss_is_window_destroyed(const SDL_Event *event)
{
    if (event->type != SDL_SYSWMEVENT || event->syswm.msg->subsystem != SDL_SYSWM_X11)
        return false;
    const XEvent *x11 = &event->syswm.msg->msg.x11.event;
    return x11_window && x11->type == DestroyNotify && x11->xdestroywindow.window == x11_window;
}
