/* SPDX-License-Identifier: MIT */
/*
 * The test card. Still parts show what a picture must look like: colours, greys, sharp lines, the
 * edges of the frame, a circle that must be round. Moving parts show that it moves, and how
 * smoothly: a hand that turns once a second, a ball that goes from side to side, a timecode.
 *
 * Everything is laid out in units of a 32nd of the card's height, so it looks the same at every
 * size.
 */
#include <math.h>
#include <stdio.h>

#include "pattern.h"
#include "stamp.h"

#define TAU 6.283185307179586

enum { UNITS = 32 };

struct box {
    int32_t x, y, width, height;
};

static void fill_box(const struct canvas *canvas, struct box box, uint32_t color)
{
    int32_t right = box.x + box.width, bottom = box.y + box.height;

    if (box.x < 0)
        box.x = 0;
    if (box.y < 0)
        box.y = 0;
    if (right > (int32_t)canvas->width)
        right = (int32_t)canvas->width;
    if (bottom > (int32_t)canvas->height)
        bottom = (int32_t)canvas->height;
    for (int32_t y = box.y; y < bottom; y++) {
        uint32_t *row = pattern_row(canvas, (uint32_t)y);
        for (int32_t x = box.x; x < right; x++)
            row[x] = pattern_pixel(color);
    }
}

/* 75 % colour bars, as in SMPTE EG 1: white, yellow, cyan, green, magenta, red, blue. */
static void draw_bars(const struct canvas *canvas, struct box box)
{
    static const uint32_t bars[] = {0xbfbfbf, 0xbfbf00, 0x00bfbf, 0x00bf00,
                                    0xbf00bf, 0xbf0000, 0x0000bf};
    enum { COUNT = sizeof bars / sizeof *bars };

    for (int i = 0; i < COUNT; i++) {
        int32_t left = box.x + box.width * i / COUNT, right = box.x + box.width * (i + 1) / COUNT;
        fill_box(canvas, (struct box){left, box.y, right - left, box.height}, bars[i]);
    }
}

/* Sixteen steps of grey above, a smooth ramp below. */
static void draw_greys(const struct canvas *canvas, struct box box)
{
    enum { STEPS = 16 };

    for (int i = 0; i < STEPS; i++) {
        int32_t left = box.x + box.width * i / STEPS, right = box.x + box.width * (i + 1) / STEPS;
        uint32_t grey = (uint32_t)(i * 255 / (STEPS - 1));
        fill_box(canvas, (struct box){left, box.y, right - left, box.height / 2}, grey * 0x010101);
    }
    for (int32_t x = 0; x < box.width; x++) {
        uint32_t grey = (uint32_t)((int64_t)x * 255 / (box.width > 1 ? box.width - 1 : 1));
        fill_box(canvas,
                 (struct box){box.x + x, box.y + box.height / 2, 1, box.height - box.height / 2},
                 grey * 0x010101);
    }
}

/* Squares of one pixel: scaling and chroma subsampling show here first. */
static void draw_checks(const struct canvas *canvas, struct box box, int32_t square)
{
    for (int32_t y = 0; y < box.height; y += square)
        for (int32_t x = 0; x < box.width; x += square)
            fill_box(canvas,
                     (struct box){box.x + x, box.y + y,
                                  x + square > box.width ? box.width - x : square,
                                  y + square > box.height ? box.height - y : square},
                     (x / square + y / square) % 2 ? 0xf0f0f0 : 0x101010);
}

static void draw_grid(const struct canvas *canvas, int32_t unit)
{
    int32_t width = (int32_t)canvas->width, height = (int32_t)canvas->height;
    int32_t step = unit * 2, middle_x = width / 2, middle_y = height / 2;

    fill_box(canvas, (struct box){0, 0, width, height}, 0x20242c);
    for (int32_t x = middle_x % step; x < width; x += step)
        fill_box(canvas, (struct box){x, 0, 1, height}, 0x3a414e);
    for (int32_t y = middle_y % step; y < height; y += step)
        fill_box(canvas, (struct box){0, y, width, 1}, 0x3a414e);
}

