/* SPDX-License-Identifier: MIT */
/* The test patterns as a source: live, without an end, each frame drawn directly in its slot, with
 * a stamp where one fits. */
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "pattern.h"
#include "program/options.h"
#include "source.h"

static const struct pattern *const patterns[] = {
    &pattern_card,
    &pattern_plasma,
    &pattern_waves,
    &pattern_stars,
};

struct pattern_source {
    struct source source;
    const struct pattern *pattern;
    uint64_t number; /* of the next frame */
};

static const struct pattern *find(const char *name)
{
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (strcmp(patterns[i]->name, name) == 0)
            return patterns[i];
    return NULL;
}

bool pattern_exists(const char *name)
{
    return find(name) != NULL;
}

void pattern_print_table(void)
{
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        option_table_print_row(patterns[i]->name, patterns[i]->summary);
}

static enum source_match probe(const struct source_config *config)
{
    return config->input_count == 0 ? SOURCE_MATCH_NAME : SOURCE_MATCH_NONE;
}

static int open_pattern(struct source **source, const struct source_config *config)
{
    struct pattern_source *made = calloc(1, sizeof *made);

    if (!made)
        return log_out_of_memory("pattern");
    made->source = (struct source){
        .ops = &source_pattern_ops,
        .format = {.fourcc = config->fourcc == PF_FOURCC_AR24 ? PF_FOURCC_AR24 : PF_FOURCC_XR24,
                   .width = config->width,
                   .height = config->height,
                   .rate_num = 60,
                   .rate_den = 1},
        .live = true,
        .stamped = true,
    };
    if (config->rate_is_given) {
        made->source.format.rate_num = config->rate_num;
        made->source.format.rate_den = config->rate_den;
    }
    made->pattern = find(config->pattern);
    *source = &made->source;
    return 0;
}

static int fill(struct source *source, struct pf_frame *frame)
{
    struct pattern_source *self = (struct pattern_source *)source;
    const struct pf_format *format = &source->format;
    struct canvas canvas = {.pixels = frame->plane[0].pixels,
                            .stride_bytes = frame->plane[0].stride_bytes,
                            .width = format->width,
                            .height = format->height};
    double fps = format->rate_num ? (double)format->rate_num / format->rate_den : 0;
    /* Unpaced frames are 1/60 s apart in media time: the same frames, only faster. */
    struct pattern_time time = {.number = self->number,
                                .seconds = (double)self->number / (fps > 0 ? fps : 60),
                                .fps = (uint32_t)(fps + 0.5)};

    self->pattern->draw(&canvas, time);
    if (format->fourcc == PF_FOURCC_AR24 && self->pattern->fade)
        self->pattern->fade(&canvas);
    frame->pts_ns = (int64_t)(time.seconds * 1e9);
    self->number++;
    return 0;
}

static void close_pattern(struct source *source)
{
    free(source);
}

const struct source_ops source_pattern_ops = {
    .name = "pattern",
    .summary = "an animated test pattern, if there is no input",
    .probe = probe,
    .open = open_pattern,
    .fill = fill,
    .close = close_pattern,
};
