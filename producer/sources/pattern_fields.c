/* SPDX-License-Identifier: MIT */
/*
 * Patterns in which every pixel changes with every frame: sums of sines from integer tables, so
 * that a pixel costs a few operations.
 */
#include <math.h>
#include <pthread.h>

#include "pageflip.h"
#include "pattern.h"

#define TAU 6.283185307179586

enum {
    STEPS = 1024, /* of a full turn */
    COLORS = 1024,
    DROPS = 3,
    DISTANCE_SHIFT = 16,
    DISTANCES = 1 << (32 - DISTANCE_SHIFT),
    WAVES_COLORS = 2 * DROPS * 127 + 1, /* from all troughs to all crests */
};

static int16_t sines[STEPS]; /* -127..127 */
static uint32_t plasma_colors[COLORS], waves_colors[WAVES_COLORS];
static float roots[DISTANCES]; /* square roots of 0..1, in STEPS */
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

/* A colour of a smooth cyclic palette (I. Quilez's cosine palettes). */
static uint32_t cosine_color(double position, double red, double green, double blue)
{
    const double offset[3] = {red, green, blue};
    uint32_t color = 0;

    for (int i = 0; i < 3; i++)
        color = color << 8 | (uint32_t)(132 + 112 * cos(TAU * (position + offset[i])));
    return pattern_pixel(color);
}

static uint32_t between(uint32_t from, uint32_t to, double part)
{
    uint32_t color = 0;

    for (int shift = 16; shift >= 0; shift -= 8) {
        double low = from >> shift & 0xff, high = to >> shift & 0xff;
        color = color << 8 | (uint32_t)lrint(low + (high - low) * part);
    }
    return color;
}

/* From deep water through shallow water to foam. */
static uint32_t water_color(double crest)
{
    if (crest < 0.6)
        return pattern_pixel(between(0x041028, 0x0f7f9c, crest / 0.6));
    return pattern_pixel(between(0x0f7f9c, 0xf2fbff, (crest - 0.6) / 0.4));
}

static void make_tables(void)
{
    for (int i = 0; i < STEPS; i++)
        sines[i] = (int16_t)lrint(127 * sin(TAU * i / STEPS));
    for (int i = 0; i < COLORS; i++)
        plasma_colors[i] = cosine_color((double)i / COLORS, 0.5, 0.38, 0.22);
    for (int i = 0; i < WAVES_COLORS; i++)
        waves_colors[i] = water_color((double)i / (WAVES_COLORS - 1));
    for (int i = 0; i < DISTANCES; i++)
        roots[i] = (float)(STEPS * sqrt((i + 0.5) / DISTANCES));
}

static int32_t sine(int32_t step)
{
    return sines[(uint32_t)step % STEPS];
}

/* Steps of a turn at `cycles` turns a second. */
static int32_t phase(double seconds, double cycles)
{
    double turns = seconds * cycles;

    return (int32_t)((turns - floor(turns)) * STEPS);
}

/* The sum of six plane waves; those along an axis are computed once per column or row. */
static void draw_plasma(const struct canvas *canvas, struct pattern_time time)
{
    static int16_t columns[PF_SIZE_MAX];
    int32_t unit = (int32_t)canvas->height > 64 ? (int32_t)canvas->height : 64;
    double t = time.seconds;

    pthread_once(&tables_once, make_tables);
    for (uint32_t x = 0; x < canvas->width; x++)
        columns[x] = (int16_t)(sine((int32_t)x * STEPS / unit + phase(t, 0.11)) +
                               sine((int32_t)x * 2 * STEPS / unit - phase(t, 0.07)));
    int32_t drift = phase(t, 0.2), slope_a = phase(t, 0.13), slope_b = phase(t, 0.17);
    for (uint32_t y = 0; y < canvas->height; y++) {
        uint32_t *row = pattern_row(canvas, y);
        int32_t down = (int32_t)y * STEPS / unit;
        int32_t line = sine(down - phase(t, 0.09)) + sine(down / 2 + phase(t, 0.05)) + drift;
        int32_t a = (down + slope_a) * 256, b = (slope_b - down) * 256;
        int32_t step_a = 256 * STEPS / unit, step_b = 256 * STEPS * 3 / 2 / unit;
        for (uint32_t x = 0; x < canvas->width; x++, a += step_a, b += step_b) {
            int32_t sum = columns[x] + line + sine(a >> 8) + sine(b >> 8);
            row[x] = plasma_colors[(uint32_t)sum % COLORS];
        }
    }
}

/*
 * Rings around three moving drops. The height of a ring is looked up by the square of the distance,
 * which is the sum of a number per column and a number per row: a pixel needs no square root and no
 * multiplication.
 */
static void draw_waves(const struct canvas *canvas, struct pattern_time time)
{
    static uint32_t across[DROPS][PF_SIZE_MAX]; /* 2^32: the square of the canvas's diagonal */
    static int8_t rings[DISTANCES];
    double width = canvas->width, height = canvas->height;
    double diagonal = hypot(width, height), unit = 4294967295.0 / (diagonal * diagonal);
    double turns = diagonal / fmax(height, 64) * 7;
    int32_t ripple = phase(time.seconds, 0.5);

    pthread_once(&tables_once, make_tables);
    for (int32_t i = 0; i < DISTANCES; i++)
        rings[i] = (int8_t)sine((int32_t)(roots[i] * turns) - ripple);
    double down[DROPS];
    for (int i = 0; i < DROPS; i++) {
        double x = width * (0.5 + 0.38 * sin(time.seconds * (0.21 + 0.07 * i) + 2.1 * i));
        down[i] = height * (0.5 + 0.38 * cos(time.seconds * (0.17 + 0.05 * i) + 1.3 * i));
        for (uint32_t column = 0; column < canvas->width; column++)
            across[i][column] = (uint32_t)((column - x) * (column - x) * unit);
    }
    for (uint32_t y = 0; y < canvas->height; y++) {
        uint32_t *row = pattern_row(canvas, y);
        uint32_t below[DROPS];
        for (int i = 0; i < DROPS; i++)
            below[i] = (uint32_t)((y - down[i]) * (y - down[i]) * unit);
        for (uint32_t x = 0; x < canvas->width; x++) {
            int32_t sum = rings[(across[0][x] + below[0]) >> DISTANCE_SHIFT] +
                          rings[(across[1][x] + below[1]) >> DISTANCE_SHIFT] +
                          rings[(across[2][x] + below[2]) >> DISTANCE_SHIFT];
            row[x] = waves_colors[sum + DROPS * 127];
        }
    }
}

const struct pattern pattern_plasma = {
    .name = "plasma",
    .summary = "slow colours: every pixel of every frame changes",
    .draw = draw_plasma,
};

const struct pattern pattern_waves = {
    .name = "waves",
    .summary = "rings on water from three wandering drops",
    .draw = draw_waves,
};
