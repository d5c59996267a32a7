/* SPDX-License-Identifier: MIT */
/*
 * Each parameter is a word whose first letter is its name. A parameter that changes how the frames
 * look, but not whether they can be read, is reported by a warning.
 */
#include "y4m_header.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "advice.h"
#include "core/log.h"
#include "core/text.h"
#include "pageflip.h"

#define SEPARATORS " \t\r"

enum { DEFAULT_FPS = 25 };

/* What the parameters of a line contain; NULL: it has no such parameter. */
struct parameters {
    const char *width, *height, *rate, *layout, *old_layout, *aspect, *interlace, *range;
};

bool y4m_line_is(const char *line, const char *word)
{
    size_t length = strlen(word);

    return strncmp(line, word, length) == 0 && (!line[length] || strchr(SEPARATORS, line[length]));
}

static struct parameters split(char *line)
{
    struct parameters found = {0};

    strsep(&line, SEPARATORS); /* the magic word */
    for (const char *word; (word = strsep(&line, SEPARATORS));)
        switch (word[0]) {
        case 'W': found.width = word + 1; break;
        case 'H': found.height = word + 1; break;
        case 'F': found.rate = word + 1; break;
        case 'C': found.layout = word + 1; break;
        case 'A': found.aspect = word + 1; break;
        case 'I': found.interlace = word + 1; break;
        case 'X': /* FFmpeg's extensions; FFmpeg writes XYSCSS also next to C */
            if (strncmp(word, "XYSCSS=", 7) == 0)
                found.old_layout = word + 7;
            if (strncmp(word, "XCOLORRANGE=", 12) == 0)
                found.range = word + 12;
            break;
        default: break; /* unknown parameters, and empty words between two separators */
        }
    return found;
}

static int parse_side(const struct y4m_header *header, const char *name, const char *text,
                      uint32_t *side)
{
    int64_t value = 0;

    if (!text || !text_to_int(text, 1, PF_SIZE_MAX, &value)) {
        log_error("%s: Y4M header: %s \"%s\" is not 1 to %d pixels", header->name, name,
                  text ? text : "", PF_SIZE_MAX);
        return -EBADMSG;
    }
    *side = (uint32_t)value;
    return 0;
}

/* Two numbers like "30000:1001", each 0 or more. */
static bool parse_ratio(const char *text, int64_t *num, int64_t *den)
{
    char first[16];
    const char *colon = strchr(text, ':');

    if (!colon || (size_t)(colon - text) >= sizeof first)
        return false;
    memcpy(first, text, (size_t)(colon - text));
    first[colon - text] = '\0';
    return text_to_int(first, 0, UINT32_MAX, num) && text_to_int(colon + 1, 0, UINT32_MAX, den);
}

static int parse_rate(struct y4m_header *header, const char *text)
{
    int64_t num = 0, den = 0;
    bool is_valid = !text || (parse_ratio(text, &num, &den) && !num == !den);

    header->rate_num = is_valid ? (uint32_t)num : 0;
    header->rate_den = is_valid ? (uint32_t)den : 0;
    if (header->rate_num || !header->needs_rate)
        return 0;
    if (!is_valid) {
        log_error("%s: Y4M header: rate F \"%s\" is not valid; give --rate FPS", header->name,
                  text);
        return -EBADMSG;
    }
    if (!header->is_known)
        log_warning("%s: Y4M header: no frame rate: %d frames per second are assumed; give another "
                    "by --rate FPS",
                    header->name, DEFAULT_FPS);
    header->rate_num = DEFAULT_FPS;
    header->rate_den = 1;
    return 0;
}

static int parse_layout(struct y4m_header *header, const char *text)
{
    static const struct {
        const char *name;
        enum yuv_chroma chroma;
    } known[] = {
        {"420", YUV_420}, {"420jpeg", YUV_420}, {"420mpeg2", YUV_420}, {"420paldv", YUV_420},
        {"422", YUV_422}, {"444", YUV_444},     {"mono", YUV_MONO},
    };
    char advice[ADVICE_BYTES];

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(known[i].name, text) == 0) { /* in XYSCSS in upper case */
            header->yuv.chroma = known[i].chroma;
            return 0;
        }
    log_error("%s: Y4M header: colour space \"%s\" is not supported; convert it: %s", header->name,
              text, advice_convert(header->path, advice));
    return -EBADMSG;
}

static void warn_about_peculiarities(const struct y4m_header *header,
                                     const struct parameters *found)
{
    int64_t num = 0, den = 0;

    if (found->interlace && found->interlace[0] && !strchr("p?", found->interlace[0]))
        log_warning("%s: interlaced frames are shown without deinterlacing", header->name);
    if (found->aspect && parse_ratio(found->aspect, &num, &den) && num != den)
        log_warning("%s: pixels with the aspect %s are shown square", header->name, found->aspect);
    if (header->yuv.chroma == YUV_MONO && !found->range)
        log_warning("%s: mono without XCOLORRANGE: limited range (16 to 235) is assumed",
                    header->name);
}

int y4m_header_parse(struct y4m_header *header, char *line)
{
    const struct parameters found = split(line);
    const char *layout = found.layout ? found.layout : found.old_layout;
    int ret = parse_side(header, "width W", found.width, &header->yuv.width);

    if (ret == 0)
        ret = parse_side(header, "height H", found.height, &header->yuv.height);
    if (ret == 0)
        ret = parse_rate(header, found.rate);
    if (ret == 0)
        ret = parse_layout(header, layout ? layout : "420");
    if (ret < 0)
        return ret;
    header->yuv.is_full_range = found.range && strcmp(found.range, "FULL") == 0;
    if (!header->is_known)
        warn_about_peculiarities(header, &found);
    return 0;
}
