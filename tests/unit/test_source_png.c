/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "producer/sources/source.h"
#include "program/image_file.h"
#include "scratch.h"
#include "use.h"

enum { MARK = 0x5a, ROOM = 64 * 1024 };

static uint8_t pixels[ROOM];
static struct pf_frame frame;

static void quiet(void)
{
    scratch_open();
    pf_log_set_level(PF_LOG_ERROR);
    memset(pixels, MARK, sizeof pixels);
    frame = (struct pf_frame){.plane[0] = {.pixels = pixels, .stride_bytes = 256}};
}

TestSuite(source_png, .init = quiet, .fini = scratch_close);

/* Write an image of one grey, width x height, to the scratch folder. */
static void write_grey(const char *name, uint8_t grey, uint32_t width, uint32_t height)
{
    static uint8_t rows[ROOM];
    char path[512];

    memset(rows, grey, sizeof rows);
    scratch_path(path, scratch, name);
    cr_assert_eq(image_write_file(path, rows, width * 4, width, height, false), 0);
}

static int open_inputs(struct source **source, int count, char **inputs, bool loop)
{
    struct source_config config = {.inputs = inputs, .input_count = count, .loop = loop};

    return source_open(source, &config);
}

static struct source *open_folder(bool loop)
{
    static char *inputs[] = {scratch}; /* in use until the source is closed */
    struct source *source = NULL;

    cr_assert_eq(open_inputs(&source, 1, inputs, loop), 0);
    return source;
}

static void expect_grey(struct source *source, uint8_t grey)
{
    int ret = source_next(source);

    cr_assert_eq(ret, 0, "before grey %d: next returned %d", grey, ret);
    cr_assert_eq(source_fill(source, &frame), 0);
    for (uint32_t y = 0; y < source->format.height; y++)
        for (uint32_t x = 0; x < source->format.width; x++)
            for (int c = 0; c < 3; c++)
                cr_assert_eq(pixels[y * 256 + x * 4 + (uint32_t)c], grey, "%u at %u,%u, not %d",
                             pixels[y * 256 + x * 4 + (uint32_t)c], x, y, grey);
}

Test(source_png, reads_a_folder_in_natural_order)
{
    write_grey("f10.png", 30, 3, 5);
    write_grey("f2.PNG", 20, 3, 5);
    write_grey("f1.png", 10, 3, 5);
    write_grey("f.png", 5, 3, 5);
    write_grey("f 1.png", 7, 3, 5);
    write_grey(".f0.png", 1, 3, 5);
    write_grey("f0.jpg", 2, 3, 5);
    struct source *source = open_folder(false);
    cr_assert_str_eq(source->ops->name, "png");
    cr_assert_eq(source->format.width, 3);
    cr_assert_eq(source->format.height, 5);
    cr_assert_eq(source->format.rate_num, 30 * source->format.rate_den);
    cr_assert_not(source->live, "a source of files skips ticks");
    expect_grey(source, 5);
    expect_grey(source, 7);
    expect_grey(source, 10);
    expect_grey(source, 20);
    expect_grey(source, 30);
    cr_assert_eq(source_next(source), -ENODATA);
    source_close(source);
}

Test(source_png, writes_the_visible_pixels_only)
{
    write_grey("f1.png", 10, 3, 5);
    struct source *source = open_folder(false);
    expect_grey(source, 10);
    for (uint32_t y = 0; y < 5; y++)
        for (uint32_t i = 12; i < 256; i++)
            cr_assert_eq(pixels[y * 256 + i], MARK, "byte %u of row %u was written", i, y);
    cr_assert_eq(pixels[5 * 256], MARK, "a sixth row was written");
    source_close(source);
}

Test(source_png, loop_starts_again_at_the_end)
{
    write_grey("f1.png", 10, 1, 1);
    write_grey("f2.png", 20, 1, 1);
    struct source *source = open_folder(true);
    for (int i = 0; i < 7; i++)
        expect_grey(source, i % 2 ? 20 : 10);
    source_close(source);
}

