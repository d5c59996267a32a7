/* SPDX-License-Identifier: MIT */
/*
 * Read and write PNG files by libpng's row API. This is the only module that uses libpng. (Its
 * simplified API is not used: CVE-2025-64720, CVE-2025-65018.)
 *
 * Pixels are XRGB8888: 32 bits, little endian bytes B, G, R, 255.
 */
#ifndef MEDIA_IMAGE_H
#define MEDIA_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct image;

/*
 * Open `path` and read only its header. A size beyond PF_SIZE_MAX is refused here, before memory is
 * allocated for it.
 *
 * Returns 0 and *image (to be closed with image_close()), its size in pixels; or, logged with the
 * path,
 *   -EBADMSG   not a PNG, damaged, truncated, or too large
 *   -ENOMEM, or the errno of open()
 */
int image_open(struct image **image, const char *path, uint32_t *width, uint32_t *height);

/* Does it contain more images (APNG)? image_read() decodes only the first. */
bool image_is_animated(const struct image *image);

/*
 * Decode the image directly into `pixels` (height rows, `stride_bytes` apart, 4 bytes a pixel).
 * Every colour type, bit depth and interlace; alpha is composed over a neutral grey (128). Call it
 * once for an image.
 *
 * Returns 0, or a negative errno as above: then `pixels` contains a part of the image and must not
 * be shown.
 */
int image_read(struct image *image, uint8_t *pixels, uint32_t stride_bytes);

void image_close(struct image *image); /* accepts NULL */

/*
 * Encode pixels as a PNG of 8 bits a colour, with byte 3 as its alpha (not premultiplied), or
 * without alpha. Returns 0 or a negative errno, not logged: only the caller has the file's name. A
 * part may still be in the buffer of `file`.
 */
int image_write(FILE *file, const uint8_t *pixels, uint32_t stride_bytes, uint32_t width,
                uint32_t height, bool has_alpha);

#endif
