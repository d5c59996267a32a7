/* SPDX-License-Identifier: MIT */
/*
 * Shows frames through SDL alone, on native Wayland. It copies or converts each frame once, into a
 * streaming texture of XR24, and reports that copy.
 *
 * When SDL fails to draw a frame, the window keeps its content and the frame is reported as
 * skipped.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "display_loss.h"
#include "media/canvas.h"
#include "media/unpack.h"
#include "placement.h"
#include "watchdog.h"
#include "window.h"

/* After this many failures in a row, 1 s of frames at 60 Hz, the display counts as lost. */
enum { FAILURES_MAX = 60 };

struct sdl_presenter {
    struct presenter presenter;
    struct window window;
    SDL_Renderer *renderer;
    struct background background;
    SDL_Texture *texture; /* of the size of the segment's frames */
    SDL_Texture
        *frozen_texture; /* while paused, a copy of the frame on display; NULL: SDL failed */
    struct presented done;
    bool has_done;
    int failures; /* since SDL last drew a frame */
    bool has_warned;
    SDL_Surface *overlay;         /* NULL: none */
    SDL_Texture *overlay_texture; /* of `overlay` */
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

static bool supports(const struct pf_format *format)
{
    return unpack_supports(format);
}

/* NULL on failure. */
static SDL_Texture *create_texture(const struct sdl_presenter *self)
{
    const struct pf_format *format = format_of(self);

    return SDL_CreateTexture(self->renderer, SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_STREAMING,
                             (int)format->width, (int)format->height);
}

static bool update_texture(const struct sdl_presenter *self, SDL_Texture *texture,
                           const struct pf_frame *frame)
{
    void *pixels;
    int stride_bytes;

    if (unpack_is_copy(&frame->format))
        return SDL_UpdateTexture(texture, NULL, frame->plane[0].pixels,
                                 (int)frame->plane[0].stride_bytes) == 0;
    if (SDL_LockTexture(texture, NULL, &pixels, &stride_bytes) != 0)
        return false;
    unpack(&frame->format, frame->plane, &self->background, pixels, (uint32_t)stride_bytes);
    SDL_UnlockTexture(texture);
    return true;
}

/* SDL_DestroyTexture() accepts NULL, but sets SDL's error for it. */
static void destroy_texture(SDL_Texture **texture)
{
    if (*texture)
        SDL_DestroyTexture(*texture);
    *texture = NULL;
}

/* ------------------------------------------------------------------ open, attach, close */

static int attach(struct presenter *presenter)
{
    struct sdl_presenter *self = of(presenter);
    const struct pf_format *format = format_of(self);

    watchdog_enter();
    destroy_texture(&self->texture);
    self->texture = create_texture(self);
    watchdog_leave();
    if (!self->texture) {
        log_error("presenter sdl: cannot create a texture of %ux%u: %s", format->width,
                  format->height, SDL_GetError());
        return -ENODEV;
    }
    return 0;
}

static void detach(struct presenter *presenter)
{
    (void)presenter; /* each frame was copied and released in show() */
}

static void free_overlay(struct sdl_presenter *self)
{
    destroy_texture(&self->overlay_texture);
    SDL_FreeSurface(self->overlay);
    self->overlay = NULL;
}

static void close_sdl(struct presenter *presenter)
{
    struct sdl_presenter *self = of(presenter);

    watchdog_enter();
    free_overlay(self);
    destroy_texture(&self->frozen_texture);
    destroy_texture(&self->texture);
    if (self->renderer)
        SDL_DestroyRenderer(self->renderer);
    watchdog_leave();
    window_close(&self->window);
    free(self);
}

static int open_sdl(struct presenter **presenter, const struct presenter_config *config,
                    struct pf_viewer *viewer, const char **reason)
{
    static char text[256];
    struct sdl_presenter *self = calloc(1, sizeof *self);

