/* SPDX-License-Identifier: MIT */
/*
 * libpng makes each kind of PNG from random samples. The pixels that image.c decodes are compared
 * with the colours that the PNG specification defines for these samples.
 */
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

#include "core/log.h"
#include "make_png.h"
#include "pageflip.h"
#include "program/image_file.h"
#include "scratch.h"
#include "use.h"

static void open_quietly(void)
{
    scratch_open();
    memory_open();
    /* Each of the many damaged files is logged as an error. */
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
}

TestSuite(image, .init = open_quietly, .fini = scratch_close);

/* ------------------------------------------------------------------ what it means */

/* Red, green, blue and alpha, 0..1. */
static void meaning(const struct kind *kind, const uint16_t sample[4], double out[4])
{
    double most = (1 << kind->depth) - 1;
    bool is_color = kind->color & PNG_COLOR_MASK_COLOR;

    out[3] = 1;
    if (kind->color == PNG_COLOR_TYPE_PALETTE) {
        const png_color *entry = &palette[sample[0]];
        out[0] = entry->red / 255.0;
        out[1] = entry->green / 255.0;
        out[2] = entry->blue / 255.0;
        out[3] = kind->keyed ? palette_alpha[sample[0]] / 255.0 : 1;
        return;
    }
    for (int i = 0; i < 3; i++)
        out[i] = sample[is_color ? i : 0] / most;
    if (kind->color & PNG_COLOR_MASK_ALPHA)
        out[3] = sample[is_color ? 3 : 1] / most;
    if (kind->keyed &&
        (is_color ? sample[0] == key.red && sample[1] == key.green && sample[2] == key.blue
                  : sample[0] == key.gray))
        out[3] = 0;
}

static void compare(const struct kind *kind, const uint8_t *pixels)
{
    for (uint32_t y = 0; y < kind->height; y++)
        for (uint32_t x = 0; x < kind->width; x++) {
            const uint8_t *got = pixels + y * STRIDE + x * 4;
            double expected[4];
            meaning(kind, samples[y][x], expected);
            for (int i = 0; i < 3; i++) {
                double level = 255 * expected[i] * expected[3] + GREY * (1 - expected[3]);
                /* Half a step of rounding, and the same again where alpha is rounded. */
                cr_assert_leq(fabs(got[2 - i] - level), expected[3] < 1 ? 1.01 : 0.51,
                              "colour %d depth %d interlace %d key %d, pixel %u,%u channel %d: "
                              "%u for %.2f",
                              kind->color, kind->depth, kind->interlace, kind->keyed, x, y, i,
                              got[2 - i], level);
            }
            cr_assert_eq(got[3], 255);
        }
}

static void check(const struct kind *kind)
{
    static struct memory memory;
    static uint8_t pixels[SIDE_MAX * STRIDE];
    uint32_t width, height;

    make_png(kind, &memory);
    memset(pixels, 0xee, sizeof pixels);
    cr_assert_eq(read_png(&memory, pixels, &width, &height), 0, "colour %d depth %d", kind->color,
                 kind->depth);
    cr_assert_eq(width, kind->width);
    cr_assert_eq(height, kind->height);
    compare(kind, pixels);
    for (uint32_t y = 0; y < SIDE_MAX; y++)
        for (uint32_t x = y < height ? width * 4 : 0; x < STRIDE; x++)
            cr_assert_eq(pixels[y * STRIDE + x], 0xee, "written beyond the image: %u,%u", x, y);
}

Test(image, every_kind_of_png_is_read_as_the_specification_says)
{
    static const struct {
        int color, depths[6];
        bool may_be_keyed;
    } colors[] = {
        {PNG_COLOR_TYPE_GRAY, {1, 2, 4, 8, 16}, true}, {PNG_COLOR_TYPE_RGB, {8, 16}, true},
        {PNG_COLOR_TYPE_PALETTE, {1, 2, 4, 8}, true},  {PNG_COLOR_TYPE_GRAY_ALPHA, {8, 16}, false},
        {PNG_COLOR_TYPE_RGB_ALPHA, {8, 16}, false},
    };
    static const uint32_t sizes[][2] = {{1, 1}, {13, 11}, {16, 16}, {1, 16}, {5, 1}};

    for (size_t i = 0; i < sizeof colors / sizeof *colors; i++)
        for (const int *depth = colors[i].depths; *depth; depth++)
            for (int keyed = 0; keyed <= colors[i].may_be_keyed; keyed++)
                for (int interlace = PNG_INTERLACE_NONE; interlace <= PNG_INTERLACE_ADAM7;
                     interlace++)
                    for (size_t size = 0; size < sizeof sizes / sizeof *sizes; size++)
                        check(&(struct kind){colors[i].color, *depth, interlace, keyed,
                                             sizes[size][0], sizes[size][1]});
}

