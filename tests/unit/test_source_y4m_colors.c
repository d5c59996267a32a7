/* SPDX-License-Identifier: MIT */
/*
 * Colours of Y4M frames, compared with the formulas of ITU-R BT.601 and BT.709 in double precision:
 * a dense set of Y, Cb and Cr, and frames of odd sizes in each layout of the planes.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "producer/sources/source.h"
#include "scratch.h"

/* The levels of Cb and Cr: 0, 3, ..., 255 and the limits and centre of both ranges. */
enum { LEVELS = 90, WIDTH = LEVELS * LEVELS, HEIGHT = 256, MARK = 0x5a };

struct space {
    uint32_t matrix;
    bool is_full_range;
};

static const struct space spaces[] = {{601, false}, {601, true}, {709, false}, {709, true}};
static char path[512];

static void init(void)
{
    scratch_open();
    scratch_path(path, scratch, "in.y4m");
    pf_log_set_level(PF_LOG_ERROR);
}

TestSuite(source_y4m_colors, .init = init, .fini = scratch_close);

/* Blue, green and red, 0..255. */
static void exact(const struct space *space, int y, int cb, int cr, double out[3])
{
    double kr = space->matrix == 709 ? 0.2126 : 0.299, kb = space->matrix == 709 ? 0.0722 : 0.114;
    double luma = space->is_full_range ? y / 255.0 : (y - 16) / 219.0;
    double chroma = space->is_full_range ? 255 : 224;

    out[2] = luma + 2 * (1 - kr) * (cr - 128) / chroma;
    out[0] = luma + 2 * (1 - kb) * (cb - 128) / chroma;
    out[1] = (luma - kr * out[2] - kb * out[0]) / (1 - kr - kb);
    for (int c = 0; c < 3; c++)
        out[c] = 255 * fmin(fmax(out[c], 0), 1);
}

/* The difference of the worst channel, in levels. */
static double difference(const struct space *space, const uint8_t *pixel, int y, int cb, int cr)
{
    double expected[3], worst = 0;

    exact(space, y, cb, cr, expected);
    for (int c = 0; c < 3; c++)
        worst = fmax(worst, fabs(pixel[c] - expected[c]));
    return worst;
}

/* Write a Y4M file of one frame with these planes, and convert it to `pixels`. */
static void convert(const struct space *space, const char *layout, uint32_t width, uint32_t height,
                    const uint8_t *planes, size_t bytes, uint8_t *pixels, uint32_t stride_bytes)
{
    char *inputs[] = {path};
    struct source_config config = {.inputs = inputs, .input_count = 1, .matrix = space->matrix};
    struct pf_frame frame = {.plane[0] = {.pixels = pixels, .stride_bytes = stride_bytes}};
    struct source *source = NULL;
    FILE *file = fopen(path, "w");

    fprintf(file, "YUV4MPEG2 W%u H%u F25:1 C%s%s\nFRAME\n", width, height, layout,
            space->is_full_range ? " XCOLORRANGE=FULL" : "");
    cr_assert_eq(fwrite(planes, 1, bytes, file), bytes);
    fclose(file);
    cr_assert_eq(source_open(&source, &config), 0);
    cr_assert_eq(source_next(source), 0);
    cr_assert_eq(source_fill(source, &frame), 0);
    source_close(source);
}

Test(source_y4m_colors, every_colour_is_within_one_level_of_the_formula)
{
    const size_t plane = (size_t)WIDTH * HEIGHT;
    uint8_t *planes = malloc(3 * plane), *pixels = malloc(4 * plane);
    uint8_t levels[LEVELS] = {1, 16, 128, 240};

    for (int i = 4; i < LEVELS; i++)
        levels[i] = (uint8_t)(3 * (i - 4));
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            size_t at = (size_t)y * WIDTH + (size_t)x;
            planes[at] = (uint8_t)y;
            planes[plane + at] = levels[x % LEVELS];
            planes[2 * plane + at] = levels[x / LEVELS];
        }
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        double worst = 0;
        convert(&spaces[i], "444", WIDTH, HEIGHT, planes, 3 * plane, pixels, 4 * WIDTH);
        for (size_t at = 0; at < plane; at++) {
            const uint8_t *pixel = pixels + 4 * at;
            int cb = planes[plane + at], cr = planes[2 * plane + at];
            worst = fmax(worst, difference(&spaces[i], pixel, planes[at], cb, cr));
            if (cb == 128 && cr == 128)
                cr_assert(pixel[0] == pixel[1] && pixel[1] == pixel[2], "grey %d is coloured",
                          planes[at]);
            cr_assert_eq(pixel[3], 255);
        }
        cr_assert_lt(worst, 0.6, "BT.%u, full range %d: off by %.2f levels", spaces[i].matrix,
                     spaces[i].is_full_range, worst);
    }
    free(planes);
    free(pixels);
}

