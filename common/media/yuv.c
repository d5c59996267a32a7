/* SPDX-License-Identifier: MIT */
/*
 * Fixed-point arithmetic in 16 bits, so that one instruction handles 8 samples or more. A row is
 * converted in blocks of a constant length: GCC vectorizes such loops at -O2. The contributions of
 * chroma are computed once for all rows that share them.
 *
 * A term is a sample, minus 128, times a factor, in units of 1/32 level. It is the high half of a
 * product of 16 bits by 16 bits: (sample - 128) * 256 times factor * 8192. The largest sum of terms
 * is about 550 levels, so 5 bits of fraction are the most that 16 bits have room for.
 */
#include "yuv.h"

#include <math.h>
#include <string.h>

enum {
    BLOCK = 128, /* pixels, even */
    FRACTION_BITS = 5,
};

/* Two bytes of a pixel in memory that other code uses as bytes. */
typedef uint16_t __attribute__((may_alias, aligned(1))) byte_pair;

/* Compile the function twice; the program selects the form for its processor when it starts. Under
 * ThreadSanitizer a program crashes during this selection. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) &&                            \
    !defined(__SANITIZE_THREAD__)
#define WITH_AVX2 __attribute__((target_clones("avx2", "default")))
#else
#define WITH_AVX2
#endif

struct factors {
    int16_t y, red_cr, green_cb, green_cr, blue_cb;
    int16_t offset; /* added to each channel, in units of 1/32 level */
};

/* What chroma adds to each channel, in units of 1/32 level. */
struct chroma_block {
    int16_t red[BLOCK], green[BLOCK], blue[BLOCK];
};

static int16_t factor(double value)
{
    return (int16_t)lround(value * (1 << (8 + FRACTION_BITS)));
}

/* ITU-R BT.601-7, 2.5.1, BT.709-6, 3.2, and BT.2020-2, table 4. */
void yuv_parts(uint32_t matrix, double *red, double *blue)
{
    *red = matrix == 709 ? 0.2126 : matrix == 2020 ? 0.2627 : 0.299;
    *blue = matrix == 709 ? 0.0722 : matrix == 2020 ? 0.0593 : 0.114;
}

/* Ranges: BT.601-7, 2.5.3. */
static struct factors factors_of(const struct yuv_format *format)
{
    double kr, kb;
    yuv_parts(format->matrix, &kr, &kb);
    double kg = 1 - kr - kb;
    double y = format->is_full_range ? 1 : 255.0 / 219, c = format->is_full_range ? 1 : 255.0 / 224;
    double black = format->is_full_range ? 0 : 16;
    /* Half a level, for rounding, and half a unit for each of the two terms that are rounded down
     * in red and blue. */
    double rounding = 0.5 * (1 << FRACTION_BITS) + 2 * 0.5;

    return (struct factors){
        .y = factor(y),
        .red_cr = factor(2 * (1 - kr) * c),
        .green_cb = factor(-2 * (1 - kb) * kb / kg * c),
        .green_cr = factor(-2 * (1 - kr) * kr / kg * c),
        .blue_cb = factor(2 * (1 - kb) * c),
        .offset = (int16_t)lround((128 - black) * y * (1 << FRACTION_BITS) + rounding),
    };
}

static inline int16_t term(uint8_t sample, int16_t factor)
{
    int16_t centred = (int16_t)((sample << 8) ^ 0x8000); /* (sample - 128) * 256 */

    return (int16_t)((centred * factor) >> 16);
}

static inline uint16_t level(int sum)
{
    int16_t rounded = (int16_t)((int16_t)sum >> FRACTION_BITS);

    rounded = rounded < 0 ? 0 : rounded;
    return (uint16_t)(rounded > 255 ? 255 : rounded);
}

WITH_AVX2
static void convert_chroma(const struct factors *factors, const uint8_t *restrict cb,
                           const uint8_t *restrict cr, struct chroma_block *restrict out)
{
    const struct factors f = *factors;

    for (int i = 0; i < BLOCK; i++) {
        out->red[i] = (int16_t)(f.offset + term(cr[i], f.red_cr));
        out->green[i] = (int16_t)(f.offset + term(cb[i], f.green_cb) + term(cr[i], f.green_cr));
        out->blue[i] = (int16_t)(f.offset + term(cb[i], f.blue_cb));
    }
}

WITH_AVX2
static void convert_block(const struct factors *factors, const uint8_t *restrict y,
                          const struct chroma_block *restrict chroma, byte_pair *restrict out)
{
    const int16_t factor = factors->y;

    for (int i = 0; i < BLOCK; i++) {
        int16_t luma = term(y[i], factor);
        uint16_t blue = level(luma + chroma->blue[i]);
        uint16_t green = level(luma + chroma->green[i]);
        uint16_t red = level(luma + chroma->red[i]);
        out[2 * i] = (uint16_t)(blue | green << 8);
        out[2 * i + 1] = red | 0xff00;
    }
}

