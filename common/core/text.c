/* SPDX-License-Identifier: MIT */
/* Numbers are read whole or not at all, and without the locale: "12x", "", " 1" and "1,5" are no
 * numbers. */
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool text_to_int(const char *text, int64_t min, int64_t max, int64_t *value)
{
    char *end;

    if (!isdigit((unsigned char)text[0]) && text[0] != '-')
        return false;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || end == text || *end || number < min || number > max)
        return false;
    *value = number;
    return true;
}

/* Digits with at most one point: what strtod() takes beyond that (hex, exponents, nan) nobody
 * means. */
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

bool text_to_double(const char *text, double min, double max, double *value)
{
    double number = 0, scale = 1;
    bool is_fraction = false;

    if (!is_plain_decimal(text))
        return false;
    for (const char *c = text; *c; c++) {
        if (*c == '.') {
            is_fraction = true;
            continue;
        }
        number = number * 10 + (*c - '0');
        if (is_fraction)
            scale *= 10;
    }
    number /= scale;
    if (!isfinite(number) || number < min || number > max)
        return false;
    *value = number;
    return true;
}

/* A run of digits at *text, 0..max; moves *text behind it. */
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

bool text_to_size(const char *text, uint32_t max, uint32_t *width, uint32_t *height)
{
    uint64_t across, down;

    if (!take_number(&text, max, &across) || *text++ != 'x' || !take_number(&text, max, &down) ||
        *text || !across || !down)
        return false;
    *width = (uint32_t)across;
    *height = (uint32_t)down;
    return true;
}

bool text_to_rate(const char *text, uint32_t *num, uint32_t *den)
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
    } else if (text_to_double(text, 0, FPS_MAX, &fps)) {
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

int text_compare_natural(const char *a, const char *b)
{
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            size_t zeros_a = strspn(a, "0"), zeros_b = strspn(b, "0");
            size_t length_a = strspn(a + zeros_a, "0123456789");
            size_t length_b = strspn(b + zeros_b, "0123456789");

            if (length_a != length_b)
                return length_a < length_b ? -1 : 1;
            int order = strncmp(a + zeros_a, b + zeros_b, length_a);
            if (order)
                return order;
            if (zeros_a != zeros_b)
                return zeros_a < zeros_b ? -1 : 1;
            a += zeros_a + length_a;
            b += zeros_b + length_b;
        } else {
            if (*a != *b)
                return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
            a++;
            b++;
        }
    }
    return *a ? 1 : *b ? -1 : 0;
}

char *text_bytes(uint64_t bytes, char out[TEXT_BYTES_SIZE])
{
    static const char *units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    double amount = (double)bytes;
    size_t unit = 0;

    if (bytes < 1000) {
        snprintf(out, TEXT_BYTES_SIZE, "%u bytes", (unsigned)bytes);
        return out;
    }
    for (amount /= 1000; amount >= 1000 && unit + 1 < sizeof units / sizeof *units; unit++)
        amount /= 1000;
    snprintf(out, TEXT_BYTES_SIZE, "%.1f %s", amount, units[unit]);
    return out;
}
