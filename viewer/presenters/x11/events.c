/* SPDX-License-Identifier: MIT */
/*
 * SDL calls on_event() while it processes an event: after the server's answers, and before it tests
 * whether more events have arrived. on_event() takes from the queue what resizes have caused, so
 * that SDL finds the queue empty and returns. The latest event of each kind is put back for the
 * next poll; the earlier ones no longer have an effect.
 */
#include "events.h"

#include <SDL_syswm.h>
#include <X11/Xlib.h>

#include "loss.h"
#include "presenters/watchdog.h"
#include "program/signals.h"

static Display *display; /* NULL: not on X11 */
static Window x11_window;
static bool is_polling;
static struct {
    bool is_taken;
    XEvent latest;
} resized, exposed;

static Bool is_of_resize(Display *unused, XEvent *event, XPointer argument)
{
    (void)unused;
    (void)argument;
    return event->xany.window == x11_window &&
           (event->type == ConfigureNotify || event->type == Expose);
}

/* Each event is an answer of the server, so the watchdog's 5 s start again, unless an exit was
 * requested: this poll may be long. */
static void continue_poll(void)
{
    if (signals_quit() == 0)
        watchdog_enter();
}

static int on_event(void *unused, SDL_Event *event)
{
    XEvent taken;

    (void)unused;
    if (!is_polling)
        return 0;
    continue_poll();
    if (event->type != SDL_WINDOWEVENT || (event->window.event != SDL_WINDOWEVENT_MOVED &&
                                           event->window.event != SDL_WINDOWEVENT_RESIZED &&
                                           event->window.event != SDL_WINDOWEVENT_EXPOSED))
        return 0;
    while (XCheckIfEvent(display, &taken, is_of_resize, NULL)) {
        continue_poll();
        if (taken.type == ConfigureNotify) {
            resized.is_taken = true;
            resized.latest = taken;
        } else {
            exposed.is_taken = true;
            exposed.latest = taken;
        }
    }
    return 0;
}

void x11_events_watch(SDL_Window *window)
{
    SDL_SysWMinfo info;

    display = NULL;
    SDL_VERSION(&info.version);
    if (!SDL_GetWindowWMInfo(window, &info) || info.subsystem != SDL_SYSWM_X11)
        return;
    display = info.info.x11.display;
    x11_window = info.info.x11.window;
    SDL_AddEventWatch(on_event, NULL);
}

bool x11_events_poll(SDL_Event *event)
{
    is_polling = display != NULL;
    bool has_event = SDL_PollEvent(event);
    is_polling = false;
    if (exposed.is_taken)
        XPutBackEvent(display, &exposed.latest);
    if (resized.is_taken)
        XPutBackEvent(display, &resized.latest);
    resized.is_taken = exposed.is_taken = false;
    return has_event && !x11_loss_is_detected();
}

bool x11_events_are_waiting(void)
{
    return XEventsQueued(display, QueuedAlready) > 0;
}