Test(source_png, rounds_of_a_loop_leave_nothing_behind)
{
    write_grey("f1.png", 10, 1, 1);
    write_grey("f2.png", 20, 1, 1);
    struct source *source = open_folder(true);
    struct use before = {0};
    for (int round = 0; round < 5010; round++) {
        if (round == 10)
            before = use_now();
        cr_assert_eq(source_next(source), 0);
        cr_assert_eq(source_next(source), 0);
    }
    expect_use(&before, 5000);
    source_close(source);
}

Test(source_png, each_round_of_a_loop_has_the_files_of_that_time)
{
    char path[512];

    write_grey("f1.png", 10, 1, 1);
    write_grey("f2.png", 20, 1, 1);
    struct source *source = open_folder(true);
    expect_grey(source, 10);
    write_grey("f3.png", 30, 1, 1);
    expect_grey(source, 20);
    expect_grey(source, 10);
    expect_grey(source, 20);
    scratch_path(path, scratch, "f1.png");
    cr_assert_eq(unlink(path), 0);
    expect_grey(source, 30);
    expect_grey(source, 20);
    expect_grey(source, 30);
    scratch_path(path, scratch, "f2.png");
    cr_assert_eq(unlink(path), 0);
    scratch_path(path, scratch, "f3.png");
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(source_next(source), -EBADMSG, "an empty folder");
    source_close(source);
}

Test(source_png, has_a_new_size_before_the_frame_is_begun)
{
    write_grey("f1.png", 10, 3, 5);
    write_grey("f2.png", 20, 7, 1);
    struct source *source = open_folder(false);
    expect_grey(source, 10);
    cr_assert_eq(source_next(source), 0);
    cr_assert_eq(source->format.width, 7);
    cr_assert_eq(source->format.height, 1);
    cr_assert_eq(source_fill(source, &frame), 0);
    source_close(source);
}

Test(source_png, reads_files_in_the_given_order)
{
    char first[512], second[512];
    char *inputs[] = {first, second};
    struct source *source = NULL;

    write_grey("b.png", 10, 1, 1);
    write_grey("a.png", 20, 1, 1);
    scratch_path(first, scratch, "b.png");
    scratch_path(second, scratch, "a.png");
    cr_assert_eq(open_inputs(&source, 2, inputs, false), 0);
    expect_grey(source, 10);
    expect_grey(source, 20);
    cr_assert_eq(source_next(source), -ENODATA);
    source_close(source);
}

Test(source_png, refuses_an_input_that_is_missing_or_not_an_image)
{
    char path[512];
    char *inputs[] = {path};
    struct source *source = NULL;

    scratch_path(path, scratch, "absent.png");
    cr_assert_eq(open_inputs(&source, 1, inputs, false), -EBADMSG);
    inputs[0] = scratch; /* an empty folder */
    cr_assert_eq(open_inputs(&source, 1, inputs, false), -EBADMSG);
    fclose(fopen(path, "w"));
    cr_assert_eq(open_inputs(&source, 1, inputs, false), -EBADMSG, "an empty file");
    scratch_path(path, scratch, "what.ever");
    inputs[0] = path;
    cr_assert_eq(open_inputs(&source, 1, inputs, false), -EBADMSG, "an unknown kind");
}

Test(source_png, refuses_a_truncated_file_in_mid_sequence)
{
    char path[512];

    write_grey("f1.png", 10, 64, 64);
    write_grey("f2.png", 20, 64, 64);
    scratch_path(path, scratch, "f2.png");
    struct stat info;
    cr_assert_eq(stat(path, &info), 0);
    cr_assert_eq(truncate(path, info.st_size / 2), 0);
    struct source *source = open_folder(false);
    expect_grey(source, 10);
    int ret = source_next(source);
    if (ret == 0)
        ret = source_fill(source, &frame);
    cr_assert_eq(ret, -EBADMSG, "%d", ret);
    source_close(source);
}
