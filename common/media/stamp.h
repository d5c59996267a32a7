/* SPDX-License-Identifier: MIT */
/*
 * A stamp is a machine-readable number in a frame's own pixels: a row of 64 square cells (white 1,
 * black 0) at the top, and the same row again at the bottom. From left to right, most significant
 * bit first: 32 bits of the frame's sequence, 16 of milliseconds, 16 of CRC over these 48. If the
 * two rows differ, the frame is torn.
 *
 * Cells are width / 64 pixels wide and high, at least 1. A frame that is narrower than 64 pixels or
 * less than 2 cells high has no room for a stamp.
 *
 * White and black are those of the format's range, and the brightness of a pixel is its green or Y.
 * Chroma becomes neutral in the rows of the stamp, and also in one more row where that shares its
 * chroma samples with them.
 */
#ifndef MEDIA_STAMP_H
#define MEDIA_STAMP_H

#include "pageflip.h"

struct stamp {
    uint32_t sequence;     /* low 32 bits of pf_frame.sequence */
    uint16_t milliseconds; /* of CLOCK_MONOTONIC at the frame's begin, low 16 bits */
};

enum stamp_result {
    STAMP_WHOLE,  /* top and bottom have a valid CRC and agree */
    STAMP_TORN,   /* they disagree, or only one has a valid CRC */
    STAMP_ABSENT, /* neither has a valid CRC */
};

/* True if a frame of this size has room for a stamp. */
bool stamp_fits(uint32_t width, uint32_t height);

/* Height in pixels of each of the two rows of cells. */
uint32_t stamp_rows(uint32_t width);

/* Can frames of this known fourcc have a stamp? All but R16 and AB4H. */
bool stamp_supports(uint32_t fourcc);

/* Draw the stamp at the top and bottom of a frame, which must have room for it, in a format that
 * can have one. */
void stamp_draw(struct stamp stamp, const struct pf_format *format, const struct pf_plane *planes);

/* Read the stamp from a single row of pixels of XR24. False if the CRC is wrong. */
bool stamp_read_row(const uint8_t *row, uint32_t width, struct stamp *stamp);

/* Read both stamps of a frame from the middle of each cell. Fills *stamp if STAMP_WHOLE. */
enum stamp_result stamp_read(const struct pf_format *format, const struct pf_plane *planes,
                             struct stamp *stamp);

#endif
