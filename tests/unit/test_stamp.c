/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "media/stamp.h"

enum { WIDTH = 200, HEIGHT = 40, STRIDE = WIDTH * 4 + 64, CELL = WIDTH / 64 };

static uint8_t pixels[HEIGHT * STRIDE];

static const struct stamp sample = {.sequence = 0xdeadbeef, .milliseconds = 0xa5c3};

static struct pf_format format = {.fourcc = PF_FOURCC_XR24, .width = WIDTH, .height = HEIGHT};
static struct pf_plane plane = {.pixels = pixels, .stride_bytes = STRIDE};

static enum stamp_result read_back(struct stamp *stamp)
{
    return stamp_read(&format, &plane, stamp);
}

static void draw(struct stamp stamp)
{
    memset(pixels, 0x55, sizeof pixels);
    stamp_draw(stamp, &format, &plane);
}

/* CRC-16/CCITT-FALSE over bytes, by another algorithm than that of stamp.c. */
static uint16_t crc16(const uint8_t *bytes, size_t count)
{
    uint32_t crc = 0xffff;

    for (size_t i = 0; i < count * 8; i++) {
        uint32_t in = bytes[i / 8] >> (7 - i % 8) & 1;
        uint32_t out = crc >> 15 & 1;
        crc = (crc << 1 & 0xffff) ^ (in ^ out ? 0x1021 : 0);
    }
    return (uint16_t)crc;
}

/* Bit `i` of the stamp in row `y`. Checks every pixel of the cell. */
static int cell(uint32_t i, uint32_t y)
{
    const uint8_t *first = pixels + (size_t)y * STRIDE + (size_t)i * CELL * 4;

    for (int x = 0; x < CELL; x++)
        for (int byte = 0; byte < 3; byte++)
            cr_assert_eq(first[x * 4 + byte], first[0], "cell %u is not of one colour", i);
    cr_assert(first[0] == 0 || first[0] == 255, "cell %u is %u", i, first[0]);
    return first[0] == 255;
}

Test(stamp, is_drawn_as_the_header_describes)
{
    static const uint8_t check[] = "123456789";
    static const uint8_t bytes[6] = {0xde, 0xad, 0xbe, 0xef, 0xa5, 0xc3};
    uint64_t expected = UINT64_C(0xdeadbeefa5c3) << 16 | crc16(bytes, sizeof bytes);

    cr_assert_eq(crc16(check, 9), 0x29b1, "the catalogue's check value: %04x", crc16(check, 9));
    draw(sample);
    for (uint32_t i = 0; i < 64; i++)
        for (uint32_t y = 0; y < CELL; y++) {
            cr_assert_eq(cell(i, y), (int)(expected >> (63 - i) & 1), "bit %u above, row %u", i, y);
            cr_assert_eq(cell(i, HEIGHT - CELL + y), (int)(expected >> (63 - i) & 1),
                         "bit %u below, row %u", i, y);
        }
}

Test(stamp, changes_no_pixel_between_its_rows)
{
    draw(sample);
    for (uint32_t y = CELL; y < HEIGHT - CELL; y++)
        for (uint32_t x = 0; x < STRIDE; x++)
            cr_assert_eq(pixels[y * STRIDE + x], 0x55, "row %u byte %u", y, x);
    for (uint32_t y = 0; y < HEIGHT; y++)
        for (uint32_t x = WIDTH * 4; x < STRIDE; x++)
            cr_assert_eq(pixels[y * STRIDE + x], 0x55, "after row %u, byte %u", y, x);
}

Test(stamp, reads_what_was_drawn_at_every_size)
{
    const struct {
        uint32_t width, height;
    } sizes[] = {{64, 2}, {65, 2}, {127, 3}, {128, 4}, {320, 180}, {1366, 768}, {1920, 1080}};
    const struct stamp stamps[] = {{0, 0}, {UINT32_MAX, UINT16_MAX}, {1, 0}, {0x80000000, 1}};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof stamps / sizeof *stamps; j++) {
            struct pf_format other = {.fourcc = PF_FOURCC_XR24,
                                      .width = sizes[i].width,
                                      .height = sizes[i].height};
            struct pf_plane frame = {.stride_bytes = sizes[i].width * 4};
            frame.pixels = malloc((size_t)frame.stride_bytes * sizes[i].height);
            struct stamp stamp = {0};
            cr_assert_not_null(frame.pixels);
            stamp_draw(stamps[j], &other, &frame);
            cr_assert_eq(stamp_read(&other, &frame, &stamp), STAMP_WHOLE, "%ux%u", sizes[i].width,
                         sizes[i].height);
            cr_assert_eq(stamp.sequence, stamps[j].sequence);
            cr_assert_eq(stamp.milliseconds, stamps[j].milliseconds);
            free(frame.pixels);
        }
}

Test(stamp, fits_only_frames_with_room)
{
    cr_assert(stamp_fits(64, 2));
    cr_assert(stamp_fits(16384, 512));
    cr_assert_not(stamp_fits(63, 1000));
    cr_assert_not(stamp_fits(64, 1));
    cr_assert_not(stamp_fits(16384, 511));
    cr_assert_not(stamp_fits(1, 1));
}

