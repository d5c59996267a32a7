/* SPDX-License-Identifier: MIT */
#ifndef PROGRAM_IMAGE_FILE_H
#define PROGRAM_IMAGE_FILE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Write pixels as the PNG file `path` by image_write(), complete or not at all (atomic_file.h).
 *
 * Returns 0, or a negative errno, logged.
 */
int image_write_file(const char *path, const uint8_t *pixels, uint32_t stride_bytes, uint32_t width,
                     uint32_t height, bool has_alpha);

#endif
