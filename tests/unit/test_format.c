/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

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
        cr_assert(format_is_valid(&good[i]), "%ux%u", good[i].width, good[i].height);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(format_is_valid(&bad[i]), "%ux%u", bad[i].width, bad[i].height);
}

Test(format, an_unknown_fourcc_is_not_valid)
{
    struct pf_format format = xr24(8, 8);

    format.fourcc = PF_FOURCC('A', 'B', 'C', 'D');
    cr_assert_not(format_is_valid(&format));
}

Test(format, strides_are_multiples_of_256)
{
    const struct {
        uint32_t width, stride_bytes;
    } cases[] = {{1, 256}, {63, 256}, {64, 256}, {65, 512}, {1920, 7680}, {PF_SIZE_MAX, 65536}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pf_format format = xr24(cases[i].width, 3);
        struct format_planes planes = format_planes(&format);
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
