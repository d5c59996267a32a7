/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "producer/sources/source.h"
#include "scratch.h"
#include "use.h"

enum { STRIDE = 256, ROWS = 64, MARK = 0x5a };

static uint8_t pixels[STRIDE * ROWS];
static char path[512];

static void quiet(void)
{
    scratch_open();
    scratch_path(path, scratch, "in.y4m");
    pf_log_set_level(PF_LOG_ERROR);
    memset(pixels, MARK, sizeof pixels);
}

TestSuite(source_y4m, .init = quiet, .fini = scratch_close);

/* Write a file: `head`, then `frames` frames of `bytes` bytes of luma and twice `uv` bytes of
 * chroma; frame i has luma y + i. */
static void write_stream(const char *head, int frames, size_t bytes, size_t uv, int y, int u, int v)
{
    FILE *file = fopen(path, "w");

    fputs(head, file);
    for (int i = 0; i < frames; i++) {
        fputs("FRAME\n", file);
        for (size_t k = 0; k < bytes; k++)
            fputc(y + i, file);
        for (size_t k = 0; k < uv; k++)
            fputc(u, file);
        for (size_t k = 0; k < uv; k++)
            fputc(v, file);
    }
    fclose(file);
}

static int open_with(struct source **source, struct source_config config)
{
    char *inputs[] = {path};

    config.inputs = inputs;
    config.input_count = 1;
    return source_open(source, &config);
}

static int open_stream(struct source **source, bool loop)
{
    return open_with(source, (struct source_config){.loop = loop});
}

static int next_frame(struct source *source)
{
    struct pf_frame frame = {.plane[0] = {.pixels = pixels, .stride_bytes = STRIDE}};
    int ret = source_next(source);

    return ret < 0 ? ret : source_fill(source, &frame);
}

static void expect_color(const struct source *source, int red, int green, int blue)
{
    const int expected[] = {blue, green, red};

    for (uint32_t y = 0; y < source->format.height; y++) {
        for (uint32_t x = 0; x < source->format.width; x++)
            for (uint32_t c = 0; c < 3; c++) {
                int got = pixels[y * STRIDE + x * 4 + c];
                cr_assert_leq(abs(got - expected[c]), 2, "%d, not %d, in channel %u at %u,%u", got,
                              expected[c], c, x, y);
            }
        cr_assert_eq(pixels[y * STRIDE + source->format.width * 4], MARK, "row %u is too long", y);
    }
    cr_assert_eq(pixels[source->format.height * STRIDE], MARK, "a row too many");
}

/* BT.601, limited range: Y 81, U 90, V 240 is red (ITU-R BT.601, 8-bit values of 100 % red). */
static void red_is_red(const char *chroma, uint32_t width, uint32_t height, size_t uv)
{
    char head[128];
    struct source *source = NULL;

    snprintf(head, sizeof head, "YUV4MPEG2 W%u H%u F25:1 Ip A1:1 %s\n", width, height, chroma);
    write_stream(head, 1, (size_t)width * height, uv, 81, 90, 240);
    cr_assert_eq(open_stream(&source, false), 0, "%s", head);
    cr_assert_eq(next_frame(source), 0, "%s", head);
    cr_assert_eq(source->format.width, width);
    cr_assert_eq(source->format.height, height);
    expect_color(source, 255, 0, 0);
    cr_assert_eq(next_frame(source), -ENODATA);
    source_close(source);
}

Test(source_y4m, converts_420)
{
    red_is_red("C420jpeg", 16, 8, 8 * 4);
    red_is_red("C420mpeg2", 16, 8, 8 * 4);
    red_is_red("", 16, 8, 8 * 4); /* the default is 4:2:0 */
}

Test(source_y4m, converts_odd_sizes)
{
    red_is_red("C420", 1, 1, 1);
    red_is_red("C420", 3, 5, 2 * 3);
    red_is_red("C422", 3, 5, 2 * 5);
    red_is_red("C444", 3, 5, 3 * 5);
}

/* BT.709, limited range: Y 63, U 102, V 240 is red (ITU-R BT.709, 8-bit values of 100 % red). */
Test(source_y4m, converts_by_the_given_matrix)
{
    struct source *source = NULL;

    write_stream("YUV4MPEG2 W16 H8 F25:1 C420\n", 1, 16 * 8, 8 * 4, 63, 102, 240);
    cr_assert_eq(open_with(&source, (struct source_config){.matrix = 709}), 0);
    cr_assert_eq(next_frame(source), 0);
    expect_color(source, 255, 1, 2); /* by BT.601 it would be 233, 0, 1 */
    source_close(source);
}

Test(source_y4m, a_stream_without_a_frame_is_refused)
{
    struct source *source = NULL;

    write_stream("YUV4MPEG2 W16 H8 F25:1 C420\n", 0, 0, 0, 0, 0, 0);
    cr_assert_eq(open_stream(&source, true), 0);
    cr_assert_eq(next_frame(source), -EBADMSG);
    source_close(source);
}

Test(source_y4m, converts_422)
{
    red_is_red("C422", 16, 8, 8 * 8);
}

