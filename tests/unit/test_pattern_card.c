/* SPDX-License-Identifier: MIT */
/*
 * The test card, measured as a user would: colours at places, edges, and the text. The
 * proportions are in units of the radius of its circle, which is 0.45 of the shorter side without
 * the rows of the stamp.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "media/font.h"
#include "media/stamp.h"
#include "producer/sources/pattern.h"
#include "producer/sources/source.h"

#define TURN 6.283185307179586

enum {
    WIDTH_MAX = 1280,
    HEIGHT_MAX = 1280,
    NIGHT = 0x1b202a,
    LINE = 0x363f4f,
    FACE = 0x0d1016,
    WHITE = 0xf4f6fa,
    AMBER = 0xffb000,
    MIST = 0x9fb4d0,
};

static uint8_t memory[4 * WIDTH_MAX * HEIGHT_MAX], words[4 * WIDTH_MAX * HEIGHT_MAX];
static struct canvas card;
static double center_x, center_y, radius;
static int stamp_height;

static void draw(uint32_t width, uint32_t height, uint64_t number, double seconds, uint32_t fps)
{
    card = (struct canvas){memory, 4 * width, width, height};
    stamp_height = (int)(width / 64);
    center_x = width / 2.0;
    center_y = height / 2.0;
    radius = 0.45 * fmin(width, (double)height - 2 * stamp_height);
    memset(memory, 0x77, sizeof memory);
    pattern_card.draw(&card, (struct pattern_time){number, seconds, fps});
}

/* 0xRRGGBB */
static uint32_t at(int x, int y)
{
    const uint8_t *pixel = memory + (size_t)y * card.stride_bytes + 4 * (size_t)x;

    return (uint32_t)(pixel[2] << 16 | pixel[1] << 8 | pixel[0]);
}

static void expect(int x, int y, uint32_t color, const char *what)
{
    cr_assert_eq(at(x, y), color, "%s: %06x, not %06x, at %d,%d of %ux%u", what, at(x, y), color, x,
                 y, card.width, card.height);
}

static void expect_other(int x, int y, uint32_t color, const char *what)
{
    cr_assert_neq(at(x, y), color, "%s: %06x at %d,%d of %ux%u", what, color, x, y, card.width,
                  card.height);
}

/* The pixel at a place in radii from the middle. */
static int column(double across)
{
    return (int)floor(center_x + radius * across);
}

static int row(double down)
{
    return (int)floor(center_y + radius * down);
}

/* ------------------------------------------------------------------ what stands still */

/* SMPTE EG 1: 75 % of 255 is 191. */
Test(pattern_card, seven_bars_of_75_percent_have_equal_widths)
{
    const uint32_t bars[] = {0xbfbfbf, 0xbfbf00, 0x00bfbf, 0x00bf00, 0xbf00bf, 0xbf0000, 0x0000bf};

    draw(1280, 720, 0, 0.4, 60);
    for (int y = row(-0.49); y < row(-0.19); y += 5)
        for (int i = 0; i < 7; i++) {
            double left = -1 + 2.0 * i / 7, right = -1 + 2.0 * (i + 1) / 7;
            double half = sqrt(1 - pow((y + 0.5 - center_y) / radius, 2));
            int first = column(fmax(left, -half)) + 2, last = column(fmin(right, half)) - 2;
            expect(first, y, bars[i], "bar");
            expect((first + last) / 2, y, bars[i], "bar");
            expect(last, y, bars[i], "bar");
        }
    for (int i = 0; i < 7; i++) {
        int x = column(-0.8 + 1.6 * i / 6);
        expect(x, row(-0.18) + 2, FACE, "below the bars");
        if (fabs(-0.8 + 1.6 * i / 6) > 0.7)
            expect(x, row(-0.50) - 2, FACE, "above the bars");
    }
}

Test(pattern_card, greys_go_from_black_to_white)
{
    draw(1280, 720, 0, 0.4, 60);
    for (int x = column(-0.96) + 1; x < column(0.96) - 1; x++) {
        double level = 256 * ((x + 0.5 - center_x) / radius + 1) / 2 - 0.5;
        uint32_t grey = at(x, row(0.26));
        cr_assert(grey % 0x010101 == 0 && fabs((grey & 255) - level) <= 1.01,
                  "%06x at column %d, not %.1f", grey, x, level);
    }
    for (int i = 0; i < 12; i++) {
        double middle = fmin(fmax(-1 + (2.0 * i + 1) / 12, -0.87), 0.87);
        expect(column(middle), row(0.40), (uint32_t)(i * 255 / 11) * 0x010101, "step of grey");
    }
}

