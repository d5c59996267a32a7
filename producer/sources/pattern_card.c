/* SPDX-License-Identifier: MIT */
/*
 * The test card. Its still parts show whether a frame is displayed correctly: colours, greys, sharp
 * lines, the edges of the frame, a circle that must be round. Its moving parts show how smooth the
 * motion is: a dot that goes round the circle once a second, a bar that crosses the frame in two
 * seconds (a torn frame breaks it), a timecode.
 *
 * All parts are laid out in units of the radius of one central circle and clipped to the canvas, so
 * the card has the same proportions at every size, down to a canvas of one pixel.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "media/font.h"
#include "media/stamp.h"
#include "pattern.h"

#define TAU 6.283185307179586
/* The strip of 256 greys, in radii below the circle's centre. */
#define GREYS_TOP 0.18
#define GREYS_BOTTOM 0.34

enum {
    NIGHT = 0x1b202a,
    LINE = 0x363f4f,
    FACE = 0x0d1016,
    WHITE = 0xf4f6fa,
    AMBER = 0xffb000,
    MIST = 0x9fb4d0,
};

struct box {
    int32_t x, y, width, height;
};

struct circle {
    double x, y, radius; /* x and y count from the top left corner of the first pixel */
};

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* The part of a box that is on the canvas; width or height is negative if there is none. */
static struct box clip(const struct canvas *canvas, struct box box)
{
    int32_t x = larger(box.x, 0), y = larger(box.y, 0);

    return (struct box){x, y, smaller(box.x + box.width, (int32_t)canvas->width) - x,
                        smaller(box.y + box.height, (int32_t)canvas->height) - y};
}

static void fill_span(const struct canvas *canvas, int32_t y, int32_t left, int32_t right,
                      uint32_t color)
{
    uint32_t *row = pattern_row(canvas, (uint32_t)y);
    uint32_t pixel = pattern_pixel(color);

    for (int32_t x = left; x < right; x++)
        row[x] = pixel;
}

static void fill_box(const struct canvas *canvas, struct box box, uint32_t color)
{
    box = clip(canvas, box);
    for (int32_t y = box.y; y < box.y + box.height; y++)
        fill_span(canvas, y, box.x, box.x + box.width, color);
}

/* The part of a box that is inside the circle. */
static void fill_inside(const struct canvas *canvas, const struct circle *circle, struct box box,
                        uint32_t color)
{
    box = clip(canvas, box);
    for (int32_t y = box.y; y < box.y + box.height; y++) {
        double away = y + 0.5 - circle->y;
        double half = circle->radius * circle->radius - away * away;
        if (half <= 0)
            continue;
        half = sqrt(half);
        fill_span(canvas, y, larger(box.x, (int32_t)(circle->x - half)),
                  smaller(box.x + box.width, (int32_t)(circle->x + half) + 1), color);
    }
}

static uint32_t mix(uint32_t below, uint32_t above, double cover)
{
    uint32_t part = (uint32_t)(cover * 256);
    uint32_t red_blue = ((below & 0xff00ff) * (256 - part) + (above & 0xff00ff) * part) >> 8;
    uint32_t green = ((below & 0x00ff00) * (256 - part) + (above & 0x00ff00) * part) >> 8;

    return (red_blue & 0xff00ff) | (green & 0x00ff00);
}

/* The share of a pixel that is covered, if the pixel's middle is `inside` pixels inside an edge:
 * a smooth edge, one pixel wide. */
static double soft(double inside)
{
    return inside <= -0.5 ? 0 : inside >= 0.5 ? 1 : inside + 0.5;
}

