/* SPDX-License-Identifier: MIT */
/*
 * A glyph's grey is how much of the text's colour covers the pixel below it, so text is drawn the
 * same way on any background. Larger sizes are interpolated from the glyphs' pixels, so text is
 * smooth at every scale.
 */
#include "font.h"

#include <string.h>

enum { COLUMNS = 16, ROWS = 6, FIRST = ' ', LAST = '~' };

/* The pixels of assets/glyphs.png: a cell for each letter, in the order of ASCII. */
static const uint8_t coverage[ROWS * FONT_HEIGHT][COLUMNS * FONT_WIDTH] = {
#include "font_coverage.inc"
};

/* A place between two rows or columns of a glyph: `part` of 256 on the way from `at` to `next`. */
struct sample {
    uint32_t at, next, part;
};

/* The place of pixel `i` of a glyph of `size` pixels that is drawn `scale` times as large. */
static struct sample sample(uint32_t i, uint32_t scale, uint32_t size)
{
    int32_t place = ((int32_t)(2 * i + 1) * 128 / (int32_t)scale) - 128;
    uint32_t at = place < 0 ? 0 : (uint32_t)place / 256;

    return (struct sample){.at = at,
                           .next = at + 1 < size ? at + 1 : at,
                           .part = place < 0 ? 0 : (uint32_t)place % 256};
}

/*
 * How much (of 255) the glyph covers: interpolated between its pixels, then steeper by `scale`, so
 * that an edge is one pixel soft at every size.
 */
static uint32_t cover_at(uint32_t row, uint32_t column, struct sample y, struct sample x,
                         uint32_t scale)
{
    const uint8_t *upper = coverage[row + y.at] + column, *lower = coverage[row + y.next] + column;
    uint32_t above = upper[x.at] * (256 - x.part) + upper[x.next] * x.part;
    uint32_t below = lower[x.at] * (256 - x.part) + lower[x.next] * x.part;
    int32_t mean = (int32_t)((above * (256 - y.part) + below * y.part) >> 16);
    int64_t steep = (int64_t)(mean - 128) * scale + 128;

    return steep < 0 ? 0 : steep > 255 ? 255 : (uint32_t)steep;
}

static uint8_t blend(uint8_t below, uint32_t above, uint32_t cover)
{
    return (uint8_t)((below * (255 - cover) + (above & 0xff) * cover + 127) / 255);
}

static void draw_glyph(const struct canvas *canvas, int32_t left, int32_t top, uint32_t scale,
                       uint32_t color, char letter)
{
    uint32_t index = letter < FIRST || letter > LAST ? '?' - FIRST : (uint32_t)(letter - FIRST);
    uint32_t column = index % COLUMNS * FONT_WIDTH, row = index / COLUMNS * FONT_HEIGHT;

    for (uint32_t y = 0; y < FONT_HEIGHT * scale; y++) {
        int64_t to_y = (int64_t)top + y;
        if (to_y < 0 || to_y >= canvas->height)
            continue;
        uint8_t *line = canvas->pixels + (uint64_t)to_y * canvas->stride_bytes;
        struct sample down = sample(y, scale, FONT_HEIGHT);
        for (uint32_t x = 0; x < FONT_WIDTH * scale; x++) {
            int64_t to_x = (int64_t)left + x;
            if (to_x < 0 || to_x >= canvas->width)
                continue;
            uint32_t cover = cover_at(row, column, down, sample(x, scale, FONT_WIDTH), scale);
            if (!cover)
                continue;
            uint8_t *pixel = line + 4 * to_x;
            pixel[0] = blend(pixel[0], color, cover);
            pixel[1] = blend(pixel[1], color >> 8, cover);
            pixel[2] = blend(pixel[2], color >> 16, cover);
        }
    }
}

void font_draw(const struct canvas *canvas, int32_t x, int32_t y, uint32_t scale, uint32_t color,
               const char *text)
{
    for (; *text; text++, x += (int32_t)(FONT_WIDTH * scale))
        draw_glyph(canvas, x, y, scale, color, *text);
}

uint32_t font_width(uint32_t scale, const char *text)
{
    return (uint32_t)strlen(text) * FONT_WIDTH * scale;
}
