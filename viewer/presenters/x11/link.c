/* SPDX-License-Identifier: MIT */
/*
 * Every reason why the display cannot be used is a text, which the user reads when another
 * presenter is used instead. An extension is looked up before it is used: a request to a missing
 * one closes the connection.
 */
#include "link.h"

#include <SDL_syswm.h>
#include <X11/Xlib.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <xcb/xcbext.h>

#include "core/clock.h"
#include "loss.h"
#include "presenters/display_loss.h"
#include "presenters/watchdog.h"

uint8_t x11_depth(enum x11_kind kind)
{
    static const uint8_t depths[X11_KINDS] = {X11_FRAME_DEPTH, 32, 8, 30};

    return depths[kind];
}

enum { DEPTH_MIN = 15 }; /* below, pixels are indices of a map that the screen may not use */

/* ------------------------------------------------------------------ a lost display */

bool x11_link_is_lost(const struct x11_link *link)
{
    return x11_loss_is_detected() || xcb_connection_has_error(link->xcb);
}

bool x11_link_has_read_ahead(const struct x11_link *link)
{
    return xcb_total_read(link->xcb) != link->processed_bytes;
}

void x11_link_set_processed(struct x11_link *link)
{
    link->processed_bytes = xcb_total_read(link->xcb);
}

void x11_link_enter(struct x11_link *link)
{
    watchdog_set_socket(xcb_get_file_descriptor(link->xcb));
    watchdog_enter();
}

void x11_link_leave(struct x11_link *link)
{
    watchdog_leave();
    watchdog_set_socket(link->sdl_fd);
}

void x11_link_flush(struct x11_link *link)
{
    x11_link_enter(link);
    xcb_flush(link->xcb);
    x11_link_leave(link);
}

int x11_link_wait(struct x11_link *link, unsigned int sequence, void **reply)
{
    int64_t deadline_ns = clock_now_ns() + link->answer_ns;
    struct pollfd socket = {.fd = xcb_get_file_descriptor(link->xcb), .events = POLLIN};
    xcb_generic_error_t *error = NULL;

    *reply = NULL;
    x11_link_flush(link);
    while (!xcb_poll_for_reply(link->xcb, sequence, reply, &error)) {
        int64_t left_ns = deadline_ns - clock_now_ns();
        if (left_ns <= 0) {
            x11_loss_set();
            return display_loss_no_answer(link->answer_ns);
        }
        poll(&socket, 1, (int)(left_ns / NS_PER_MS) + 1);
    }
    free(error);
    return x11_link_is_lost(link) ? display_loss_closed() : 0;
}

int x11_link_sync(struct x11_link *link)
{
    void *reply;
    int ret = x11_link_wait(link, xcb_get_input_focus(link->xcb).sequence, &reply);

    free(reply);
    return ret;
}

int x11_link_take_error(struct x11_link *link, xcb_void_cookie_t cookie)
{
    xcb_generic_error_t *error = xcb_request_check(link->xcb, cookie);
    int code = error ? error->error_code : 0;

    free(error);
    return code;
}

/* ------------------------------------------------------------------ what the display can do */

static bool has_extension(struct x11_link *link, xcb_extension_t *extension)
{
    const xcb_query_extension_reply_t *reply = xcb_get_extension_data(link->xcb, extension);

    return reply && reply->present;
}

static void query_shm(struct x11_link *link)
{
    const xcb_query_extension_reply_t *extension = xcb_get_extension_data(link->xcb, &xcb_shm_id);

    link->has_shm = extension && extension->present;
    if (!link->has_shm)
        return;
    xcb_shm_query_version_reply_t *reply =
        xcb_shm_query_version_reply(link->xcb, xcb_shm_query_version(link->xcb), NULL);
    link->shares_pixmaps = reply && reply->shared_pixmaps;
    link->shm_completion = (uint8_t)(extension->first_event + XCB_SHM_COMPLETION);
    free(reply);
}

static bool is_xrgb_visual(const xcb_visualtype_t *visual)
{
    return visual->_class == XCB_VISUAL_CLASS_TRUE_COLOR && visual->red_mask == 0xff0000 &&
           visual->green_mask == 0xff00 && visual->blue_mask == 0xff;
}

static const xcb_visualtype_t *find_visual(const xcb_setup_t *setup, xcb_visualid_t id)
{
    xcb_screen_iterator_t screen = xcb_setup_roots_iterator(setup);

    for (; screen.rem; xcb_screen_next(&screen)) {
        xcb_depth_iterator_t depth = xcb_screen_allowed_depths_iterator(screen.data);
        for (; depth.rem; xcb_depth_next(&depth)) {
            xcb_visualtype_iterator_t visual = xcb_depth_visuals_iterator(depth.data);
            for (; visual.rem; xcb_visualtype_next(&visual))
                if (visual.data->visual_id == id)
                    return visual.data;
        }
    }
    return NULL;
}