/* A ring from radius `inner` to the circle, with smooth edges; inner below 0: a disc. */
static void draw_ring(const struct canvas *canvas, struct circle outer, double inner,
                      uint32_t color)
{
    double far = outer.radius + 1, near = inner - 1;
    int32_t top = larger((int32_t)(outer.y - far), 0);
    int32_t bottom = smaller((int32_t)(outer.y + far) + 1, (int32_t)canvas->height);

    for (int32_t y = top; y < bottom; y++) {
        uint32_t *row = pattern_row(canvas, (uint32_t)y);
        double dy = y + 0.5 - outer.y;
        double half = sqrt(fmax(far * far - dy * dy, 0));
        double hole = near > fabs(dy) ? sqrt(near * near - dy * dy) : 0;
        int32_t hole_left = (int32_t)(outer.x - hole) + 1, hole_right = (int32_t)(outer.x + hole);
        int32_t right = smaller((int32_t)(outer.x + half) + 1, (int32_t)canvas->width);

        for (int32_t x = larger((int32_t)(outer.x - half), 0); x < right; x++) {
            if (x >= hole_left && x < hole_right) {
                x = hole_right - 1;
                continue;
            }
            double dx = x + 0.5 - outer.x, distance = sqrt(dx * dx + dy * dy);
            double cover = soft(outer.radius - distance) * soft(distance - inner);
            row[x] = pattern_pixel(mix(row[x], color, cover));
        }
    }
}

static void draw_disc(const struct canvas *canvas, struct circle circle, uint32_t color)
{
    draw_ring(canvas, circle, -1, color);
}

/* Draw `longest` as large as fits in the box, or else `shorter`, or else nothing. */
static void draw_words(const struct canvas *canvas, struct box box, uint32_t color,
                       const char *longest, const char *shorter)
{
    const char *const words[] = {longest, shorter};

    for (int i = 0; i < 2; i++) {
        int32_t scale =
            smaller(box.width / (int32_t)font_width(1, words[i]), box.height / FONT_HEIGHT);
        if (scale < 1)
            continue;
        font_draw(canvas, box.x + (box.width - (int32_t)font_width((uint32_t)scale, words[i])) / 2,
                  box.y + (box.height - FONT_HEIGHT * scale) / 2, (uint32_t)scale, color, words[i]);
        return;
    }
}

/* A band across the circle, `top` and `bottom` in radii below its centre. */
static struct box band(const struct circle *circle, double top, double bottom)
{
    int32_t y = (int32_t)lrint(circle->y + circle->radius * top);
    int32_t x = (int32_t)floor(circle->x - circle->radius);

    return (struct box){x, y, (int32_t)ceil(circle->x + circle->radius) - x,
                        (int32_t)lrint(circle->y + circle->radius * bottom) - y};
}

/* The `i`th of `count` columns of a box. */
static struct box column(struct box box, int32_t i, int32_t count)
{
    int32_t left = box.width * i / count;

    return (struct box){box.x + left, box.y, box.width * (i + 1) / count - left, box.height};
}

/* 75 % colour bars, as in SMPTE EG 1: white, yellow, cyan, green, magenta, red, blue. */
static void draw_bars(const struct canvas *canvas, const struct circle *circle, struct box box)
{
    static const uint32_t bars[] = {0xbfbfbf, 0xbfbf00, 0x00bfbf, 0x00bf00,
                                    0xbf00bf, 0xbf0000, 0x0000bf};
    enum { COUNT = sizeof bars / sizeof *bars };

    for (int32_t i = 0; i < COUNT; i++)
        fill_inside(canvas, circle, column(box, i, COUNT), bars[i]);
}

/* From black to white. */
static void draw_greys(const struct canvas *canvas, const struct circle *circle, struct box box,
                       int32_t steps)
{
    for (int32_t i = 0; i < steps; i++)
        fill_inside(canvas, circle, column(box, i, steps),
                    (uint32_t)(i * 255 / (steps - 1)) * 0x010101);
}

static void draw_face(const struct canvas *canvas, const struct circle *circle,
                      struct pattern_time time)
{
    uint64_t fps = time.fps ? time.fps : 60, seconds = time.number / fps;
    unsigned long long number = time.number + 1;
    struct box words = band(circle, -0.17, 0.17);
    char longest[80], shorter[64];

    fill_inside(canvas, circle, band(circle, -1, 1), FACE);
    draw_bars(canvas, circle, band(circle, -0.50, -0.18));
    draw_greys(canvas, circle, band(circle, GREYS_TOP, GREYS_BOTTOM), 256);
    draw_greys(canvas, circle, band(circle, 0.34, 0.50), 12);

