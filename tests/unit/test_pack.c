/* SPDX-License-Identifier: MIT */
/* XR24 as each format, compared with the formulas in double precision. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "media/pack.h"
#include "media/unpack.h"

enum { MARK = 0x5a };

static struct pf_format format;
static struct pf_plane planes[PF_PLANES_MAX];
static uint8_t *memory, *pixels;
static uint32_t stride_bytes;

/* Pack pixels that differ from each other, and check that only visible bytes were written. */
static void pack_frame(uint32_t fourcc, uint32_t width, uint32_t height, struct pf_color color)
{
    format = (struct pf_format){.fourcc = fourcc, .width = width, .height = height, .color = color};
    const struct pf_format_planes layout = format_planes(&format);

    memory = malloc(layout.bytes);
    memset(memory, MARK, layout.bytes);
    for (uint32_t p = 0; p < layout.count; p++)
        planes[p] = (struct pf_plane){memory + layout.offset[p], layout.stride_bytes[p]};
    stride_bytes = 4 * width + 8;
    pixels = malloc((size_t)stride_bytes * height);
    for (size_t i = 0; i < (size_t)stride_bytes * height; i++)
        pixels[i] = (uint8_t)(i * 89 + i / 7 * 31 + i / 256 * 57);
    pack(&format, pixels, stride_bytes, planes);
    for (uint32_t p = 0; p < layout.count; p++)
        for (uint32_t y = 0; y < layout.rows[p]; y++)
            for (uint32_t x = layout.row_bytes[p]; x < layout.stride_bytes[p]; x++)
                cr_assert_eq(planes[p].pixels[(size_t)y * planes[p].stride_bytes + x], MARK);
}

static void finish(void)
{
    free(memory);
    free(pixels);
}

static const uint8_t *pixel_at(uint32_t x, uint32_t y)
{
    return pixels + (size_t)y * stride_bytes + 4 * (size_t)x;
}

static uint8_t sample(uint32_t plane, uint32_t byte, uint32_t row)
{
    return planes[plane].pixels[(size_t)row * planes[plane].stride_bytes + byte];
}

/* Y, Cb and Cr, in levels, of the mean of `count` pixels. */
static void exact(const uint8_t *const of[], int count, double kr, double kb, bool is_full,
                  double out[3])
{
    double rgb[3] = {0};

    for (int i = 0; i < count; i++)
        for (int c = 0; c < 3; c++)
            rgb[2 - c] += of[i][c] / 255.0 / count;
    double luma = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2];
    out[0] = is_full ? 255 * luma : 16 + 219 * luma;
    out[1] = 128 + (is_full ? 255 : 224) * (rgb[2] - luma) / (2 * (1 - kb));
    out[2] = 128 + (is_full ? 255 : 224) * (rgb[0] - luma) / (2 * (1 - kr));
}

/* In full range the formula reaches 255.5 for the purest blue and red. */
static void expect(uint8_t got, double expected, const char *what, uint32_t x, uint32_t y)
{
    cr_assert_lt(fabs(got - fmin(expected, 255)), 0.51, "%s %s %ux%u at %u,%u: %u, not %f",
                 format_name(format.fourcc).text, what, format.width, format.height, x, y, got,
                 expected);
}

static void compare_yuv(double kr, double kb)
{
    bool is_full = format.color.range == PF_RANGE_FULL, is_422 = format.fourcc == PF_FOURCC_YUYV;
    bool is_nv12 = format.fourcc == PF_FOURCC_NV12;

    for (uint32_t y = 0; y < format.height; y++)
        for (uint32_t x = 0; x < format.width; x++) {
            uint32_t left = x / 2 * 2, top = is_422 ? y : y / 2 * 2;
            uint32_t right = left + 1 < format.width ? left + 1 : left;
            uint32_t bottom = !is_422 && top + 1 < format.height ? top + 1 : top;
            const uint8_t *const one[] = {pixel_at(x, y)};
            const uint8_t *const shared[] = {pixel_at(left, top), pixel_at(right, top),
                                             pixel_at(left, bottom), pixel_at(right, bottom)};
            double luma[3], chroma[3];
            exact(one, 1, kr, kb, is_full, luma);
            exact(shared, 4, kr, kb, is_full, chroma);
            expect(sample(0, is_422 ? 2 * x : x, y), luma[0], "Y", x, y);
            expect(is_422    ? sample(0, 2 * left + 1, y)
                   : is_nv12 ? sample(1, left, y / 2)
                             : sample(1, x / 2, y / 2),
                   chroma[1], "Cb", x, y);
            expect(is_422    ? sample(0, 2 * left + 3, y)
                   : is_nv12 ? sample(1, left + 1, y / 2)
                             : sample(2, x / 2, y / 2),
                   chroma[2], "Cr", x, y);
        }
}

