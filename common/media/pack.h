/* SPDX-License-Identifier: MIT */
/* XRGB8888 (XR24) as frames of other formats. unpack.h is the reverse. */
#ifndef MEDIA_PACK_H
#define MEDIA_PACK_H

#include "pageflip.h"

/*
 * Convert opaque pixels (bytes B, G, R, unused) to a frame of `format`, any but R16 and AB4H, into
 * the visible bytes of its planes. Each sample is rounded to the nearest level of its formula. R8
 * gets the Y of BT.709 in full range; a chroma sample is the mean of the pixels that share it.
 */
void pack(const struct pf_format *format, const uint8_t *pixels, uint32_t stride_bytes,
          const struct pf_plane *planes);

#endif
