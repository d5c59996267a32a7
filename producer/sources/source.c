/* SPDX-License-Identifier: MIT */
/* The source that matches the inputs best gets them. */
#include "source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "advice.h"
#include "core/clock.h"
#include "core/log.h"
#include "media/file_kind.h"
#include "media/pack.h"
#include "media/stamp.h"
#include "program/options.h"

#define SOURCE_ADDRESS(name) &source_##name##_ops,
static const struct source_ops *const sources[] = {SOURCE_TABLE(SOURCE_ADDRESS)};
enum { COUNT = sizeof sources / sizeof *sources };

/* A failure of a source is a failure of its input, except for these. */
static int input_result(int ret)
{
    switch (ret) {
    case 0:
    case -EINTR:
    case -ENODATA:
    case -ENOMEM: return ret;
    default: return -EBADMSG;
    }
}

/* Returns the index of the source with the best match, or -1: no source reads these inputs. */
static int find(const struct source_config *config)
{
    enum source_match best = SOURCE_MATCH_NONE;
    int found = -1;

    for (size_t i = 0; i < COUNT; i++) {
        if (config->input_count > 1 && !sources[i]->takes_many)
            continue;
        enum source_match match = sources[i]->probe(config);
        if (match > best) {
            best = match;
            found = (int)i;
        }
    }
    return found;
}

static int reject_input(const char *input)
{
    char hints[512] = "";
    char advice[ADVICE_BYTES];
    const char *kind;
    if (access(input, R_OK) < 0) {
        log_error("input %s: %s", input, file_open_failure(input, errno));
        return -EBADMSG;
    }
    for (size_t i = 0; i < COUNT; i++) {
        size_t length = strlen(hints);
        if (sources[i]->hint)
            snprintf(hints + length, sizeof hints - length, "%s%s", length ? ", or " : "",
                     sources[i]->hint);
    }
    kind = file_kind(input);
    log_error("input %s: no source reads %s; give %s, or convert it: %s", input, kind ? kind : "it",
              hints, advice_convert(input, advice));
    return -EBADMSG;
}

/* No source reads the inputs together: explain the first bad one. Returns -EBADMSG. */
static int reject_inputs(const struct source_config *config)
{
    int first = -1;

    for (int i = 0; i < config->input_count; i++) {
        struct source_config alone = *config;
        alone.inputs = &config->inputs[i];
        alone.input_count = 1;
        int found = find(&alone);
        if (found < 0)
            return reject_input(config->inputs[i]);
        first = first < 0 ? found : first;
        if (!sources[found]->takes_many || found != first) {
            log_error("input %s: %s cannot be combined with other inputs", config->inputs[i],
                      sources[found]->name);
            return -EBADMSG;
        }
    }
    /* Each input can be read alone by now, although not all could be when they were probed
     * together. */
    log_error("input %s: cannot be read together with the others", config->inputs[0]);
    return -EBADMSG;
}

/* ------------------------------------------------------------------ the requested format */

/* The source has set its format: XR24, or the requested one. */
static void request_format(struct source *source)
{
    source->is_converted = source->fourcc && source->format.fourcc != source->fourcc;
    if (source->is_converted)
        source->format.fourcc = source->fourcc;
}

/* Draw the frame as XR24, and convert it into its slot. Returns as the operation. */
static int fill_converted(struct source *source, struct pf_frame *frame)
{
    const struct pf_format *format = &source->format;
    struct pf_frame drawn = *frame;
    uint32_t stride_bytes = 4 * format->width;
    size_t bytes = (size_t)stride_bytes * format->height;

    if (source->canvas_bytes != bytes) {
        free(source->canvas);
        source->canvas = malloc(bytes);
        source->canvas_bytes = source->canvas ? bytes : 0;
        if (!source->canvas)
            return log_out_of_memory("the frame to convert");
    }
    drawn.plane[0] = (struct pf_plane){source->canvas, stride_bytes};
    int ret = source->ops->fill(source, &drawn);
    if (ret < 0)
        return ret;
    pack(format, source->canvas, stride_bytes, frame->plane);
    frame->flags = drawn.flags;
    frame->pts_ns = drawn.pts_ns;
    return 0;
}

uint32_t source_copies(const struct source *source)
{
    return source->copies + source->is_converted;
}

/* ------------------------------------------------------------------ calls */

int source_open(struct source **source, const struct source_config *config)
{
    int found = find(config);

    if (found < 0)
        return reject_inputs(config);
    const struct source_ops *ops = sources[found];
    if (config->matrix && !ops->has_matrix) {
        log_error("option --matrix: not valid; the %s source has no colour matrix", ops->name);
        return -EINVAL;
    }
    int ret = input_result(ops->open(source, config));
    if (ret == 0 && config->stamp)
        (*source)->stamped = true;
    if (ret == 0) {
        (*source)->fourcc = config->fourcc;
        request_format(*source);
    }
    return ret;
}

int source_next(struct source *source)
{
    if (!source->ops->next)
        return 0;
    if (source->is_converted)
        source->format.fourcc = PF_FOURCC_XR24; /* what the source draws */
    int ret = input_result(source->ops->next(source));
    request_format(source);
    return ret;
}

int source_fill(struct source *source, struct pf_frame *frame)
{
    const struct pf_format *format = &source->format;
    int ret = input_result(source->is_converted ? fill_converted(source, frame)
                                                : source->ops->fill(source, frame));

    if (ret < 0 || !source->stamped || !stamp_fits(format->width, format->height))
        return ret;
    struct stamp stamp = {.sequence = (uint32_t)frame->sequence,
                          .milliseconds = (uint16_t)(frame->begin_ns / NS_PER_MS)};
    stamp_draw(stamp, format, frame->plane);
    frame->flags |= PF_FRAME_STAMPED;
    return 0;
}

void source_close(struct source *source)
{
    if (!source)
        return;
    free(source->canvas);
    source->ops->close(source);
}

void source_print_table(void)
{
    for (size_t i = 0; i < COUNT; i++)
        option_table_print_row(sources[i]->name, sources[i]->summary);
}
