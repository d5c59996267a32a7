/* SPDX-License-Identifier: MIT */
/*
 * The fallback, by SDL alone: for native Wayland, and for X servers that will not share. It copies
 * each frame, and counts that. On X11 it draws on the window surface with
 * SDL_FRAMEBUFFER_ACCELERATION=0 (without that hint SDL takes a detour through OpenGL, in software
 * where there is no GPU); elsewhere it updates a streaming texture.
 *
 * SDL's own shared segment for the window surface on X11 has mode 0777 and may be left behind by a
 * kill in the moment between its creation and its removal: that is SDL's, not ours.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "display_loss.h"
#include "media/font.h"
#include "placement.h"
#include "presenters/x11/loss.h"
#include "watchdog.h"
#include "window.h"

struct sdl_presenter {
    struct presenter presenter;
    struct window window;
    bool by_surface; /* else by renderer and texture */
    SDL_Renderer *renderer;
    SDL_Texture *texture; /* of the segment's format; keeps the last picture */
    SDL_Surface *kept;    /* by surface: the picture while paused */
    bool is_frozen;
    struct presented done;
    bool has_done;
    SDL_Surface *panel;         /* over the picture; NULL: none */
    SDL_Texture *panel_texture; /* the same, where there is a renderer */
};

static struct sdl_presenter *of(struct presenter *presenter)
{
    return (struct sdl_presenter *)presenter;
}

static const struct pf_format *format_of(const struct sdl_presenter *self)
{
    return &pf_viewer_segment(self->presenter.viewer)->format;
}

/* ------------------------------------------------------------------ formats */

/* SDL's name of a format, or SDL_PIXELFORMAT_UNKNOWN. */
static SDL_PixelFormatEnum sdl_format(const struct pf_format *format)
{
    return format->fourcc == PF_FOURCC_XR24 ? SDL_PIXELFORMAT_RGB888 : SDL_PIXELFORMAT_UNKNOWN;
}

static bool supports(const struct pf_format *format)
{
    return sdl_format(format) != SDL_PIXELFORMAT_UNKNOWN;
}

/* ------------------------------------------------------------------ open, attach, close */

static int attach(struct presenter *presenter)
{
    struct sdl_presenter *self = of(presenter);
    const struct pf_format *format = format_of(self);

    if (self->by_surface)
        return 0;
    SDL_Texture *texture =
        SDL_CreateTexture(self->renderer, sdl_format(format), SDL_TEXTUREACCESS_STREAMING,
                          (int)format->width, (int)format->height);
    if (!texture) {
        log_error("texture of %ux%u: %s; use --presenter null, or a smaller picture", format->width,
                  format->height, SDL_GetError());
        return -ENODEV;
    }
    if (self->texture)
        SDL_DestroyTexture(self->texture);
    self->texture = texture;
    return 0;
}

/* Nothing of the segment is kept: frames are copied and let go at once. */
static void detach(struct presenter *presenter)
{
    (void)presenter;
}

static void drop_panel(struct sdl_presenter *self)
{
    if (self->panel_texture)
        SDL_DestroyTexture(self->panel_texture);
    SDL_FreeSurface(self->panel);
    self->panel_texture = NULL;
    self->panel = NULL;
}

static void close_sdl(struct presenter *presenter)
{
    struct sdl_presenter *self = of(presenter);

    watchdog_enter();
    drop_panel(self);
    SDL_FreeSurface(self->kept);
    if (self->texture)
        SDL_DestroyTexture(self->texture);
    if (self->renderer)
        SDL_DestroyRenderer(self->renderer);
    watchdog_leave();
    window_close(&self->window);
    free(self);
}

static int open_sdl(struct presenter **presenter, const struct presenter_config *config,
                    struct pf_viewer *viewer, const char **reason)
{
    static char words[256];
    struct sdl_presenter *self = calloc(1, sizeof *self);

