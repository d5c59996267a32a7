/* SPDX-License-Identifier: MIT */
/* Requests go through SDL's connection, so that they follow those that SDL has made. */
#include "manager.h"

#include <SDL_syswm.h>
#include <X11/Xatom.h>
#include <X11/Xlib.h>
#include <X11/extensions/scrnsaver.h>
#include <stdlib.h>
#include <xcb/xcb.h>

#include "presenters/watchdog.h"

enum { ITEMS_MAX = 4096 }; /* of a property that are read */

struct target {
    Display *display;
    Window window;
};

/* Returns false if the window is not on X11. */
static bool find_target(SDL_Window *window, struct target *target)
{
    SDL_SysWMinfo info;

    SDL_VERSION(&info.version);
    if (!SDL_GetWindowWMInfo(window, &info) || info.subsystem != SDL_SYSWM_X11)
        return false;
    *target = (struct target){info.info.x11.display, info.info.x11.window};
    return true;
}

bool x11_manager_is_on_x11(SDL_Window *window)
{
    struct target target;

    return find_target(window, &target);
}

bool x11_manager_names_other_screen(void)
{
    char *host;
    int display, screen;

    if (!xcb_parse_display(NULL, &host, &display, &screen))
        return false;
    free(host);
    return screen != 0;
}

/* ------------------------------------------------------------------ properties */

/* Returns the number of items and *items, to be freed with XFree(); 0 if there is no property of
 * this name and type. */
static unsigned long read_property(const struct target *from, const char *name, Atom type,
                                   unsigned long **items)
{
    Atom property = XInternAtom(from->display, name, False), got_type = None;
    int bits = 0;
    unsigned long count = 0, left;
    unsigned char *data = NULL;

    if (XGetWindowProperty(from->display, from->window, property, 0, ITEMS_MAX, False, type,
                           &got_type, &bits, &count, &left, &data) != Success)
        return 0;
    *items = (unsigned long *)(void *)data; /* Xlib makes a long of 32 bits */
    if (got_type == type && bits == 32 && count > 0)
        return count;
    if (data)
        XFree(data);
    return 0;
}

static bool has_item(const struct target *from, const char *name, Atom type, XID item)
{
    unsigned long *items;
    unsigned long count = read_property(from, name, type, &items);
    bool is_found = false;

    for (unsigned long i = 0; i < count; i++)
        is_found = is_found || items[i] == item;
    if (count > 0)
        XFree(items);
    return is_found;
}

static Atom fullscreen_atom(const struct target *target)
{
    return XInternAtom(target->display, "_NET_WM_STATE_FULLSCREEN", False);
}

bool x11_manager_is_running(SDL_Window *window)
{
    static const char check[] = "_NET_SUPPORTING_WM_CHECK";
    struct target target, root;
    unsigned long *child;
    bool is_running = false;

    if (!find_target(window, &target))
        return false;
    watchdog_enter();
    root = (struct target){target.display, DefaultRootWindow(target.display)};
    if (read_property(&root, check, XA_WINDOW, &child) > 0) {
        /* The root window keeps its property when a window manager exits; the child does not. */
        is_running = has_item(&(struct target){root.display, *child}, check, XA_WINDOW, *child) &&
                     has_item(&root, "_NET_SUPPORTED", XA_ATOM, fullscreen_atom(&root));
        XFree(child);
    }
    watchdog_leave();
    return is_running;
}

/* ------------------------------------------------------------------ the window */

bool x11_manager_has_fullscreen(SDL_Window *window)
{
    struct target target;

    if (!find_target(window, &target))
        return false;
    watchdog_enter();
    bool is_full = has_item(&target, "_NET_WM_STATE", XA_ATOM, fullscreen_atom(&target));
    watchdog_leave();
    return is_full;
}

void x11_manager_change_fullscreen(SDL_Window *window, enum x11_change change)
{
    struct target target;

    if (!find_target(window, &target))
        return;
    watchdog_enter();
    XEvent event = {.xclient = {.type = ClientMessage,
                                .window = target.window,
                                .message_type = XInternAtom(target.display, "_NET_WM_STATE", False),
                                .format = 32,
                                .data.l = {change, (long)fullscreen_atom(&target), 0,
                                           1 /* from an application */}}};
    XSendEvent(target.display, DefaultRootWindow(target.display), False,
               SubstructureNotifyMask | SubstructureRedirectMask, &event);
    XFlush(target.display);
    watchdog_leave();
}

void x11_manager_place_frame(SDL_Window *window, const SDL_Rect *rect)
{
    struct target target;

    if (!find_target(window, &target))
        return;
    watchdog_enter();
    XMoveResizeWindow(target.display, target.window, rect->x, rect->y, (unsigned int)rect->w,
                      (unsigned int)rect->h);
    XRaiseWindow(target.display, target.window);
    XFlush(target.display);
    watchdog_leave();
}

void x11_manager_resume_screen_saver(SDL_Window *window)
{
    struct target target;
    int event, error;

    if (!find_target(window, &target))
        return;
    watchdog_enter();
    if (XScreenSaverQueryExtension(target.display, &event, &error))
        XScreenSaverSuspend(target.display, False);
    XFlush(target.display);
    watchdog_leave();
}

bool x11_manager_has_changed(const SDL_Event *event)
{
    if (event->type != SDL_SYSWMEVENT || event->syswm.msg->subsystem != SDL_SYSWM_X11)
        return false;
    const XEvent *x11 = &event->syswm.msg->msg.x11.event;
    if (x11->type != PropertyNotify)
        return false;
    Display *display = x11->xproperty.display;
    watchdog_enter();
    bool has_changed = x11->xproperty.atom == XInternAtom(display, "_NET_WM_STATE", False) ||
                       x11->xproperty.atom == XInternAtom(display, "_NET_FRAME_EXTENTS", False);
    watchdog_leave();
    return has_changed;
}
