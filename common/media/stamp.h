/* SPDX-License-Identifier: MIT */
/*
 * A stamp is a machine-readable number in the picture itself: a row of 64 square cells (white 1,
 * black 0) at the top and the same again at the bottom. Left to right, most significant bit first:
 * 32 bits of the frame's sequence, 16 of milliseconds, 16 of CRC over those 48. Two that differ
 * mean a torn frame.
 *
 * Cells are width / 64 pixels wide and high, at least 1: a picture narrower than 64 pixels or lower
 * than 2 cells has no room for it. Pixels are XRGB8888.
 */
#ifndef STAMP_H
#define STAMP_H

#include <stdbool.h>
#include <stdint.h>

struct stamp {
    uint32_t sequence;     /* low 32 bits of pf_frame.sequence */
    uint16_t milliseconds; /* of CLOCK_MONOTONIC when the frame was begun, low 16 bits */
};

enum stamp_result {
    STAMP_WHOLE,  /* top and bottom read well and agree */
    STAMP_TORN,   /* they disagree, or only one reads well */
    STAMP_ABSENT, /* neither reads well */
};

/* Is there room for a stamp? */
bool stamp_fits(uint32_t width, uint32_t height);

/* Height in pixels of each of the two rows of cells. */
uint32_t stamp_rows(uint32_t width);

/* Draw it, top and bottom. The picture must have room. */
void stamp_draw(struct stamp stamp, uint8_t *pixels, uint32_t stride_bytes, uint32_t width,
                uint32_t height);

/* Read the stamp that a single row of pixels shows. False if it cannot be read well. */
bool stamp_read_row(const uint8_t *row, uint32_t width, struct stamp *stamp);

/* Read it from the middle of each cell. Fills *stamp with the top one when STAMP_WHOLE. */
enum stamp_result stamp_read(const uint8_t *pixels, uint32_t stride_bytes, uint32_t width,
                             uint32_t height, struct stamp *stamp);

#endif
