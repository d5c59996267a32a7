/* SPDX-License-Identifier: MIT */
/* Text from and for people: numbers read whole and in range, natural order, sizes. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* The whole of `text` is a decimal number in min..max. On false *value is untouched. */
bool text_to_int(const char *text, int64_t min, int64_t max, int64_t *value);

/* "2.5" seconds or the like, whole, finite, in min..max; '.' is the decimal point whatever the
 * locale. On false *value is untouched. */
bool text_to_double(const char *text, double min, double max, double *value);

/* "1920x1080", each 1..max. On false nothing is touched. */
bool text_to_size(const char *text, uint32_t max, uint32_t *width, uint32_t *height);

/* "30", "29.97", "30000/1001" frames per second, or "0" as 0/1. On false nothing is touched. */
bool text_to_rate(const char *text, uint32_t *num, uint32_t *den);

/* strcmp() for people: runs of digits compare as numbers, so frame2 comes before frame10. */
int text_compare_natural(const char *a, const char *b);

/* "33.2 MB", decimal units, into `out`; returns `out`. */
enum { TEXT_BYTES_SIZE = 32 };
char *text_bytes(uint64_t bytes, char out[TEXT_BYTES_SIZE]);

#endif
