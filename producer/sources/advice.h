/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_SOURCES_ADVICE_H
#define PRODUCER_SOURCES_ADVICE_H

enum { ADVICE_BYTES = 512 };

/*
 * A command for a shell that converts video or images of another kind and shows them. `path` is the
 * file. NULL, or a path that is too long: the command contains INPUT instead. The result may be in
 * `out`.
 */
const char *advice_convert(const char *path, char out[ADVICE_BYTES]);

#endif
