/* SPDX-License-Identifier: MIT */
/* Arbitrary bytes as a PNG file. The CRC of each chunk is corrected first, because libpng stops at
 * the first wrong one. */
#include <zlib.h>

#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t number_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* PNG specification, 5.3: length, type, data, CRC of type and data. */
static void correct_crcs(uint8_t *bytes, size_t size)
{
    for (size_t at = 8; at + 12 <= size;) {
        uint64_t length = number_at(bytes + at);
        if (length > size - at - 12)
            return;
        uint8_t *end = bytes + at + 8 + length;
        uint32_t crc = (uint32_t)crc32(0, bytes + at + 4, (uInt)length + 4);
        for (int i = 0; i < 4; i++)
            end[i] = (uint8_t)(crc >> (24 - 8 * i));
        at += 12 + length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size + 1);

    memcpy(bytes, data, size);
    correct_crcs(bytes, size);
    input_set(bytes, size);
    free(bytes);
    input_play(&source_png_ops);
    return 0;
}
