/* SPDX-License-Identifier: MIT */
/* What an unsuitable input really is, as words for a message. */
#ifndef MEDIA_FILE_KIND_H
#define MEDIA_FILE_KIND_H

#include <stddef.h>
#include <stdint.h>

#define FILE_KIND_PNG "a PNG image"
#define FILE_KIND_Y4M "Y4M video"

enum { FILE_KIND_BYTES = 32 }; /* how many bytes file_kind_of_bytes() can use */

/* The kind of a file that begins with these bytes, such as "a JPEG image"; NULL: unknown. */
const char *file_kind_of_bytes(const uint8_t *start, size_t bytes);

/* The kind of the file at `path`, such as "a JPEG image", "a folder" or "an empty file"; NULL:
 * unknown, or it cannot be read. Opens only regular files. */
const char *file_kind(const char *path);

/* Why `path` could not be opened, which failed with the errno `error`. */
const char *file_open_failure(const char *path, int error);

#endif
