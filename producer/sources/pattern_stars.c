/* SPDX-License-Identifier: MIT */
/*
 * A flight through stars. The position of a star depends on its number and the time alone, so there
 * is no state; each star is drawn as a streak of its last positions.
 */
#include <math.h>

#include "pattern.h"

#define TAU 6.283185307179586

enum { STARS = 1800, STREAK_MAX = 60 /* dots in a streak */ };

/* The finalizer of MurmurHash3 (A. Appleby, public domain), as a number 0..1. */
static double scramble(uint32_t value)
{
    value ^= value >> 16;
    value *= 0x85ebca6b;
    value ^= value >> 13;
    value *= 0xc2b2ae35;
    return (value ^ value >> 16) / 4294967296.0;
}

static void draw_sky(const struct canvas *canvas)
{
    for (uint32_t y = 0; y < canvas->height; y++) {
        uint32_t *row = pattern_row(canvas, y);
        uint32_t glow = (uint32_t)(26 * (uint64_t)y / canvas->height);
        uint32_t night = pattern_pixel((3 + glow / 3) << 16 | (4 + glow / 3) << 8 | (10 + glow));
        for (uint32_t x = 0; x < canvas->width; x++)
            row[x] = night;
    }
}

/* Add light to a pixel, channel by channel. */
static void add_light(const struct canvas *canvas, int32_t x, int32_t y, uint32_t color)
{
    if (x < 0 || y < 0 || x >= (int32_t)canvas->width || y >= (int32_t)canvas->height)
        return;
    uint32_t *pixel = pattern_row(canvas, (uint32_t)y) + x, sum = 0;
    for (int shift = 0; shift < 24; shift += 8) {
        uint32_t light = (*pixel >> shift & 0xff) + (color >> shift & 0xff);
        sum |= (light > 255 ? 255 : light) << shift;
    }
    *pixel = pattern_pixel(sum);
}

/* A round dot, brightest in the middle. */
static void add_dot(const struct canvas *canvas, double x, double y, double radius,
                    const double tint[3], double light)
{
    int32_t left = (int32_t)floor(x - radius), right = (int32_t)ceil(x + radius);
    int32_t top = (int32_t)floor(y - radius), bottom = (int32_t)ceil(y + radius);

    for (int32_t row = top; row <= bottom; row++)
        for (int32_t column = left; column <= right; column++) {
            double dx = column + 0.5 - x, dy = row + 0.5 - y;
            double near = 1 - (dx * dx + dy * dy) / (radius * radius);
            if (near <= 0)
                continue;
            uint32_t color = 0;
            for (int i = 0; i < 3; i++)
                color = color << 8 | (uint32_t)(255 * light * near * tint[i]);
            add_light(canvas, column, row, color);
        }
}

static void draw_star(const struct canvas *canvas, uint32_t number, double seconds)
{
    static const double tints[4][3] = {{1, 1, 1}, {0.70, 0.82, 1}, {1, 0.86, 0.66}, {0.8, 0.9, 1}};
    double middle_x = canvas->width / 2.0, middle_y = canvas->height / 2.0;
    double flight = seconds * 0.14 + scramble(number * 3 + 2);
    double near = flight - floor(flight); /* 0: far, 1: at the camera */
    uint32_t round = (uint32_t)floor(flight);
    double angle = scramble(number * 3 + round * 7919) * TAU;
    double aside =
        (0.02 + scramble(number * 3 + 1 + round * 104729)) * hypot(middle_x, middle_y) * 0.3;
    double radius = canvas->height * 0.0022 * near * near + 0.8;

    double distance = aside / (1.02 - near), tail = aside / (1.02 - near + 0.012 * near);
    if (fabs(cos(angle)) * tail > middle_x + radius || fabs(sin(angle)) * tail > middle_y + radius)
        return; /* the whole streak is outside the canvas */
    int dots = 2 + (int)fmin((distance - tail) / radius, STREAK_MAX);

    for (int i = 0; i < dots; i++) {
        double part = (double)i / dots, place = distance + (tail - distance) * part;
        double light = near * near * (1 - part) * (i ? 0.35 : 1);
        add_dot(canvas, middle_x + cos(angle) * place, middle_y + sin(angle) * place, radius,
                tints[number % 4], light);
    }
}

static void draw_stars(const struct canvas *canvas, struct pattern_time time)
{
    draw_sky(canvas);
    for (uint32_t i = 0; i < STARS; i++)
        draw_star(canvas, i, time.seconds);
}

const struct pattern pattern_stars = {
    .name = "stars",
    .summary = "a flight through stars: small bright objects that move fast",
    .draw = draw_stars,
};
