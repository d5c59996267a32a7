/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "media/file_kind.h"
#include "scratch.h"

TestSuite(file_kind, .init = scratch_open, .fini = scratch_close);

static char path[512];

static const char *kind_of(const char *name, const char *content, size_t bytes)
{
    scratch_path(path, scratch, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(content, 1, bytes, file), bytes);
    fclose(file);
    return file_kind(path);
}

Test(file_kind, content_decides_and_not_the_name)
{
    static const struct {
        const char *content, *kind;
    } cases[] = {
        {"\xff\xd8\xff\xe0 JFIF", "a JPEG image"},
        {"GIF89a......", "a GIF image"},
        {"\x89PNG\r\n\x1a\n....IHDR", FILE_KIND_PNG},
        {"YUV4MPEG2 W2 H2\n", FILE_KIND_Y4M},
        {"RIFF1234WEBPVP8 ", "a WebP image"},
        {"....ftypisom....", "MP4 or QuickTime video"},
        {"\x1a\x45\xdf\xa3.....", "Matroska or WebM video"},
        {"", "an empty file"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_str_eq(kind_of("a.png", cases[i].content, strlen(cases[i].content)),
                         cases[i].kind, "case %zu", i);
    cr_assert_str_eq(kind_of("b", "II*\0....", 8), "a TIFF image");
    cr_assert_null(kind_of("c.png", "hello, world", 12));
    cr_assert_null(kind_of("d.png", "\xff\xd8", 2), "two bytes are not enough for a JPEG image");
}

Test(file_kind, names_what_is_no_file)
{
    cr_assert_str_eq(file_kind(scratch), "a folder");
    cr_assert_str_eq(file_kind("/dev/null"), "a device");
    scratch_path(path, scratch, "pipe.png");
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_str_eq(file_kind(path), "a FIFO"); /* and does not wait for a writer */
    scratch_path(path, scratch, "absent.png");
    cr_assert_null(file_kind(path));
    cr_assert_str_eq(file_open_failure(path, ENOENT), strerror(ENOENT));
    cr_assert_eq(symlink("nowhere", path), 0);
    cr_assert_str_eq(file_open_failure(path, ENOENT), "it is a link to a file that does not exist");
    cr_assert_str_eq(file_open_failure(path, EACCES), strerror(EACCES));
}
