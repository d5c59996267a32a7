/* SPDX-License-Identifier: MIT */
#include "parse.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

/* Digits with at most one point. strtod() also accepts signs, exponents, hexadecimal and "nan",
 * which are typing errors in an option. */
static bool is_plain_decimal(const char *text)
{
    size_t digits = 0, points = 0;

    for (const char *c = text; *c; c++) {
        digits += isdigit((unsigned char)*c) != 0;
        points += *c == '.';
        if (!isdigit((unsigned char)*c) && *c != '.')
            return false;
    }
    return digits > 0 && points <= 1;
}

bool parse_double(const char *text, double min, double max, double *value)
{
    if (!is_plain_decimal(text))
        return false;
    /* In the C locale: options are parsed before any library could call setlocale(). */
    double number = strtod(text, NULL);
    if (!isfinite(number) || number < min || number > max)
        return false;
    *value = number;
    return true;
}

/* Read digits at *text, a number 0..max, and move *text past them. */
static bool take_number(const char **text, uint64_t max, uint64_t *number)
{
    const char *c = *text;

    *number = 0;
    if (!isdigit((unsigned char)*c))
        return false;
    for (; isdigit((unsigned char)*c); c++) {
        *number = *number * 10 + (uint64_t)(*c - '0');
        if (*number > max)
            return false;
    }
    *text = c;
    return true;
}

bool parse_size(const char *text, uint32_t max, uint32_t *width, uint32_t *height)
{
    uint64_t across, down;

    if (!take_number(&text, max, &across) || *text++ != 'x' || !take_number(&text, max, &down) ||
        *text || !across || !down)
        return false;
    *width = (uint32_t)across;
    *height = (uint32_t)down;
    return true;
}

bool parse_count(const char *text, uint64_t *count)
{
    int64_t number;

    if (!text_to_int(text, 1, INT64_MAX, &number))
        return false;
    *count = (uint64_t)number;
    return true;
}

bool parse_rate(const char *text, uint32_t *num, uint32_t *den)
{
    enum { FPS_MAX = 1000000 };
    uint64_t top, bottom = 1;
    const char *rest = text;
    double fps;

    if (strchr(text, '/')) {
        if (!take_number(&rest, UINT32_MAX, &top) || *rest++ != '/' ||
            !take_number(&rest, UINT32_MAX, &bottom) || *rest || !top || !bottom ||
            top / bottom > FPS_MAX)
            return false;
    } else if (parse_double(text, 0, FPS_MAX, &fps)) {
        bottom = strchr(text, '.') ? 1000 : 1;
        top = (uint64_t)(fps * (double)bottom + 0.5);
        if (!top && fps > 0)
            return false;
        if (!top)
            bottom = 1;
    } else {
        return false;
    }
    *num = (uint32_t)top;
    *den = (uint32_t)bottom;
    return true;
}