Test(stamp, reports_two_that_differ_as_torn)
{
    static uint8_t older[sizeof pixels];
    struct stamp stamp;

    draw((struct stamp){.sequence = 6, .milliseconds = 1});
    memcpy(older, pixels, sizeof older);
    draw((struct stamp){.sequence = 7, .milliseconds = 1});
    memcpy(pixels, older, sizeof older / 2);
    cr_assert_eq(read_back(&stamp), STAMP_TORN);
}

/* Each bit of the number and of the time: two valid stamps that differ in it alone. */
Test(stamp, two_that_differ_in_one_bit_are_torn)
{
    static uint8_t other[sizeof pixels];

    for (int bit = 0; bit < 48; bit++) {
        struct stamp changed = sample, stamp;
        changed.sequence ^= bit < 32 ? 1u << bit : 0;
        changed.milliseconds ^= (uint16_t)(bit < 32 ? 0 : 1u << (bit - 32));
        draw(changed);
        memcpy(other, pixels, sizeof other);
        cr_assert_eq(read_back(&stamp), STAMP_WHOLE);
        cr_assert_eq(stamp.sequence, changed.sequence, "bit %d", bit);
        cr_assert_eq(stamp.milliseconds, changed.milliseconds, "bit %d", bit);
        draw(sample);
        memcpy(pixels, other, sizeof other / 2);
        cr_assert_eq(read_back(&stamp), STAMP_TORN, "bit %d", bit);
    }
}

Test(stamp, reports_one_damaged_as_torn_and_two_damaged_as_absent)
{
    struct stamp stamp;

    for (uint32_t i = 0; i < 64; i++) {
        size_t middle = ((size_t)i * CELL + CELL / 2) * 4 + 1;
        size_t top = (size_t)(CELL / 2) * STRIDE + middle;
        size_t bottom = (size_t)(HEIGHT - CELL + CELL / 2) * STRIDE + middle;
        draw(sample);
        pixels[top] ^= 0xff;
        cr_assert_eq(read_back(&stamp), STAMP_TORN, "bit %u above", i);
        pixels[bottom] ^= 0xff;
        cr_assert_eq(read_back(&stamp), STAMP_ABSENT, "bit %u in both", i);
        pixels[top] ^= 0xff;
        cr_assert_eq(read_back(&stamp), STAMP_TORN, "bit %u below", i);
    }
}

Test(stamp, is_absent_in_a_frame_of_one_colour)
{
    struct stamp stamp;
    const uint8_t greys[] = {0, 127, 128, 255};

    for (size_t i = 0; i < sizeof greys; i++) {
        memset(pixels, greys[i], sizeof pixels);
        cr_assert_eq(read_back(&stamp), STAMP_ABSENT, "grey %u", greys[i]);
    }
    struct pf_format narrow = {.fourcc = PF_FOURCC_XR24, .width = 63, .height = HEIGHT};
    cr_assert_eq(stamp_read(&narrow, &plane, &stamp), STAMP_ABSENT);
}

Test(stamp, survives_colours_that_are_not_quite_black_and_white)
{
    struct stamp stamp;

    draw(sample);
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(16 + pixels[i] * 219 / 255 - (i * 7) % 16); /* video levels, noise */
    cr_assert_eq(read_back(&stamp), STAMP_WHOLE);
    cr_assert_eq(stamp.sequence, sample.sequence);
}

/* A frame of any format in memory, each byte of which is 0x55. */
static uint8_t *make_frame(const struct pf_format *of, struct pf_plane planes[PF_PLANES_MAX],
                           uint64_t *bytes)
{
    const struct pf_format_planes layout = format_planes(of);
    uint8_t *memory = malloc(layout.bytes);

    cr_assert_not_null(memory);
    memset(memory, 0x55, layout.bytes);
    for (uint32_t p = 0; p < layout.count; p++)
        planes[p] = (struct pf_plane){memory + layout.offset[p], layout.stride_bytes[p]};
    *bytes = layout.bytes;
    return memory;
}

static const uint32_t fourccs[] = {PF_FOURCC_XR24, PF_FOURCC_AR24, PF_FOURCC_R8,  PF_FOURCC_YU12,
                                   PF_FOURCC_NV12, PF_FOURCC_YUYV, PF_FOURCC_XR30};

