/* SPDX-License-Identifier: MIT */
/* Each format as XR24, compared with the formulas in double precision. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "media/unpack.h"

enum { MARK = 0x5a };

/* A frame of any format in memory whose bytes differ from each other, and room for its pixels. */
struct scene {
    struct pf_format format;
    struct pf_plane plane[PF_PLANES_MAX];
    uint8_t *memory, *pixels;
    uint32_t stride_bytes; /* of `pixels` */
};

static void scene_init(struct scene *scene, uint32_t fourcc, uint32_t width, uint32_t height,
                       struct pf_color color)
{
    *scene = (struct scene){
        .format = {.fourcc = fourcc, .width = width, .height = height, .color = color}};
    const struct pf_format_planes planes = format_planes(&scene->format);
    scene->memory = malloc(planes.bytes);
    for (uint64_t i = 0; i < planes.bytes; i++)
        scene->memory[i] = (uint8_t)(i * 89 + i / 7 * 31 + i / 256 * 57);
    for (uint32_t p = 0; p < planes.count; p++)
        scene->plane[p] =
            (struct pf_plane){scene->memory + planes.offset[p], planes.stride_bytes[p]};
    scene->stride_bytes = 4 * width + 12;
    scene->pixels = malloc((size_t)scene->stride_bytes * height);
    memset(scene->pixels, MARK, (size_t)scene->stride_bytes * height);
}

static void scene_finish(struct scene *scene)
{
    free(scene->memory);
    free(scene->pixels);
}

static void unpack_scene(struct scene *scene, const struct background *background)
{
    unpack(&scene->format, scene->plane, background, scene->pixels, scene->stride_bytes);
    for (uint32_t y = 0; y < scene->format.height; y++)
        for (uint32_t x = 4 * scene->format.width; x < scene->stride_bytes; x++)
            cr_assert_eq(scene->pixels[(size_t)y * scene->stride_bytes + x], MARK,
                         "between rows %u and %u", y, y + 1);
}

static const uint8_t *pixel_at(const struct scene *scene, uint32_t x, uint32_t y)
{
    return scene->pixels + (size_t)y * scene->stride_bytes + 4 * (size_t)x;
}

static const uint8_t *sample_at(const struct scene *scene, uint32_t plane, uint32_t byte,
                                uint32_t row)
{
    return scene->plane[plane].pixels + (size_t)row * scene->plane[plane].stride_bytes + byte;
}

/* ------------------------------------------------------------------ Y, Cb and Cr */

/* Y, Cb and Cr of a pixel, from the definitions of the formats in linux/drm_fourcc.h. */
static void samples_at(const struct scene *scene, uint32_t x, uint32_t y, int out[3])
{
    out[0] = *sample_at(scene, 0, x, y);
    switch (scene->format.fourcc) {
    case PF_FOURCC_YU12:
        out[1] = *sample_at(scene, 1, x / 2, y / 2);
        out[2] = *sample_at(scene, 2, x / 2, y / 2);
        break;
    case PF_FOURCC_NV12:
        out[1] = *sample_at(scene, 1, x / 2 * 2, y / 2);
        out[2] = *sample_at(scene, 1, x / 2 * 2 + 1, y / 2);
        break;
    default:
        out[0] = *sample_at(scene, 0, 2 * x, y);
        out[1] = *sample_at(scene, 0, x / 2 * 4 + 1, y);
        out[2] = *sample_at(scene, 0, x / 2 * 4 + 3, y);
        break;
    }
}

static void exact(const int yuv[3], int matrix, bool is_full, double out[3])
{
    static const double parts[3][2] = {{0.299, 0.114}, {0.2126, 0.0722}, {0.2627, 0.0593}};
    double kr = parts[matrix][0], kb = parts[matrix][1];
    double luma = is_full ? yuv[0] / 255.0 : (yuv[0] - 16) / 219.0, chroma = is_full ? 255 : 224;

    out[2] = luma + 2 * (1 - kr) * (yuv[2] - 128) / chroma;
    out[0] = luma + 2 * (1 - kb) * (yuv[1] - 128) / chroma;
    out[1] = (luma - kr * out[2] - kb * out[0]) / (1 - kr - kb);
    for (int c = 0; c < 3; c++)
        out[c] = 255 * fmin(fmax(out[c], 0), 1);
}