    if (!self)
        return log_out_of_memory("presenter sdl");
    self->presenter = (struct presenter){.ops = &presenter_sdl_ops, .viewer = viewer};
    /* Without a runtime directory there is no Wayland, and its library would say so by itself. */
    bool may_be_wayland = getenv("XDG_RUNTIME_DIR");
    *reason = "neither DISPLAY nor WAYLAND_DISPLAY leads to a display";
    int ret = -ENOTSUP;
    if (may_be_wayland || window_has_x11())
        ret = window_open(&self->window,
                          !window_has_x11() ? "wayland"
                          : may_be_wayland  ? "x11,wayland"
                                            : "x11",
                          config, format_of(self), reason);
    if (ret < 0) {
        free(self);
        return ret;
    }
    watchdog_enter();
    self->by_surface = strcmp(SDL_GetCurrentVideoDriver(), "x11") == 0;
    self->presenter.way = self->by_surface ? "sdl-surface" : "sdl-texture";
    if (self->by_surface)
        SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0");
    else
        self->renderer = SDL_CreateRenderer(self->window.sdl, -1, 0);
    bool can_draw = self->renderer || (self->by_surface && SDL_GetWindowSurface(self->window.sdl));
    watchdog_leave();
    if (!can_draw) {
        snprintf(words, sizeof words, "SDL cannot draw on this display: %s", SDL_GetError());
        *reason = words;
        close_sdl(&self->presenter);
        return -ENOTSUP;
    }
    ret = attach(&self->presenter);
    if (ret < 0) {
        close_sdl(&self->presenter);
        return ret;
    }
    *presenter = &self->presenter;
    return 0;
}

/* ------------------------------------------------------------------ a frame */

static struct placement place_in_window(const struct sdl_presenter *self,
                                        const struct pf_format *format)
{
    return placement_of_frame(format, self->window.width, self->window.height,
                              self->window.one_to_one);
}

/* Returns the copies made, or -ENODEV, logged. */
static int draw_on_surface(struct sdl_presenter *self, SDL_Surface *picture,
                           const struct pf_format *format)
{
    struct placement place = place_in_window(self, format);
    SDL_Rect to = {place.x, place.y, place.width, place.height};
    SDL_Surface *surface = SDL_GetWindowSurface(self->window.sdl);

    if (!surface) {
        log_error("display lost: %s; look at the display", SDL_GetError());
        return -ENODEV;
    }
    if (place.width < surface->w || place.height < surface->h)
        SDL_FillRect(surface, NULL, 0);
    /* One copy, into SDL's surface; the X server reads that by itself. */
    if (place.width == (int)format->width && place.height == (int)format->height)
        SDL_BlitSurface(picture, NULL, surface, &to);
    else
        SDL_BlitScaled(picture, NULL, surface, &to);
    SDL_BlitSurface(self->panel, NULL, surface, NULL);
    SDL_UpdateWindowSurface(self->window.sdl);
    return 1;
}

static void draw_texture(struct sdl_presenter *self)
{
    struct placement place = place_in_window(self, format_of(self));
    SDL_Rect to = {place.x, place.y, place.width, place.height};

    SDL_SetRenderDrawColor(self->renderer, 0, 0, 0, 255);
    SDL_RenderClear(self->renderer);
    SDL_RenderCopy(self->renderer, self->texture, NULL, &to);
    if (self->panel_texture) {
        SDL_Rect corner = {0, 0, self->panel->w, self->panel->h};
        SDL_RenderCopy(self->renderer, self->panel_texture, NULL, &corner);
    }
    SDL_RenderPresent(self->renderer);
}

static SDL_Surface *wrap(const struct sdl_presenter *self, const struct pf_frame *frame)
{
    const struct pf_format *format = format_of(self);

    return SDL_CreateRGBSurfaceWithFormatFrom(frame->plane[0].pixels, (int)format->width,
                                              (int)format->height, 32,
                                              (int)frame->plane[0].stride_bytes,
                                              sdl_format(format));
}

static bool ready(const struct presenter *presenter)
{
    return !((const struct sdl_presenter *)presenter)->has_done;
}

