/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>

#include "core/format.h"

static struct pf_format xr24(uint32_t width, uint32_t height)
{
    return (struct pf_format){.fourcc = PF_FOURCC_XR24, .width = width, .height = height};
}

Test(format, sizes_from_1_to_the_limit_are_valid)
{
    struct pf_format good[] = {xr24(1, 1), xr24(PF_SIZE_MAX, PF_SIZE_MAX), xr24(1, PF_SIZE_MAX)};
    struct pf_format bad[] = {xr24(0, 1), xr24(1, 0), xr24(PF_SIZE_MAX + 1, 1),
                              xr24(1, PF_SIZE_MAX + 1), xr24(UINT32_MAX, UINT32_MAX)};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_assert_null(format_fault(&good[i]), "%ux%u", good[i].width, good[i].height);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not_null(format_fault(&bad[i]), "%ux%u", bad[i].width, bad[i].height);
}

Test(format, an_unknown_fourcc_is_not_valid)
{
    struct pf_format format = xr24(8, 8);

    format.fourcc = PF_FOURCC('A', 'B', 'C', 'D');
    cr_assert_str_eq(format_fault(&format), "not supported");
}

Test(format, strides_are_multiples_of_256)
{
    const struct {
        uint32_t width, stride_bytes;
    } cases[] = {{1, 256}, {63, 256}, {64, 256}, {65, 512}, {1920, 7680}, {PF_SIZE_MAX, 65536}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pf_format format = xr24(cases[i].width, 3);
        struct pf_format_planes planes = format_planes(&format);
        cr_assert_eq(planes.stride_bytes[0], cases[i].stride_bytes, "width %u: %u", cases[i].width,
                     planes.stride_bytes[0]);
        cr_assert_eq(planes.row_bytes[0], cases[i].width * 4);
        cr_assert_eq(planes.bytes, 3 * (uint64_t)cases[i].stride_bytes);
    }
}

Test(format, the_largest_frame_does_not_overflow)
{
    struct pf_format format = xr24(PF_SIZE_MAX, PF_SIZE_MAX);

    cr_assert_eq(format_planes(&format).bytes, UINT64_C(1) << 30);
    format.fourcc = PF_FOURCC_AB4H;
    cr_assert_eq(format_planes(&format).bytes, UINT64_C(1) << 31);
    cr_assert_eq(format_planes(&format).stride_bytes[0], FORMAT_STRIDE_MAX);
}

/* For each format the planes of an odd size and of one pixel: the rows, the bytes of a row. */
Test(format, planes_of_odd_sizes_are_rounded_up)
{
    static const struct {
        uint32_t fourcc;
        const char *name;
        uint32_t planes;
        uint32_t rows[PF_PLANES_MAX], row_bytes[PF_PLANES_MAX]; /* of 1001x501 */
        uint32_t of_a_pixel[PF_PLANES_MAX];                     /* row bytes of 1x1 */
    } cases[] = {
        {PF_FOURCC_XR24, "XR24", 1, {501}, {4004}, {4}},
        {PF_FOURCC_AR24, "AR24", 1, {501}, {4004}, {4}},
        {PF_FOURCC_R8, "R8", 1, {501}, {1001}, {1}},
        {PF_FOURCC_YU12, "YU12", 3, {501, 251, 251}, {1001, 501, 501}, {1, 1, 1}},
        {PF_FOURCC_NV12, "NV12", 2, {501, 251}, {1001, 1002}, {1, 2}},
        {PF_FOURCC_YUYV, "YUYV", 1, {501}, {2004}, {4}},
        {PF_FOURCC_XR30, "XR30", 1, {501}, {4004}, {4}},
        {PF_FOURCC_R16, "R16", 1, {501}, {2002}, {2}},
        {PF_FOURCC_AB4H, "AB4H", 1, {501}, {8008}, {8}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pf_format format = {.fourcc = cases[i].fourcc, .width = 1001, .height = 501};
        struct pf_format_planes planes;
        uint64_t bytes = 0;
        cr_assert_eq(pf_format_planes(&format, &planes), 0);
        cr_assert_eq(planes.count, cases[i].planes, "%s", cases[i].name);
        for (uint32_t p = 0; p < planes.count; p++) {
            cr_assert_eq(planes.rows[p], cases[i].rows[p], "%s %u", cases[i].name, p);
            cr_assert_eq(planes.row_bytes[p], cases[i].row_bytes[p], "%s %u", cases[i].name, p);
            cr_assert_eq(planes.stride_bytes[p], (planes.row_bytes[p] + 255) / 256 * 256);
            cr_assert_eq(planes.offset[p], bytes, "%s %u", cases[i].name, p);
            bytes += (uint64_t)planes.stride_bytes[p] * planes.rows[p];
        }
        cr_assert_eq(planes.bytes, bytes);
        cr_assert_str_eq(format_name(cases[i].fourcc).text, cases[i].name);

        format.width = format.height = 1;
        cr_assert_eq(pf_format_planes(&format, &planes), 0);
        for (uint32_t p = 0; p < planes.count; p++) {
            cr_assert_eq(planes.rows[p], 1);
            cr_assert_eq(planes.row_bytes[p], cases[i].of_a_pixel[p], "%s %u", cases[i].name, p);
        }
    }
}

Test(format, what_is_not_valid_is_refused_and_nothing_is_filled_in)
{
    struct pf_format bad[] = {xr24(0, 1), xr24(1, PF_SIZE_MAX + 1),
                              xr24(8, 8), xr24(8, 8),
                              xr24(8, 8), xr24(8, 8),
                              xr24(8, 8), xr24(8, 8),
                              {0}};
    struct pf_format good = xr24(8, 8);
    struct pf_format_planes planes = {.count = 77};
    struct pf_color color = {.alpha = 77};

    bad[2].color.matrix = PF_MATRIX_2020 + 1;
    bad[3].color.range = PF_RANGE_FULL + 1;
    bad[4].color.transfer = PF_TRANSFER_HLG + 1;
    bad[5].color.alpha = PF_ALPHA_STRAIGHT + 1;
    bad[6].reserved[2] = 1;
    bad[7].reserved[0] = UINT64_MAX;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(pf_format_planes(&bad[i], &planes), -EINVAL, "%zu", i);
        cr_assert_eq(pf_format_color(&bad[i], &color), -EINVAL, "%zu", i);
    }
    cr_assert_eq(pf_format_planes(NULL, &planes), -EINVAL);
    cr_assert_eq(pf_format_color(NULL, &color), -EINVAL);
    cr_assert_eq(pf_format_planes(&good, NULL), -EINVAL);
    cr_assert_eq(pf_format_color(&good, NULL), -EINVAL);
    cr_assert_eq(planes.count, 77);
    cr_assert_eq(color.alpha, 77);
}

