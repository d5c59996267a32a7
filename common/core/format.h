/* SPDX-License-Identifier: MIT */
/* Pixel formats by DRM fourcc, and the planes of a frame. All sizes are computed in 64 bits. */
#ifndef CORE_FORMAT_H
#define CORE_FORMAT_H

#include "pageflip.h"

enum {
    FORMAT_STRIDE_ALIGN = 256,           /* bytes: what GPUs need to import a buffer */
    FORMAT_STRIDE_MAX = PF_SIZE_MAX * 8, /* bytes */
};

/* Returns NULL if the format is valid: a known fourcc, each side 1..PF_SIZE_MAX, known values of
 * colour, and reserved fields of zero. Otherwise returns what is wrong, to complete the message
 * "format XR24 640x480: ...". */
const char *format_fault(const struct pf_format *format);

/* The planes and the colour of a valid format, as pf_format_planes() and pf_format_color(). */
struct pf_format_planes format_planes(const struct pf_format *format);
struct pf_color format_color(const struct pf_format *format);

bool format_is_known(uint32_t fourcc);
bool format_is_yuv(uint32_t fourcc);    /* of the known ones: Y, Cb and Cr */
bool format_has_alpha(uint32_t fourcc); /* of the known ones */

/* Returns NULL, or the name of the field that has an unknown value. */
const char *format_color_fault(const struct pf_color *color);

/* "XR24"; "R8" without the spaces at its end. */
struct format_name {
    char text[5];
};
struct format_name format_name(uint32_t fourcc);

#endif
