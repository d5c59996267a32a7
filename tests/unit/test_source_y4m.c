/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "last_message.h"
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
    keep_messages();
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

Test(source_y4m, converts_each_layout)
{
    red_is_red("C420jpeg", 16, 8, 8 * 4);
    red_is_red("C420mpeg2", 16, 8, 8 * 4);
    red_is_red("", 16, 8, 8 * 4); /* the default is 4:2:0 */
    red_is_red("C422", 16, 8, 8 * 8);
    red_is_red("C444", 16, 8, 16 * 8);
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
    for (size_t length = whole - 1; length >= strlen(head) + frame_bytes; length--)
        cr_assert_eq(frames_in_file(length), (int)((length - strlen(head)) / frame_bytes),
                     "%zu bytes", length);
    for (size_t length = strlen(head) + frame_bytes; length-- > 0;)
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
        "YUV4MPEG2 W4 H4 XYSCSS=411\n", /* 4 bytes a row would be read as 4:2:0 */
        "YUV4MPEG2 W4 H4 XYSCSS=420P10\n",
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
    char where[32];
    FILE *file;

    write_stream("YUV4MPEG2 W4 H4 F25:1\n", 1, 16, 4, 100, 128, 128);
    file = fopen(path, "a");
    fseek(file, 0, SEEK_END);
    snprintf(where, sizeof where, "byte %ld", ftell(file));
    fputs("GARBAGE\n", file);
    fclose(file);
    cr_assert_eq(open_stream(&source, false), 0);
    cr_assert_eq(next_frame(source), 0);
    cr_assert_eq(next_frame(source), -EBADMSG);
    cr_assert_not_null(strstr(message, where), "not at %s: %s", where, message);
    source_close(source);
}

/* ------------------------------------------------------------------ headers of other programs */

Test(source_y4m, the_old_parameter_of_the_layout_counts_without_c)
{
    red_is_red("XYSCSS=420JPEG", 16, 8, 8 * 4);
    red_is_red("XYSCSS=422", 16, 8, 8 * 8);
    red_is_red("XYSCSS=444", 16, 8, 16 * 8);
    red_is_red("C444 XYSCSS=420JPEG", 16, 8, 16 * 8);
    red_is_red("XYSCSS=420JPEG C444", 16, 8, 16 * 8);
}

static struct source *open_header(const char *head, bool rate_is_given)
{
    struct source *source = NULL;

    write_stream(head, 1, 4, 1, 100, 128, 128);
    cr_assert_eq(open_with(&source, (struct source_config){.rate_is_given = rate_is_given}), 0,
                 "%s: %s", head, message);
    return source;
}

Test(source_y4m, a_stream_without_a_rate_gets_one_with_a_warning)
{
    const char *heads[] = {"YUV4MPEG2 W2 H2\n", "YUV4MPEG2 W2 H2 F0:0\n"};

    for (size_t i = 0; i < 2; i++) {
        warnings = 0;
        struct source *source = open_header(heads[i], false);
        cr_assert_eq(source->format.rate_num, 25);
        cr_assert_eq(source->format.rate_den, 1);
        cr_assert_eq(warnings, 1);
        cr_assert_not_null(strstr(message, "--rate"), "%s", message);
        source_close(source);
        source = open_header(heads[i], true);
        cr_assert_eq(warnings, 1, "a warning although the rate is given: %s", message);
        source_close(source);
    }
}

Test(source_y4m, a_given_rate_makes_any_rate_of_the_header_acceptable)
{
    const char *rates[] = {"0:1", "1:0", "25", "25:", "-25:1", "x", "29.97:1", "99999999999:1", ""};

    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct source *source = NULL;
        char head[64];
        snprintf(head, sizeof head, "YUV4MPEG2 W2 H2 F%s\n", rates[i]);
        source = open_header(head, true);
        cr_assert_eq(next_frame(source), 0);
        source_close(source);
        source = NULL;
        cr_assert_eq(open_stream(&source, false), -EBADMSG, "F%s was accepted", rates[i]);
        cr_assert_not_null(strstr(message, "--rate"), "%s", message);
    }
}

