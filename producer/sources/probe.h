/* SPDX-License-Identifier: MIT */
/* Questions about an input before it is opened, for source_ops.probe. None consumes a byte. */
#ifndef PRODUCER_SOURCES_PROBE_H
#define PRODUCER_SOURCES_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* Does the name end in `suffix`, like ".png", in upper or lower case? The suffix alone does not
 * count. */
bool probe_suffix(const char *input, const char *suffix);

/* Is it a regular file that begins with these bytes (at most 16)? False for "-", a pipe, a device,
 * and a file that cannot be read. */
bool probe_content(const char *input, const void *magic, size_t bytes);

/* Is it "-", "/dev/stdin", a FIFO, a pipe such as /dev/fd/63, or a socket, and no regular file?
 * Only reading shows what such an input contains. */
bool probe_is_stream(const char *input);

bool probe_is_folder(const char *input);

#endif
