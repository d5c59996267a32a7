/* SPDX-License-Identifier: MIT */
/*
 * PNG files in and out, by libpng's row API. The only user of libpng. (Its simplified API is
 * left alone: CVE-2025-64720, CVE-2025-65018.)
 *
 * Pixels are XRGB8888: 32 bits, little endian bytes B, G, R, 255.
 */
#ifndef PICTURE_H
#define PICTURE_H

#include <stddef.h>
#include <stdint.h>

struct picture;

/*
 * Open `path` and read its header only. A size beyond PF_SIZE_MAX is refused here, before any
 * memory is taken for it.
 *
 * Returns 0 and *picture (to be closed with picture_close()), its size in pixels; or, logged with
 * the file's name,
 *   -EBADMSG   not a PNG, damaged, truncated, or too large
 *   -ENOMEM, or the errno of open() or read()
 */
int picture_open(struct picture **picture, const char *path, uint32_t *width, uint32_t *height);

/* The same from memory, for pictures that are built in; `name` stands for the path in messages. */
int picture_open_memory(struct picture **picture, const char *name, const void *bytes,
                        size_t length, uint32_t *width, uint32_t *height);

/*
 * Decode the picture straight into `pixels` (height rows, `stride_bytes` apart, 4 bytes a pixel).
 * Every colour type, bit depth and interlace; alpha is composed over a neutral grey (128). Once per
 * picture.
 *
 * Returns 0, or a negative errno as above: then `pixels` holds part of a picture and must not be
 * shown.
 */
int picture_read(struct picture *picture, uint8_t *pixels, uint32_t stride_bytes);

void picture_close(struct picture *picture); /* accepts NULL */

/*
 * Write a picture as an 8-bit RGB file: to a temporary name beside `path`, synced, then renamed, so
 * that `path` is always whole.
 *
 * Returns 0 or a negative errno, logged; then `path` is as it was and the temporary file is gone.
 */
int picture_write(const char *path, const uint8_t *pixels, uint32_t stride_bytes, uint32_t width,
                  uint32_t height);

#endif