Test(pattern_card, the_outermost_pixels_between_the_stamps_are_white)
{
    const uint32_t sizes[][2] = {{1280, 720}, {640, 361}, {362, 641}, {63, 50}};

    for (size_t i = 0; i < 4; i++) {
        draw(sizes[i][0], sizes[i][1], 0, 0.4, 60);
        int right = (int)card.width - 1, top = card.width < 64 ? 0 : stamp_height;
        int bottom = (int)card.height - 1 - top;
        for (int x = 0; x <= right; x++) {
            expect(x, top, WHITE, "top");
            expect(x, bottom, WHITE, "bottom");
        }
        for (int y = top; y <= bottom; y++) {
            expect(0, y, WHITE, "left");
            expect(right, y, WHITE, "right");
        }
        expect_other(1, top + 1, WHITE, "inside the edges");
        expect_other(right - 1, bottom - 1, WHITE, "inside the edges");
    }
}

/* In the rows of the stamp there are only the lines of the grid. One line goes through the middle,
 * and 18 steps are as long as the shorter side. */
Test(pattern_card, the_grid_has_its_lines_through_the_middle)
{
    draw(1280, 720, 0, 0.4, 60);
    int step = (720 - 2 * 20) / 18;
    for (int x = 0; x < 1280; x++)
        if (x < 250 || x > 260) /* the moving bar */
            expect(x, 3, (x - 640) % step == 0 ? LINE : NIGHT, "grid");
}

Test(pattern_card, ramps_and_checkerboards_are_on_either_side)
{
    const uint32_t ones[] = {0x010000, 0x000100, 0x000001};

    for (int is_wide = 0; is_wide < 2; is_wide++) {
        if (is_wide)
            draw(1280, 640, 0, 0.4, 60);
        else
            draw(640, 1280, 0, 0.8, 60);
        int step = (640 - (is_wide ? 2 * 20 : 0)) / 18, side = 2 * step;
        for (int i = 0; i < 3; i++) {
            /* Only the ramp has pixels of one channel. */
            int left = WIDTH_MAX, right = 0, top = HEIGHT_MAX, bottom = 0;
            for (int y = 0; y < (int)card.height; y++)
                for (int x = 0; x < (int)card.width; x++) {
                    uint32_t color = at(x, y), channel = ones[i] * 255;
                    bool is_in_bars = hypot(x - center_x, y - center_y) < radius;
                    if (is_in_bars || !color || color & ~channel)
                        continue;
                    left = x < left ? x : left;
                    right = x > right ? x : right;
                    top = y < top ? y : top;
                    bottom = y > bottom ? y : bottom;
                }
            top--; /* the first row is black */
            cr_assert_eq(right - left + 1, side, "ramp %d is %d wide", i, right - left + 1);
            cr_assert_eq(bottom - top + 1, side, "ramp %d is %d high", i, bottom - top + 1);
            for (int y = top; y <= bottom; y++)
                expect(left, y, ones[i] * (uint32_t)((y - top) * 255 / (side - 1)), "ramp");
            int along = (int)(is_wide ? center_y : center_x) + (3 * i - 4) * step;
            cr_assert_eq(is_wide ? top : left, along, "ramp %d begins at %d", i,
                         is_wide ? top : left);
            /* The checkerboard is its mirror image. */
            int x0 = is_wide ? (int)card.width - left - side : left;
            int y0 = is_wide ? top : (int)card.height - top - side;
            for (int y = 0; y < side; y++)
                for (int x = 0; x < side; x++)
                    expect(x0 + x, y0 + y, (x / (1 << i) + y / (1 << i)) % 2 ? 0x101010 : 0xf0f0f0,
                           "checks");
        }
    }
}

/* ------------------------------------------------------------------ what moves */

/* Two seconds for the whole width, from top to bottom. */
Test(pattern_card, the_bar_crosses_the_frame_in_two_seconds)
{
    const double times[] = {0, 0.1, 0.5, 1.3, 1.999, 2, 2.6, 3601.9};

    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        draw(1280, 720, 0, times[i], 60);
        double periods = times[i] / 2;
        int x = (int)((periods - floor(periods)) * 1280), thick = 2;
        for (int y = 0; y < 720; y++)
            for (int k = 0; k < thick && x + k < 1280; k++)
                expect(x + k, y, WHITE, "moving bar");
        expect_other((x + 1279) % 1280, 1, WHITE, "before the bar");
        expect_other((x + thick) % 1280, 1, WHITE, "after the bar");
    }
}

