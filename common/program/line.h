/* SPDX-License-Identifier: MIT */
/*
 * A line for a file that gets one or more for every frame: words and numbers are added to it, then
 * it is written. printf() takes five times as long for the same, which is more than the rest of
 * what a recorder costs.
 */
#ifndef LINE_H
#define LINE_H

#include <stdint.h>
#include <stdio.h>

enum { LINE_MAX_BYTES = 512 }; /* what is too much is left out */

struct line {
    size_t length;
    char text[LINE_MAX_BYTES];
};

static inline void line_begin(struct line *line)
{
    line->length = 0;
}

void line_add(struct line *line, const char *words);
void line_add_number(struct line *line, uint64_t number);
void line_add_us(struct line *line, int64_t ns); /* microseconds with all their digits: 12.345 */
void line_write(const struct line *line, FILE *file);

#endif
