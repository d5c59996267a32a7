/* SPDX-License-Identifier: MIT */
/*
 * The atlas is decoded once, at the first use. A glyph's grey is how much of the text's colour
 * covers the pixel below, so text looks the same on any background.
 */
#include "glyphs.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "picture.h"

enum { COLUMNS = 16, ROWS = 6, FIRST = ' ', LAST = '~' };

extern const uint8_t glyphs_png[], glyphs_png_end[];

static uint8_t coverage[ROWS * GLYPH_HEIGHT][COLUMNS * GLYPH_WIDTH];
static pthread_once_t decode_once = PTHREAD_ONCE_INIT;

/* It is built in and its test decodes it: a failure here is a build gone wrong. */
static void decode(void)
{
    enum { STRIDE = COLUMNS * GLYPH_WIDTH * 4 };
    struct picture *picture;
    uint32_t width, height;
    uint8_t *pixels = malloc((size_t)STRIDE * ROWS * GLYPH_HEIGHT);

    if (!pixels)
        return;
    if (picture_open_memory(&picture, "glyphs.png", glyphs_png,
                            (size_t)(glyphs_png_end - glyphs_png), &width, &height) == 0) {
        if (width == COLUMNS * GLYPH_WIDTH && height == ROWS * GLYPH_HEIGHT &&
            picture_read(picture, pixels, STRIDE) == 0)
            for (uint32_t y = 0; y < height; y++)
                for (uint32_t x = 0; x < width; x++)
                    coverage[y][x] = pixels[(size_t)y * STRIDE + 4 * (size_t)x];
        picture_close(picture);
    }
    free(pixels);
}

static uint8_t blend(uint8_t below, uint32_t above, uint32_t cover)
{
    return (uint8_t)((below * (255 - cover) + (above & 0xff) * cover + 127) / 255);
}

static void draw_glyph(const struct canvas *canvas, int32_t left, int32_t top, uint32_t scale,
                       uint32_t color, char letter)
{
    uint32_t index = letter < FIRST || letter > LAST ? '?' - FIRST : (uint32_t)(letter - FIRST);
    uint32_t column = index % COLUMNS * GLYPH_WIDTH, row = index / COLUMNS * GLYPH_HEIGHT;

    for (uint32_t y = 0; y < GLYPH_HEIGHT * scale; y++) {
        int64_t to_y = (int64_t)top + y;
        if (to_y < 0 || to_y >= canvas->height)
            continue;
        uint8_t *line = canvas->pixels + (uint64_t)to_y * canvas->stride_bytes;
        for (uint32_t x = 0; x < GLYPH_WIDTH * scale; x++) {
            int64_t to_x = (int64_t)left + x;
            uint32_t cover = coverage[row + y / scale][column + x / scale];
            if (to_x < 0 || to_x >= canvas->width || !cover)
                continue;
            uint8_t *pixel = line + 4 * to_x;
            pixel[0] = blend(pixel[0], color, cover);
            pixel[1] = blend(pixel[1], color >> 8, cover);
            pixel[2] = blend(pixel[2], color >> 16, cover);
        }
    }
}

void glyphs_draw(const struct canvas *canvas, int32_t x, int32_t y, uint32_t scale, uint32_t color,
                 const char *text)
{
    pthread_once(&decode_once, decode);
    for (; *text; text++, x += (int32_t)(GLYPH_WIDTH * scale))
        draw_glyph(canvas, x, y, scale, color, *text);
}

uint32_t glyphs_width(uint32_t scale, const char *text)
{
    return (uint32_t)strlen(text) * GLYPH_WIDTH * scale;
}