static void compare_scene(struct scene *scene, int exact_matrix)
{
    const struct pf_format *format = &scene->format;

    unpack_scene(scene, &(struct background){0});
    for (uint32_t y = 0; y < format->height; y++)
        for (uint32_t x = 0; x < format->width; x++) {
            const uint8_t *pixel = pixel_at(scene, x, y);
            double expected[3];
            int yuv[3];
            samples_at(scene, x, y, yuv);
            exact(yuv, exact_matrix, format->color.range == PF_RANGE_FULL, expected);
            for (int c = 0; c < 3; c++)
                cr_assert_lt(fabs(pixel[c] - expected[c]), 0.6, "%s %ux%u at %u,%u: %u, not %f",
                             format_name(format->fourcc).text, format->width, format->height, x, y,
                             pixel[c], expected[c]);
            cr_assert_eq(pixel[3], 255);
        }
    scene_finish(scene);
}

static void compare_yuv(uint32_t fourcc, uint32_t width, uint32_t height, uint8_t matrix,
                        uint8_t range, int exact_matrix)
{
    struct scene scene;

    scene_init(&scene, fourcc, width, height, (struct pf_color){matrix, range, 0, 0});
    compare_scene(&scene, exact_matrix);
}

Test(unpack, yuv_is_within_rounding_of_the_formula_at_odd_sizes)
{
    static const uint32_t fourccs[] = {PF_FOURCC_YU12, PF_FOURCC_NV12, PF_FOURCC_YUYV};
    static const uint32_t sizes[][2] = {{1, 1},   {2, 2},   {3, 5},    {127, 3},
                                        {128, 2}, {129, 7}, {257, 33}, {640, 4}};

    for (size_t f = 0; f < sizeof fourccs / sizeof *fourccs; f++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (uint8_t range = PF_RANGE_USUAL; range <= PF_RANGE_FULL; range++)
                for (uint8_t matrix = PF_MATRIX_601; matrix <= PF_MATRIX_2020; matrix++)
                    compare_yuv(fourccs[f], sizes[s][0], sizes[s][1], matrix, range,
                                matrix - PF_MATRIX_601);
}

/* A segment decides the stride of each plane: with that of Cb, the last rows of Cr would be read
 * behind the slot. */
Test(unpack, each_plane_has_a_stride_of_its_own)
{
    for (uint32_t wide = 0; wide < 3; wide++) {
        struct scene scene;

        scene_init(&scene, PF_FOURCC_YU12, 9, 8, (struct pf_color){PF_MATRIX_601, 0, 0, 0});
        scene.memory = realloc(scene.memory, 256 * 32);
        for (int i = 0; i < 256 * 32; i++)
            scene.memory[i] = (uint8_t)(i * 89 + i / 256 * 57);
        for (uint32_t p = 0, row = 0; p < 3; row += p == wide ? 16 : 8, p++)
            scene.plane[p] = (struct pf_plane){scene.memory + 256 * row, p == wide ? 512 : 256};
        compare_scene(&scene, 0);
    }
}

Test(unpack, the_usual_matrix_depends_on_the_size)
{
    compare_yuv(PF_FOURCC_YU12, 1278, 2, PF_MATRIX_USUAL, PF_RANGE_USUAL, 0);
    compare_yuv(PF_FOURCC_YU12, 1280, 2, PF_MATRIX_USUAL, PF_RANGE_USUAL, 1);
    compare_yuv(PF_FOURCC_NV12, 3, 720, PF_MATRIX_USUAL, PF_RANGE_USUAL, 1);
}

/* ------------------------------------------------------------------ RGB and grey */

/* Each level of 8 or 10 bits. */
static double level_of(int sample, int bits, bool is_limited)
{
    double black = is_limited ? 16 << (bits - 8) : 0;
    double white = is_limited ? 235 << (bits - 8) : (1 << bits) - 1;

    return 255 * fmin(fmax((sample - black) / (white - black), 0), 1);
}

Test(unpack, every_level_of_grey)
{
    for (int limited = 0; limited < 2; limited++) {
        struct scene scene;
        scene_init(&scene, PF_FOURCC_R8, 256, 1,
                   (struct pf_color){.range = limited ? PF_RANGE_LIMITED : 0});
        for (int i = 0; i < 256; i++)
            scene.memory[i] = (uint8_t)i;
        unpack_scene(&scene, &(struct background){0});
        for (uint32_t i = 0; i < 256; i++) {
            const uint8_t *pixel = pixel_at(&scene, i, 0);
            cr_assert_leq(fabs(pixel[0] - level_of((int)i, 8, limited)), 0.5, "%u: %u", i,
                          pixel[0]);
            cr_assert(limited || pixel[0] == i);
            cr_assert(pixel[1] == pixel[0] && pixel[2] == pixel[0] && pixel[3] == 255);
        }
        scene_finish(&scene);
    }
}

Test(unpack, every_level_of_10_bits_in_each_channel)
{
    for (int limited = 0; limited < 2; limited++) {
        struct scene scene;
        scene_init(&scene, PF_FOURCC_XR30, 1024, 1,
                   (struct pf_color){.range = limited ? PF_RANGE_LIMITED : 0});
        for (uint32_t i = 0; i < 1024; i++) {
            uint32_t word = ((i + 600) % 1024) << 20 | ((i + 300) % 1024) << 10 | i;
            memcpy(scene.memory + 4 * i, &word, 4);
        }
        unpack_scene(&scene, NULL);
        for (uint32_t i = 0; i < 1024; i++)
            for (int c = 0; c < 3; c++) {
                int sample = (int)((i + 300 * (uint32_t)c) % 1024);
                cr_assert_leq(fabs(pixel_at(&scene, i, 0)[c] - level_of(sample, 10, limited)), 0.5,
                              "%d", sample);
            }
        scene_finish(&scene);
    }
}

Test(unpack, xr24_is_a_copy_unless_its_range_is_limited)
{
    struct scene scene;

    scene_init(&scene, PF_FOURCC_XR24, 33, 3, (struct pf_color){0});
    cr_assert(unpack_is_copy(&scene.format));
    unpack_scene(&scene, &(struct background){0});
    for (uint32_t x = 0; x < 33; x++) {
        cr_assert_arr_eq(pixel_at(&scene, x, 2), sample_at(&scene, 0, 4 * x, 2), 3);
        cr_assert_eq(pixel_at(&scene, x, 2)[3], 255);
    }
    scene.format.color.range = PF_RANGE_LIMITED;
    cr_assert_not(unpack_is_copy(&scene.format));
    unpack_scene(&scene, &(struct background){0});
    for (uint32_t x = 0; x < 33; x++)
        for (uint32_t c = 0; c < 3; c++)
            cr_assert_leq(fabs(pixel_at(&scene, x, 1)[c] -
                               level_of(*sample_at(&scene, 0, 4 * x + c, 1), 8, true)),
                          0.5);
    scene_finish(&scene);
}

/* ------------------------------------------------------------------ alpha */

/* Every pair of a level and an alpha, as a row for each alpha. */
static void fill_pairs(struct scene *scene)
{
    for (uint32_t alpha = 0; alpha < 256; alpha++)
        for (uint32_t x = 0; x < 256; x++) {
            uint8_t *pixel = scene->memory + (size_t)alpha * scene->plane[0].stride_bytes + 4 * x;
            pixel[0] = pixel[1] = pixel[2] = (uint8_t)x;
            pixel[3] = (uint8_t)alpha;
        }
}

Test(unpack, alpha_is_composed_over_the_background)
{
    const struct background backgrounds[] = {{0}, {true, 0x000000}, {true, 0x4080ff}};

    for (size_t b = 0; b < 3; b++)
        for (uint8_t kind = PF_ALPHA_USUAL; kind <= PF_ALPHA_STRAIGHT; kind++) {
            struct scene scene;
            scene_init(&scene, PF_FOURCC_AR24, 256, 256, (struct pf_color){.alpha = kind});
            fill_pairs(&scene);
            cr_assert_eq(unpack_is_copy(&scene.format), kind == PF_ALPHA_NONE);
            unpack_scene(&scene, &backgrounds[b]);
            for (uint32_t y = 0; y < 256; y++)
                for (uint32_t x = 0; x < 256; x++)
                    for (int c = 0; c < 3; c++) {
                        /* squares of 8 pixels, light at the top left */
                        uint32_t color = backgrounds[b].has_color    ? backgrounds[b].color
                                         : ((x >> 3) + (y >> 3)) & 1 ? 0x666666
                                                                     : 0x999999;
                        double behind = (color >> (8 * c) & 255) * (255.0 - y) / 255;
                        double sum = kind == PF_ALPHA_NONE       ? x
                                     : kind == PF_ALPHA_STRAIGHT ? x * y / 255.0 + behind
                                                                 : x + behind;
                        cr_assert_leq(fabs(pixel_at(&scene, x, y)[c] - fmin(sum, 255)), 1,
                                      "%u at alpha %u: %u, not %f", x, y, pixel_at(&scene, x, y)[c],
                                      sum);
                    }
            cr_assert_eq(pixel_at(&scene, 9, 9)[3], 255);
            scene_finish(&scene);
        }
}

Test(unpack, without_a_background_alpha_is_kept_and_colours_are_not_premultiplied)
{
    for (uint8_t kind = PF_ALPHA_NONE; kind <= PF_ALPHA_STRAIGHT; kind++) {
        struct scene scene;
        scene_init(&scene, PF_FOURCC_AR24, 256, 256, (struct pf_color){.alpha = kind});
        fill_pairs(&scene);
        unpack_scene(&scene, NULL);
        for (uint32_t y = 0; y < 256; y++)
            for (uint32_t x = 0; x < 256; x++) {
                const uint8_t *pixel = pixel_at(&scene, x, y);
                double level =
                    kind == PF_ALPHA_PREMULTIPLIED ? (y ? fmin(255.0 * x / y, 255) : 0) : x;
                cr_assert_eq(pixel[3], kind == PF_ALPHA_NONE ? 255 : y);
                cr_assert_leq(fabs(pixel[1] - level), 0.5, "%u at alpha %u: %u", x, y, pixel[1]);
            }
        scene_finish(&scene);
    }
}

/* ------------------------------------------------------------------ what is not converted */

Test(unpack, supports_all_but_wide_and_floating_point_samples)
{
    static const uint32_t good[] = {PF_FOURCC_XR24, PF_FOURCC_AR24, PF_FOURCC_R8,  PF_FOURCC_YU12,
                                    PF_FOURCC_NV12, PF_FOURCC_YUYV, PF_FOURCC_XR30};
    struct pf_format format = {.width = 1, .height = 1};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        for (uint8_t transfer = 0; transfer <= PF_TRANSFER_HLG; transfer++) {
            format.fourcc = good[i];
            format.color.transfer = transfer;
            cr_assert_eq(unpack_supports(&format), transfer < PF_TRANSFER_LINEAR, "%s, %u",
                         format_name(good[i]).text, transfer);
        }
    format.color.transfer = PF_TRANSFER_SRGB;
    format.fourcc = PF_FOURCC_R16;
    cr_assert_not(unpack_supports(&format));
    cr_assert_not(unpack_is_copy(&format));
    format.fourcc = PF_FOURCC_AB4H;
    cr_assert_not(unpack_supports(&format));
}
