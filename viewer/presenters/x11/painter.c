/* SPDX-License-Identifier: MIT */
/* Both ways of scaling use the nearest pixel for whole factors, and else interpolate. */
#include "painter.h"

#include <errno.h>

#include "core/log.h"
#include "send.h"

/* ------------------------------------------------------------------ back pixmaps */

static void free_back(struct x11_painter *painter, struct x11_back *back)
{
    if (back->picture)
        xcb_render_free_picture(painter->link->xcb, back->picture);
    if (back->pixmap)
        xcb_free_pixmap(painter->link->xcb, back->pixmap);
    *back = (struct x11_back){0};
}

void x11_painter_fill_black(struct x11_painter *painter, xcb_drawable_t drawable)
{
    xcb_rectangle_t all = {.width = (uint16_t)painter->window->width,
                           .height = (uint16_t)painter->window->height};

    xcb_poly_fill_rectangle(painter->link->xcb, drawable, painter->link->gc, 1, &all);
}

static void create_back(struct x11_painter *painter, struct x11_back *back)
{
    struct x11_link *link = painter->link;

    back->pixmap =
        x11_link_pixmap(link, link->depth, painter->window->width, painter->window->height);
    back->picture = x11_link_picture(link, back->pixmap, link->window_format);
    x11_painter_fill_black(painter, back->pixmap);
}

void x11_painter_fit(struct x11_painter *painter)
{
    bool has_render = painter->link->has_render;

    for (int i = 0; i < X11_BACKS; i++) {
        free_back(painter, &painter->back[i]);
        if (has_render)
            create_back(painter, &painter->back[i]);
    }
    if (!has_render)
        x11_painter_fill_black(painter, painter->link->window);
}

struct placement x11_painter_place(const struct x11_painter *painter, int width, int height)
{
    return placement_of_frame(width, height, painter->window->width, painter->window->height,
                              painter->window->one_to_one);
}

static xcb_render_color_t render_color(uint32_t color)
{
    return (xcb_render_color_t){.red = (uint16_t)((color >> 16 & 0xff) * 0x101),
                                .green = (uint16_t)((color >> 8 & 0xff) * 0x101),
                                .blue = (uint16_t)((color & 0xff) * 0x101),
                                .alpha = 0xffff};
}

static xcb_render_picture_t create_fill(struct x11_link *link, uint32_t color)
{
    xcb_render_picture_t picture = xcb_generate_id(link->xcb);

    xcb_render_create_solid_fill(link->xcb, picture, render_color(color));
    return picture;
}

/* Two squares by two, repeated. */
static xcb_render_picture_t create_checkerboard(struct x11_link *link)
{
    enum { SIDE = BACKGROUND_SQUARE };
    const uint32_t repeat = XCB_RENDER_REPEAT_NORMAL;
    const xcb_rectangle_t all = {0, 0, 2 * SIDE, 2 * SIDE};
    const xcb_rectangle_t dark[] = {{SIDE, 0, SIDE, SIDE}, {0, SIDE, SIDE, SIDE}};
    xcb_pixmap_t pixmap = x11_link_pixmap(link, X11_FRAME_DEPTH, 2 * SIDE, 2 * SIDE);
    xcb_render_picture_t picture = x11_link_picture(link, pixmap, link->frame_format[X11_OPAQUE]);

    xcb_render_change_picture(link->xcb, picture, XCB_RENDER_CP_REPEAT, &repeat);
    xcb_render_fill_rectangles(link->xcb, XCB_RENDER_PICT_OP_SRC, picture,
                               render_color(BACKGROUND_LIGHT), 1, &all);
    xcb_render_fill_rectangles(link->xcb, XCB_RENDER_PICT_OP_SRC, picture,
                               render_color(BACKGROUND_DARK), 2, dark);
    xcb_free_pixmap(link->xcb, pixmap); /* it exists as long as the picture */
    return picture;
}

static void composite(struct x11_painter *painter, uint8_t operation, xcb_render_picture_t source,
                      xcb_render_picture_t mask, const struct placement *place,
                      const struct x11_back *back)
{
    xcb_render_composite(painter->link->xcb, operation, source, mask, back->picture, 0, 0, 0, 0,
                         (int16_t)place->x, (int16_t)place->y, (uint16_t)place->width,
                         (uint16_t)place->height);
}

/* The checkerboard is scaled like the frame. */
static void draw_background(struct x11_painter *painter, int width, int height,
                            const struct placement *place, const struct x11_back *back)
{
    struct x11_link *link = painter->link;
    const struct background *background = &painter->background;

    if (!painter->behind)
        painter->behind = background->has_color ? create_fill(link, background->color)
                                                : create_checkerboard(link);
    if (!background->has_color)
        x11_scale_picture(link, painter->behind, width, height, false, place);
    composite(painter, XCB_RENDER_PICT_OP_SRC, painter->behind, XCB_NONE, place, back);
}

void x11_painter_compose(struct x11_painter *painter, enum x11_kind kind,
                         xcb_render_picture_t picture, int width, int height,
                         const struct placement *place, const struct x11_back *back)
{
    switch (kind) {
    case X11_ALPHA:
        draw_background(painter, width, height, place, back);
        composite(painter, XCB_RENDER_PICT_OP_OVER, picture, XCB_NONE, place, back);
        break;
    case X11_MASK:
        if (!painter->white)
            painter->white = create_fill(painter->link, 0xffffff);
        composite(painter, XCB_RENDER_PICT_OP_SRC, painter->white, picture, place, back);
        break;
    default: composite(painter, XCB_RENDER_PICT_OP_SRC, picture, XCB_NONE, place, back); break;
    }
}

