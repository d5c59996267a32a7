/* SPDX-License-Identifier: MIT */
/* Pixel formats by DRM fourcc, and the planes of a frame. All sizes are computed in 64 bits. */
#ifndef CORE_FORMAT_H
#define CORE_FORMAT_H

#include "pageflip.h"

enum {
    FORMAT_STRIDE_ALIGN = 256,           /* bytes: what GPUs need to import a buffer */
    FORMAT_STRIDE_MAX = PF_SIZE_MAX * 4, /* bytes */
};

/* Where the planes of a frame lie in its slot. */
struct format_planes {
    uint32_t count;
    uint32_t rows[PF_PLANES_MAX];
    uint32_t row_bytes[PF_PLANES_MAX];    /* of visible pixels */
    uint32_t stride_bytes[PF_PLANES_MAX]; /* row_bytes rounded up to FORMAT_STRIDE_ALIGN */
    uint64_t offset[PF_PLANES_MAX];       /* from the start of the slot */
    uint64_t bytes;                       /* of the whole frame */
};

/* Known fourcc, and each side 1..PF_SIZE_MAX. */
bool format_is_valid(const struct pf_format *format);

/* The planes of a frame of a valid format. */
struct format_planes format_planes(const struct pf_format *format);

bool format_is_known(uint32_t fourcc);

/* "XR24" */
struct format_name {
    char text[5];
};
struct format_name format_name(uint32_t fourcc);

#endif
