/* SPDX-License-Identifier: MIT */
/* PNGs with chunks that have no pixels. */
#include "last_message.h"
#include "make_png.h"
#include "producer/sources/source.h"
#include "scratch.h"

static void init(void)
{
    scratch_open();
    memory_open();
    keep_messages();
}

TestSuite(image_chunks, .init = init, .fini = scratch_close);

Test(image_chunks, colour_spaces_in_a_file_change_no_pixel)
{
    static const struct {
        const char *name;
        size_t length;
        uint8_t data[32];
    } chunks[] = {
        {"gAMA", 4, {0, 0, 0xb1, 0x8f}}, /* 1 / 2.2 */
        {"gAMA", 4, {0, 1, 0x86, 0xa0}}, /* 1 */
        {"gAMA", 4, {0, 0, 0, 9}},
        {"gAMA", 4, {0, 0x7f, 0xff, 0xff}},
        {"sRGB", 1, {0}},
        {"sRGB", 1, {3}},
        {"cHRM", 32, {0, 0, 0x7a, 0x26, 0, 0, 0x80, 0x84, 0, 0, 0xfa, 0, 0, 0, 0x80, 0xe8}},
        {"sBIT", 4, {2, 3, 4, 5}},
    };
    static const struct kind kinds[] = {
        {PNG_COLOR_TYPE_RGB_ALPHA, 8, PNG_INTERLACE_NONE, false, 16, 16},
        {PNG_COLOR_TYPE_RGB_ALPHA, 16, PNG_INTERLACE_ADAM7, false, 16, 16},
        {PNG_COLOR_TYPE_GRAY_ALPHA, 8, PNG_INTERLACE_NONE, false, 16, 16},
        {PNG_COLOR_TYPE_PALETTE, 8, PNG_INTERLACE_NONE, true, 16, 16},
        {PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE, true, 16, 16},
        {PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE, false, 16, 16},
    };
    static struct memory plain_png, with_chunk;
    static uint8_t expected[16 * STRIDE], pixels[16 * STRIDE];
    uint32_t width, height;

    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        make_png(&kinds[k], &plain_png);
        cr_assert_eq(read_png(&plain_png, expected, &width, &height), 0);
        for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
            insert_chunk(&plain_png, AFTER_HEADER, chunks[i].name, chunks[i].data, chunks[i].length,
                         &with_chunk);
            memset(pixels, 0, sizeof pixels);
            cr_assert_eq(read_png(&with_chunk, pixels, &width, &height), 0);
            for (uint32_t y = 0; y < height; y++)
                cr_assert_arr_eq(pixels + y * STRIDE, expected + y * STRIDE, 4 * width,
                                 "%s %zu changes pixels of kind %zu", chunks[i].name, i, k);
        }
    }
}

static const struct kind grey = {PNG_COLOR_TYPE_GRAY, 8, PNG_INTERLACE_NONE, false, 4, 4};

static void insert_animation(const struct memory *png, uint8_t images, struct memory *out)
{
    const uint8_t control[8] = {0, 0, 0, images}; /* then the number of rounds */

    insert_chunk(png, AFTER_HEADER, "acTL", control, sizeof control, out);
}

static void show_twice(const struct memory *png)
{
    static char path[512];
    static char *inputs[] = {path, path};
    struct source_config config = {.inputs = inputs, .input_count = 2};
    static uint8_t pixels[4 * 16];
    struct pf_frame frame = {.plane[0] = {.pixels = pixels, .stride_bytes = 16}};
    struct source *source = NULL;

    scratch_path(path, scratch, "a.png");
    FILE *file = fopen(path, "w");
    cr_assert_eq(fwrite(png->bytes, 1, png->length, file), png->length);
    fclose(file);
    cr_assert_eq(source_open(&source, &config), 0, "%s", message);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(source_next(source), 0);
        cr_assert_eq(source_fill(source, &frame), 0);
    }
    source_close(source);
}

Test(image_chunks, an_animation_is_reported_once)
{
    static struct memory still, animated;

    make_png(&grey, &still);
    insert_animation(&still, 1, &animated);
    show_twice(&animated);
    cr_assert_eq(warnings, 0, "one image is no animation: %s", message);
    insert_animation(&still, 2, &animated);
    show_twice(&animated);
    cr_assert_eq(warnings, 1, "%s", message);
    cr_assert_not_null(strstr(message, "animated"), "%s", message);
}

Test(image_chunks, a_png_of_ios_is_named)
{
    static struct memory standard, optimized;
    static const uint8_t flags[4] = {0x50, 0, 0x20, 2};
    static uint8_t pixels[4 * STRIDE];
    uint32_t width, height;

    make_png(&grey, &standard);
    insert_chunk(&standard, AFTER_SIGNATURE, "CgBI", flags, sizeof flags, &optimized);
    cr_assert_eq(read_png(&optimized, pixels, &width, &height), -EBADMSG);
    cr_assert_not_null(strstr(message, "CgBI"), "%s", message);
}