void x11_painter_copy_to_window(struct x11_painter *painter, const struct x11_back *back)
{
    xcb_copy_area(painter->link->xcb, back->pixmap, painter->link->window, painter->link->gc, 0, 0,
                  0, 0, (uint16_t)painter->window->width, (uint16_t)painter->window->height);
}

/* ------------------------------------------------------------------ without RENDER */

static SDL_Surface *surface_of(const struct pf_plane *plane, int width, int height)
{
    return SDL_CreateRGBSurfaceWithFormatFrom(plane->pixels, width, height, 32,
                                              (int)plane->stride_bytes, SDL_PIXELFORMAT_RGB888);
}

/* Returns a surface of the place's size, or NULL. */
static SDL_Surface *scale(SDL_Surface *content, const struct placement *place)
{
    SDL_Surface *scaled =
        SDL_CreateRGBSurfaceWithFormat(0, place->width, place->height, 32, SDL_PIXELFORMAT_RGB888);
    bool is_whole = place->width % content->w == 0 && place->height % content->h == 0;

    if (scaled && (is_whole ? SDL_SoftStretch(content, NULL, scaled, NULL)
                            : SDL_SoftStretchLinear(content, NULL, scaled, NULL)) != 0) {
        SDL_FreeSurface(scaled);
        scaled = NULL;
    }
    return scaled;
}

static int send_surface(struct x11_painter *painter, SDL_Surface *content)
{
    struct x11_link *link = painter->link;

    if (!content)
        return log_out_of_memory("presenter x11");
    struct placement place = x11_painter_place(painter, content->w, content->h);
    bool is_scaled = place.width != content->w || place.height != content->h;
    SDL_Surface *scaled = is_scaled ? scale(content, &place) : content;
    if (!scaled)
        return log_out_of_memory("presenter x11");
    x11_send(link, scaled->pixels, scaled->pitch, scaled->w, scaled->h, link->window, link->gc,
             place.x, place.y);
    if (is_scaled)
        SDL_FreeSurface(scaled);
    return 0;
}

int x11_painter_send_scaled(struct x11_painter *painter, const struct pf_plane *plane, int width,
                            int height)
{
    SDL_Surface *content = surface_of(plane, width, height);
    int ret = send_surface(painter, content);

    SDL_FreeSurface(content);
    return ret;
}

/* ------------------------------------------------------------------ the frozen frame */

int x11_painter_freeze(struct x11_painter *painter, struct x11_slots *slots,
                       const struct pf_frame *frame, unsigned int *put, bool *is_copied)
{
    struct x11_link *link = painter->link;

    *put = 0;
    *is_copied = !link->has_render || slots->way == X11_SEND;
    painter->frozen_width = slots->width;
    painter->frozen_height = slots->height;
    painter->frozen_kind = slots->kind;
    if (link->has_render) {
        painter->frozen =
            x11_link_pixmap(link, x11_depth(slots->kind), slots->width, slots->height);
        painter->frozen_picture =
            x11_link_picture(link, painter->frozen, link->frame_format[slots->kind]);
        *put = x11_slots_copy(slots, link, frame, painter->frozen);
        return 0;
    }
    SDL_Surface *content = surface_of(&frame->plane[0], slots->width, slots->height);
    painter->frozen_surface = content ? SDL_DuplicateSurface(content) : NULL;
    SDL_FreeSurface(content);
    return painter->frozen_surface ? 0 : log_out_of_memory("presenter x11");
}

bool x11_painter_has_frozen(const struct x11_painter *painter)
{
    return painter->frozen || painter->frozen_surface;
}

void x11_painter_draw_frozen(struct x11_painter *painter)
{
    struct x11_link *link = painter->link;
    struct x11_back back = {0}; /* the others may contain frames that wait to be presented */

    if (!painter->frozen) {
        x11_painter_fill_black(painter, link->window);
        send_surface(painter, painter->frozen_surface);
        x11_link_flush(link);
        return;
    }
    struct placement place =
        x11_painter_place(painter, painter->frozen_width, painter->frozen_height);
    x11_scale_picture(link, painter->frozen_picture, painter->frozen_width, painter->frozen_height,
                      false, &place);
    create_back(painter, &back);
    x11_painter_compose(painter, painter->frozen_kind, painter->frozen_picture,
                        painter->frozen_width, painter->frozen_height, &place, &back);
    x11_painter_copy_to_window(painter, &back);
    free_back(painter, &back);
    x11_link_flush(link);
}

void x11_painter_thaw(struct x11_painter *painter)
{
    if (painter->frozen_picture)
        xcb_render_free_picture(painter->link->xcb, painter->frozen_picture);
    if (painter->frozen)
        xcb_free_pixmap(painter->link->xcb, painter->frozen);
    SDL_FreeSurface(painter->frozen_surface);
    painter->frozen = XCB_NONE;
    painter->frozen_picture = XCB_NONE;
    painter->frozen_surface = NULL;
}