    snprintf(longest, sizeof longest, "%02u:%02u:%02u:%02u", (unsigned)(seconds / 3600 % 100),
             (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60),
             (unsigned)(time.number % fps));
    words.x += words.width / 16;
    words.width -= words.width / 16 * 2;
    draw_words(canvas, words, WHITE, longest, longest);

    /* As wide as the circle is at the outer edge of the letters. */
    words = band(circle, -0.84, -0.50);
    words.width = (int32_t)(circle->radius * 1.26);
    words.x = (int32_t)circle->x - words.width / 2;
    snprintf(shorter, sizeof shorter, "%ux%u", canvas->width, canvas->height);
    snprintf(longest, sizeof longest, "%s %u fps", shorter, time.fps);
    draw_words(canvas, words, MIST, time.fps ? longest : shorter, shorter);
    words.y = band(circle, 0.50, 0.84).y;
    snprintf(shorter, sizeof shorter, "%llu", number);
    snprintf(longest, sizeof longest, "frame %s", shorter);
    draw_words(canvas, words, AMBER, longest, shorter);
}

/* The rim with a mark for every twelfth of a second, and the dot that goes round it. */
static void draw_rim(const struct canvas *canvas, struct circle circle, double seconds)
{
    enum { MARKS = 12, TAIL = 24 };
    double rim = circle.radius * 1.035;

    draw_ring(canvas, (struct circle){circle.x, circle.y, circle.radius * 1.07}, circle.radius,
              WHITE);
    for (int i = 0; i < MARKS; i++)
        draw_disc(canvas,
                  (struct circle){circle.x + sin(TAU * i / MARKS) * rim,
                                  circle.y - cos(TAU * i / MARKS) * rim, circle.radius * 0.018},
                  NIGHT);
    for (int i = TAIL; i >= 0; i--) {
        double angle = TAU * (seconds - i / 240.0);
        draw_disc(canvas,
                  (struct circle){circle.x + sin(angle) * rim, circle.y - cos(angle) * rim,
                                  circle.radius * 0.055 * (1 - 0.8 * i / TAIL)},
                  AMBER);
    }
}

static void draw_grid(const struct canvas *canvas, const struct circle *circle, int32_t step)
{
    int32_t width = (int32_t)canvas->width, height = (int32_t)canvas->height;
    int32_t thick = step / 64 + 1;

    fill_box(canvas, (struct box){0, 0, width, height}, NIGHT);
    for (int32_t x = (int32_t)circle->x % step; x < width; x += step)
        fill_box(canvas, (struct box){x, 0, thick, height}, LINE);
    for (int32_t y = (int32_t)circle->y % step; y < height; y += step)
        fill_box(canvas, (struct box){0, y, width, thick}, LINE);
}

/* A line along the edges of the frame, one pixel wide. */
static void draw_edges(const struct canvas *canvas, int32_t top)
{
    int32_t width = (int32_t)canvas->width, height = (int32_t)canvas->height - 2 * top;

    fill_box(canvas, (struct box){0, top, 1, height}, WHITE);
    fill_box(canvas, (struct box){width - 1, top, 1, height}, WHITE);
    fill_box(canvas, (struct box){0, top, width, 1}, WHITE);
    fill_box(canvas, (struct box){0, top + height - 1, width, 1}, WHITE);
}

/* A checkerboard of 1, 2 or 4 pixels: makes scaling and chroma subsampling visible. */
static void draw_checks(const struct canvas *canvas, struct box box, int shift)
{
    struct box part = clip(canvas, box);

    for (int32_t y = part.y; y < part.y + part.height; y++) {
        uint32_t *row = pattern_row(canvas, (uint32_t)y);
        for (int32_t x = part.x; x < part.x + part.width; x++)
            row[x] = pattern_pixel(((x - box.x) >> shift ^ (y - box.y) >> shift) & 1 ? 0x101010
                                                                                     : 0xf0f0f0);
    }
}