static struct pf_color color_of(uint32_t fourcc, uint32_t width, uint32_t height,
                                struct pf_color given)
{
    struct pf_format format = {.fourcc = fourcc, .width = width, .height = height, .color = given};
    struct pf_color color = {0};

    cr_assert_eq(pf_format_color(&format, &color), 0);
    return color;
}

Test(format, zero_is_the_usual_colour)
{
    const struct pf_color zero = {0};
    const struct {
        uint32_t fourcc, width, height;
        struct pf_color color;
    } cases[] = {
        {PF_FOURCC_YU12, 1279, 719, {PF_MATRIX_601, PF_RANGE_LIMITED, PF_TRANSFER_709, 1}},
        {PF_FOURCC_NV12, 1280, 1, {PF_MATRIX_709, PF_RANGE_LIMITED, PF_TRANSFER_709, 1}},
        {PF_FOURCC_YUYV, 1, 720, {PF_MATRIX_709, PF_RANGE_LIMITED, PF_TRANSFER_709, 1}},
        {PF_FOURCC_XR24, 8, 8, {PF_MATRIX_601, PF_RANGE_FULL, PF_TRANSFER_SRGB, 1}},
        {PF_FOURCC_AR24, 8, 8, {PF_MATRIX_601, PF_RANGE_FULL, PF_TRANSFER_SRGB, 2}},
        {PF_FOURCC_R8, 8, 8, {PF_MATRIX_601, PF_RANGE_FULL, PF_TRANSFER_SRGB, 1}},
        {PF_FOURCC_XR30, 8, 8, {PF_MATRIX_601, PF_RANGE_FULL, PF_TRANSFER_SRGB, 1}},
        {PF_FOURCC_R16, 8, 8, {PF_MATRIX_601, PF_RANGE_FULL, PF_TRANSFER_SRGB, 1}},
        {PF_FOURCC_AB4H, 8, 8, {PF_MATRIX_601, PF_RANGE_FULL, PF_TRANSFER_LINEAR, 2}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pf_color color = color_of(cases[i].fourcc, cases[i].width, cases[i].height, zero);
        cr_assert_eq(color.matrix, cases[i].color.matrix, "%zu", i);
        cr_assert_eq(color.range, cases[i].color.range, "%zu", i);
        cr_assert_eq(color.transfer, cases[i].color.transfer, "%zu", i);
        cr_assert_eq(color.alpha, cases[i].color.alpha, "%zu", i);
    }
}

Test(format, a_given_colour_is_not_replaced)
{
    const struct pf_color given = {PF_MATRIX_2020, PF_RANGE_FULL, PF_TRANSFER_PQ,
                                   PF_ALPHA_STRAIGHT};
    struct pf_color color = color_of(PF_FOURCC_AR24, 8, 8, given);

    cr_assert_eq(color.matrix, PF_MATRIX_2020);
    cr_assert_eq(color.range, PF_RANGE_FULL);
    cr_assert_eq(color.transfer, PF_TRANSFER_PQ);
    cr_assert_eq(color.alpha, PF_ALPHA_STRAIGHT);
    color = color_of(PF_FOURCC_YU12, 8, 8, given);
    cr_assert_eq(color.alpha, PF_ALPHA_NONE, "there are no samples of alpha");
}

Test(format, names_are_readable)
{
    cr_assert_str_eq(format_name(PF_FOURCC_XR24).text, "XR24");
    cr_assert_str_eq(format_name(0).text, "????");
    cr_assert_str_eq(format_name(PF_FOURCC('a', '\n', '\x1b', 0xff)).text, "a???");
}

Test(format, unprintable_bytes_are_shown_as_question_marks)
{
    cr_assert_str_eq(format_name(PF_FOURCC('a', '\n', 0x7f, 0xe4)).text, "a???");
}
