/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "media/font.h"
#include "media/image.h"

enum { WIDTH = 64, HEIGHT = 60, STRIDE = WIDTH * 4 + 32, GUARD = 4096 };

static uint8_t memory[GUARD + HEIGHT * STRIDE + GUARD];
static uint8_t *const pixels = memory + GUARD;
static const struct canvas canvas = {memory + GUARD, STRIDE, WIDTH, HEIGHT};

static void clear(void)
{
    memset(memory, 0, sizeof memory);
}

TestSuite(font, .init = clear);

/* Returns the number of pixels that are not black. */
static int lit(void)
{
    int count = 0;

    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            count += pixels[y * STRIDE + x * 4] || pixels[y * STRIDE + x * 4 + 1] ||
                     pixels[y * STRIDE + x * 4 + 2];
    return count;
}

Test(font, every_printable_letter_is_drawn_differently)
{
    static uint8_t seen['~' - ' ' + 1][HEIGHT * STRIDE];

    for (char letter = ' '; letter <= '~'; letter++) {
        clear();
        font_draw(&canvas, 0, 0, 1, 0xffffff, (char[]){letter, '\0'});
        cr_assert_eq(lit() == 0, letter == ' ', "'%c' lights %d pixels", letter, lit());
        memcpy(seen[letter - ' '], pixels, HEIGHT * STRIDE);
        for (char before = ' '; before < letter; before++)
            cr_assert_neq(memcmp(seen[before - ' '], pixels, HEIGHT * STRIDE), 0,
                          "'%c' is drawn like '%c'", letter, before);
    }
}

Test(font, draws_unprintable_bytes_as_question_marks)
{
    static uint8_t expected[HEIGHT * STRIDE];
    const char *strange[] = {"\n", "\x7f", "\xc3", "\x01"};

    font_draw(&canvas, 5, 5, 1, 0xffffff, "?");
    memcpy(expected, pixels, sizeof expected);
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        clear();
        font_draw(&canvas, 5, 5, 1, 0xffffff, strange[i]);
        cr_assert_eq(memcmp(expected, pixels, sizeof expected), 0, "case %zu", i);
    }
}

Test(font, a_letter_stays_in_its_cell_at_every_scale)
{
    for (uint32_t scale = 1; scale <= 2; scale++) {
        clear();
        font_draw(&canvas, 3, 2, scale, 0xffffff, "@");
        cr_assert_gt(lit(), 20);
        for (uint32_t y = 0; y < HEIGHT; y++)
            for (uint32_t x = 0; x < WIDTH; x++)
                if (x < 3 || y < 2 || x >= 3 + FONT_WIDTH * scale || y >= 2 + FONT_HEIGHT * scale)
                    cr_assert_eq(pixels[y * STRIDE + x * 4], 0, "scale %u: %u,%u", scale, x, y);
    }
}

Test(font, text_is_clipped_on_all_sides)
{
    for (int32_t y = -60; y <= HEIGHT + 10; y += 7)
        for (int32_t x = -120; x <= WIDTH + 10; x += 7)
            for (uint32_t scale = 1; scale <= 4; scale++)
                font_draw(&canvas, x, y, scale, 0xffffff, "Wg@");
    for (size_t i = 0; i < GUARD; i++) {
        cr_assert_eq(memory[i], 0, "byte %zu before", i);
        cr_assert_eq(memory[sizeof memory - 1 - i], 0, "byte %zu after", i);
    }
    for (size_t y = 0; y < HEIGHT; y++)
        for (size_t x = WIDTH * 4; x < STRIDE; x++)
            cr_assert_eq(pixels[y * STRIDE + x], 0, "after row %zu", y);
}

Test(font, the_colour_is_red_green_blue)
{
    uint8_t most[3] = {0};

    font_draw(&canvas, 0, 0, 2, 0x10c0ff, "H");
    for (size_t y = 0; y < HEIGHT; y++)
        for (size_t x = 0; x < WIDTH; x++)
            for (int i = 0; i < 3; i++)
                if (pixels[y * STRIDE + x * 4 + i] > most[i])
                    most[i] = pixels[y * STRIDE + x * 4 + i];
    cr_assert_eq(most[0], 0xff, "blue %02x", most[0]);
    cr_assert_eq(most[1], 0xc0, "green %02x", most[1]);
    cr_assert_eq(most[2], 0x10, "red %02x", most[2]);
}

