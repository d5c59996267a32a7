/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "last_message.h"
#include "producer/sources/advice.h"
#include "producer/sources/probe.h"
#include "producer/sources/source.h"
#include "program/image_file.h"
#include "scratch.h"

#define Y4M "YUV4MPEG2 W2 H2 F25:1\nFRAME\n......"
#define SIGNATURE "\x89PNG\r\n\x1a\n"

#define NONE SOURCE_MATCH_NONE
#define NAME SOURCE_MATCH_NAME
#define CONTENT SOURCE_MATCH_CONTENT

static void init(void)
{
    scratch_open();
    keep_messages();
}

TestSuite(source_probe, .init = init, .fini = scratch_close);

static void write_file(const char *name, const char *content)
{
    char path[512];

    scratch_path(path, scratch, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(content, file);
    fclose(file);
}

static void write_png(const char *name)
{
    uint8_t pixel[4] = {0};
    char path[512];

    scratch_path(path, scratch, name);
    cr_assert_eq(image_write_file(path, pixel, 4, 1, 1, false), 0);
}

/* Open files of the scratch folder; "-" is standard input. */
static int open_names(struct source **source, const char *first, const char *second)
{
    static char paths[2][512];
    char *inputs[2] = {paths[0], paths[1]};
    const char *names[2] = {first, second};
    struct source_config config = {.inputs = inputs, .input_count = second ? 2 : 1};

    for (int i = 0; i < 2 && names[i]; i++) {
        if (strcmp(names[i], "-") == 0)
            strcpy(paths[i], "-");
        else
            scratch_path(paths[i], scratch, names[i]);
    }
    return source_open(source, &config);
}

static enum source_match match(const struct source_ops *ops, const char *name)
{
    char path[512];
    char *inputs[] = {path};
    struct source_config config = {.inputs = inputs, .input_count = 1};

    if (strcmp(name, "-") == 0)
        strcpy(path, "-");
    else
        scratch_path(path, scratch, name);
    return ops->probe(&config);
}

Test(source_probe, content_is_a_stronger_match_than_the_name)
{
    static const struct {
        const char *name, *content; /* NULL: no such file */
        enum source_match png, y4m;
    } cases[] = {
        {"a.png", SIGNATURE, CONTENT, NONE},
        {"b.y4m", Y4M, NONE, CONTENT},
        {"c.png", Y4M, NAME, CONTENT},
        {"d.y4m", SIGNATURE, CONTENT, NAME},
        {"e", SIGNATURE, CONTENT, NONE},
        {"f", Y4M, NONE, CONTENT},
        {"g.PNG", "GIF89a", NAME, NONE},
        {"h.Y4M", "YUV4MPEG", NONE, NAME},
        {"i.png", "", NAME, NONE},
        {"j.y4m", NULL, NONE, NAME},
        {"k.mp4", "ftyp", NONE, NONE},
        {"l", NULL, NONE, NONE},
        {"m.jpg", " " SIGNATURE, NONE, NONE},
        {"-", NULL, NONE, NAME},
        {".", NULL, CONTENT, NONE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = cases[i].name;
        if (cases[i].content)
            write_file(name, cases[i].content);
        cr_assert_eq(match(&source_png_ops, name), cases[i].png, "png: %s: %d", name,
                     match(&source_png_ops, name));
        cr_assert_eq(match(&source_y4m_ops, name), cases[i].y4m, "y4m: %s: %d", name,
                     match(&source_y4m_ops, name));
        cr_assert_eq(match(&source_pattern_ops, name), NONE, "pattern: %s", name);
    }
}

Test(source_probe, several_inputs_match_as_their_weakest)
{
    struct source_config config = {.input_count = 2};
    char paths[2][512];
    char *inputs[] = {paths[0], paths[1]};

    config.inputs = inputs;
    write_file("a.png", SIGNATURE);
    write_file("b.png", Y4M);
    scratch_path(paths[0], scratch, "a.png");
    scratch_path(paths[1], scratch, "b.png");
    cr_assert_eq(source_png_ops.probe(&config), SOURCE_MATCH_NAME);
    scratch_path(paths[1], scratch, "b.gif");
    cr_assert_eq(source_png_ops.probe(&config), SOURCE_MATCH_NONE);
}

Test(source_probe, a_pipe_matches_y4m_by_any_name)
{
    const char *names[] = {"pipe", "pipe.png", "pipe.y4m"};
    char path[512];

    for (int i = 0; i < 3; i++) {
        scratch_path(path, scratch, names[i]);
        cr_assert_eq(mkfifo(path, 0600), 0);
        cr_assert_eq(match(&source_y4m_ops, names[i]), NAME);
        cr_assert_eq(match(&source_png_ops, names[i]), NONE);
    }
}

Test(source_probe, a_pipe_is_not_opened)
{
    char path[512];

    scratch_path(path, scratch, "pipe");
    cr_assert_eq(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDWR | O_NONBLOCK);
    cr_assert_eq(write(fd, Y4M, sizeof Y4M), (ssize_t)sizeof Y4M);
    cr_assert_not(probe_content(path, "YUV4", 4));
    char text[sizeof Y4M];
    cr_assert_eq(read(fd, text, sizeof text), (ssize_t)sizeof text, "bytes were consumed");
    close(fd);
}

/* A writer that waits in open() would continue, and then find no reader. */
Test(source_probe, no_probe_opens_a_pipe)
{
    char path[512], event[512];
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    scratch_path(path, scratch, "pipe.y4m");
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_geq(inotify_add_watch(watch, path, IN_OPEN), 0);
    cr_assert_not(probe_content(path, "YUV4", 4));
    cr_assert(probe_is_stream(path));
    cr_assert_not(probe_is_folder(path));
    cr_assert_eq(match(&source_y4m_ops, "pipe.y4m"), NAME);
    cr_assert_eq(match(&source_png_ops, "pipe.y4m"), NONE);
    cr_assert_eq(read(watch, event, sizeof event), -1, "the pipe was opened");
    cr_assert_eq(errno, EAGAIN);
    close(open(path, O_RDONLY | O_NONBLOCK));
    cr_assert_gt(read(watch, event, sizeof event), 0, "the watch does not notice an open()");
    close(watch);
}

Test(source_probe, a_suffix_needs_a_name_before_it)
{
    cr_assert(probe_suffix("a.png", ".png"));
    cr_assert(probe_suffix("a.PnG", ".png"));
    cr_assert_not(probe_suffix(".png", ".png"));
    cr_assert_not(probe_suffix("png", ".png"));
    cr_assert_not(probe_suffix("a.png.gz", ".png"));
    cr_assert_not(probe_suffix("", ".png"));
}

/* A quote in a path needs four bytes. A path that is too long is not part of the advice. */
Test(source_probe, advice_names_a_path_of_any_length_or_none)
{
    char path_of_quotes[1000], out[ADVICE_BYTES];

    for (size_t length = 1; length < sizeof path_of_quotes; length++) {
        memset(path_of_quotes, '\'', length);
        path_of_quotes[length] = '\0';
        const char *advice = advice_convert(path_of_quotes, out);
        size_t quotes = 0;
        for (const char *c = advice; *c; c++)
            quotes += *c == '\'';
        if (strstr(advice, "INPUT"))
            cr_assert(quotes == 0 && length > 90, "%zu quotes in %s", length, advice);
        else
            cr_assert_eq(quotes, 2 + 3 * length, "%zu quotes in %s", length, advice);
        cr_assert_not_null(strstr(advice, "| pageflip-producer -"), "%s", advice);
    }
    cr_assert_not_null(strstr(advice_convert(NULL, out), "INPUT"));
}

static void expect_source(const char *name, const char *source_name)
{
    struct source *source = NULL;

    cr_assert_eq(open_names(&source, name, NULL), 0, "%s: %s", name, message);
    cr_assert_str_eq(source->ops->name, source_name, "%s: %s", name, source->ops->name);
    source_close(source);
}

Test(source_probe, a_file_with_a_wrong_name_or_none_is_read_by_its_content)
{
    write_file("y4m.png", Y4M);
    write_file("y4m", Y4M);
    write_png("png.y4m");
    write_png("png");
    expect_source("y4m.png", "y4m");
    expect_source("y4m", "y4m");
    expect_source("png.y4m", "png");
    expect_source("png", "png");
}

static void expect_refusal(const char *first, const char *second, const char *words)
{
    struct source *source = NULL;

    message[0] = '\0';
    cr_assert_eq(open_names(&source, first, second), -EBADMSG, "%s", first);
    cr_assert_not_null(strstr(message, words), "\"%s\", not \"%s\"", message, words);
}

Test(source_probe, damaged_content_is_explained_by_the_source_of_the_name)
{
    write_file("gif.png", "GIF89a");
    write_file("short.png", "\x89PN");
    write_file("old.y4m", "YUV4MPEG1 W2 H2\n");
    expect_refusal("gif.png", NULL, "gif.png: not a valid PNG");
    expect_refusal("short.png", NULL, "short.png: not a valid PNG");
    expect_refusal("old.y4m", NULL, "old.y4m: not Y4M");
    expect_refusal("absent.png", NULL, "No such file");
}

Test(source_probe, an_input_that_no_source_reads_is_answered_with_the_hints_of_all)
{
    write_file("movie.mp4", "ftyp");
    expect_refusal("movie.mp4", NULL, source_png_ops.hint);
    cr_assert_not_null(strstr(message, source_y4m_ops.hint), "%s", message);
    write_file("it's.mp4", "....ftyp");
    expect_refusal("it's.mp4", NULL, "MP4");
    cr_assert_not_null(strstr(message, "/it'\\''s.mp4' -pix_fmt"), "%s", message);
    expect_refusal("absent", NULL, "absent: No such file");
}

Test(source_probe, names_the_input_that_cannot_be_combined_with_others)
{
    write_png("a.png");
    write_file("b", Y4M);
    write_file("c.txt", "text");
    expect_refusal("a.png", "b", "b: y4m cannot be combined");
    expect_refusal("-", "a.png", "-: y4m cannot be combined");
    expect_refusal("b", "b", "b: y4m cannot be combined");
    expect_refusal("a.png", "c.txt", "c.txt: no source reads it");
}

Test(source_probe, a_matrix_needs_a_source_that_has_one)
{
    char path[512];
    char *inputs[] = {path};
    struct source_config config = {.inputs = inputs, .input_count = 1, .matrix = 709};
    struct source *source = NULL;

    write_png("a");
    write_file("b", Y4M);
    scratch_path(path, scratch, "a");
    cr_assert_eq(source_open(&source, &config), -EINVAL);
    cr_assert_not_null(strstr(message, "--matrix"), "%s", message);
    scratch_path(path, scratch, "b");
    cr_assert_eq(source_open(&source, &config), 0, "%s", message);
    source_close(source);
}