Test(stamp, is_read_in_each_format_at_odd_sizes_and_in_each_range)
{
    const struct {
        uint32_t width, height;
    } sizes[] = {{64, 2}, {65, 3}, {127, 3}, {129, 5}, {1367, 99}};

    for (size_t i = 0; i < sizeof fourccs / sizeof *fourccs; i++)
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++)
            for (uint8_t range = 0; range <= PF_RANGE_FULL; range++) {
                struct pf_format of = {.fourcc = fourccs[i],
                                       .width = sizes[j].width,
                                       .height = sizes[j].height,
                                       .color = {.range = range}};
                struct pf_plane planes[PF_PLANES_MAX];
                struct stamp stamp = {0};
                uint64_t bytes;
                uint8_t *memory = make_frame(&of, planes, &bytes);
                cr_assert(stamp_supports(of.fourcc));
                cr_assert_eq(stamp_read(&of, planes, &stamp), STAMP_ABSENT);
                stamp_draw(sample, &of, planes);
                cr_assert_eq(stamp_read(&of, planes, &stamp), STAMP_WHOLE, "%s %ux%u",
                             format_name(of.fourcc).text, of.width, of.height);
                cr_assert_eq(stamp.sequence, sample.sequence);
                cr_assert_eq(stamp.milliseconds, sample.milliseconds);
                uint32_t cell = stamp_rows(of.width), middle = of.height - cell + cell / 2;
                memset(planes[0].pixels + (uint64_t)middle * planes[0].stride_bytes, 0x55,
                       format_planes(&of).row_bytes[0]);
                cr_assert_eq(stamp_read(&of, planes, &stamp), STAMP_TORN);
                free(memory);
            }
}

/* Bytes outside of the stamp's rows and outside of the rows' pixels. Chroma rows that the stamp has
 * a part of are neutral. */
Test(stamp, changes_no_other_byte_of_planes)
{
    for (size_t i = 0; i < sizeof fourccs / sizeof *fourccs; i++) {
        struct pf_format of = {.fourcc = fourccs[i], .width = 199, .height = 21}; /* cells of 3 */
        const struct pf_format_planes layout = format_planes(&of);
        struct pf_plane planes[PF_PLANES_MAX];
        uint64_t bytes;
        uint8_t *memory = make_frame(&of, planes, &bytes);
        stamp_draw(sample, &of, planes);
        for (uint32_t p = 0; p < layout.count; p++)
            for (uint32_t y = 0; y < layout.rows[p]; y++)
                for (uint32_t x = 0; x < layout.stride_bytes[p]; x++) {
                    uint8_t byte = planes[p].pixels[(uint64_t)y * layout.stride_bytes[p] + x];
                    bool is_inside = p ? y >= 2 && y < 9 : y >= 3 && y < 18;
                    if (is_inside || x >= layout.row_bytes[p])
                        cr_assert_eq(byte, 0x55, "%s plane %u row %u byte %u",
                                     format_name(of.fourcc).text, p, y, x);
                    else if (p || (of.fourcc == PF_FOURCC_YUYV && x % 2))
                        cr_assert_eq(byte, 128, "chroma");
                }
        free(memory);
    }
}

Test(stamp, has_the_black_and_white_of_the_range)
{
    const struct {
        uint32_t fourcc;
        uint8_t range;
        uint32_t bytes, black, white;
    } cases[] = {
        {PF_FOURCC_YU12, 0, 1, 16, 235},
        {PF_FOURCC_NV12, PF_RANGE_FULL, 1, 0, 255},
        {PF_FOURCC_YUYV, 0, 2, 0x8010, 0x80eb},
        {PF_FOURCC_R8, 0, 1, 0, 255},
        {PF_FOURCC_AR24, 0, 4, 0xff000000, 0xffffffff},
        {PF_FOURCC_XR24, PF_RANGE_LIMITED, 4, 0xff101010, 0xffebebeb},
        {PF_FOURCC_XR30, 0, 4, 0xc0000000, 0xffffffff},
        {PF_FOURCC_XR30, PF_RANGE_LIMITED, 4, 3u << 30 | 64 << 20 | 64 << 10 | 64,
         3u << 30 | 940 << 20 | 940 << 10 | 940},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pf_format of = {.fourcc = cases[i].fourcc,
                               .width = 64,
                               .height = 4,
                               .color = {.range = cases[i].range}};
        struct pf_plane planes[PF_PLANES_MAX];
        uint64_t bytes;
        uint8_t *memory = make_frame(&of, planes, &bytes);
        uint32_t first = 0, second = 0;
        stamp_draw((struct stamp){.sequence = 0x80000000}, &of, planes);
        memcpy(&first, planes[0].pixels, cases[i].bytes);
        memcpy(&second, planes[0].pixels + cases[i].bytes, cases[i].bytes);
        cr_assert_eq(first, cases[i].white, "case %zu: %x", i, first);
        cr_assert_eq(second, cases[i].black, "case %zu: %x", i, second);
        free(memory);
    }
}

Test(stamp, is_not_read_in_other_formats)
{
    struct pf_format of = {.fourcc = PF_FOURCC_AB4H, .width = 64, .height = 2};
    struct pf_plane planes[PF_PLANES_MAX];
    struct stamp stamp;
    uint64_t bytes;
    uint8_t *memory = make_frame(&of, planes, &bytes);

    cr_assert_not(stamp_supports(PF_FOURCC_AB4H));
    cr_assert_not(stamp_supports(PF_FOURCC_R16));
    cr_assert_eq(stamp_read(&of, planes, &stamp), STAMP_ABSENT);
    free(memory);
}