/* ------------------------------------------------------------------ damage */

static const struct kind plain = {PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_ADAM7, false, 9, 7};

static void cut_short_anywhere(const struct kind *kind, size_t at_least)
{
    static struct memory memory;
    static uint8_t pixels[SIDE_MAX * STRIDE];
    uint32_t width, height;

    make_png(kind, &memory);
    cr_assert_geq(memory.length, at_least);
    cr_assert_eq(read_png(&memory, pixels, &width, &height), 0);
    size_t whole = memory.length;
    struct use before = use_now();
    while (memory.length-- > 0)
        cr_assert_eq(read_png(&memory, pixels, &width, &height), -EBADMSG, "%zu bytes",
                     memory.length);
    expect_use(&before, whole);
}

Test(image, a_file_cut_short_anywhere_is_refused)
{
    static const struct kind large[] = {
        /* noise, which does not compress */
        {PNG_COLOR_TYPE_RGB_ALPHA, 16, PNG_INTERLACE_NONE, false, 22, 23},
        {PNG_COLOR_TYPE_RGB_ALPHA, 16, PNG_INTERLACE_ADAM7, false, 22, 23},
    };

    cut_short_anywhere(&large[0], 4000);
    cut_short_anywhere(&large[1], 4000);
    cut_short_anywhere(&plain, 100);
}

Test(image, a_file_with_any_bit_wrong_is_refused)
{
    static struct memory memory;
    static uint8_t pixels[SIDE_MAX * STRIDE];
    uint32_t width, height;

    make_png(&plain, &memory);
    for (size_t bit = 0; bit < memory.length * 8; bit++) {
        memory.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(read_png(&memory, pixels, &width, &height), -EBADMSG, "bit %zu", bit);
        memory.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* A PNG with a correct header, but without pixels. */
static void make_header(struct memory *memory, uint32_t width, uint32_t height)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    static const uint8_t idat[] = {0, 0, 0, 0, 'I', 'D', 'A', 'T', 0x35, 0xaf, 0x06, 0x1e};

    memory->length = 0;
    png_set_write_fn(png, memory, append, no_flush);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    png_destroy_write_struct(&png, &info);
    memcpy(memory->bytes + memory->length, idat, sizeof idat);
    memory->length += sizeof idat;
}

Test(image, a_size_beyond_the_limit_is_refused_by_its_header)
{
    static struct memory memory;
    struct image *image;
    uint32_t width, height;
    const uint32_t sizes[][2] = {{PF_SIZE_MAX + 1, 1}, {1, PF_SIZE_MAX + 1}, {1000000, 1000000}};

    make_header(&memory, PF_SIZE_MAX, PF_SIZE_MAX);
    cr_assert_eq(open_png(&image, &memory, &width, &height), 0);
    cr_assert_eq(width, PF_SIZE_MAX);
    cr_assert_eq(height, PF_SIZE_MAX);
    image_close(image);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        make_header(&memory, sizes[i][0], sizes[i][1]);
        cr_assert_eq(open_png(&image, &memory, &width, &height), -EBADMSG, "%ux%u", sizes[i][0],
                     sizes[i][1]);
    }
}

static void path_in_scratch(char path[512], const char *name)
{
    scratch_path(path, scratch, name);
}

static void write_file(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "we");

    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, length, file), length);
    cr_assert_eq(fclose(file), 0);
}

