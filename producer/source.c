/* SPDX-License-Identifier: MIT */
/* The table of sources. The first that accepts the inputs gets them. */
#include "source.h"

#include <errno.h>
#include <stdio.h>

#include "log.h"
#include "options.h"

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

int source_open(struct source **source, const struct options *options)
{
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
        if (sources[i]->accepts(options))
            return blame(sources[i]->open(source, options));
    log_error("input %s: not known what it is; give PNG files or folders, one .y4m file, or -",
              options->inputs[0]);
    return -EBADMSG;
}

int source_next(struct source *source)
{
    return source->ops->next ? blame(source->ops->next(source)) : 0;
}

int source_fill(struct source *source, struct pf_frame *frame)
{
    return blame(source->ops->fill(source, frame));
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
