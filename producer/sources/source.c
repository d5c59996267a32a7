/* SPDX-License-Identifier: MIT */
/* The table of sources. The first that accepts the inputs gets them. */
#include "source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "media/stamp.h"

static const struct source_ops *const sources[] = {
    &source_pattern_ops,
    &source_y4m_ops,
    &source_png_ops,
};

/* Beside these, every failure of a source is one of its input. */
static int blame(int ret)
{
    switch (ret) {
    case 0:
    case -EINTR:
    case -ENODATA:
    case -ENOMEM: return ret;
    default: return -EBADMSG;
    }
}

/* No source wants these: say of the first one why. */
static int refuse(const struct source_config *config)
{
    const char *input = config->inputs[0];

    for (int i = 0; i < config->input_count && source_is_png(input); i++)
        input = config->inputs[i];
    if (strcmp(input, "-") != 0 && access(input, F_OK) < 0)
        log_error("input %s: %s; give PNG files or folders, one .y4m file, or -", input,
                  strerror(errno));
    else if (source_is_y4m(input))
        log_error("input %s: Y4M stands alone; give one .y4m file or -, and nothing beside it",
                  input);
    else
        log_error("input %s: neither .png nor .y4m nor a folder; convert it: ffmpeg -i %s -pix_fmt "
                  "yuv420p -f yuv4mpegpipe - | pageflip-producer -",
                  input, input);
    return -EBADMSG;
}

int source_open(struct source **source, const struct source_config *config)
{
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        if (!sources[i]->accepts(config))
            continue;
        if (config->matrix && sources[i] != &source_y4m_ops) {
            log_error("option --matrix: not valid; only Y4M has one, leave it out");
            return -EINVAL;
        }
        int ret = blame(sources[i]->open(source, config));
        if (ret == 0 && config->stamp)
            (*source)->stamped = true;
        return ret;
    }
    return refuse(config);
}

int source_next(struct source *source)
{
    return source->ops->next ? blame(source->ops->next(source)) : 0;
}

int source_fill(struct source *source, struct pf_frame *frame)
{
    const struct pf_format *format = &source->format;
    int ret = blame(source->ops->fill(source, frame));

    if (ret < 0 || !source->stamped || !stamp_fits(format->width, format->height))
        return ret;
    struct stamp stamp = {.sequence = (uint32_t)frame->sequence,
                          .milliseconds = (uint16_t)(frame->begin_ns / NS_PER_MS)};
    stamp_draw(stamp, frame->plane[0].pixels, frame->plane[0].stride_bytes, format->width,
               format->height);
    frame->flags |= PF_FRAME_STAMPED;
    return 0;
}

void source_close(struct source *source)
{
    if (source)
        source->ops->close(source);
}

void source_print_table(void)
{
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
        printf("  %-10s %s\n", sources[i]->name, sources[i]->summary);
}
