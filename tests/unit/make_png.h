/* SPDX-License-Identifier: MIT */
/* libpng makes each kind of PNG from random samples. */
#ifndef TESTS_UNIT_MAKE_PNG_H
#define TESTS_UNIT_MAKE_PNG_H

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <png.h>

#include "media/image.h"

enum { SIDE_MAX = 24, FILE_MAX = 1 << 16, STRIDE = SIDE_MAX * 4 + 32, GREY = 128 };

struct memory {
    uint8_t bytes[FILE_MAX];
    size_t length;
};

/* The form of a PNG to make. */
struct kind {
    int color, depth, interlace;
    bool keyed; /* has tRNS */
    uint32_t width, height;
};

static uint16_t samples[SIDE_MAX][SIDE_MAX][4];
static png_color palette[256];
static uint8_t palette_alpha[256];
static png_color_16 key;

static int memory_fd; /* thousands of files are read from memory, which is faster than a disk */

static inline uint32_t next_random(void)
{
    static uint32_t state = 2463534242; /* xorshift32 (G. Marsaglia) */

    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
}

/* ------------------------------------------------------------------ making a PNG */

static inline void append(png_structp png, png_bytep data, size_t length)
{
    struct memory *memory = png_get_io_ptr(png);

    cr_assert_lt(memory->length + length, FILE_MAX);
    memcpy(memory->bytes + memory->length, data, length);
    memory->length += length;
}

static inline void no_flush(png_structp png)
{
    (void)png;
}

static inline int channels_of(int color)
{
    switch (color) {
    case PNG_COLOR_TYPE_RGB: return 3;
    case PNG_COLOR_TYPE_RGB_ALPHA: return 4;
    case PNG_COLOR_TYPE_GRAY_ALPHA: return 2;
    default: return 1;
    }
}

static inline void invent(const struct kind *kind)
{
    for (int i = 0; i < 256; i++) {
        palette[i] =
            (png_color){(png_byte)next_random(), (png_byte)next_random(), (png_byte)next_random()};
        palette_alpha[i] = i % 3 ? (uint8_t)next_random() : 255;
    }
    for (uint32_t y = 0; y < kind->height; y++)
        for (uint32_t x = 0; x < kind->width; x++)
            for (int i = 0; i < 4; i++)
                samples[y][x][i] = (uint16_t)(next_random() & ((1u << kind->depth) - 1));
    /* Make the colour of one of the pixels the transparent one. */
    const uint16_t *chosen = samples[kind->height / 2][kind->width / 2];
    key =
        (png_color_16){.red = chosen[0], .green = chosen[1], .blue = chosen[2], .gray = chosen[0]};
}

/* Big endian, most significant bit first, each row starts on a byte (PNG, 7.2). */
static inline void pack(const struct kind *kind, uint32_t y, uint8_t row[SIDE_MAX * 8])
{
    int channels = channels_of(kind->color), bit = 0;

    memset(row, 0, SIDE_MAX * 8);
    for (uint32_t x = 0; x < kind->width; x++)
        for (int i = 0; i < channels; i++)
            for (int from = kind->depth - 1; from >= 0; from--, bit++)
                row[bit / 8] |= (uint8_t)((samples[y][x][i] >> from & 1) << (7 - bit % 8));
}

static inline void make_png(const struct kind *kind, struct memory *memory)
{
    static uint8_t packed[SIDE_MAX][SIDE_MAX * 8];
    png_bytep rows[SIDE_MAX];
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);

    memory->length = 0;
    invent(kind);
    png_set_write_fn(png, memory, append, no_flush);
    png_set_IHDR(png, info, kind->width, kind->height, kind->depth, kind->color, kind->interlace,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (kind->color == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 1 << kind->depth);
    if (kind->keyed)
        png_set_tRNS(png, info, palette_alpha,
                     kind->color == PNG_COLOR_TYPE_PALETTE ? 1 << kind->depth : 0, &key);
    for (uint32_t y = 0; y < kind->height; y++) {
        pack(kind, y, packed[y]);
        rows[y] = packed[y];
    }
    png_set_rows(png, info, rows);
    png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
    png_destroy_write_struct(&png, &info);
}

static inline void append_word(struct memory *memory, uint32_t word)
{
    uint8_t bytes[] = {(uint8_t)(word >> 24), (uint8_t)(word >> 16), (uint8_t)(word >> 8),
                       (uint8_t)word};

    memcpy(memory->bytes + memory->length, bytes, 4);
    memory->length += 4;
}

/* CRC-32 as in PNG, annex D. */
static inline uint32_t crc_of(const uint8_t *bytes, size_t length)
{
    uint32_t crc = 0xffffffff;

    for (size_t bit = 0; bit < 8 * length; bit++) {
        if (bit % 8 == 0)
            crc ^= bytes[bit / 8];
        crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

enum { AFTER_SIGNATURE = 8, AFTER_HEADER = 33 }; /* bytes */

/* Copy a PNG, with one more chunk at byte `at`. */
static inline void insert_chunk(const struct memory *png, size_t at, const char *name,
                                const uint8_t *data, size_t length, struct memory *out)
{
    memcpy(out->bytes, png->bytes, at);
    out->length = at;
    append_word(out, (uint32_t)length);
    memcpy(out->bytes + out->length, name, 4);
    memcpy(out->bytes + out->length + 4, data, length);
    out->length += 4 + length;
    append_word(out, crc_of(out->bytes + out->length - 4 - length, 4 + length));
    memcpy(out->bytes + out->length, png->bytes + at, png->length - at);
    out->length += png->length - at;
}

/* ------------------------------------------------------------------ reading it */

/* Call it first. */
static inline void memory_open(void)
{
    memory_fd = memfd_create("image", MFD_CLOEXEC);
    cr_assert_geq(memory_fd, 0);
}

static inline int open_png(struct image **image, const struct memory *memory, uint32_t *width,
                           uint32_t *height)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", memory_fd);
    cr_assert_eq(ftruncate(memory_fd, 0), 0);
    cr_assert_eq(pwrite(memory_fd, memory->bytes, memory->length, 0), memory->length);
    return image_open(image, path, width, height);
}

static inline int read_png(const struct memory *memory, uint8_t *pixels, uint32_t *width,
                           uint32_t *height)
{
    struct image *image;
    int ret = open_png(&image, memory, width, height);

    if (ret < 0)
        return ret;
    ret = *width <= SIDE_MAX && *height <= SIDE_MAX ? image_read(image, pixels, STRIDE) : -E2BIG;
    image_close(image);
    return ret;
}

#endif
