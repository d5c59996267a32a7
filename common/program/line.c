/* SPDX-License-Identifier: MIT */
/* Digits come last first, so a number is made at the end of a buffer of its own. */
#include "line.h"

#include <string.h>

enum { DIGITS_MAX = 20 }; /* of 2^64 */

static void add(struct line *line, const char *bytes, size_t count)
{
    if (count > sizeof line->text - line->length)
        count = sizeof line->text - line->length;
    memcpy(line->text + line->length, bytes, count);
    line->length += count;
}

/* With at least so many digits. */
static void add_digits(struct line *line, uint64_t number, int least)
{
    char digits[DIGITS_MAX];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number || sizeof digits - at < (size_t)least);
    add(line, digits + at, sizeof digits - at);
}

void line_add(struct line *line, const char *words)
{
    add(line, words, strlen(words));
}

void line_add_number(struct line *line, uint64_t number)
{
    add_digits(line, number, 1);
}

void line_add_us(struct line *line, int64_t ns)
{
    uint64_t size = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;

    if (ns < 0)
        add(line, "-", 1);
    add_digits(line, size / 1000, 1);
    add(line, ".", 1);
    add_digits(line, size % 1000, 3);
}

void line_write(const struct line *line, FILE *file)
{
    fwrite(line->text, 1, line->length, file);
}
