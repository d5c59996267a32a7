/* SPDX-License-Identifier: MIT */
/*
 * What the sdl presenter has on the screen, to the pixel. SDL runs with its dummy driver, which
 * this file reports as Wayland, and with its software renderer. The screen is read when SDL
 * presents: the linker routes these calls through this file (-Wl,--wrap).
 */
#include <SDL.h>
#include <errno.h>

#include "media/canvas.h"
#include "stream.h"
#include "use.h"
#include "viewer/presenters/presenter.h"

enum { WIDTH = 60, HEIGHT = 48, BLACK = 0 }; /* of the frames: their rows have padding */

static struct presenter *presenter;
static uint32_t screen[200 * 200];
static int screen_width, screen_height, presents;
static int64_t copied_ns, presented_ns;
static bool checks_hold; /* that the slot is held while its pixels are copied */

void __real_SDL_RenderPresent(SDL_Renderer *renderer);
void __wrap_SDL_RenderPresent(SDL_Renderer *renderer);
void __wrap_SDL_RenderPresent(SDL_Renderer *renderer)
{
    cr_assert_eq(SDL_GetRendererOutputSize(renderer, &screen_width, &screen_height), 0);
    cr_assert_leq(screen_width * screen_height, 200 * 200);
    cr_assert_eq(SDL_RenderReadPixels(renderer, NULL, SDL_PIXELFORMAT_RGB888, screen,
                                      4 * screen_width),
                 0);
    __real_SDL_RenderPresent(renderer);
    presents++;
    presented_ns = clock_now_ns();
}

static int publish_colour(uint32_t colour);

static Uint32 renderer_flags;

SDL_Renderer *__real_SDL_CreateRenderer(SDL_Window *window, int driver, Uint32 flags);
SDL_Renderer *__wrap_SDL_CreateRenderer(SDL_Window *window, int driver, Uint32 flags);
SDL_Renderer *__wrap_SDL_CreateRenderer(SDL_Window *window, int driver, Uint32 flags)
{
    renderer_flags = flags;
    return __real_SDL_CreateRenderer(window, driver, flags);
}

int __real_SDL_UpdateTexture(SDL_Texture *texture, const SDL_Rect *rect, const void *pixels,
                             int pitch);
int __wrap_SDL_UpdateTexture(SDL_Texture *texture, const SDL_Rect *rect, const void *pixels,
                             int pitch);
int __wrap_SDL_UpdateTexture(SDL_Texture *texture, const SDL_Rect *rect, const void *pixels,
                             int pitch)
{
    copied_ns = clock_now_ns();
    if (checks_hold) {
        cr_assert_eq(publish_colour(0x111111), 0);
        cr_assert_eq(publish_colour(0x222222), -EAGAIN, "the slot is free before it is copied");
    }
    return __real_SDL_UpdateTexture(texture, rect, pixels, pitch);
}

const char *__wrap_SDL_GetCurrentVideoDriver(void);
const char *__wrap_SDL_GetCurrentVideoDriver(void)
{
    return "wayland";
}

/* ------------------------------------------------------------------ frames */

/* The pixel of test frame `number`: each differs from its neighbours in all three channels. */
static uint32_t pixel_of(uint32_t number, int x, int y)
{
    return (uint32_t)(4 * x + 3) << 16 | (uint32_t)(5 * y + 1) << 8 | (uint32_t)(x + y + number);
}

static uint32_t *begin(struct pf_frame *frame)
{
    return pf_producer_begin(producer, 0, frame) == 0 ? (uint32_t *)(void *)frame->plane[0].pixels
                                                      : NULL;
}

static void publish_picture(uint32_t number)
{
    struct pf_frame frame;
    uint32_t *pixels = begin(&frame);

    cr_assert_not_null(pixels);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            pixels[y * (int)frame.plane[0].stride_bytes / 4 + x] = pixel_of(number, x, y);
    pf_producer_publish(producer, &frame);
}