    if (!self)
        return log_out_of_memory("presenter sdl");
    self->presenter = (struct presenter){.ops = &presenter_sdl_ops, .viewer = viewer};
    self->background = config->background;
    /* Wayland needs a runtime directory; without one its library prints an error of its own. */
    *reason = "XDG_RUNTIME_DIR is not set, so no Wayland compositor can be found";
    int ret = getenv("XDG_RUNTIME_DIR")
                  ? window_open(&self->window, "wayland", config, format_of(self), reason)
                  : -ENOTSUP;
    if (ret < 0) {
        free(self);
        return ret;
    }
    watchdog_enter();
    self->renderer = SDL_CreateRenderer(self->window.sdl, -1, 0);
    self->presenter.way = "sdl-texture";
    self->presenter.has_vsync = true; /* a Wayland compositor shows whole frames */
    bool can_draw = self->renderer;
    watchdog_leave();
    if (!can_draw) {
        snprintf(text, sizeof text, "SDL cannot draw on this display: %s", SDL_GetError());
        *reason = text;
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

/* ------------------------------------------------------------------ drawing */

static SDL_Rect place_in_window(const struct sdl_presenter *self, int width, int height)
{
    struct placement place = placement_of_frame(width, height, self->window.width,
                                                self->window.height, self->window.one_to_one);

    return (SDL_Rect){place.x, place.y, place.width, place.height};
}

/*
 * Returns whether the window shows the content now; else it shows what it showed before, and
 * SDL_GetError() has the reason. A missing overlay is no failure: the frame is on the screen.
 */
static bool draw_texture(struct sdl_presenter *self, SDL_Texture *content)
{
    int width, height;

    if (SDL_QueryTexture(content, NULL, NULL, &width, &height) != 0)
        return false;
    SDL_Rect to = place_in_window(self, width, height);
    if (SDL_SetRenderDrawColor(self->renderer, 0, 0, 0, 255) != 0 ||
        SDL_RenderClear(self->renderer) != 0 ||
        SDL_RenderCopy(self->renderer, content, NULL, &to) != 0)
        return false;
    if (self->overlay_texture) {
        SDL_Rect corner = {0, 0, self->overlay->w, self->overlay->h};
        SDL_RenderCopy(self->renderer, self->overlay_texture, NULL, &corner);
    }
    /* SDL draws here; SDL_RenderPresent() would also draw, but returns no error. */
    if (SDL_RenderFlush(self->renderer) != 0)
        return false;
    SDL_RenderPresent(self->renderer);
    return true;
}

/* Count failures to draw; a success resets the count. Returns 0, or -ENODEV, logged: the display is
 * lost, or SDL fails repeatedly. */
static int count_failure(struct sdl_presenter *self, bool is_drawn)
{
    if (is_drawn) {
        self->failures = 0;
        return 0;
    }
    if (++self->failures >= FAILURES_MAX) {
        log_error("display lost: SDL cannot draw: %s", SDL_GetError());
        return -ENODEV;
    }
    if (!self->has_warned)
        log_warning("presenter sdl: frame skipped: %s", SDL_GetError());
    self->has_warned = true;
    return 0;
}

/* ------------------------------------------------------------------ a frame */

static bool ready(const struct presenter *presenter)
{
    return !((const struct sdl_presenter *)presenter)->has_done;
}

static int show(struct presenter *presenter, const struct pf_frame *frame, bool again)
{
    struct sdl_presenter *self = of(presenter);
    int64_t submit_ns = clock_now_ns();

    watchdog_enter();
    /* One copy, into the texture; any that the driver makes is not visible here. */
    bool is_drawn = update_texture(self, self->texture, frame) && draw_texture(self, self->texture);
    watchdog_leave();
    pf_viewer_release(presenter->viewer, frame);
    self->done = (struct presented){.frame = *frame,
                                    .skipped = !is_drawn,
                                    .again = again,
                                    .submit_ns = submit_ns,
                                    .done_ns = clock_now_ns(),
                                    .user_copies = is_drawn};
    self->has_done = true;
    return count_failure(self, is_drawn);
}

static int draw_frozen(struct sdl_presenter *self)
{
    watchdog_enter();
    bool is_drawn = draw_texture(self, self->frozen_texture);
    watchdog_leave();
    return count_failure(self, is_drawn);
}

static int freeze(struct presenter *presenter, const struct pf_frame *frame)
{
    struct sdl_presenter *self = of(presenter);

    watchdog_enter();
    destroy_texture(&self->frozen_texture);
    if (frame) {
        self->frozen_texture = create_texture(self);
        if (self->frozen_texture && !update_texture(self, self->frozen_texture, frame))
            destroy_texture(&self->frozen_texture);
    }
    watchdog_leave();
    if (!frame)
        return 0;
    pf_viewer_release(presenter->viewer, frame);
    return self->frozen_texture ? draw_frozen(self) : count_failure(self, false);
}

/* ------------------------------------------------------------------ events, status */

static int poll_sdl(struct presenter *presenter, struct presented *done, enum command *command)
{
    struct sdl_presenter *self = of(presenter);
    bool needs_redraw = false;

    /* A paused frame is drawn once for all events, so that keys are not delayed by a resize. */
    while ((*command = window_poll(&self->window)) == COMMAND_REDRAW && self->frozen_texture)
        needs_redraw = true;
    presenter->overlay_scale = window_overlay_scale(&self->window);
    if (self->window.is_lost)
        return display_loss_closed();
    int ret = needs_redraw ? draw_frozen(self) : 0;
    if (ret < 0)
        return ret;
    if (!self->has_done)
        return 0;
    *done = self->done;
    self->has_done = false;
    return 1;
}

/* A copy: the overlay is drawn again with each frame. */
static void copy_overlay(struct sdl_presenter *self, const struct canvas *canvas)
{
    SDL_Surface *drawn =
        SDL_CreateRGBSurfaceWithFormatFrom(canvas->pixels, (int)canvas->width, (int)canvas->height,
                                           32, (int)canvas->stride_bytes, SDL_PIXELFORMAT_RGB888);

    self->overlay = drawn ? SDL_DuplicateSurface(drawn) : NULL;
    SDL_FreeSurface(drawn);
    if (self->overlay)
        self->overlay_texture = SDL_CreateTextureFromSurface(self->renderer, self->overlay);
}

static void set_status(struct presenter *presenter, const char *title,
                       const struct canvas *overlay_canvas)
{
    struct sdl_presenter *self = of(presenter);
    bool had_overlay = self->overlay;

    if (title)
        window_set_title(&self->window, title);
    free_overlay(self);
    if (overlay_canvas)
        copy_overlay(self, overlay_canvas);
    if (self->frozen_texture && had_overlay != (self->overlay != NULL))
        draw_frozen(self); /* no new frame is drawn while paused */
}

const struct presenter_ops presenter_sdl_ops = {
    .name = "sdl",
    .summary = "native Wayland; one copy per frame",
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
