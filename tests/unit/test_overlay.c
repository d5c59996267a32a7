/* SPDX-License-Identifier: MIT */
/* Compares the overlay with one that the test draws: the text by font.c, which has a test of its
 * own, and each bar from heights that are written down here. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "pageflip.h"
#include "skewed.h"
#include "viewer/overlay.h"

/* In pixels at scale 1. */
enum { WIDTH = 496, HEIGHT = 312, LEFT = 8, STRIP_TOP = 208, STRIP_HEIGHT = 96, BAR = 4 };

enum {
    BACK = 0x12161c,
    TEXT = 0xe8e8e8,
    FAINT = 0x56606c,
    RED = 0xe05050,
    BLUE = 0x4a90d9,
    GREEN = 0x60c060,
    ORANGE = 0xffb000,
};

/* ------------------------------------------------------------------ what is expected */

static struct canvas expected;
static uint32_t scale;

/* In pixels at scale 1, with the colour's unused byte that the overlay has. */
static void box(uint32_t x, uint32_t y, uint32_t width, uint32_t height, uint32_t color)
{
    for (uint32_t row = y * scale; row < (y + height) * scale; row++)
        for (uint32_t column = x * scale; column < (x + width) * scale; column++) {
            uint32_t pixel = 0xff000000 | color;
            memcpy(expected.pixels + row * expected.stride_bytes + 4 * column, &pixel, 4);
        }
}

static void text(uint32_t x, uint32_t line, uint32_t color, const char *words)
{
    font_draw(&expected, (int32_t)((LEFT + x) * scale), (int32_t)((8 + 24 * line) * scale), scale,
              color, words);
}

/* An empty strip of which the height is this number of milliseconds. */
static void begin_expected(uint32_t of_scale, const char *top)
{
    scale = of_scale;
    expected = (struct canvas){.width = WIDTH * scale,
                               .height = HEIGHT * scale,
                               .stride_bytes = WIDTH * scale * 4};
    expected.pixels = malloc(expected.stride_bytes * expected.height);
    box(0, 0, WIDTH, HEIGHT, BACK);
    text(0, 7, RED, "late");
    text(5 * 12, 7, BLUE, "render");
    text(12 * 12, 7, GREEN, "handoff");
    text(20 * 12, 7, ORANGE, "present");
    text(29 * 12, 7, FAINT, top);
    for (uint32_t i = 0; i < 2;
         i++) /* lines at the top and in the middle, one pixel at any scale */
        for (uint32_t y = 0; y < scale; y++)
            for (uint32_t x = 0; x < 480 * scale; x++) {
                uint32_t pixel = 0xff000000 | FAINT;
                uint32_t row = (STRIP_TOP + i * STRIP_HEIGHT / 2) * scale + y;
                memcpy(expected.pixels + row * expected.stride_bytes + 4 * (LEFT * scale + x),
                       &pixel, 4);
            }
}

/* The bar of the frame that is `age` frames older than the latest. Heights in pixels. */
static void bar(uint32_t age, uint32_t late, uint32_t render, uint32_t handoff, uint32_t present)
{
    const uint32_t heights[] = {late, render, handoff, present};
    const uint32_t colors[] = {RED, BLUE, GREEN, ORANGE};
    uint32_t bottom = STRIP_TOP + STRIP_HEIGHT;

    for (int i = 0; i < 4; i++) {
        bottom -= heights[i];
        box(LEFT + (119 - age) * BAR, bottom, BAR - 1, heights[i], colors[i]);
    }
}

