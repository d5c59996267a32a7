/* SPDX-License-Identifier: MIT */
/* Xlib's handlers have no other way to tell than a flag. SDL calls Xlib on the loop's own thread.
 */
#include "x11_loss.h"

#include <SDL_syswm.h>
#include <X11/Xlib.h>
#include <unistd.h>

#include "exit_code.h"

static bool is_lost, is_final;

static int on_io_error(Display *display)
{
    (void)display;
    is_lost = true;
    return 0;
}

/* Instead of Xlib's exit(1). It may return: most of Xlib's calls then do nothing, but one that
 * waits for an event waits for ever. */
static void on_io_error_exit(Display *display, void *user)
{
    (void)display;
    (void)user;
    is_lost = true;
    if (is_final)
        _exit(EXIT_DISPLAY_LOST);
}

void x11_loss_watch(SDL_Window *window)
{
    SDL_SysWMinfo info;

    is_lost = is_final = false;
    SDL_VERSION(&info.version);
    if (!SDL_GetWindowWMInfo(window, &info) || info.subsystem != SDL_SYSWM_X11)
        return;
    XSetIOErrorHandler(on_io_error);
    XSetIOErrorExitHandler(info.info.x11.display, on_io_error_exit, NULL);
}

void x11_loss_is_final(void)
{
    is_final = true;
}

bool x11_loss_seen(void)
{
    return is_lost;
}
