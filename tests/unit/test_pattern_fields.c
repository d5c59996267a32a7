/* SPDX-License-Identifier: MIT */
/*
 * Plasma, waves and sky, compared with their formulas in real numbers. The patterns use tables of
 * whole numbers, so single pixels are off by some levels.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "producer/sources/pattern.h"

#define TURN 6.283185307179586

enum { WIDTH = 256, HEIGHT = 128 };

static uint8_t memory[4 * WIDTH * HEIGHT];
static const struct canvas canvas = {memory, 4 * WIDTH, WIDTH, HEIGHT};

/* Returns red, green or blue for channel 0, 1 or 2. */
static int level(int x, int y, int channel)
{
    return memory[4 * (y * WIDTH + x) + 2 - channel];
}

static void draw(const struct pattern *pattern, double seconds)
{
    pattern->draw(&canvas, (struct pattern_time){.number = 7, .seconds = seconds, .fps = 60});
}

/* The sine of a number of turns. */
static double wave(double turns)
{
    return sin(TURN * turns);
}

/* The channel at a pixel, 0..255. */
typedef double formula(double x, double y, double seconds, int channel);

/* Draw the pattern at several times. No more than `share` of the levels may be off by more than
 * `most`, and all of them together by `mean`. */
static void compare(const struct pattern *pattern, formula *expected, double mean, double most,
                    double share)
{
    const double times[] = {0, 0.7, 1.7, 63.25, 7200.4};

    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        double sum = 0;
        int far = 0;
        draw(pattern, times[i]);
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++)
                for (int c = 0; c < 3; c++) {
                    double off = fabs(level(x, y, c) - expected(x, y, times[i], c));
                    sum += off;
                    far += off > most;
                }
        double count = 3.0 * WIDTH * HEIGHT;
        cr_assert_lt(sum / count, mean, "%s at %.2f s is off by %.2f levels", pattern->name,
                     times[i], sum / count);
        cr_assert_leq(far / count, share, "%s at %.2f s: %.2f %% are off by more than %.0f levels",
                      pattern->name, times[i], 100 * far / count, most);
    }
}

/* Six waves, in units of the height, through a palette that turns once in five seconds. */
static double plasma(double x, double y, double seconds, int channel)
{
    const double offsets[] = {0.5, 0.38, 0.22};
    double across = x / HEIGHT, down = y / HEIGHT;
    double waves = wave(across + 0.11 * seconds) + wave(2 * across - 0.07 * seconds) +
                   wave(down - 0.09 * seconds) + wave(down / 2 + 0.05 * seconds) +
                   wave(across + down + 0.13 * seconds) +
                   wave(1.5 * across - down + 0.17 * seconds);
    double position = waves * 127 / 1024 + 0.2 * seconds;

    return 132 + 112 * cos(TURN * (position + offsets[channel]));
}

Test(pattern_fields, plasma_is_the_sum_of_six_waves)
{
    compare(&pattern_plasma, plasma, 2.5, 10, 0);
}

/* Three drops, with seven rings in a height, which move outwards by one ring in two seconds. */
static double waves(double x, double y, double seconds, int channel)
{
    const double deep[] = {0x04, 0x10, 0x28}, shallow[] = {0x0f, 0x7f, 0x9c},
                 foam[] = {0xf2, 0xfb, 0xff};
    double sum = 0;

    for (int i = 0; i < 3; i++) {
        double drop_x = WIDTH * (0.5 + 0.38 * sin(seconds * (0.21 + 0.07 * i) + 2.1 * i));
        double drop_y = HEIGHT * (0.5 + 0.38 * cos(seconds * (0.17 + 0.05 * i) + 1.3 * i));
        sum += wave(7 * hypot(x - drop_x, y - drop_y) / HEIGHT - 0.5 * seconds);
    }
    double crest = (sum / 3 + 1) / 2;
    if (crest < 0.6)
        return deep[channel] + (shallow[channel] - deep[channel]) * crest / 0.6;
    return shallow[channel] + (foam[channel] - shallow[channel]) * (crest - 0.6) / 0.4;
}

/* Near a drop the table of distances has large steps. */
Test(pattern_fields, waves_are_rings_around_three_drops)
{
    compare(&pattern_waves, waves, 2.5, 16, 0.01);
}

/* In each row, some pixels have no star, and no pixel is darker than the sky. */
Test(pattern_fields, stars_are_light_on_a_sky_that_is_lighter_below)
{
    for (int frame = 0; frame < 40; frame++) {
        int brightest = 0;
        draw(&pattern_stars, frame * 0.37);
        for (int y = 0; y < HEIGHT; y++)
            for (int c = 0; c < 3; c++) {
                double glow = 26.0 * y / HEIGHT;
                double sky = c == 0 ? 3 + glow / 3 : c == 1 ? 4 + glow / 3 : 10 + glow;
                int darkest = 255;
                for (int x = 0; x < WIDTH; x++) {
                    darkest = level(x, y, c) < darkest ? level(x, y, c) : darkest;
                    brightest = level(x, y, c) > brightest ? level(x, y, c) : brightest;
                }
                cr_assert(darkest <= sky + 0.01 && darkest > sky - 1.5,
                          "row %d, channel %d: %d, not %.1f", y, c, darkest, sky);
            }
        cr_assert_gt(brightest, 200, "no bright star in frame %d", frame);
    }
}