/* From black to full red, green or blue, top to bottom. */
static void draw_ramp(const struct canvas *canvas, struct box box, uint32_t color)
{
    for (int32_t y = 0; y < box.height; y++)
        fill_box(canvas, (struct box){box.x, box.y + y, box.width, 1},
                 color * (uint32_t)(y * 255 / larger(box.height - 1, 1)));
}

/* Three squares on either side of the circle, or above and below it, where there is room. */
static void draw_sides(const struct canvas *canvas, const struct circle *circle, int32_t step)
{
    static const uint32_t colors[] = {0x010000, 0x000100, 0x000001};
    int32_t middle_x = (int32_t)circle->x, middle_y = (int32_t)circle->y;
    int32_t square = step * 2, away = (int32_t)(circle->radius * 1.12);
    bool is_wide = canvas->width > canvas->height;
    int32_t room = (is_wide ? middle_x : middle_y) - away;

    if (room < square + step / 2)
        return;
    /* On the grid line nearest to the middle between rim and edge. */
    int32_t out = (away + room / 2 + square / 2 + step / 2) / step * step;
    for (int32_t i = 0; i < 3; i++) {
        int32_t along = (i * 3 - 4) * step;
        struct box first = is_wide ? (struct box){middle_x - out, middle_y + along, square, square}
                                   : (struct box){middle_x + along, middle_y - out, square, square};
        struct box last = first;
        last.x += is_wide ? 2 * out - square : 0;
        last.y += is_wide ? 0 : 2 * out - square;
        draw_ramp(canvas, first, colors[i]);
        draw_checks(canvas, last, i);
    }
}

struct layout {
    int32_t top; /* rows of the stamp, at the top and at the bottom */
    int32_t room;
    struct circle circle;
};

static struct layout layout_of(const struct canvas *canvas)
{
    int32_t top =
        stamp_fits(canvas->width, canvas->height) ? (int32_t)stamp_rows(canvas->width) : 0;
    int32_t room = smaller((int32_t)canvas->width, (int32_t)canvas->height - 2 * top);

    return (struct layout){top, room, {canvas->width / 2.0, canvas->height / 2.0, room * 0.45}};
}

static void draw_card(const struct canvas *canvas, struct pattern_time time)
{
    const struct layout layout = layout_of(canvas);
    int32_t step = larger(layout.room / 18, 4), bar = larger((int32_t)canvas->width / 480, 1);

    draw_grid(canvas, &layout.circle, step);
    draw_sides(canvas, &layout.circle, step);
    draw_face(canvas, &layout.circle, time);
    draw_rim(canvas, layout.circle, time.seconds);
    fill_box(canvas,
             (struct box){(int32_t)(fmod(time.seconds / 2, 1) * canvas->width), 0, bar,
                          (int32_t)canvas->height},
             WHITE);
    draw_edges(canvas, layout.top);
}

/* With alpha, nothing is behind the grid, its lines are half transparent, and the greys of the
 * upper strip are white of that alpha. */
static void fade_card(const struct canvas *canvas)
{
    const struct layout layout = layout_of(canvas);
    struct box greys = clip(canvas, band(&layout.circle, GREYS_TOP, GREYS_BOTTOM));

    for (uint32_t y = 0; y < canvas->height; y++) {
        uint32_t *row = pattern_row(canvas, y);
        bool has_greys = (int32_t)y >= greys.y && (int32_t)y < greys.y + greys.height;
        for (uint32_t x = 0; x < canvas->width; x++) {
            uint32_t level = row[x] & 0xff;
            if (row[x] == pattern_pixel(NIGHT))
                row[x] = 0;
            else if (row[x] == pattern_pixel(LINE))
                row[x] = 0x80000000 | (LINE >> 1 & 0x7f7f7f);
            else if (has_greys && (int32_t)x >= greys.x && (int32_t)x < greys.x + greys.width &&
                     row[x] == pattern_pixel(level * 0x010101))
                row[x] = level * 0x01010101;
        }
    }
}

const struct pattern pattern_card = {
    .name = "card",
    .summary = "test card: bars, greys, a circle, moving parts, a timecode",
    .draw = draw_card,
    .fade = fade_card,
};