/* Pixmaps of depth 24 have 32 bits a pixel, low byte first: the bytes of XR24. */
static bool keeps_xrgb_pixels(const xcb_setup_t *setup)
{
    xcb_format_iterator_t format = xcb_setup_pixmap_formats_iterator(setup);

    for (; format.rem; xcb_format_next(&format))
        if (format.data->depth == X11_FRAME_DEPTH)
            return format.data->bits_per_pixel == 32 &&
                   setup->image_byte_order == XCB_IMAGE_ORDER_LSB_FIRST;
    return false;
}

static void query_window(struct x11_link *link)
{
    const xcb_setup_t *setup = xcb_get_setup(link->xcb);
    xcb_get_geometry_cookie_t geometry_cookie = xcb_get_geometry(link->xcb, link->window);
    xcb_get_window_attributes_cookie_t attributes_cookie =
        xcb_get_window_attributes(link->xcb, link->window);
    xcb_get_geometry_reply_t *geometry = xcb_get_geometry_reply(link->xcb, geometry_cookie, NULL);
    xcb_get_window_attributes_reply_t *attributes =
        xcb_get_window_attributes_reply(link->xcb, attributes_cookie, NULL);

    if (geometry && attributes) {
        const xcb_visualtype_t *visual = find_visual(setup, attributes->visual);
        link->depth = geometry->depth;
        link->visual = attributes->visual;
        link->is_xrgb = link->depth == X11_FRAME_DEPTH && visual && is_xrgb_visual(visual);
    }
    free(geometry);
    free(attributes);
}

static void query_present(struct x11_link *link)
{
    link->has_present = has_extension(link, &xcb_present_id);
    if (!link->has_present)
        return;
    free(xcb_present_query_version_reply(
        link->xcb, xcb_present_query_version(link->xcb, XCB_PRESENT_MAJOR_VERSION, 0), NULL));
    /* Register first: events that arrive before that go into the other queue. */
    uint32_t id = xcb_generate_id(link->xcb);
    link->present_events = xcb_register_for_special_xge(link->xcb, &xcb_present_id, id, NULL);
    xcb_present_select_input(link->xcb, id, link->window,
                             XCB_PRESENT_EVENT_MASK_IDLE_NOTIFY |
                                 XCB_PRESENT_EVENT_MASK_COMPLETE_NOTIFY);
}

static bool is_channel(uint16_t shift, uint16_t mask, int expected_shift, enum x11_kind kind)
{
    uint16_t expected_mask = kind == X11_DEEP ? 0x3ff : 0xff;

    return expected_shift < 0 ? mask == 0 : mask == expected_mask && shift == expected_shift;
}

static bool is_format_of(const xcb_render_pictforminfo_t *format, enum x11_kind kind)
{
    /* of blue, green, red, alpha; -1: it has none */
    static const int shifts[X11_KINDS][4] = {{0, 8, 16, -1},
                                             {0, 8, 16, 24},
                                             {-1, -1, -1, 0},
                                             {0, 10, 20, -1}};
    const xcb_render_directformat_t *direct = &format->direct;
    const int *shift = shifts[kind];

    return format->type == XCB_RENDER_PICT_TYPE_DIRECT && format->depth == x11_depth(kind) &&
           is_channel(direct->blue_shift, direct->blue_mask, shift[0], kind) &&
           is_channel(direct->green_shift, direct->green_mask, shift[1], kind) &&
           is_channel(direct->red_shift, direct->red_mask, shift[2], kind) &&
           is_channel(direct->alpha_shift, direct->alpha_mask, shift[3], kind);
}

/* Can each screen have pixmaps of this depth, with this number of bits a pixel? */
static bool has_depth(const xcb_setup_t *setup, uint8_t depth, uint8_t bits)
{
    xcb_format_iterator_t format = xcb_setup_pixmap_formats_iterator(setup);
    xcb_screen_iterator_t screen = xcb_setup_roots_iterator(setup);

    while (format.rem && format.data->depth != depth)
        xcb_format_next(&format);
    if (!format.rem || format.data->bits_per_pixel != bits)
        return false;
    for (; screen.rem; xcb_screen_next(&screen)) {
        xcb_depth_iterator_t allowed = xcb_screen_allowed_depths_iterator(screen.data);
        while (allowed.rem && allowed.data->depth != depth)
            xcb_depth_next(&allowed);
        if (!allowed.rem)
            return false;
    }
    return true;
}

static xcb_render_pictformat_t
format_of_visual(const xcb_render_query_pict_formats_reply_t *formats, xcb_visualid_t id)
{
    xcb_render_pictscreen_iterator_t screen =
        xcb_render_query_pict_formats_screens_iterator(formats);

    for (; screen.rem; xcb_render_pictscreen_next(&screen)) {
        xcb_render_pictdepth_iterator_t depth = xcb_render_pictscreen_depths_iterator(screen.data);
        for (; depth.rem; xcb_render_pictdepth_next(&depth)) {
            xcb_render_pictvisual_iterator_t visual =
                xcb_render_pictdepth_visuals_iterator(depth.data);
            for (; visual.rem; xcb_render_pictvisual_next(&visual))
                if (visual.data->visual == id)
                    return visual.data->format;
        }
    }
    return XCB_NONE;
}