/* On the rim, 1.035 radii from the middle, at this share of a turn from the top to the right. */
static int rim_x(double turns, double distance)
{
    return column(sin(TURN * turns) * distance);
}

static int rim_y(double turns, double distance)
{
    return row(-cos(TURN * turns) * distance);
}

Test(pattern_card, the_dot_goes_round_the_circle_once_a_second_with_its_tail_behind)
{
    const double times[] = {0.04, 0.13, 0.4, 0.62, 0.88, 12.55, 86400.29};

    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        draw(1280, 720, 0, times[i], 60);
        expect(rim_x(times[i], 1.035), rim_y(times[i], 1.035), AMBER, "dot");
        expect(rim_x(times[i], 1.08), rim_y(times[i], 1.08), AMBER,
               "the dot is larger than the rim");
        expect(rim_x(times[i] - 0.1, 1.035), rim_y(times[i] - 0.1, 1.035), AMBER, "tail");
        expect_other(rim_x(times[i] - 0.1, 1.06), rim_y(times[i] - 0.1, 1.06), AMBER, "thin tail");
        expect_other(rim_x(times[i] + 0.02, 1.035), rim_y(times[i] + 0.02, 1.035), AMBER, "ahead");
    }
}

Test(pattern_card, the_rim_is_a_circle_with_a_mark_at_each_twelfth)
{
    draw(1280, 720, 0, 0.03, 60); /* the dot and its tail are at the top */
    for (int i = 1; i < 11; i++) {
        double mark = i / 12.0, between = mark + 1 / 24.0;
        expect(rim_x(mark, 1.035), rim_y(mark, 1.035), NIGHT, "mark");
        expect(rim_x(between, 1.01), rim_y(between, 1.01), WHITE, "rim");
        expect(rim_x(between, 1.06), rim_y(between, 1.06), WHITE, "rim");
        expect_other(rim_x(between, 1.08), rim_y(between, 1.08), WHITE, "outside of the rim");
        if (i != 3 && i != 9) /* the bars and greys touch the rim near there */
            expect_other(rim_x(between, 0.99), rim_y(between, 0.99), WHITE, "inside of the rim");
    }
    expect(rim_x(0.5 + 1 / 24.0, 0.97), rim_y(0.5 + 1 / 24.0, 0.97), FACE, "face");
}

/* The pixels of a smooth edge are between the colours of both sides in each channel. */
Test(pattern_card, edges_of_circles_mix_both_colours)
{
    int mixed = 0;

    draw(1280, 720, 0, 0.03, 60);
    for (int i = 0; i < 300; i++) { /* from the face to the rim, below */
        int x = rim_x(0.53 + i * 0.0001, 1), y = rim_y(0.53 + i * 0.0001, 1);
        uint32_t color = at(x, y);
        for (int shift = 0; shift < 24; shift += 8) {
            int low = FACE >> shift & 255, high = WHITE >> shift & 255, got = color >> shift & 255;
            cr_assert(got >= low - 1 && got <= high, "%06x at %d,%d", color, x, y);
        }
        double part = ((color & 255) - (FACE & 255)) / (double)((WHITE & 255) - (FACE & 255));
        double green = ((color >> 8 & 255) - (FACE >> 8 & 255)) /
                       (double)((WHITE >> 8 & 255) - (FACE >> 8 & 255));
        cr_assert_lt(fabs(part - green), 0.02, "%06x at %d,%d", color, x, y);
        mixed += part > 0.1 && part < 0.9;
    }
    cr_assert_gt(mixed, 10, "%d mixed pixels", mixed);
}

/* ------------------------------------------------------------------ words */

static uint32_t word_at(const struct canvas *image, int x, int y)
{
    const uint8_t *pixel = image->pixels + (uint32_t)y * image->stride_bytes + 4 * x;

    return (uint32_t)(pixel[2] << 16 | pixel[1] << 8 | pixel[0]);
}

/* Compares first the middle row, which is quickest to differ. A corner of a letter's cell may be
 * outside of the circle. */
static bool is_at(const struct canvas *image, int left, int top)
{
    int height = (int)image->height;

    for (int i = 0; i < height; i++)
        for (int x = 0, y = (i + height / 2) % height; x < (int)image->width; x++) {
            uint32_t color = word_at(image, x, y);
            if (color != at(left + x, top + y) &&
                (color != FACE || hypot(left + x - center_x, top + y - center_y) < radius - 2))
                return false;
        }
    return true;
}

/* Find the text on the face, at any scale, between these heights in radii. It must be in the
 * middle, and as large as fits in this width and height, in radii. */
