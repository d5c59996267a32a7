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
        {"\x89PNG\r\n\x1a\n....CgBI",
         "a PNG optimized for iOS (CgBI), which is not a standard PNG"},
        {"\x89PNG\n\x1a\n....IHDR", "a PNG image that was damaged by a transfer in text mode"},
        {"\x8aMNG\r\n\x1a\n", "an MNG animation"},
        {"YUV4MPEG2 W2 H2\n", FILE_KIND_Y4M},
        {"BM1234....", "a BMP image"},
        {"P5 2 2 255\n", "a PGM image"},
        {"P6 2 2 255\n", "a PPM image"},
        {"qoif........", "a QOI image"},
        {"\xff\x0a....", "a JPEG XL image"},
        {"RIFF1234WEBPVP8 ", "a WebP image"},
        {"RIFF1234AVI LIST", "AVI video"},
        {"....ftypavif....", "an AVIF image"},
        {"....ftypheic....", "a HEIC image"},
        {"....ftypisom....", "MP4 or QuickTime video"},
        {"\x1a\x45\xdf\xa3.....", "Matroska or WebM video"},
        {"OggS....", "Ogg video"},
        {"DKIF....", "IVF video"},
        {"<svg xmlns=", "an SVG image"},
        {"<?xml version=", "an XML document"},
        {"%PDF-1.7", "a PDF document"},
        {"PK\x03\x04....", "a ZIP archive"},
        {"\x1f\x8b....", "gzip data"},
        {"", "an empty file"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_str_eq(kind_of("a.png", cases[i].content, strlen(cases[i].content)),
                         cases[i].kind, "case %zu", i);
    cr_assert_str_eq(kind_of("b", "II*\0....", 8), "a TIFF image");
    cr_assert_str_eq(kind_of("b", "MM\0*....", 8), "a TIFF image");
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

Test(file_kind, bytes_after_the_end_do_not_count)
{
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff, 0xe0};
    static const uint8_t webp[] = "RIFF1234WEBP";

    for (size_t bytes = 0; bytes < 3; bytes++)
        cr_assert_null(file_kind_of_bytes(jpeg, bytes), "%zu bytes", bytes);
    cr_assert_str_eq(file_kind_of_bytes(jpeg, 3), "a JPEG image");
    cr_assert_null(file_kind_of_bytes(webp, 11));
    cr_assert_str_eq(file_kind_of_bytes(webp, 12), "a WebP image");
}