/* ------------------------------------------------------------------ blocks of a frame */

struct chroma_planes {
    size_t width, height;  /* samples */
    uint32_t across, down; /* pixels for each sample; 0: no chroma */
};

static struct chroma_planes chroma_planes_of(const struct yuv_format *format)
{
    struct chroma_planes planes = {0};

    if (format->chroma == YUV_MONO)
        return planes;
    planes.across = format->chroma == YUV_444 ? 1 : 2;
    planes.down = format->chroma == YUV_420 ? 2 : 1;
    planes.width = (format->width + planes.across - 1) / planes.across;
    planes.height = (format->height + planes.down - 1) / planes.down;
    return planes;
}

size_t yuv_frame_bytes(const struct yuv_format *format)
{
    struct chroma_planes planes = chroma_planes_of(format);

    return (size_t)format->width * format->height + 2 * planes.width * planes.height;
}

struct yuv_samples yuv_samples_of(const struct yuv_format *format, const uint8_t *frame)
{
    struct chroma_planes planes = chroma_planes_of(format);
    const uint8_t *cb = frame + (size_t)format->width * format->height;

    return (struct yuv_samples){.y = frame,
                                .cb = cb,
                                .cr = cb + planes.width * planes.height,
                                .y_stride = format->width,
                                .cb_stride = planes.width,
                                .cr_stride = planes.width,
                                .y_step = 1,
                                .chroma_step = 1};
}

/* Samples that are `step` bytes apart, and zeros up to a whole block. The constant steps let GCC
 * vectorize the loops. */
static void gather(const uint8_t *samples, size_t step, size_t count, uint8_t out[restrict BLOCK])
{
    memset(out, 0, BLOCK);
    switch (step) {
    case 1: memcpy(out, samples, count); break;
    case 2:
        for (size_t i = 0; i < count; i++)
            out[i] = samples[2 * i];
        break;
    default:
        for (size_t i = 0; i < count; i++)
            out[i] = samples[step * i];
        break;
    }
}

/* One sample for each pixel of the block, of which `pixels` exist. */
static void load_chroma(const uint8_t *samples, size_t step, uint32_t across, size_t pixels,
                        uint8_t out[restrict BLOCK])
{
    uint8_t part[BLOCK];

    if (pixels < BLOCK || step > 1) {
        gather(samples, step, (pixels + across - 1) / across, part);
        samples = part;
    }
    if (across == 1) {
        memcpy(out, samples, BLOCK);
        return;
    }
    for (int i = 0; i < BLOCK / 2; i++)
        out[2 * i] = out[2 * i + 1] = samples[i];
}

static void convert_pixels(const struct factors *factors, const uint8_t *y, size_t step,
                           const struct chroma_block *chroma, uint8_t *out, size_t pixels)
{
    uint8_t luma[BLOCK];
    byte_pair part[2 * BLOCK];

    if (pixels < BLOCK || step > 1) {
        gather(y, step, pixels, luma);
        y = luma;
    }
    if (pixels == BLOCK) {
        convert_block(factors, y, chroma, (byte_pair *)out);
        return;
    }
    convert_block(factors, y, chroma, part);
    memcpy(out, part, 4 * pixels);
}

void yuv_convert(const struct yuv_format *format, const struct yuv_samples *samples,
                 uint8_t *pixels, uint32_t stride_bytes)
{
    const struct factors factors = factors_of(format);
    const struct chroma_planes planes = chroma_planes_of(format);
    const uint32_t rows = planes.down ? planes.down : format->height; /* that share their chroma */
    uint8_t cb[BLOCK], cr[BLOCK];
    struct chroma_block chroma;

    memset(cb, 128, sizeof cb);
    memset(cr, 128, sizeof cr);
    for (uint32_t top = 0; top < format->height; top += rows)
        for (uint32_t left = 0; left < format->width; left += BLOCK) {
            uint32_t right = format->width - left, bottom = format->height - top;
            size_t count = right < BLOCK ? right : BLOCK;

            if (planes.across) {
                size_t row = top / planes.down, step = samples->chroma_step;
                size_t at = left / planes.across * step;
                load_chroma(samples->cb + row * samples->cb_stride + at, step, planes.across, count,
                            cb);
                load_chroma(samples->cr + row * samples->cr_stride + at, step, planes.across, count,
                            cr);
            }
            convert_chroma(&factors, cb, cr, &chroma);
            for (uint32_t y = top; y < top + (bottom < rows ? bottom : rows); y++)
                convert_pixels(&factors,
                               samples->y + y * samples->y_stride + left * samples->y_step,
                               samples->y_step, &chroma,
                               pixels + (size_t)y * stride_bytes + 4 * (size_t)left, count);
        }
}
