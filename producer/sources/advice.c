/* SPDX-License-Identifier: MIT */
#include "advice.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* "file:" keeps FFmpeg from reading a name such as a:b as a protocol. */
#define CONVERT(path) "ffmpeg -i " path " -pix_fmt yuv420p -f yuv4mpegpipe - | pageflip-producer -"

enum { WORD_BYTES = 384 };

/* Write `text` in quotes, as one word for a shell. Returns false if it is too long. */
static bool quote(const char *text, char out[WORD_BYTES])
{
    char *end = out;

    if (4 * strlen(text) + 3 > WORD_BYTES) /* a quote becomes 4 bytes */
        return false;
    *end++ = '\'';
    for (; *text; text++) {
        if (*text == '\'')
            end = stpcpy(end, "'\\'");
        *end++ = *text;
    }
    stpcpy(end, "'");
    return true;
}

const char *advice_convert(const char *path, char out[ADVICE_BYTES])
{
    char word[WORD_BYTES];

    if (!path || !quote(path, word))
        return CONVERT("INPUT");
    snprintf(out, ADVICE_BYTES, CONVERT("file:%s"), word);
    return out;
}