/* A frame of one colour; its size is that of the current segment. */
static int publish_colour(uint32_t colour)
{
    struct pf_frame frame;
    uint32_t *pixels = begin(&frame);

    if (!pixels)
        return -EAGAIN;
    uint32_t count = frame.plane[0].stride_bytes / 4 * pf_viewer_segment(viewer)->format.height;
    for (uint32_t i = 0; i < count; i++)
        pixels[i] = colour;
    pf_producer_publish(producer, &frame);
    return 0;
}

static struct pf_frame acquire(void)
{
    struct pf_frame frame;

    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    return frame;
}

static struct presented poll_done(void)
{
    struct presented done;
    enum command command;

    cr_assert_not(presenter->ops->ready(presenter), "it takes a frame before this result is read");
    cr_assert_eq(presenter->ops->poll(presenter, &done, &command), 1);
    cr_assert(presenter->ops->ready(presenter));
    return done;
}

static struct presented show(bool again)
{
    struct pf_frame frame;

    if (again)
        cr_assert_eq(pf_viewer_acquire_latest(viewer, &frame), 0);
    else
        frame = acquire();
    cr_assert_eq(presenter->ops->show(presenter, &frame, again), 0);
    struct presented done = poll_done();
    cr_assert_not(done.skipped);
    return done;
}

static void show_colour(uint32_t colour)
{
    cr_assert_eq(publish_colour(colour), 0);
    show(false);
}

/* Handles all events; returns the first command. */
static enum command poll_command(void)
{
    enum command command, first = COMMAND_NONE;
    struct presented done;

    do {
        cr_assert_eq(presenter->ops->poll(presenter, &done, &command), 0);
        if (first == COMMAND_NONE)
            first = command;
    } while (command != COMMAND_NONE);
    return first;
}

/* ------------------------------------------------------------------ the screen */

static void expect_area(SDL_Rect area, uint32_t colour, const char *what)
{
    for (int y = area.y; y < area.y + area.h; y++)
        for (int x = area.x; x < area.x + area.w; x++) {
            uint32_t got = screen[y * screen_width + x] & 0xffffff;
            cr_assert_eq(got, colour, "%s: %06x at %d,%d", what, got, x, y);
        }
}

/* Is the screen black, except for this area of one colour? */
static void expect_letterbox(SDL_Rect area, uint32_t colour, const char *what)
{
    int right = area.x + area.w, bottom = area.y + area.h;

    expect_area(area, colour, what);
    expect_area((SDL_Rect){0, 0, area.x, screen_height}, BLACK, "left");
    expect_area((SDL_Rect){right, 0, screen_width - right, screen_height}, BLACK, "right");
    expect_area((SDL_Rect){0, 0, screen_width, area.y}, BLACK, "above");
    expect_area((SDL_Rect){0, bottom, screen_width, screen_height - bottom}, BLACK, "below");
}

static void expect_picture(uint32_t number, int left, int top)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            uint32_t got = screen[(top + y) * screen_width + left + x] & 0xffffff;
            cr_assert_eq(got, pixel_of(number, x, y), "%06x instead of %06x at %d,%d of the frame",
                         got, pixel_of(number, x, y), x, y);
        }
}

static SDL_Window *window(void)
{
    return SDL_GetWindowFromID(1);
}

static void resize(int width, int height)
{
    SDL_SetWindowSize(window(), width, height);
    cr_assert_eq(poll_command(), COMMAND_REDRAW);
}

static void push_key(SDL_Keycode label, SDL_Scancode place)
{
    SDL_Event event = {.key = {.type = SDL_KEYDOWN, .keysym = {.scancode = place, .sym = label}}};

    SDL_PushEvent(&event);
}

static void push_exposed(void)
{
    SDL_Event event = {.window = {.type = SDL_WINDOWEVENT, .event = SDL_WINDOWEVENT_EXPOSED}};

    SDL_PushEvent(&event);
}

static enum command press(SDL_Keycode label, SDL_Scancode place)
{
    push_key(label, place);
    return poll_command();
}

static enum command expose(void)
{
    push_exposed();
    return poll_command();
}