static void draw_edges(const struct canvas *canvas)
{
    int32_t width = (int32_t)canvas->width, height = (int32_t)canvas->height;

    fill_box(canvas, (struct box){0, 0, 1, height}, 0xffffff);
    fill_box(canvas, (struct box){width - 1, 0, 1, height}, 0xffffff);
    fill_box(canvas, (struct box){0, 0, width, 1}, 0xffffff);
    fill_box(canvas, (struct box){0, height - 1, width, 1}, 0xffffff);
}

static uint32_t mix(uint32_t below, uint32_t above, double cover)
{
    uint32_t part = (uint32_t)(cover * 256);
    uint32_t red_blue = ((below & 0xff00ff) * (256 - part) + (above & 0xff00ff) * part) >> 8;
    uint32_t green = ((below & 0x00ff00) * (256 - part) + (above & 0x00ff00) * part) >> 8;

    return (red_blue & 0xff00ff) | (green & 0x00ff00);
}

/* How much of a pixel is covered, by its distance to an edge: an edge one pixel soft. */
static double soft(double inside)
{
    return inside <= -0.5 ? 0 : inside >= 0.5 ? 1 : inside + 0.5;
}

/* A disc, smooth at its edge. */
static void draw_disc(const struct canvas *canvas, double x, double y, double radius,
                      uint32_t color)
{
    int32_t top = (int32_t)floor(y - radius), bottom = (int32_t)ceil(y + radius);

    for (int32_t row = top; row <= bottom; row++) {
        double half = radius * radius - (row - y) * (row - y);
        if (row < 0 || row >= (int32_t)canvas->height)
            continue;
        half = half > 0 ? sqrt(half) : 0;
        uint32_t *pixels = pattern_row(canvas, (uint32_t)row);
        for (int32_t column = (int32_t)(x - half) - 1; column <= (int32_t)(x + half) + 1;
             column++) {
            if (column < 0 || column >= (int32_t)canvas->width)
                continue;
            double cover = soft(radius - hypot(column - x, row - y));
            if (cover > 0)
                pixels[column] = pattern_pixel(mix(pixels[column], color, cover));
        }
    }
}

/* A clock's face, and a hand that goes round once a second. */
static void draw_clock(const struct canvas *canvas, double x, double y, double radius,
                       double seconds)
{
    double angle = (seconds - floor(seconds)) * TAU;
    double hand_x = sin(angle), hand_y = -cos(angle);

    for (int32_t row = (int32_t)(y - radius - 1); row <= (int32_t)(y + radius + 1); row++) {
        if (row < 0 || row >= (int32_t)canvas->height)
            continue;
        uint32_t *pixels = pattern_row(canvas, (uint32_t)row);
        for (int32_t column = (int32_t)(x - radius - 1); column <= (int32_t)(x + radius + 1);
             column++) {
            double dx = column - x, dy = row - y;
            if (column < 0 || column >= (int32_t)canvas->width ||
                dx * dx + dy * dy > (radius + 1) * (radius + 1))
                continue;
            double distance = sqrt(dx * dx + dy * dy);
            double face = soft(radius - distance), ring = soft(distance - radius * 0.94) * face;
            double along = dx * hand_x + dy * hand_y, aside = fabs(dx * hand_y - dy * hand_x);
            double hand = along > 0 && distance < radius * 0.9 ? soft(radius * 0.035 - aside) : 0;
            uint32_t color = pixels[column];
            color = mix(color, 0x101319, face * 0.9);
            color = mix(color, 0xf5f5f5, ring);
            color = mix(color, 0xffb000, hand);
            pixels[column] = pattern_pixel(color);
        }
    }
    for (int i = 0; i < 12; i++)
        draw_disc(canvas, x + sin(i * TAU / 12) * radius * 0.82,
                  y - cos(i * TAU / 12) * radius * 0.82, radius * (i % 3 ? 0.025 : 0.045),
                  0xf5f5f5);
    draw_disc(canvas, x, y, radius * 0.07, 0xffb000);
}

