/* SPDX-License-Identifier: MIT */
/* The first bytes are those of each format's specification. */
#include "file_kind.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC(at, text, words)                                                                     \
    {                                                                                              \
        at, sizeof(text) - 1, text, words                                                          \
    }

/* The first match counts. */
static const struct {
    size_t at, length;
    const char *magic, *words;
} kinds[] = {
    MAGIC(12, "CgBI", "a PNG optimized for iOS (CgBI), which is not a standard PNG"),
    MAGIC(0, "\x89PNG\r\n\x1a\n", FILE_KIND_PNG),
    MAGIC(0, "\x89PNG\n", "a PNG image that was damaged by a transfer in text mode"),
    MAGIC(0, "\x8aMNG", "an MNG animation"),
    MAGIC(0, "YUV4MPEG2", FILE_KIND_Y4M),
    MAGIC(0, "\xff\xd8\xff", "a JPEG image"),
    MAGIC(0, "GIF8", "a GIF image"),
    MAGIC(0, "BM", "a BMP image"),
    MAGIC(0, "II*\0", "a TIFF image"),
    MAGIC(0, "MM\0*", "a TIFF image"),
    MAGIC(0, "P5", "a PGM image"),
    MAGIC(0, "P6", "a PPM image"),
    MAGIC(0, "qoif", "a QOI image"),
    MAGIC(0, "\xff\x0a", "a JPEG XL image"),
    MAGIC(8, "WEBP", "a WebP image"),
    MAGIC(8, "AVI ", "AVI video"),
    MAGIC(4, "ftypavif", "an AVIF image"),
    MAGIC(4, "ftypheic", "a HEIC image"),
    MAGIC(4, "ftyp", "MP4 or QuickTime video"),
    MAGIC(0, "\x1a\x45\xdf\xa3", "Matroska or WebM video"),
    MAGIC(0, "OggS", "Ogg video"),
    MAGIC(0, "DKIF", "IVF video"),
    MAGIC(0, "<svg", "an SVG image"),
    MAGIC(0, "<?xml", "an XML document"),
    MAGIC(0, "%PDF", "a PDF document"),
    MAGIC(0, "PK\x03\x04", "a ZIP archive"),
    MAGIC(0, "\x1f\x8b", "gzip data"),
};

const char *file_kind_of_bytes(const uint8_t *start, size_t bytes)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (bytes >= kinds[i].at + kinds[i].length &&
            memcmp(start + kinds[i].at, kinds[i].magic, kinds[i].length) == 0)
            return kinds[i].words;
    return NULL;
}

static const char *kind_of_content(const char *path)
{
    uint8_t start[FILE_KIND_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return NULL;
    ssize_t got = pread(fd, start, sizeof start, 0);
    close(fd);
    return got < 0 ? NULL : got == 0 ? "an empty file" : file_kind_of_bytes(start, (size_t)got);
}

const char *file_kind(const char *path)
{
    struct stat info;

    if (stat(path, &info) < 0)
        return NULL;
    switch (info.st_mode & S_IFMT) {
    case S_IFREG: return kind_of_content(path);
    case S_IFDIR: return "a folder";
    case S_IFIFO: return "a FIFO";
    case S_IFSOCK: return "a socket";
    default: return "a device";
    }
}

const char *file_open_failure(const char *path, int error)
{
    struct stat info;

    if (error == ENOENT && lstat(path, &info) == 0)
        return "it is a link to a file that does not exist";
    return strerror(error);
}