Test(pack, yuv_is_within_rounding_of_the_formula_at_odd_sizes)
{
    static const uint32_t fourccs[] = {PF_FOURCC_YU12, PF_FOURCC_NV12, PF_FOURCC_YUYV};
    static const uint32_t sizes[][2] = {{1, 1}, {2, 2}, {3, 5}, {64, 2}, {129, 7}};
    static const double parts[][2] = {{0.299, 0.114}, {0.2126, 0.0722}, {0.2627, 0.0593}};

    for (size_t f = 0; f < 3; f++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (uint8_t range = 0; range <= PF_RANGE_FULL; range++)
                for (uint8_t m = 0; m < 3; m++) {
                    pack_frame(fourccs[f], sizes[s][0], sizes[s][1],
                               (struct pf_color){(uint8_t)(PF_MATRIX_601 + m), range, 0, 0});
                    compare_yuv(parts[m][0], parts[m][1]);
                    finish();
                }
}

Test(pack, greys_are_neutral_and_black_and_white_are_the_ends_of_the_range)
{
    for (uint8_t range = PF_RANGE_LIMITED; range <= PF_RANGE_FULL; range++) {
        pack_frame(PF_FOURCC_YU12, 512, 2, (struct pf_color){.range = range});
        for (uint32_t y = 0; y < 2; y++)
            for (uint32_t x = 0; x < 512; x++)
                memset(pixels + (size_t)y * stride_bytes + 4 * (size_t)x, (int)x / 2, 4);
        pack(&format, pixels, stride_bytes, planes);
        for (uint32_t x = 0; x < 256; x++)
            cr_assert(sample(1, x, 0) == 128 && sample(2, x, 0) == 128, "grey %u", x);
        cr_assert_eq(sample(0, 0, 0), range == PF_RANGE_FULL ? 0 : 16);
        cr_assert_eq(sample(0, 511, 1), range == PF_RANGE_FULL ? 255 : 235);
        finish();
    }
}

/* Their chroma is 255.5 by the formula. */
Test(pack, the_purest_blue_and_red_of_full_range_do_not_wrap)
{
    pack_frame(PF_FOURCC_YU12, 4, 2, (struct pf_color){.range = PF_RANGE_FULL});
    memset(pixels, 0, (size_t)stride_bytes * 2);
    for (uint32_t y = 0; y < 2; y++)
        for (uint32_t x = 0; x < 4; x++)
            pixels[y * stride_bytes + 4 * x + (x < 2 ? 0 : 2)] = 255;
    pack(&format, pixels, stride_bytes, planes);
    cr_assert_eq(sample(1, 0, 0), 255, "Cb of blue is %u", sample(1, 0, 0));
    cr_assert_eq(sample(2, 1, 0), 255, "Cr of red is %u", sample(2, 1, 0));
    finish();
}

Test(pack, grey_is_the_luminance_of_bt709)
{
    pack_frame(PF_FOURCC_R8, 255, 7, (struct pf_color){0});
    for (uint32_t y = 0; y < 7; y++)
        for (uint32_t x = 0; x < 255; x++) {
            const uint8_t *const one[] = {pixel_at(x, y)};
            double luma[3];
            exact(one, 1, 0.2126, 0.0722, true, luma);
            expect(sample(0, x, y), luma[0], "grey", x, y);
        }
    finish();
}

Test(pack, rgb_comes_back_as_it_was)
{
    static const uint32_t fourccs[] = {PF_FOURCC_XR24, PF_FOURCC_AR24, PF_FOURCC_XR30};

    for (size_t f = 0; f < 3; f++) {
        uint8_t back[4 * 301];
        pack_frame(fourccs[f], 301, 1, (struct pf_color){0});
        unpack(&format, planes, NULL, back, sizeof back);
        for (uint32_t i = 0; i < sizeof back; i++)
            cr_assert_eq(back[i], i % 4 == 3 ? 255 : pixels[i], "%s, byte %u",
                         format_name(fourccs[f]).text, i);
        finish();
    }
}

Test(pack, ten_bits_are_spread_over_the_whole_range)
{
    pack_frame(PF_FOURCC_XR30, 256, 1, (struct pf_color){0});
    for (uint32_t x = 0; x < 256; x++) {
        uint32_t word;
        memcpy(&word, planes[0].pixels + 4 * x, 4);
        for (uint32_t c = 0; c < 3; c++)
            cr_assert_leq(fabs((word >> (10 * c) & 1023) - pixel_at(x, 0)[c] * 1023 / 255.0), 0.5);
    }
    finish();
}