static int show(struct presenter *presenter, const struct pf_frame *frame, bool again)
{
    struct sdl_presenter *self = of(presenter);
    int64_t submit_ns = clock_now_ns();
    int copies;

    watchdog_enter();
    if (self->by_surface) {
        SDL_Surface *picture = wrap(self, frame);
        copies = picture ? draw_on_surface(self, picture, format_of(self))
                         : log_out_of_memory("picture");
        SDL_FreeSurface(picture);
    } else {
        /* One copy, into the texture; what the driver makes of it is not ours to see. */
        copies = SDL_UpdateTexture(self->texture, NULL, frame->plane[0].pixels,
                                   (int)frame->plane[0].stride_bytes) == 0;
        draw_texture(self);
    }
    watchdog_leave();
    pf_viewer_release(presenter->viewer, frame);
    if (copies < 0)
        return copies;
    self->done = (struct presented){.frame = *frame,
                                    .again = again,
                                    .submit_ns = submit_ns,
                                    .done_ns = clock_now_ns(),
                                    .user_copies = (uint32_t)copies};
    self->has_done = true;
    return 0;
}

static int draw_frozen(struct sdl_presenter *self)
{
    int copies = 0;

    watchdog_enter();
    if (!self->by_surface) {
        draw_texture(self);
    } else if (self->kept) {
        struct pf_format format = {.width = (uint32_t)self->kept->w,
                                   .height = (uint32_t)self->kept->h};
        copies = draw_on_surface(self, self->kept, &format);
    }
    watchdog_leave();
    return copies < 0 ? copies : 0;
}

/* The texture keeps its picture by itself; the surface is asked to keep one. */
static int freeze(struct presenter *presenter, const struct pf_frame *frame)
{
    struct sdl_presenter *self = of(presenter);

    SDL_FreeSurface(self->kept);
    self->kept = NULL;
    self->is_frozen = frame != NULL;
    if (!frame)
        return 0;
    if (self->by_surface) {
        SDL_Surface *picture = wrap(self, frame);
        self->kept = picture ? SDL_DuplicateSurface(picture) : NULL;
        SDL_FreeSurface(picture);
    } else {
        watchdog_enter();
        SDL_UpdateTexture(self->texture, NULL, frame->plane[0].pixels,
                          (int)frame->plane[0].stride_bytes);
        watchdog_leave();
    }
    pf_viewer_release(presenter->viewer, frame);
    return draw_frozen(self);
}

static int poll_sdl(struct presenter *presenter, struct presented *done, enum command *command)
{
    struct sdl_presenter *self = of(presenter);

    *command = window_poll(&self->window);
    presenter->overlay_scale = window_overlay_scale(&self->window);
    if (x11_loss_seen() || self->window.is_lost)
        return display_loss_closed();
    if (*command == COMMAND_REDRAW && self->is_frozen) {
        int ret = draw_frozen(self);
        *command = COMMAND_NONE;
        if (ret < 0)
            return ret;
    }
    if (!self->has_done)
        return 0;
    *done = self->done;
    self->has_done = false;
    return 1;
}

/* A copy of the panel: each frame is drawn over what was there, so it is needed with each. */
static void keep_panel(struct sdl_presenter *self, const struct canvas *panel)
{
    SDL_Surface *drawn =
        SDL_CreateRGBSurfaceWithFormatFrom(panel->pixels, (int)panel->width, (int)panel->height, 32,
                                           (int)panel->stride_bytes, SDL_PIXELFORMAT_RGB888);

    self->panel = drawn ? SDL_DuplicateSurface(drawn) : NULL;
    SDL_FreeSurface(drawn);
    if (self->panel && self->renderer)
        self->panel_texture = SDL_CreateTextureFromSurface(self->renderer, self->panel);
}

static void set_status(struct presenter *presenter, const char *title,
                       const struct canvas *overlay_canvas)
{
    struct sdl_presenter *self = of(presenter);

    bool had_panel = self->panel;

    if (title)
        window_set_title(&self->window, title);
    drop_panel(self);
    if (overlay_canvas)
        keep_panel(self, overlay_canvas);
    if (self->is_frozen && had_panel != (self->panel != NULL))
        draw_frozen(self); /* no frame comes to be drawn with it */
}

const struct presenter_ops presenter_sdl_ops = {
    .name = "sdl",
    .summary = "auto's second: native Wayland, and X servers that do not share; one copy a frame",
    .is_for_auto = true,
    .supports = supports,
    .open = open_sdl,
    .detach = detach,
    .attach = attach,
    .ready = ready,
    .show = show,
    .freeze = freeze,
    .poll = poll_sdl,
    .set_status = set_status,
    .close = close_sdl,
};
