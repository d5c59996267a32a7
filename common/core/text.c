/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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