Test(source_y4m, lines_may_end_in_cr_lf_and_have_tabs)
{
    struct source *source = NULL;
    FILE *file = fopen(path, "w");

    fputs("YUV4MPEG2\tW2  H2\tF30:1 C420jpeg\r\nFRAME\r\n", file);
    fputs("dddd\x80\x80"
          "FRAME\tIp\nxxxx\x80\x80",
          file);
    fclose(file);
    cr_assert_eq(open_stream(&source, false), 0, "%s", message);
    cr_assert_eq(source->format.width, 2);
    cr_assert_eq(source->format.height, 2);
    cr_assert_eq(source->format.rate_num, 30);
    cr_assert_eq(next_frame(source), 0, "%s", message);
    expect_color(source, 98, 98, 98); /* ('d' - 16) * 255 / 219 */
    cr_assert_eq(next_frame(source), 0, "%s", message);
    cr_assert_eq(next_frame(source), -ENODATA);
    source_close(source);
}

static void expect_warnings(const char *parameters, int count)
{
    char head[128];

    warnings = 0;
    snprintf(head, sizeof head, "YUV4MPEG2 W2 H2 F25:1 %s\n", parameters);
    source_close(open_header(head, false));
    cr_assert_eq(warnings, count, "%s: %d warnings: %s", parameters, warnings, message);
}

Test(source_y4m, what_the_frames_lose_is_in_a_warning)
{
    expect_warnings("Ip A1:1 C420jpeg", 0);
    expect_warnings("I? A0:0", 0);
    expect_warnings("A128:128", 0);
    expect_warnings("A10:11", 1);
    cr_assert_not_null(strstr(message, "10:11"), "%s", message);
    expect_warnings("It", 1);
    expect_warnings("Im A4:3", 2);
    expect_warnings("Cmono", 1);
    expect_warnings("Cmono XCOLORRANGE=FULL", 0);
    expect_warnings("Cmono XCOLORRANGE=LIMITED", 0);
}

Test(source_y4m, mono_has_the_range_of_the_header)
{
    struct source *source = open_header("YUV4MPEG2 W2 H2 F25:1 Cmono XCOLORRANGE=FULL\n", false);

    cr_assert_eq(next_frame(source), 0);
    expect_color(source, 100, 100, 100);
    source_close(source);
    source = open_header("YUV4MPEG2 W2 H2 F25:1 Cmono XCOLORRANGE=LIMITED\n", false);
    cr_assert_eq(next_frame(source), 0);
    expect_color(source, 98, 98, 98);
    source_close(source);
}

/* ------------------------------------------------------------------ several streams */

/* Append a stream of one grey frame. */
static void append_stream(const char *head, size_t luma, size_t chroma, int y)
{
    FILE *file = fopen(path, "a");

    fprintf(file, "%sFRAME\n", head);
    for (size_t i = 0; i < luma; i++)
        fputc(y, file);
    for (size_t i = 0; i < 2 * chroma; i++)
        fputc(128, file);
    fclose(file);
}

static void expect_stream(struct source *source, uint32_t width, uint32_t rate, int grey)
{
    memset(pixels, MARK, sizeof pixels);
    cr_assert_eq(next_frame(source), 0);
    cr_assert_eq(source->format.width, width);
    cr_assert_eq(source->format.rate_num, rate);
    expect_color(source, grey, grey, grey);
}

Test(source_y4m, a_second_stream_continues_with_its_own_format)
{
    struct source *source = NULL;

    append_stream("YUV4MPEG2 W2 H2 F25:1 A4:3\n", 4, 1, 100);
    append_stream("YUV4MPEG2 W5 H3 F50:1 C444\n", 15, 15, 200);
    append_stream("YUV4MPEG2 W2 H2 F25:1\n", 4, 1, 50);
    cr_assert_eq(open_stream(&source, true), 0);
    for (int round = 0; round < 3; round++) {
        expect_stream(source, 2, 25, 98);
        expect_stream(source, 5, 50, 214);
        expect_stream(source, 2, 25, 40);
    }
    cr_assert_eq(warnings, 1, "the aspect is reported %d times", warnings);
    source_close(source);
}