static void expect(struct overlay *overlay, const struct report *report, double fps)
{
    const struct canvas *got = overlay_draw(overlay, report, fps, scale);

    cr_assert_not_null(got);
    cr_assert_eq(got->width, expected.width);
    cr_assert_eq(got->height, expected.height);
    for (uint32_t y = 0; y < expected.height; y++)
        for (uint32_t x = 0; x < expected.width; x++) {
            uint32_t wanted, pixel;
            memcpy(&wanted, expected.pixels + y * expected.stride_bytes + 4 * x, 4);
            memcpy(&pixel, got->pixels + y * got->stride_bytes + 4 * x, 4);
            cr_assert_eq(pixel, wanted, "pixel %u, %u is %08x, not %08x", x, y, pixel, wanted);
        }
    free(expected.pixels);
}

/* ------------------------------------------------------------------ what is drawn */

/* The sizes of the stages, as the shift of skewed_ns(). */
enum { RENDER = 12, HANDOFF = 14, PRESENT = 16, TOTAL = 18 };

static struct report report;

static void fill_report(void)
{
    report = (struct report){.channel = "test",
                             .way = "x11-test",
                             .format = {.fourcc = PF_FOURCC_XR24, .width = 321, .height = 54},
                             .stats = {.acquired = 11, .skipped = 222, .lost = 333},
                             .shown = 444,
                             .display_skipped = 55};
    for (int i = 0; i < SKEWED_COUNT; i++) {
        histogram_record(&report.render, skewed_ns(skewed_class(i), RENDER));
        histogram_record(&report.handoff, skewed_ns(skewed_class(i), HANDOFF));
        histogram_record(&report.present, skewed_ns(skewed_class(i), PRESENT));
        histogram_record(&report.total, skewed_ns(skewed_class(i), TOTAL));
    }
}

/* p50, p90, p99 and the maximum are of class 0, 1, 2 and 4. */
static void stage_text(uint32_t line, uint32_t color, const char *name, int shift)
{
    char words[64];

    snprintf(words, sizeof words, "%-8s%8.0f%8.0f%8.0f%8.0f", name,
             (double)skewed_ns(0, shift) / 1e3, (double)skewed_ns(1, shift) / 1e3,
             (double)skewed_ns(2, shift) / 1e3, (double)skewed_ns(4, shift) / 1e3);
    text(0, line, color, words);
}

static void table_text(void)
{
    text(0, 0, TEXT, "321x54 XR24  59.9 fps  x11-test");
    text(0, 1, TEXT, "444 shown 277 skipped 333 lost");
    text(0, 2, FAINT, "us           p50     p90     p99     max");
    stage_text(3, BLUE, "render", RENDER);
    stage_text(4, GREEN, "handoff", HANDOFF);
    stage_text(5, ORANGE, "present", PRESENT);
    stage_text(6, TEXT, "total", TOTAL);
}

/* A frame with these parts, in microseconds. */
static void add(struct overlay *overlay, int64_t late, int64_t render, int64_t handoff,
                int64_t present)
{
    int64_t begin_ns = NS_PER_S;
    int64_t publish_ns = begin_ns + render * NS_PER_US;
    int64_t acquire_ns = publish_ns + handoff * NS_PER_US;

    overlay_add(overlay, &(struct presented){
                             .frame = {.due_ns = begin_ns - late * NS_PER_US,
                                       .begin_ns = begin_ns,
                                       .publish_ns = publish_ns,
                                       .acquire_ns = acquire_ns},
                             .submit_ns = acquire_ns + 1,
                             .done_ns = acquire_ns + present * NS_PER_US,
                         });
}

Test(overlay, has_every_figure_in_its_place)
{
    static struct overlay overlay;

    fill_report();
    for (uint32_t of_scale = 1; of_scale <= 2; of_scale++) {
        begin_expected(of_scale, "top: 1 ms");
        table_text();
        expect(&overlay, &report, 59.94);
    }
    overlay_finish(&overlay);
}

