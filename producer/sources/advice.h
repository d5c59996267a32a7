/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_SOURCES_ADVICE_H
#define PRODUCER_SOURCES_ADVICE_H

enum { ADVICE_BYTES = 512 };

/*
 * Write a command that shows other video or images, which a shell can run as it is, to `out`, and
 * return it. `path` is the file; NULL: a stream, which the command calls INPUT, like a path that is
 * too long.
 */
const char *advice_convert(const char *path, char out[ADVICE_BYTES]);

#endif
