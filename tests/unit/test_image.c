/* SPDX-License-Identifier: MIT */
/*
 * libpng makes each kind of PNG from random samples. The pixels that image.c decodes are compared
 * with the colours that the PNG specification defines for these samples.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <png.h>

#include "core/log.h"
#include "media/image.h"
#include "pageflip.h"
#include "program/image_file.h"
#include "scratch.h"
#include "use.h"

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

static void open_quietly(void)
{
    scratch_open();
    memory_fd = memfd_create("image", MFD_CLOEXEC);
    cr_assert_geq(memory_fd, 0);
    /* Each of the many damaged files is logged as an error. */
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
}

TestSuite(image, .init = open_quietly, .fini = scratch_close);

static uint32_t next_random(void)
{
    static uint32_t state = 2463534242; /* xorshift32 (G. Marsaglia) */

    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
}

/* ------------------------------------------------------------------ making a PNG */

static void append(png_structp png, png_bytep data, size_t length)
{
    struct memory *memory = png_get_io_ptr(png);

    cr_assert_lt(memory->length + length, FILE_MAX);
    memcpy(memory->bytes + memory->length, data, length);
    memory->length += length;
}

static void no_flush(png_structp png)
{
    (void)png;
}

static int channels_of(int color)
{
    switch (color) {
    case PNG_COLOR_TYPE_RGB: return 3;
    case PNG_COLOR_TYPE_RGB_ALPHA: return 4;
    case PNG_COLOR_TYPE_GRAY_ALPHA: return 2;
    default: return 1;
    }
}

static void invent(const struct kind *kind)
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
static void pack(const struct kind *kind, uint32_t y, uint8_t row[SIDE_MAX * 8])
{
    int channels = channels_of(kind->color), bit = 0;

    memset(row, 0, SIDE_MAX * 8);
    for (uint32_t x = 0; x < kind->width; x++)
        for (int i = 0; i < channels; i++)
            for (int from = kind->depth - 1; from >= 0; from--, bit++)
                row[bit / 8] |= (uint8_t)((samples[y][x][i] >> from & 1) << (7 - bit % 8));
}

static void make_png(const struct kind *kind, struct memory *memory)
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

static int open_png(struct image **image, const struct memory *memory, uint32_t *width,
                    uint32_t *height)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", memory_fd);
    cr_assert_eq(ftruncate(memory_fd, 0), 0);
    cr_assert_eq(pwrite(memory_fd, memory->bytes, memory->length, 0), memory->length);
    return image_open(image, path, width, height);
}

static int read_png(const struct memory *memory, uint8_t *pixels, uint32_t *width, uint32_t *height)
{
    struct image *image;
    int ret = open_png(&image, memory, width, height);

    if (ret < 0)
        return ret;
    ret = *width <= SIDE_MAX && *height <= SIDE_MAX ? image_read(image, pixels, STRIDE) : -E2BIG;
    image_close(image);
    return ret;
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

/* ------------------------------------------------------------------ chunks without pixels */

static void append_word(struct memory *memory, uint32_t word)
{
    uint8_t bytes[] = {(uint8_t)(word >> 24), (uint8_t)(word >> 16), (uint8_t)(word >> 8),
                       (uint8_t)word};

    memcpy(memory->bytes + memory->length, bytes, 4);
    memory->length += 4;
}

/* CRC-32 as in PNG, annex D. */
static uint32_t crc_of(const uint8_t *bytes, size_t length)
{
    uint32_t crc = 0xffffffff;

    for (size_t bit = 0; bit < 8 * length; bit++) {
        if (bit % 8 == 0)
            crc ^= bytes[bit / 8];
        crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

enum { AFTER_SIGNATURE = 8, AFTER_HEADER = 33 };

/* Copy a PNG, with one more chunk at byte `at`. */
static void insert_chunk(const struct memory *png, size_t at, const char *name, const uint8_t *data,
                         size_t length, struct memory *out)
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

Test(image, colour_spaces_in_a_file_change_no_pixel)
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
        cr_assert_eq(image_write_file(path, pixels, STRIDE, side, SIDE_MAX + 1 - side), 0);
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
    cr_assert_lt(image_write_file("/dev/full", pixels, STRIDE, SIDE_MAX, SIDE_MAX), 0);
    path_in_scratch(path, "none/a.png");
    cr_assert_eq(image_write_file(path, pixels, STRIDE, SIDE_MAX, SIDE_MAX), -ENOENT);
    DIR *dir = opendir(scratch);
    for (struct dirent *entry; (entry = readdir(dir));)
        cr_assert(entry->d_name[0] == '.', "%s was left behind", entry->d_name);
    closedir(dir);
}

Test(image, close_accepts_null)
{
    image_close(NULL);
}
