/* SPDX-License-Identifier: MIT */
/* The header line of a Y4M stream (yuv4mpeg(5)), with the extensions of FFmpeg. */
#ifndef PRODUCER_SOURCES_Y4M_HEADER_H
#define PRODUCER_SOURCES_Y4M_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "media/yuv.h"

#define Y4M_MAGIC "YUV4MPEG2" /* the first word of the line */

struct y4m_header {
    /* Set by the caller. */
    const char *name; /* of the stream, for messages */
    const char *path; /* of its file, for advice; NULL: it cannot be read again */
    bool needs_rate;  /* false: the rate is known, so an invalid one in the header is no error */
    bool is_known;    /* the header was read before, so its peculiarities are not logged again */

    /* Set by y4m_header_parse(). */
    struct yuv_format yuv;       /* except for yuv.matrix, which the format does not record */
    uint32_t rate_num, rate_den; /* frames per second; 0/0: none */
};

/* Does the line begin with this word? Words end at a space, a tab, a CR or the end of the line. */
bool y4m_line_is(const char *line, const char *word);

/* Parse a line that begins with Y4M_MAGIC; changes the line. Returns 0, or -EBADMSG, logged. */
int y4m_header_parse(struct y4m_header *header, char *line);

#endif