Test(font, reports_the_width_of_the_cells)
{
    cr_assert_eq(font_width(1, ""), 0);
    cr_assert_eq(font_width(3, "abc"), 3 * 3 * FONT_WIDTH);
}

/* ------------------------------------------------------------------ assets/glyphs.png */

enum { SHEET_WIDTH = 16 * FONT_WIDTH, SHEET_HEIGHT = 6 * FONT_HEIGHT };

static uint8_t sheet[SHEET_HEIGHT][4 * SHEET_WIDTH];

static void read_sheet(void)
{
    struct image *image;
    uint32_t width, height;

    cr_assert_eq(image_open(&image, GLYPHS, &width, &height), 0);
    cr_assert_eq(width, SHEET_WIDTH);
    cr_assert_eq(height, SHEET_HEIGHT);
    cr_assert_eq(image_read(image, sheet[0], sizeof sheet[0]), 0);
    image_close(image);
}

/* The grey of a pixel in a letter's cell of the sheet; the nearest one for a place outside. */
static double glyph(char letter, int x, int y)
{
    int index = letter - ' ';

    x = x < 0 ? 0 : x >= FONT_WIDTH ? FONT_WIDTH - 1 : x;
    y = y < 0 ? 0 : y >= FONT_HEIGHT ? FONT_HEIGHT - 1 : y;
    return sheet[index / 16 * FONT_HEIGHT + y][4 * (index % 16 * FONT_WIDTH + x)];
}

/* Interpolated between the four nearest pixels of the glyph, steeper by the scale; 0..1. */
static double cover(char letter, int x, int y, int scale)
{
    double across = (x + 0.5) / scale - 0.5, down = (y + 0.5) / scale - 0.5;
    int left = (int)floor(across), top = (int)floor(down);
    double right_part = across - left, low_part = down - top;
    double upper =
        glyph(letter, left, top) * (1 - right_part) + glyph(letter, left + 1, top) * right_part;
    double lower = glyph(letter, left, top + 1) * (1 - right_part) +
                   glyph(letter, left + 1, top + 1) * right_part;
    double mean = upper * (1 - low_part) + lower * low_part;

    return fmin(fmax((mean - 128) * scale + 128, 0), 255) / 255;
}

/* Two letters on a grey background. At scale 1 each pixel is exact; at others the interpolation is
 * in whole numbers, and may be off by one before it becomes steeper. */
static void expect_letters(const char text[2], int scale)
{
    const int above[] = {0x20, 0x80, 0xff}, below = 0x60; /* blue, green, red */
    int tolerance = scale == 1 ? 0 : scale + 1;

    memset(memory, below, sizeof memory);
    font_draw(&canvas, 2, 1, (uint32_t)scale, 0xff8020, (char[]){text[0], text[1], '\0'});
    for (int y = 0; y < FONT_HEIGHT * scale && y + 1 < HEIGHT; y++)
        for (int x = 0; x < 2 * FONT_WIDTH * scale && x + 2 < WIDTH; x++)
            for (int c = 0; c < 3; c++) {
                int cell = FONT_WIDTH * scale;
                double part = cover(text[x / cell], x % cell, y, scale);
                int expected = (int)lrint(below + (above[c] - below) * part);
                int got = pixels[(y + 1) * STRIDE + (x + 2) * 4 + c];
                cr_assert_leq(abs(got - expected), tolerance, "\"%.2s\" x %d at %d,%d: %d, not %d",
                              text, scale, x, y, got, expected);
            }
}

Test(font, each_letter_has_the_pixels_of_the_glyphs)
{
    read_sheet();
    for (char letter = ' '; letter <= '~'; letter++)
        for (int scale = 1; scale <= 2; scale++)
            expect_letters((char[]){letter, 'g'}, scale);
    expect_letters("A~", 3);
    expect_letters("%x", 5);
}
