/* SPDX-License-Identifier: MIT */
/* Values of options, each read as a whole: "12x", "", " 1" and "1,5" are not numbers. Whole numbers
 * are read by text_to_int() in core/text.h. */
#ifndef PROGRAM_PARSE_H
#define PROGRAM_PARSE_H

#include <stdbool.h>
#include <stdint.h>

/* A plain decimal like "2.5", finite, in min..max. On false *value is unchanged. */
bool parse_double(const char *text, double min, double max, double *value);

/* "1920x1080", each side 1..max. On false *width and *height are unchanged. */
bool parse_size(const char *text, uint32_t max, uint32_t *width, uint32_t *height);

/* A number of frames, 1 or more. On false *count is unchanged. */
bool parse_count(const char *text, uint64_t *count);

/* Frames per second as "30", "29.97" or "30000/1001"; "0" gives 0/1. On false *num and *den are
 * unchanged. */
bool parse_rate(const char *text, uint32_t *num, uint32_t *den);

#endif