Test(source_y4m_colors, a_stream_without_a_range_is_limited_after_one_with_full_range)
{
    static const uint8_t expected[] = {16, 0}; /* of luma 16 */
    char *inputs[] = {path};
    struct source_config config = {.inputs = inputs, .input_count = 1};
    struct source *source = NULL;
    FILE *file = fopen(path, "w");

    fputs("YUV4MPEG2 W1 H1 F25:1 Cmono XCOLORRANGE=FULL\nFRAME\n\x10", file);
    fputs("YUV4MPEG2 W1 H1 F25:1 Cmono\nFRAME\n\x10", file);
    fclose(file);
    cr_assert_eq(source_open(&source, &config), 0);
    for (int i = 0; i < 2; i++) {
        uint8_t pixel[4];
        struct pf_frame frame = {.plane[0] = {.pixels = pixel, .stride_bytes = 4}};
        cr_assert_eq(source_next(source), 0);
        cr_assert_eq(source_fill(source, &frame), 0);
        cr_assert_eq(pixel[0], expected[i], "stream %d: %d", i, pixel[0]);
    }
    source_close(source);
}

Test(source_y4m_colors, each_layout_and_odd_size_is_exact)
{
    static const struct {
        const char *name;
        uint32_t across, down; /* pixels for each chroma sample; 0: no chroma */
    } layouts[] = {{"420", 2, 2},
                   {"422", 2, 1},
                   {"444", 1, 1},
                   {"mono", 0, 0},
                   /* Where the chroma samples lie makes no difference: none is interpolated. */
                   {"420jpeg", 2, 2},
                   {"420mpeg2", 2, 2},
                   {"420paldv", 2, 2}};
    static const uint32_t widths[] = {1, 2, 3, 5, 7, 126, 127, 128, 129, 130, 255, 257},
                          heights[] = {1, 2, 3, 5, 7};
    enum { LAYOUTS = 7, SPACES = 4, WIDTHS = 12, HEIGHTS = 5 };
    enum { STRIDE = 4 * 257 + 12, ROWS = 8 };
    static uint8_t planes[3 * 257 * ROWS], pixels[STRIDE * ROWS];

    for (size_t i = 0; i < sizeof planes; i++)
        planes[i] = (uint8_t)(i * 89 + i / 7 * 31);
    for (size_t n = 0; n < LAYOUTS * SPACES * WIDTHS * HEIGHTS; n++) {
        const char *name = layouts[n % LAYOUTS].name;
        const uint32_t across = layouts[n % LAYOUTS].across, down = layouts[n % LAYOUTS].down;
        const struct space *space = &spaces[n / LAYOUTS % SPACES];
        const uint32_t width = widths[n / (LAYOUTS * SPACES) % WIDTHS],
                       height = heights[n / (LAYOUTS * SPACES * WIDTHS)];
        size_t chroma_width = across ? (width + across - 1) / across : 0;
        size_t chroma_bytes = down ? chroma_width * ((height + down - 1) / down) : 0;
        const uint8_t *cb = planes + width * height, *cr = cb + chroma_bytes;

        memset(pixels, MARK, sizeof pixels);
        convert(space, name, width, height, planes, width * height + 2 * chroma_bytes, pixels,
                STRIDE);
        for (uint32_t y = 0; y < height; y++) {
            for (uint32_t x = 0; x < width; x++) {
                size_t at = across ? y / down * chroma_width + x / across : 0;
                double off = difference(space, pixels + y * STRIDE + 4 * x, planes[y * width + x],
                                        across ? cb[at] : 128, across ? cr[at] : 128);
                cr_assert_lt(off, 0.6, "%s %ux%u at %u,%u: off by %.2f levels", name, width, height,
                             x, y, off);
            }
            for (uint32_t i = 4 * width; i < STRIDE; i++)
                cr_assert_eq(pixels[y * STRIDE + i], MARK, "%ux%u: byte %u of row %u was written",
                             width, height, i, y);
        }
        cr_assert_eq(pixels[height * STRIDE], MARK, "%ux%u: a row too many", width, height);
    }
}