static void set_overlay(uint32_t colour)
{
    uint32_t *pixels = malloc(20 * 10 * sizeof *pixels);
    struct canvas canvas = {(uint8_t *)pixels, 20 * sizeof *pixels, 20, 10};

    for (int i = 0; i < 20 * 10; i++)
        pixels[i] = colour;
    presenter->ops->set_status(presenter, NULL, &canvas);
    memset(pixels, 0xee, 20 * 10 * sizeof *pixels); /* it is only valid during the call */
    free(pixels);
}

static void hide_overlay(void)
{
    presenter->ops->set_status(presenter, NULL, NULL);
}

static void init(void)
{
    struct presenter_config config = {.name = "sdl", .scale = 1};
    struct pf_format format = size(WIDTH, HEIGHT);
    struct pf_producer_options options = {.slots = 2};

    init_stream();
    setenv("SDL_VIDEODRIVER", "dummy", 1);
    setenv("SDL_RENDER_DRIVER", "software", 1);
    cr_assert_eq(pf_producer_open(&producer, "test", &format, &options), 0);
    open_viewer(false);
    cr_assert_eq(presenter_open(&presenter, &config, viewer), 0);
    poll_command();
}

static void close_all(void)
{
    presenter->ops->close(presenter);
    finish_stream();
}

TestSuite(sdl_screen, .init = init, .fini = close_all);

/* ------------------------------------------------------------------ tests */

Test(sdl_screen, has_the_pixels_of_the_frame)
{
    publish_picture(1);
    show(false);
    cr_assert_eq(screen_width, WIDTH);
    cr_assert_eq(screen_height, HEIGHT);
    expect_picture(1, 0, 0);
}

Test(sdl_screen, has_black_bars_beside_a_scaled_frame)
{
    resize(100, 60); /* the frame's shape is 5 to 4 */
    show_colour(0x102030);
    expect_letterbox((SDL_Rect){12, 0, 75, 60}, 0x102030, "wide");
    resize(60, 120);
    show_colour(0x405060);
    expect_letterbox((SDL_Rect){0, 36, 60, 48}, 0x405060, "tall");
}

Test(sdl_screen, has_each_pixel_once_after_the_key_1)
{
    resize(100, 60);
    publish_picture(1);
    show(false);
    cr_assert_eq(press('1', SDL_SCANCODE_1), COMMAND_REDRAW);
    show(true);
    expect_picture(1, 20, 6);
    expect_area((SDL_Rect){0, 0, 20, 60}, BLACK, "left");
    expect_area((SDL_Rect){0, 0, 100, 6}, BLACK, "above");
}

Test(sdl_screen, has_the_overlay_in_its_corner_above_the_frame)
{
    resize(100, 60); /* the overlay is over the left bar and the frame */
    set_overlay(0x0a141e);
    show_colour(0x102030);
    expect_area((SDL_Rect){0, 0, 20, 10}, 0x0a141e, "the overlay");
    expect_area((SDL_Rect){0, 10, 12, 50}, BLACK, "the bar");
    expect_area((SDL_Rect){20, 0, 67, 60}, 0x102030, "the frame");
    hide_overlay();
    show_colour(0x203040);
    expect_letterbox((SDL_Rect){12, 0, 75, 60}, 0x203040, "without the overlay");
}

/* Twice a second, for as long as the overlay is shown. */
Test(sdl_screen, an_overlay_leaves_nothing_behind)
{
    struct use before = {0};

    for (int i = 0; i < 2010; i++) {
        if (i == 10)
            before = use_now();
        set_overlay(0x0a141e);
        hide_overlay();
    }
    expect_use(&before, 2000);
}

Test(sdl_screen, has_the_whole_frame_of_another_size)
{
    struct pf_format smaller = size(40, 30);
    struct pf_frame frame;

    show_colour(0x102030);
    cr_assert_eq(pf_producer_change_format(producer, &smaller), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), -EREMCHG);
    presenter->ops->detach(presenter);
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    cr_assert_eq(presenter_attach(presenter), 0);
    show_colour(0x405060);
    expect_letterbox((SDL_Rect){0, 1, 60, 45}, 0x405060, "of 4 to 3");
}