Test(source_y4m, converts_444)
{
    red_is_red("C444", 16, 8, 16 * 8);
}

Test(source_y4m, converts_mono)
{
    struct source *source = NULL;

    write_stream("YUV4MPEG2 W3 H5 F25:1 Cmono\n", 1, 15, 0, 126, 0, 0);
    cr_assert_eq(open_stream(&source, false), 0);
    cr_assert_eq(next_frame(source), 0);
    expect_color(source, 128, 128, 128); /* (126 - 16) * 255 / 219 */
    source_close(source);
}

Test(source_y4m, has_the_streams_own_rate)
{
    struct source *source = NULL;

    write_stream("YUV4MPEG2 W2 H2 F30000:1001\n", 1, 4, 1, 16, 128, 128);
    cr_assert_eq(open_stream(&source, false), 0);
    cr_assert_eq(source->format.rate_num, 30000);
    cr_assert_eq(source->format.rate_den, 1001);
    cr_assert_not(source->live);
    source_close(source);
}

Test(source_y4m, reads_frame_after_frame_and_loops)
{
    struct source *source = NULL;

    write_stream("YUV4MPEG2 W2 H2 F25:1\n", 3, 4, 1, 100, 128, 128);
    cr_assert_eq(open_stream(&source, true), 0);
    int first = 0;
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(next_frame(source), 0, "frame %d", i);
        if (i == 0)
            first = pixels[0];
        cr_assert_leq(abs(pixels[0] - first - i % 3), 1, "frame %d is %d, the first %d", i,
                      pixels[0], first);
        if (i % 3 == 2)
            cr_assert_gt(pixels[0], first, "the third is not lighter than the first");
    }
    source_close(source);
}

Test(source_y4m, skips_a_partial_frame_at_the_end)
{
    struct source *source = NULL;

    write_stream("YUV4MPEG2 W4 H4 F25:1\n", 2, 16, 4, 100, 128, 128);
    cr_assert_eq(truncate(path, 22 + 6 + 24 + 6 + 10), 0);
    cr_assert_eq(open_stream(&source, false), 0);
    cr_assert_eq(next_frame(source), 0);
    cr_assert_eq(next_frame(source), -ENODATA);
    source_close(source);
}

/* The number of whole frames in the first `length` bytes, or a negative errno. */
static int frames_in_file(size_t length)
{
    struct source *source = NULL;
    int ret, frames = 0;

    cr_assert_eq(truncate(path, (off_t)length), 0);
    ret = open_stream(&source, false);
    if (ret < 0)
        return ret;
    while ((ret = next_frame(source)) == 0)
        frames++;
    source_close(source);
    return ret == -ENODATA ? frames : ret;
}

Test(source_y4m, a_stream_cut_short_anywhere_ends_with_its_last_whole_frame)
{
    const char *head = "YUV4MPEG2 W40 H30 F25:1\n";
    const size_t frame_bytes = 6 + 40 * 30 * 3 / 2, whole = strlen(head) + 2 * frame_bytes;

    write_stream(head, 2, 40 * 30, 20 * 15, 100, 128, 128);
    cr_assert_eq(frames_in_file(whole), 2);
    struct use before = use_now();
    for (size_t length = whole - 1; length > strlen(head); length--)
        cr_assert_eq(frames_in_file(length), (int)((length - strlen(head)) / frame_bytes),
                     "%zu bytes", length);
    for (size_t length = strlen(head) + 1; length-- > 0;)
        cr_assert_eq(frames_in_file(length), -EBADMSG, "%zu bytes", length);
    expect_use(&before, whole);
}

Test(source_y4m, refuses_a_header_it_does_not_support)
{
    const char *heads[] = {
        "",
        "YUV4MPEG2",
        "YUV4MPEG3 W4 H4\n",
        "YUV4MPEG2 W0 H4\n",
        "YUV4MPEG2 W4\n",
        "YUV4MPEG2 W16385 H4\n",
        "YUV4MPEG2 W4294967300 H4\n",
        "YUV4MPEG2 W4 H-4\n",
        "YUV4MPEG2 W4 H4 C420p10\n",
        "YUV4MPEG2 W4 H4 C444alpha\n",
        "YUV4MPEG2 W4 H4 Cnone\n",
    };

    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct source *source = NULL;
        write_stream(heads[i], 1, 16, 4, 100, 128, 128);
        cr_assert_eq(open_stream(&source, false), -EBADMSG, "\"%s\" was accepted", heads[i]);
    }
}

Test(source_y4m, refuses_a_stream_with_a_damaged_frame_header)
{
    struct source *source = NULL;
    FILE *file;

    write_stream("YUV4MPEG2 W4 H4 F25:1\n", 1, 16, 4, 100, 128, 128);
    file = fopen(path, "a");
    fputs("GARBAGE\n", file);
    fclose(file);
    cr_assert_eq(open_stream(&source, false), 0);
    cr_assert_eq(next_frame(source), 0);
    cr_assert_eq(next_frame(source), -EBADMSG);
    source_close(source);
}
