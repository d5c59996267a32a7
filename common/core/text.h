/* SPDX-License-Identifier: MIT */
/* Parsing and formatting helpers: whole numbers, and sizes in bytes. */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* The whole of `text` is a decimal number in min..max: "12x", "" and " 1" are not numbers. On false
 * *value is unchanged. */
bool text_to_int(const char *text, int64_t min, int64_t max, int64_t *value);

/* Write "33.2 MB", in decimal units, to `out`; returns `out`. */
enum { TEXT_BYTES_SIZE = 32 };
char *text_bytes(uint64_t bytes, char out[TEXT_BYTES_SIZE]);

#endif
