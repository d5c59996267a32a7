/* SPDX-License-Identifier: MIT */
/* Frames of any format as XRGB8888 (XR24): bytes B, G, R, 255. pack.h is the reverse. */
#ifndef MEDIA_UNPACK_H
#define MEDIA_UNPACK_H

#include "background.h"
#include "pageflip.h"

/*
 * Can unpack() convert frames of this valid format? All but R16, AB4H and frames whose samples are
 * linear, PQ or HLG. BT.709's transfer and that of sRGB are shown alike, as is usual.
 */
bool unpack_supports(const struct pf_format *format);

/* Are the bytes of such a frame XR24 already? */
bool unpack_is_copy(const struct pf_format *format);

/*
 * Convert a frame of `format` with these planes. Writes 4 bytes for each pixel, and nothing between
 * the rows, which are `stride_bytes` apart. Transparent pixels are composed over `background`;
 * NULL: byte 3 is alpha, and the colours are not premultiplied.
 *
 * RGB of 10 bits and of limited range is rounded to the nearest level, Y, Cb and Cr as in yuv.h.
 */
void unpack(const struct pf_format *format, const struct pf_plane *planes,
            const struct background *background, uint8_t *pixels, uint32_t stride_bytes);

#endif