static void query_render(struct x11_link *link)
{
    if (!has_extension(link, &xcb_render_id))
        return;
    xcb_render_query_version_reply_t *version =
        xcb_render_query_version_reply(link->xcb, xcb_render_query_version(link->xcb, 0, 11), NULL);
    bool has_fills = version && (version->major_version > 0 || version->minor_version >= 10);
    free(version);
    xcb_render_query_pict_formats_reply_t *reply =
        xcb_render_query_pict_formats_reply(link->xcb, xcb_render_query_pict_formats(link->xcb),
                                            NULL);
    if (!reply)
        return;
    xcb_render_pictforminfo_iterator_t format =
        xcb_render_query_pict_formats_formats_iterator(reply);
    for (; format.rem; xcb_render_pictforminfo_next(&format))
        for (enum x11_kind kind = X11_OPAQUE; kind < X11_KINDS; kind++)
            if (is_format_of(format.data, kind))
                link->frame_format[kind] = format.data->id;
    link->window_format = format_of_visual(reply, link->visual);
    link->has_render = link->frame_format[X11_OPAQUE] && link->window_format;
    for (enum x11_kind kind = X11_ALPHA; kind < X11_KINDS; kind++)
        if (!link->has_render || !has_fills ||
            !has_depth(xcb_get_setup(link->xcb), x11_depth(kind), kind == X11_MASK ? 8 : 32))
            link->frame_format[kind] = XCB_NONE;
    free(reply);
}

/* ------------------------------------------------------------------ open and close */

static bool connect_own(struct x11_link *link, SDL_Window *window)
{
    SDL_SysWMinfo info;

    SDL_VERSION(&info.version);
    if (!SDL_GetWindowWMInfo(window, &info) || info.subsystem != SDL_SYSWM_X11)
        return false;
    Display *display = info.info.x11.display;
    XSync(display, False); /* the window must exist before it is queried */
    link->sdl_fd = ConnectionNumber(display);
    link->window = (xcb_window_t)info.info.x11.window;
    link->xcb = xcb_connect(DisplayString(display), NULL);
    return !xcb_connection_has_error(link->xcb);
}

int x11_link_open(struct x11_link *link, SDL_Window *window, const char **reason)
{
    *link = (struct x11_link){.answer_ns = X11_ANSWER_NS};
    watchdog_enter();
    if (!connect_own(link, window)) {
        *reason = "the X server refused a second connection";
        x11_link_close(link);
        watchdog_leave();
        return -ENOTSUP;
    }
    watchdog_enter(); /* it has answered so far: start the 5 s again */
    query_shm(link);
    query_window(link);
    query_present(link);
    query_render(link);
    link->request_bytes = 4 * (uint64_t)xcb_get_maximum_request_length(link->xcb);
    watchdog_leave();
    bool is_convertible = link->is_xrgb || link->has_render;
    *reason = !keeps_xrgb_pixels(xcb_get_setup(link->xcb)) || !is_convertible
                  ? "the display's pixels are not XRGB8888, and it has no RENDER extension"
              : link->depth < DEPTH_MIN ? "the screen has a colour map of 8 bits, or fewer"
                                        : NULL;
    if (*reason) {
        x11_link_close(link);
        return -ENOTSUP;
    }
    uint32_t values[] = {0 /* black */, 0 /* no exposure events for copies */};
    link->gc = xcb_generate_id(link->xcb);
    xcb_create_gc(link->xcb, link->gc, link->window, XCB_GC_FOREGROUND | XCB_GC_GRAPHICS_EXPOSURES,
                  values);
    int ret = x11_link_sync(link);
    if (ret < 0)
        x11_link_close(link);
    return ret;
}

void x11_link_close(struct x11_link *link)
{
    if (!link->xcb)
        return;
    if (link->present_events)
        xcb_unregister_for_special_event(link->xcb, link->present_events);
    xcb_disconnect(link->xcb);
    *link = (struct x11_link){0};
}

/* ------------------------------------------------------------------ pixmaps and pictures */

xcb_pixmap_t x11_link_pixmap(struct x11_link *link, uint8_t depth, int width, int height)
{
    xcb_pixmap_t pixmap = xcb_generate_id(link->xcb);

    xcb_create_pixmap(link->xcb, depth, pixmap, link->window, (uint16_t)width, (uint16_t)height);
    return pixmap;
}

xcb_render_picture_t x11_link_picture(struct x11_link *link, xcb_drawable_t drawable,
                                      xcb_render_pictformat_t format)
{
    uint32_t repeat = XCB_RENDER_REPEAT_PAD; /* without it a bilinear filter darkens the edges */

    if (!link->has_render)
        return XCB_NONE;
    xcb_render_picture_t picture = xcb_generate_id(link->xcb);
    xcb_render_create_picture(link->xcb, picture, drawable, format, XCB_RENDER_CP_REPEAT, &repeat);
    return picture;
}