static void draw_centred(const struct canvas *canvas, struct box box, uint32_t color,
                         const char *text)
{
    uint32_t scale = (uint32_t)box.height / GLYPH_HEIGHT;
    uint32_t fits = (uint32_t)box.width / glyphs_width(1, text);

    if (scale > fits)
        scale = fits;
    if (scale)
        glyphs_draw(canvas, box.x + (box.width - (int32_t)glyphs_width(scale, text)) / 2,
                    box.y + (box.height - (int32_t)(GLYPH_HEIGHT * scale)) / 2, scale, color, text);
}

static void draw_words(const struct canvas *canvas, struct box box, struct pattern_time time)
{
    uint64_t fps = time.fps ? time.fps : 60, whole = time.number / fps;
    char timecode[64], number[64], size[64];

    snprintf(timecode, sizeof timecode, "%02u:%02u:%02u:%02u", (unsigned)(whole / 3600 % 100),
             (unsigned)(whole / 60 % 60), (unsigned)(whole % 60), (unsigned)(time.number % fps));
    snprintf(number, sizeof number, "frame %llu", (unsigned long long)time.number + 1);
    snprintf(size, sizeof size, "%ux%u %u fps", canvas->width, canvas->height, time.fps);
    fill_box(canvas, box, 0x101319);
    box.height /= 2;
    draw_centred(canvas, box, 0xffffff, timecode);
    struct box left = {box.x, box.y + box.height, box.width / 2, box.height};
    struct box right = {box.x + box.width / 2, box.y + box.height, box.width / 2, box.height};
    draw_centred(canvas, left, 0xffb000, number);
    draw_centred(canvas, right, 0x9fb4d0, size);
}

static void draw_card(const struct canvas *canvas, struct pattern_time time)
{
    int32_t width = (int32_t)canvas->width, height = (int32_t)canvas->height;
    int32_t unit = height / UNITS > 0 ? height / UNITS : 1;
    int32_t middle = width / 2;
    /* The stamp has the top and bottom rows; the card keeps clear of them. */
    int32_t top = (int32_t)stamp_rows(canvas->width) + unit;
    int32_t bottom = height - top;
    int32_t span = width - 4 * unit > 0 ? width - 4 * unit : width;
    int32_t left = (width - span) / 2;
    int32_t bars = (bottom - top) / 4;
    int32_t words = (bottom - top) / 5;
    int32_t greys = (bottom - top) / 9;
    struct box words_box = {left, bottom - greys - words - unit, span, words};
    int32_t clock_top = top + bars + unit, clock_bottom = words_box.y - unit;
    double radius = (clock_bottom - clock_top) / 2.0, clock_y = (clock_top + clock_bottom) / 2.0;
    int32_t check = unit * 4;

    draw_grid(canvas, unit);
    draw_bars(canvas, (struct box){left, top, span, bars});
    draw_greys(canvas, (struct box){left, bottom - greys, span, greys});
    draw_words(canvas, words_box, time);
    if (radius > 4) {
        /* The ball passes behind the clock. */
        double reach = (span - 2 * radius * 0.3) / 2;
        draw_disc(canvas, middle + sin(time.seconds * TAU / 4) * reach, clock_y, radius * 0.3,
                  0x35a7ff);
        draw_checks(canvas, (struct box){left, clock_top, check, check}, 1);
        draw_checks(canvas, (struct box){left + span - check, clock_top, check, check}, 2);
        draw_clock(canvas, middle, clock_y, radius, time.seconds);
    }
    draw_edges(canvas);
}

const struct pattern pattern_card = {
    .name = "card",
    .summary = "test card: bars, greys, a clock, a moving ball, a running timecode",
    .draw = draw_card,
};