static void expect_words(const char *text, uint32_t color, double top, double bottom, double width)
{
    for (uint32_t scale = 8; scale > 0; scale--) {
        struct canvas image = {words, 4 * font_width(scale, text), font_width(scale, text),
                               FONT_HEIGHT * scale};
        if (image.width > card.width || image.height > card.height)
            continue;
        for (uint32_t i = 0; i < image.width * image.height; i++)
            memcpy(words + 4 * i, (uint8_t[]){FACE & 255, FACE >> 8 & 255, FACE >> 16, 255}, 4);
        font_draw(&image, 0, 0, scale, color, text);
        for (int y = row(top) - 2; y + (int)image.height <= row(bottom) + 2; y++)
            for (int x = column(-1); x + (int)image.width <= column(1); x++) {
                if (!is_at(&image, x, y))
                    continue;
                double middle = (row(top) + row(bottom)) / 2.0;
                cr_assert_leq(abs(2 * x + (int)image.width - (int)card.width), 2,
                              "\"%s\" is at column %d", text, x);
                cr_assert_leq(fabs(y + image.height / 2.0 - middle), 2, "\"%s\" is at row %d", text,
                              y);
                cr_assert(font_width(scale + 1, text) > width * radius ||
                              FONT_HEIGHT * (scale + 1) > (bottom - top) * radius - 1,
                          "\"%s\" would fit at scale %u", text, scale + 1);
                return;
            }
    }
    cr_assert(false, "\"%s\" is not in the card of %ux%u", text, card.width, card.height);
}

Test(pattern_card, the_words_are_timecode_number_size_and_rate)
{
    static const struct {
        uint32_t width, height, fps;
        uint64_t number;
        const char *timecode, *size, *frame;
    } cards[] = {
        {1280, 720, 60, 0, "00:00:00:00", "1280x720 60 fps", "frame 1"},
        /* 27:45:33 and 12 frames, at 25 a second */
        {1280, 720, 25, ((27 * 60 + 45) * 60 + 33) * 25 + 12, "27:45:33:12", "1280x720 25 fps",
         "frame 2498338"},
        {1280, 720, 25, 24, "00:00:00:24", "1280x720 25 fps", "frame 25"},
        {1280, 720, 25, 25, "00:00:01:00", "1280x720 25 fps", "frame 26"},
        /* unpaced: as at 60, and no rate; a hundred hours later */
        {720, 1280, 0, (UINT64_C(101) * 3600 + 59 * 60 + 59) * 60 + 59, "01:59:59:59", "720x1280",
         "frame 22032000"},
    };

    for (size_t i = 0; i < sizeof cards / sizeof *cards; i++) {
        /* The bar and the dot are far from the words. */
        draw(cards[i].width, cards[i].height, cards[i].number, 0.25, cards[i].fps);
        expect_words(cards[i].timecode, WHITE, -0.18, 0.18, 2 * 0.875);
        expect_words(cards[i].size, MIST, -0.84, -0.50, 1.26);
        expect_words(cards[i].frame, AMBER, 0.50, 0.84, 1.26);
    }
}

/* ------------------------------------------------------------------ which pattern */

Test(pattern_card, each_name_draws_its_pattern)
{
    static const struct {
        const char *name;
        const struct pattern *pattern;
    } patterns[] = {{"card", &pattern_card},
                    {"plasma", &pattern_plasma},
                    {"waves", &pattern_waves},
                    {"stars", &pattern_stars}};
    enum { WIDTH = 63, HEIGHT = 50 }; /* without room for a stamp */

    for (int i = 0; i < 4; i++) {
        struct source_config config = {.pattern = patterns[i].name,
                                       .width = WIDTH,
                                       .height = HEIGHT,
                                       .rate_is_given = true,
                                       .rate_num = 10,
                                       .rate_den = 1};
        struct canvas canvas = {words, 4 * WIDTH, WIDTH, HEIGHT};
        struct pf_frame frame = {.plane[0] = {.pixels = memory, .stride_bytes = 4 * WIDTH}};
        struct source *source = NULL;
        cr_assert_eq(source_open(&source, &config), 0);
        for (uint64_t number = 0; number < 3; number++) {
            cr_assert_eq(source_fill(source, &frame), 0);
            patterns[i].pattern->draw(&canvas,
                                      (struct pattern_time){number, (double)number / 10, 10});
            cr_assert_arr_eq(memory, words, 4 * WIDTH * HEIGHT, "%s, frame %d", patterns[i].name,
                             (int)number);
        }
        source_close(source);
    }
}
