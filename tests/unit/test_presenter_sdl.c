/* SPDX-License-Identifier: MIT */
/*
 * The sdl presenter when a call into SDL fails: the frame is reported as skipped, never as shown.
 * SDL runs with its dummy driver, which this file reports as Wayland, and with its software
 * renderer. The linker routes the presenter's calls through this file (-Wl,--wrap).
 */
#include <SDL.h>
#include <errno.h>

#include "last_message.h"
#include "stream.h"
#include "viewer/presenters/presenter.h"
#include "wrap.h"

enum { FOREVER = 1000 };

static const char *failing; /* a function's name */
static int failures_left;

static bool fails(const char *name)
{
    if (!failing || strcmp(name, failing) != 0 || failures_left == 0)
        return false;
    failures_left--;
    return true;
}

WRAP(int, SDL_UpdateTexture,
     (SDL_Texture * texture, const SDL_Rect *rect, const void *pixels, int pitch),
     (texture, rect, pixels, pitch), -1)
WRAP(int, SDL_RenderClear, (SDL_Renderer * renderer), (renderer), -1)
WRAP(int, SDL_RenderCopy,
     (SDL_Renderer * renderer, SDL_Texture *texture, const SDL_Rect *from, const SDL_Rect *to),
     (renderer, texture, from, to), -1)
WRAP(int, SDL_RenderFlush, (SDL_Renderer * renderer), (renderer), -1)

const char *__wrap_SDL_GetCurrentVideoDriver(void);
const char *__wrap_SDL_GetCurrentVideoDriver(void)
{
    return "wayland";
}

static struct presenter *presenter;

static void init(void)
{
    init_stream();
    pf_log_set_level(PF_LOG_WARNING);
    keep_messages();
    setenv("SDL_VIDEODRIVER", "dummy", 1);
    setenv("SDL_RENDER_DRIVER", "software", 1);
    failing = NULL;
    presenter = NULL;
    open_producer(3, 0);
    open_viewer(false);
}

static void close_all(void)
{
    if (presenter)
        presenter->ops->close(presenter);
    finish_stream();
}

TestSuite(presenter_sdl, .init = init, .fini = close_all);

static int open_presenter(const char *name, uint32_t scale)
{
    struct presenter_config config = {.name = name, .scale = scale};

    return presenter_open(&presenter, &config, viewer);
}