Test(sdl_screen, keeps_a_paused_frame)
{
    publish_picture(1);
    show(false);
    publish_picture(2);
    struct pf_frame frame = acquire();
    cr_assert_eq(presenter->ops->freeze(presenter, &frame), 0);
    expect_picture(2, 0, 0);
    cr_assert_eq(publish_colour(0x333333), 0);
    cr_assert_eq(publish_colour(0x444444), 0, "a pause keeps its slot");
    memset(screen, 0, sizeof screen);
    cr_assert_eq(expose(), COMMAND_NONE, "the latest frame is drawn instead");
    expect_picture(2, 0, 0);
    set_overlay(0x0a141e);
    expect_area((SDL_Rect){0, 0, 20, 10}, 0x0a141e, "the overlay");
    hide_overlay();
    expect_picture(2, 0, 0);

    cr_assert_eq(presenter->ops->freeze(presenter, NULL), 0);
    cr_assert_eq(expose(), COMMAND_REDRAW, "the paused frame is drawn after the pause");
    show(true);
    expect_letterbox((SDL_Rect){0, 0, 60, 48}, 0x444444, "after the pause");
}

Test(sdl_screen, while_paused_many_events_are_one_redraw)
{
    publish_picture(1);
    struct pf_frame frame = acquire();
    cr_assert_eq(presenter->ops->freeze(presenter, &frame), 0);
    int before = presents;
    for (int i = 0; i < 3; i++)
        push_exposed();
    push_key('s', SDL_SCANCODE_S);
    cr_assert_eq(poll_command(), COMMAND_SNAPSHOT);
    cr_assert_eq(presents, before + 1);
}

Test(sdl_screen, a_slot_is_held_until_it_is_copied)
{
    publish_picture(1);
    checks_hold = true;
    show(false);
    checks_hold = false;
    expect_picture(1, 0, 0);
    cr_assert_eq(publish_colour(0x222222), 0, "the slot is held after it was copied");
    show(true);
    cr_assert_eq(publish_colour(0x333333), 0);
    cr_assert_eq(publish_colour(0x444444), 0, "a frame that is shown again keeps its slot");
}

Test(sdl_screen, the_times_of_a_frame_contain_the_copy_and_the_drawing)
{
    publish_picture(1);
    struct presented done = show(false);
    cr_assert_leq(done.submit_ns, copied_ns);
    cr_assert_geq(done.done_ns, presented_ns);
    cr_assert_leq(done.frame.acquire_ns, done.submit_ns);
    cr_assert_eq(done.frame.sequence, 1);
    cr_assert_eq(done.user_copies, 1);
    cr_assert_not(done.again);
    cr_assert(show(true).again);
}

Test(sdl_screen, the_presenter_reports_what_the_user_wants)
{
    cr_assert_eq(presenter->overlay_scale, 0);
    cr_assert_eq(press('o', SDL_SCANCODE_O), COMMAND_REDRAW);
    cr_assert_eq(presenter->overlay_scale, 1);
    press('o', SDL_SCANCODE_O);
    cr_assert_eq(presenter->overlay_scale, 0);
    presenter->ops->set_status(presenter, "a title", NULL);
    cr_assert_str_eq(SDL_GetWindowTitle(window()), "a title");
}

/* The compositor shows whole frames, whatever --vsync says; SDL would wait for a hidden window. */
Test(sdl_screen, frames_are_whole_and_never_waited_for)
{
    cr_assert(presenter->has_vsync);
    cr_assert_not(renderer_flags & SDL_RENDERER_PRESENTVSYNC);
}

Test(sdl_screen, a_compositor_that_has_exited_is_a_lost_display)
{
    SDL_Event quit = {.type = SDL_QUIT};
    struct presented done;
    enum command command;

    SDL_PushEvent(&quit);
    cr_assert_eq(presenter->ops->poll(presenter, &done, &command), -ENODEV);
}