/* The strip is 96 pixels high and stands for 2 ms. */
Test(overlay, stacks_the_stages_of_each_frame_with_the_latest_at_the_right)
{
    static struct overlay overlay;

    fill_report();
    add(&overlay, 250, 500, 125, 1000);
    add(&overlay, 0, 125, 1000, 250);
    add(&overlay, 500, 250, 250, 125);
    add(&overlay, 0, 1250, 0, 0);
    add(&overlay, 1000, 500, 250, 125);
    for (uint32_t of_scale = 1; of_scale <= 2; of_scale++) {
        begin_expected(of_scale, "top: 2 ms");
        table_text();
        bar(4, 12, 24, 6, 48);
        bar(3, 0, 6, 48, 12);
        bar(2, 24, 12, 12, 6);
        bar(1, 0, 60, 0, 0);
        bar(0, 48, 24, 12, 6);
        expect(&overlay, &report, 59.94);
    }
    overlay_finish(&overlay);
}

Test(overlay, a_frame_begun_before_it_was_due_is_not_late)
{
    static struct overlay overlay;

    fill_report();
    add(&overlay, -500, 250, 125, 500);
    begin_expected(1, "top: 1 ms");
    table_text();
    bar(0, 0, 24, 12, 48);
    expect(&overlay, &report, 59.94);
    overlay_finish(&overlay);
}

/* At most one bar in 40 is cut off, so 3 of 120. */
Test(overlay, cuts_off_three_long_bars_and_changes_its_scale_for_four)
{
    const struct {
        int64_t long_us;
        const char *top;
        uint32_t height; /* of a frame of 500 us */
    } cases[] = {{1001, "top: 2 ms", 24},     {2001, "top: 5 ms", 9},   {5001, "top: 10 ms", 4},
                 {10001, "top: 20 ms", 2},    {20001, "top: 50 ms", 0}, {50001, "top: 100 ms", 0},
                 {1000001, "top: 2000 ms", 0}};

    fill_report();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static struct overlay overlay;
        overlay = (struct overlay){0};
        for (int count = 0; count < 3; count++)
            add(&overlay, 0, cases[i].long_us, 0, 0);
        add(&overlay, 0, 0, 500, 0);
        begin_expected(1, "top: 1 ms");
        table_text();
        for (uint32_t age = 1; age <= 3; age++)
            bar(age, 0, 96, 0, 0);
        bar(0, 0, 0, 48, 0);
        expect(&overlay, &report, 59.94);

        add(&overlay, 0, cases[i].long_us, 0, 0);
        const struct canvas *got = overlay_draw(&overlay, &report, 59.94, 1);
        begin_expected(1, cases[i].top);
        table_text();
        cr_assert_eq(memcmp(got->pixels, expected.pixels, STRIP_TOP * expected.stride_bytes), 0,
                     "not \"%s\"", cases[i].top);
        uint32_t height = 0, x = LEFT + 118 * BAR, pixel = 0;
        for (uint32_t y = STRIP_TOP; y < STRIP_TOP + STRIP_HEIGHT; y++) {
            memcpy(&pixel, got->pixels + y * got->stride_bytes + 4 * x, 4);
            height += pixel == (0xff000000 | GREEN);
        }
        cr_assert_eq(height, cases[i].height, "%s: %u pixels high", cases[i].top, height);
        free(expected.pixels);
        overlay_finish(&overlay);
    }
}

Test(overlay, shows_the_latest_120_of_more_frames)
{
    static struct overlay overlay;

    fill_report();
    add(&overlay, 0, 0, 0, 1000);
    add(&overlay, 0, 0, 1000, 0);
    add(&overlay, 0, 1000, 0, 0);
    for (int i = 0; i < 118; i++)
        add(&overlay, 0, 250, 0, 0);
    add(&overlay, 1000, 0, 0, 0);
    begin_expected(1, "top: 1 ms");
    table_text();
    bar(119, 0, 96, 0, 0);
    for (uint32_t age = 1; age < 119; age++)
        bar(age, 0, 24, 0, 0);
    bar(0, 96, 0, 0, 0);
    expect(&overlay, &report, 59.94);
    overlay_finish(&overlay);
}