Test(source_y4m, further_streams_leave_nothing_behind)
{
    struct source *source = NULL;

    append_stream("YUV4MPEG2 W2 H2 F25:1\n", 4, 1, 100);
    append_stream("YUV4MPEG2 W5 H3 F50:1 C444\n", 15, 15, 200);
    cr_assert_eq(open_stream(&source, true), 0);
    expect_stream(source, 2, 25, 98);
    struct use before = use_now();
    for (int round = 0; round < 5000; round++) {
        cr_assert_eq(next_frame(source), 0);
        cr_assert_eq(next_frame(source), 0);
    }
    expect_use(&before, 5000);
    source_close(source);
}

Test(source_y4m, a_second_stream_that_is_not_supported_is_refused)
{
    struct source *source = NULL;

    append_stream("YUV4MPEG2 W2 H2 F25:1\n", 4, 1, 100);
    append_stream("YUV4MPEG2 W2 H2 F25:1 C420p10\n", 8, 2, 100);
    cr_assert_eq(open_stream(&source, false), 0);
    cr_assert_eq(next_frame(source), 0);
    cr_assert_eq(next_frame(source), -EBADMSG);
    cr_assert_not_null(strstr(message, "420p10"), "%s", message);
    source_close(source);
}

/* ------------------------------------------------------------------ pipes */

static struct source *open_pipe(int ends[2])
{
    static const char head[] = "YUV4MPEG2 W2 H2 F25:1\n";
    struct source *source = NULL;

    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], head, strlen(head)), (ssize_t)strlen(head));
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    cr_assert_eq(open_stream(&source, false), 0, "%s", message);
    cr_assert_str_eq(source->ops->name, "y4m");
    close(ends[0]);
    return source;
}

Test(source_y4m, a_pipe_is_read_under_any_name_and_its_lead_is_seen)
{
    static const char frames[] = "FRAME\n......FRAME\n......";
    const ssize_t length = (ssize_t)strlen(frames);
    int ends[2];
    struct source *source = open_pipe(ends);

    cr_assert_eq(write(ends[1], frames, (size_t)length), length);
    cr_assert_eq(next_frame(source), 0);
    cr_assert(source->is_ahead, "the second frame is in the buffer");
    cr_assert_eq(next_frame(source), 0);
    cr_assert_not(source->is_ahead);
    cr_assert_eq(write(ends[1], frames, (size_t)length / 2), length / 2);
    cr_assert_eq(next_frame(source), 0);
    cr_assert_not(source->is_ahead);
    close(ends[1]);
    cr_assert_eq(next_frame(source), -ENODATA);
    cr_assert_eq(warnings, 0, "%s", message);
    source_close(source);
}

Test(source_y4m, the_end_of_a_fifo_is_in_a_warning)
{
    static const char stream[] = "YUV4MPEG2 W2 H2 F25:1\nFRAME\n......";
    struct source *source = NULL;

    scratch_path(path, scratch, "fifo");
    cr_assert_eq(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDWR); /* waits for no reader */
    cr_assert_eq(write(fd, stream, strlen(stream)), (ssize_t)strlen(stream));
    cr_assert_eq(open_stream(&source, false), 0, "%s", message);
    close(fd);
    cr_assert_eq(next_frame(source), 0);
    cr_assert_eq(next_frame(source), -ENODATA);
    cr_assert_eq(warnings, 1);
    cr_assert_not_null(strstr(message, "writer"), "%s", message);
    source_close(source);
}

Test(source_y4m, other_content_is_named)
{
    struct source *source = NULL;
    FILE *file = fopen(path, "w");

    fputs("\xff\xd8\xff\xe0 a photograph", file);
    fclose(file);
    cr_assert_eq(open_stream(&source, false), -EBADMSG);
    cr_assert_not_null(strstr(message, "JPEG"), "%s", message);
    cr_assert_not_null(strstr(message, "-pix_fmt yuv420p"), "%s", message);
    cr_assert_eq(truncate(path, 0), 0);
    cr_assert_eq(open_stream(&source, false), -EBADMSG);
    cr_assert_not_null(strstr(message, "empty"), "%s", message);
    write_stream("YUV4MPEG2W4 H4\n", 1, 16, 4, 100, 128, 128);
    cr_assert_eq(open_stream(&source, false), -EBADMSG);
    cr_assert_not_null(strstr(message, "damaged"), "%s", message);
}