Test(image, refuses_a_path_that_is_not_a_png_file_without_waiting)
{
    char path[512];
    struct image *image;
    uint32_t width, height;

    path_in_scratch(path, "none.png");
    cr_assert_eq(image_open(&image, path, &width, &height), -ENOENT);
    cr_assert_eq(image_open(&image, scratch, &width, &height), -EBADMSG);
    cr_assert_eq(image_open(&image, "/dev/zero", &width, &height), -EBADMSG);
    path_in_scratch(path, "empty.png");
    write_file(path, "", 0);
    cr_assert_eq(image_open(&image, path, &width, &height), -EBADMSG);
    path_in_scratch(path, "text.png");
    write_file(path, "This is not a PNG", 17);
    cr_assert_eq(image_open(&image, path, &width, &height), -EBADMSG);
    path_in_scratch(path, "pipe.png");
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(image_open(&image, path, &width, &height), -EBADMSG);
    path_in_scratch(path, "loop.png");
    cr_assert_eq(symlink("loop.png", path), 0);
    cr_assert_eq(image_open(&image, path, &width, &height), -ELOOP);
}

Test(image, an_error_is_one_line_that_names_the_file_and_the_reason)
{
    char path[512], log_path[512], text[1024] = "";
    static struct memory memory;
    struct image *image;
    uint32_t width, height;

    make_png(&plain, &memory);
    path_in_scratch(path, "short.png");
    write_file(path, memory.bytes, 20);
    path_in_scratch(log_path, "log");
    cr_assert_not_null(freopen(log_path, "w", stderr));
    cr_assert_eq(image_open(&image, path, &width, &height), -EBADMSG);
    FILE *file = fopen(log_path, "re");
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    cr_assert_not_null(strstr(text, path), "%s", text);
    cr_assert_not_null(strstr(text, "truncated"), "%s", text);
    cr_assert_eq(strchr(text, '\n'), text + length - 1, "%s", text);
}

/* ------------------------------------------------------------------ writing */

static void draw(uint8_t pixels[SIDE_MAX * STRIDE])
{
    for (size_t i = 0; i < SIDE_MAX * STRIDE; i++)
        pixels[i] = i % 4 == 3 ? 255 : (uint8_t)next_random();
}

Test(image, reads_back_what_was_written)
{
    static uint8_t pixels[SIDE_MAX * STRIDE], back[SIDE_MAX * STRIDE];
    char path[512];
    struct image *image;
    uint32_t width, height;

    draw(pixels);
    path_in_scratch(path, "a.png");
    for (uint32_t side = 1; side <= SIDE_MAX; side++) {
        cr_assert_eq(image_write_file(path, pixels, STRIDE, side, SIDE_MAX + 1 - side, false), 0);
        cr_assert_eq(image_open(&image, path, &width, &height), 0);
        cr_assert_eq(width, side);
        cr_assert_eq(height, SIDE_MAX + 1 - side);
        cr_assert_eq(image_read(image, back, STRIDE), 0);
        image_close(image);
        for (uint32_t y = 0; y < height; y++)
            cr_assert_eq(memcmp(pixels + y * STRIDE, back + y * STRIDE, width * 4), 0, "row %u", y);
    }
}

Test(image, a_failed_write_leaves_nothing_behind)
{
    static uint8_t pixels[SIDE_MAX * STRIDE];
    char path[512];

    draw(pixels);
    cr_assert_lt(image_write_file("/dev/full", pixels, STRIDE, SIDE_MAX, SIDE_MAX, false), 0);
    path_in_scratch(path, "none/a.png");
    cr_assert_eq(image_write_file(path, pixels, STRIDE, SIDE_MAX, SIDE_MAX, false), -ENOENT);
    DIR *dir = opendir(scratch);
    for (struct dirent *entry; (entry = readdir(dir));)
        cr_assert(entry->d_name[0] == '.', "%s was left behind", entry->d_name);
    closedir(dir);
}

/* libpng refuses a width of 0 after the file has been opened. */
Test(image, a_failed_write_keeps_the_old_file)
{
    static uint8_t pixels[SIDE_MAX * STRIDE];
    char path[512];
    struct image *image;
    uint32_t width, height;

    draw(pixels);
    path_in_scratch(path, "a.png");
    cr_assert_eq(image_write_file(path, pixels, STRIDE, 2, 3, false), 0);
    cr_assert_lt(image_write_file(path, pixels, STRIDE, 0, 3, false), 0);
    cr_assert_eq(image_open(&image, path, &width, &height), 0);
    image_close(image);
    cr_assert_eq(width, 2);
    cr_assert_eq(height, 3);
}

Test(image, close_accepts_null)
{
    image_close(NULL);
}
