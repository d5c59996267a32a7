/* SPDX-License-Identifier: MIT */
/*
 * Patterns in which every pixel moves: sums of sines, looked up in tables with whole numbers, so
 * that a frame costs a few operations a pixel.
 */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "pageflip.h"
#include "pattern.h"

#define TAU 6.283185307179586

enum { STEPS = 1024 /* of a full turn */, COLORS = 256 };

static int16_t sines[STEPS]; /* -127..127 */
static uint32_t plasma_colors[COLORS], waves_colors[COLORS];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

/* A smooth way round a colour circle that the eye likes (I. Quilez's cosine palettes). */
static uint32_t cosine_color(double position, double red, double green, double blue)
{
    const double phase[3] = {red, green, blue};
    uint32_t color = 0;

    for (int i = 0; i < 3; i++)
        color = color << 8 | (uint32_t)(127.5 + 127.5 * cos(TAU * (position + phase[i])));
    return pattern_pixel(color);
}

static void make_tables(void)
{
    for (int i = 0; i < STEPS; i++)
        sines[i] = (int16_t)lrint(127 * sin(TAU * i / STEPS));
    for (int i = 0; i < COLORS; i++) {
        double position = (double)i / COLORS;
        double crest = pow(0.5 - 0.5 * cos(TAU * position), 3);
        plasma_colors[i] = cosine_color(position, 0.0, 0.33, 0.62);
        waves_colors[i] =
            pattern_pixel((uint32_t)(8 + 200 * crest) << 16 | (uint32_t)(40 + 190 * crest) << 8 |
                          (uint32_t)(90 + 150 * sqrt(crest)));
    }
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

/* Four plane waves; two go along the axes, so those are computed once a row and once a column. */
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
            row[x] = plasma_colors[(uint32_t)(sum / 2) % COLORS];
        }
    }
}

/* Rings from three drops that wander; their distance grows by differences, squared, without a root.
 */
static void draw_waves(const struct canvas *canvas, struct pattern_time time)
{
    double unit = canvas->height > 64 ? canvas->height : 64;
    float scale = (float)(1.6 / unit);
    float centre_x[3], centre_y[3];
    int32_t ripple = phase(time.seconds, 0.5);

    pthread_once(&tables_once, make_tables);
    for (int i = 0; i < 3; i++) {
        centre_x[i] =
            (float)(canvas->width * (0.5 + 0.38 * sin(time.seconds * (0.21 + 0.07 * i) + 2.1 * i)));
        centre_y[i] = (float)(canvas->height *
                              (0.5 + 0.38 * cos(time.seconds * (0.17 + 0.05 * i) + 1.3 * i)));
    }
    for (uint32_t y = 0; y < canvas->height; y++) {
        uint32_t *row = pattern_row(canvas, y);
        for (uint32_t x = 0; x < canvas->width; x++) {
            int32_t sum = 0;
            for (int i = 0; i < 3; i++) {
                float dx = ((float)x - centre_x[i]) * scale, dy = ((float)y - centre_y[i]) * scale;
                /* rings that widen with the distance, as a root would, but cheaper */
                float distance = (dx * dx + dy * dy) / (0.35f + (dx * dx + dy * dy) * 0.22f);
                sum += sine((int32_t)(distance * 2400.0f) - ripple);
            }
            row[x] = waves_colors[(uint32_t)(128 + sum / 3) % COLORS];
        }
    }
}

/* A flight through stars. Each star's place comes from its number, so no star is remembered. */
static uint32_t scramble(uint32_t value)
{
    value ^= value >> 16; /* the finalizer of MurmurHash3 (A. Appleby, public domain) */
    value *= 0x85ebca6b;
    value ^= value >> 13;
    value *= 0xc2b2ae35;
    return value ^ value >> 16;
}

static void draw_stars(const struct canvas *canvas, struct pattern_time time)
{
    enum { STARS = 3000 };
    double middle_x = canvas->width / 2.0, middle_y = canvas->height / 2.0;
    double reach = hypot(middle_x, middle_y);

    for (uint32_t y = 0; y < canvas->height; y++) {
        uint32_t *row = pattern_row(canvas, y);
        uint32_t glow = 6 + 20 * y / canvas->height;
        uint32_t night = pattern_pixel(glow / 3 << 16 | glow / 3 << 8 | glow);
        for (uint32_t x = 0; x < canvas->width; x++)
            row[x] = night;
    }
    for (uint32_t i = 0; i < STARS; i++) {
        double flight = time.seconds * 0.12 + scramble(i * 3 + 2) / 4294967296.0;
        double depth = 1 - (flight - floor(flight)); /* 1 far .. 0 here */
        uint32_t round = (uint32_t)floor(flight);
        double angle = scramble(i * 3 + round * 7919) / 4294967296.0 * TAU;
        double aside = 0.02 + scramble(i * 3 + 1 + round * 104729) / 4294967296.0;
        double distance = aside * reach * 0.25 / (depth + 0.02);
        int32_t size = (int32_t)(canvas->height * 0.0035 * (1 - depth)) + 1;
        int32_t x = (int32_t)(middle_x + cos(angle) * distance);
        int32_t y = (int32_t)(middle_y + sin(angle) * distance);
        uint32_t light = (uint32_t)(255 * (1 - depth) * (1 - depth));
        uint32_t warm = light - light / 8 * (i % 3 == 0), cool = light - light / 8 * (i % 3 == 1);
        uint32_t color = pattern_pixel(cool << 16 | (warm + cool) / 2 << 8 | warm);

        for (int32_t down = y; down < y + size; down++)
            for (int32_t across = x; across < x + size; across++)
                if (down >= 0 && across >= 0 && down < (int32_t)canvas->height &&
                    across < (int32_t)canvas->width)
                    pattern_row(canvas, (uint32_t)down)[across] = color;
    }
}

const struct pattern pattern_plasma = {
    .name = "plasma",
    .summary = "slow colours, every pixel of every frame moves",
    .draw = draw_plasma,
};

const struct pattern pattern_waves = {
    .name = "waves",
    .summary = "rings on water from three wandering drops",
    .draw = draw_waves,
};

const struct pattern pattern_stars = {
    .name = "stars",
    .summary = "a flight through stars: small bright things that move fast",
    .draw = draw_stars,
};