/* Returns what show() does. */
static int show_one(void)
{
    struct pf_frame frame;

    cr_assert_eq(publish(1), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    cr_assert(presenter->ops->ready(presenter));
    return presenter->ops->show(presenter, &frame, false);
}

static struct presented poll_done(void)
{
    struct presented done;
    enum command command;

    cr_assert_eq(presenter->ops->poll(presenter, &done, &command), 1);
    return done;
}

static void expect_shown(bool is_shown, const char *why)
{
    cr_assert_eq(show_one(), 0, "%s", why);
    struct presented done = poll_done();
    cr_assert_eq(!done.skipped, is_shown, "%s: skipped is %d", why, done.skipped);
    cr_assert_eq(done.user_copies, (uint32_t)is_shown, "%s: %u copies", why, done.user_copies);
}

static void fail(const char *name, int times)
{
    failing = name;
    failures_left = times;
}

static void expect_each_failure_skips_one_frame(const char *const *names)
{
    cr_assert_eq(open_presenter("sdl", 1), 0);
    expect_shown(true, "no failure");
    for (; *names; names++) {
        fail(*names, 1);
        expect_shown(false, *names);
        cr_assert_eq(failures_left, 0, "%s was not called", *names);
        expect_shown(true, *names);
    }
    cr_assert_eq(errors, 0);
    cr_assert_eq(warnings, 1, "%d warnings", warnings);
}

Test(presenter_sdl, reports_a_frame_as_skipped_when_its_texture_is_not_drawn)
{
    expect_each_failure_skips_one_frame((const char *const[]){"SDL_UpdateTexture",
                                                              "SDL_RenderClear", "SDL_RenderCopy",
                                                              "SDL_RenderFlush", NULL});
    cr_assert_str_eq(presenter->way, "sdl-texture");
}

Test(presenter_sdl, the_display_is_lost_when_no_texture_is_ever_updated)
{
    int frames = 0;

    cr_assert_eq(open_presenter("sdl", 1), 0);
    expect_shown(true, "no failure");
    fail("SDL_UpdateTexture", FOREVER);
    while (show_one() == 0) {
        cr_assert(poll_done().skipped);
        cr_assert_lt(++frames, 100, "%d frames were skipped", frames);
    }
    cr_assert_eq(errors, 1);
    cr_assert(strstr(message, "display lost"), "%s", message);
    failing = NULL;
}

/* 60 failures in a row, not in total. */
Test(presenter_sdl, a_frame_that_is_drawn_ends_a_row_of_failures)
{
    cr_assert_eq(open_presenter("sdl", 1), 0);
    for (int i = 0; i < 3; i++) {
        fail("SDL_RenderClear", 59);
        while (failures_left > 0)
            expect_shown(false, "in a row");
        expect_shown(true, "after it");
    }
    cr_assert_eq(errors, 0, "%s", message);
}

Test(presenter_sdl, a_pause_warns_when_its_texture_is_not_updated)
{
    struct pf_frame frame;

    cr_assert_eq(open_presenter("sdl", 1), 0);
    expect_shown(true, "no failure");
    cr_assert_eq(publish(2), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    cr_assert_eq(presenter->ops->freeze(presenter, &frame), 0);
    cr_assert_eq(presenter->ops->freeze(presenter, NULL), 0);
    cr_assert_eq(warnings, 0, "%s", message);

    cr_assert_eq(publish(3), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    fail("SDL_UpdateTexture", 1);
    cr_assert_eq(presenter->ops->freeze(presenter, &frame), 0);
    cr_assert_eq(warnings, 1);
    expect_shown(true, "after the pause");
}

Test(presenter_sdl, a_paused_frame_is_drawn_again_after_a_new_segment_was_attached)
{
    struct pf_frame frame;
    struct presented done;
    enum command command;
    SDL_Event exposed = {.window = {.type = SDL_WINDOWEVENT, .event = SDL_WINDOWEVENT_EXPOSED}};
    uint32_t pixel = 0;

    cr_assert_eq(open_presenter("sdl", 1), 0);
    cr_assert_eq(publish(0x55), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    cr_assert_eq(presenter->ops->freeze(presenter, &frame), 0);
    presenter->ops->detach(presenter);
    cr_assert_eq(presenter_attach(presenter), 0);
    SDL_PushEvent(&exposed);
    while (presenter->ops->poll(presenter, &done, &command), command != COMMAND_NONE)
        ;
    SDL_RenderReadPixels(SDL_GetRenderer(SDL_GetWindowFromID(1)), &(SDL_Rect){5, 5, 1, 1},
                         SDL_PIXELFORMAT_RGB888, &pixel, 4);
    cr_assert_eq(pixel & 0xffffff, 0x555555, "the window shows %06x", pixel);
}

/* As if the producer had published frames of another format. */
static void change_format(uint32_t fourcc)
{
    ((struct pf_segment *)pf_viewer_segment(viewer))->format.fourcc = fourcc;
}

Test(presenter_sdl, a_named_presenter_refuses_a_format_that_it_does_not_support)
{
    change_format(PF_FOURCC_AB4H);
    cr_assert_eq(open_presenter("sdl", 1), -ENODEV);
    cr_assert_eq(errors, 1);
    cr_assert_str_eq(message, "presenter sdl: does not support frames of format AB4H");
}

Test(presenter_sdl, auto_skips_presenters_that_do_not_support_the_format)
{
    change_format(PF_FOURCC_AB4H);
    cr_assert_eq(open_presenter("auto", 1), -ENODEV);
    cr_assert_eq(errors, 1);
    cr_assert(strstr(message, "AB4H"), "%s", message);
}

Test(presenter_sdl, a_transfer_that_is_not_converted_is_refused_in_words)
{
    ((struct pf_segment *)pf_viewer_segment(viewer))->format.color.transfer = PF_TRANSFER_PQ;
    cr_assert_eq(open_presenter("sdl", 1), -ENODEV);
    cr_assert_eq(errors, 1);
    cr_assert_str_eq(message, "presenter sdl: does not support frames of format XR24 with this "
                              "transfer function");
}

Test(presenter_sdl, attach_refuses_a_format_that_the_presenter_does_not_support)
{
    cr_assert_eq(open_presenter("sdl", 1), 0);
    presenter->ops->detach(presenter);
    change_format(PF_FOURCC_AB4H);
    cr_assert_eq(presenter_attach(presenter), -ENODEV);
    cr_assert_eq(errors, 1);
    change_format(PF_FOURCC_XR24);
    cr_assert_eq(presenter_attach(presenter), 0);
    expect_shown(true, "a format that is supported");
}
