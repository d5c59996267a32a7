/* SPDX-License-Identifier: MIT */
/*
 * The table of pixel formats. A format is a list of planes; a plane stores `bytes` for each block
 * of `across` x `down` pixels: 1 x 1 in packed formats, 2 x 2 in the chroma planes of YU12. A new
 * format is one line here, and the code in common/media/ that reads and draws its pixels.
 */
#include "format.h"

#include <errno.h>
#include <stddef.h>

#include "log.h"
#include "misuse.h"

struct plane_shape {
    uint32_t bytes;        /* for one block */
    uint32_t across, down; /* pixels in a block */
};

enum format_kind { KIND_RGB, KIND_ALPHA, KIND_FLOAT_ALPHA, KIND_YUV };

static const struct format_shape {
    uint32_t fourcc;
    enum format_kind kind;
    uint32_t planes;
    struct plane_shape plane[PF_PLANES_MAX];
} shapes[] = {
    {PF_FOURCC_XR24, KIND_RGB, 1, {{4, 1, 1}}},
    {PF_FOURCC_AR24, KIND_ALPHA, 1, {{4, 1, 1}}},
    {PF_FOURCC_R8, KIND_RGB, 1, {{1, 1, 1}}},
    {PF_FOURCC_YU12, KIND_YUV, 3, {{1, 1, 1}, {1, 2, 2}, {1, 2, 2}}},
    {PF_FOURCC_NV12, KIND_YUV, 2, {{1, 1, 1}, {2, 2, 2}}},
    {PF_FOURCC_YUYV, KIND_YUV, 1, {{4, 2, 1}}},
    {PF_FOURCC_XR30, KIND_RGB, 1, {{4, 1, 1}}},
    {PF_FOURCC_R16, KIND_RGB, 1, {{2, 1, 1}}},
    {PF_FOURCC_AB4H, KIND_FLOAT_ALPHA, 1, {{8, 1, 1}}},
};

static const struct format_shape *shape_of(uint32_t fourcc)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (shapes[i].fourcc == fourcc)
            return &shapes[i];
    return NULL;
}

bool format_is_known(uint32_t fourcc)
{
    return shape_of(fourcc) != NULL;
}

bool format_is_yuv(uint32_t fourcc)
{
    return shape_of(fourcc)->kind == KIND_YUV;
}

bool format_has_alpha(uint32_t fourcc)
{
    enum format_kind kind = shape_of(fourcc)->kind;

    return kind == KIND_ALPHA || kind == KIND_FLOAT_ALPHA;
}

const char *format_color_fault(const struct pf_color *color)
{
    return color->matrix > PF_MATRIX_2020      ? "matrix"
           : color->range > PF_RANGE_FULL      ? "range"
           : color->transfer > PF_TRANSFER_HLG ? "transfer"
           : color->alpha > PF_ALPHA_STRAIGHT  ? "alpha"
                                               : NULL;
}

const char *format_fault(const struct pf_format *format)
{
    if (!format_is_known(format->fourcc))
        return "not supported";
    if (format->width < 1 || format->width > PF_SIZE_MAX || format->height < 1 ||
        format->height > PF_SIZE_MAX)
        return "not supported; each side is 1 to 16384 pixels";
    if (format_color_fault(&format->color))
        return "unknown value in its colour";
    for (size_t i = 0; i < sizeof format->reserved / sizeof *format->reserved; i++)
        if (format->reserved[i])
            return "a reserved field is not zero";
    return NULL;
}

_Static_assert(PF_SIZE_MAX == 16384, "the number in the text above");

struct pf_format_planes format_planes(const struct pf_format *format)
{
    const struct format_shape *shape = shape_of(format->fourcc);
    struct pf_format_planes planes = {.count = shape->planes};

    for (uint32_t p = 0; p < shape->planes; p++) {
        const struct plane_shape *plane = &shape->plane[p];
        uint32_t blocks = (format->width + plane->across - 1) / plane->across;

        planes.rows[p] = (format->height + plane->down - 1) / plane->down;
        planes.row_bytes[p] = blocks * plane->bytes;
        planes.stride_bytes[p] = (planes.row_bytes[p] + FORMAT_STRIDE_ALIGN - 1) /
                                 FORMAT_STRIDE_ALIGN * FORMAT_STRIDE_ALIGN;
        planes.offset[p] = planes.bytes;
        planes.bytes += (uint64_t)planes.stride_bytes[p] * planes.rows[p];
    }
    return planes;
}

static uint8_t usual_matrix(const struct pf_format *format)
{
    return format->width >= 1280 || format->height >= 720 ? PF_MATRIX_709 : PF_MATRIX_601;
}

static uint8_t usual_transfer(enum format_kind kind)
{
    return kind == KIND_FLOAT_ALPHA ? PF_TRANSFER_LINEAR
           : kind == KIND_YUV       ? PF_TRANSFER_709
                                    : PF_TRANSFER_SRGB;
}

struct pf_color format_color(const struct pf_format *format)
{
    enum format_kind kind = shape_of(format->fourcc)->kind;
    struct pf_color color = format->color;

    if (color.matrix == PF_MATRIX_USUAL)
        color.matrix = usual_matrix(format);
    if (color.range == PF_RANGE_USUAL)
        color.range = kind == KIND_YUV ? PF_RANGE_LIMITED : PF_RANGE_FULL;
    if (color.transfer == PF_TRANSFER_USUAL)
        color.transfer = usual_transfer(kind);
    if (!format_has_alpha(format->fourcc))
        color.alpha = PF_ALPHA_NONE;
    else if (color.alpha == PF_ALPHA_USUAL)
        color.alpha = PF_ALPHA_PREMULTIPLIED;
    return color;
}

/* ------------------------------------------------------------------ public */

static int check_arguments(const char *call, const struct pf_format *format, const void *result)
{
    if (!format || !result)
        return misuse_null(call);
    const char *fault = format_fault(format);
    return fault
               ? log_failure(EINVAL, "%s(): format %s %ux%u: %s", call,
                             format_name(format->fourcc).text, format->width, format->height, fault)
               : 0;
}

int pf_format_planes(const struct pf_format *format, struct pf_format_planes *planes)
{
    int ret = check_arguments("pf_format_planes", format, planes);

    if (ret == 0)
        *planes = format_planes(format);
    return ret;
}

int pf_format_color(const struct pf_format *format, struct pf_color *color)
{
    int ret = check_arguments("pf_format_color", format, color);

    if (ret == 0)
        *color = format_color(format);
    return ret;
}

struct format_name format_name(uint32_t fourcc)
{
    struct format_name name = {""};

    for (int i = 0; i < 4; i++) {
        char c = (char)(fourcc >> (8 * i));
        name.text[i] = c >= ' ' && c <= '~' ? c : '?';
    }
    for (int i = 3; i > 0 && name.text[i] == ' '; i--)
        name.text[i] = '\0';
    return name;
}
