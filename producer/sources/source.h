/* SPDX-License-Identifier: MIT */
/*
 * A source produces the frames. Each is one file with one `const struct source_ops` at its end, and
 * one line in SOURCE_TABLE below, which --help prints.
 */
#ifndef PRODUCER_SOURCES_SOURCE_H
#define PRODUCER_SOURCES_SOURCE_H

#include "pageflip.h"

/* What a source is opened with. */
struct source_config {
    char **inputs; /* paths, or "-"; array and paths must stay valid while the source is open */
    int input_count;
    const char *pattern;         /* name of the test pattern when there is no input */
    uint32_t width, height;      /* pixels, from --size; with an input always 1280x720 */
    bool rate_is_given;          /* false: the source's own rate */
    uint32_t rate_num, rate_den; /* frames per second; 0/1: unpaced */
    bool loop;                   /* start again at the end of the input */
    bool stamp;                  /* draw a stamp (media/stamp.h) into each frame */
    uint32_t matrix;             /* of YUV input: 601 or 709; 0: not given */
    uint32_t fourcc;             /* of the frames; 0: the source's own */
};

struct source {
    const struct source_ops *ops;
    struct pf_format format; /* of the next frame; rate 0/0 when the source has none of its own */
    bool live;       /* true: a tick without a free slot is skipped; false: the source waits for a
                      slot, and no frame is skipped */
    bool is_ahead;   /* a pipe contains data of the frame after the one that `next` has read */
    bool stamped;    /* source_fill() draws a stamp (media/stamp.h) into each frame */
    uint32_t copies; /* of each frame's pixels in this process, before they are in the slot */

    /* Used by source.c alone: */
    uint32_t fourcc;   /* of the frames; 0: the source's own */
    bool is_converted; /* the source draws XR24 into `canvas`, which is then converted */
    uint8_t *canvas;
    size_t canvas_bytes;
};

/* How certain a source is that it can read the inputs, in ascending order. */
enum source_match {
    SOURCE_MATCH_NONE,
    SOURCE_MATCH_NAME,    /* by a suffix such as .png, a prefix, or the name "-" */
    SOURCE_MATCH_CONTENT, /* by the first bytes of a file */
};

struct source_ops {
    const char *name, *summary;

    /* What to give the producer for this source; completes "give ...". NULL: the source reads no
     * input. */
    const char *hint;

    bool takes_many; /* it reads several inputs, one after the other; false: at most one */
    bool has_matrix; /* source_config.matrix applies to its input */

    /*
     * Can it read these inputs? The weakest match of all inputs. Never consumes bytes of a pipe, a
     * device or standard input (probe.h): these match by name. Called with several inputs only if
     * takes_many.
     */
    enum source_match (*probe)(const struct source_config *config);

    /*
     * Open the inputs. On success the caller closes *source with ops->close, and its format is
     * known: that of config->fourcc, or XR24, which source_fill() then converts. On failure *source
     * is unchanged. Blocks as open() and read() do. Returns 0 or a negative errno, logged.
     */
    int (*open)(struct source **source, const struct source_config *config);

    /*
     * Prepare the next frame and determine its format: source->format may change here,
     * with its rate, before the slot is begun. NULL when every frame is ready and of the same
     * format. Returns 0, -ENODATA at the end, -EINTR (a signal), or a negative errno, logged.
     */
    int (*next)(struct source *source);

    /*
     * Draw the frame directly into `frame`'s slot, every pixel. May set frame->flags, and a
     * live source frame->pts_ns. Returns as next(). The caller abandons the frame after anything
     * but 0.
     */
    int (*fill)(struct source *source, struct pf_frame *frame);

    void (*close)(struct source *source);
};

/* The table of sources: one line each. `png` stands for source_png_ops, at the end of its file. */
/* clang-format off */
#define SOURCE_TABLE(source) \
    source(pattern)          \
    source(png)              \
    source(y4m)
/* clang-format on */

#define SOURCE_DECLARE(name) extern const struct source_ops source_##name##_ops;
SOURCE_TABLE(SOURCE_DECLARE)

/*
 * Open the source with the best match for the config's inputs, the first of the table among equals.
 * These three calls return as the operations do, except that a failure of an input is -EBADMSG.
 */
int source_open(struct source **source, const struct source_config *config);
int source_next(struct source *source);
int source_fill(struct source *source, struct pf_frame *frame);
void source_close(struct source *source); /* accepts NULL */

/* Copies and conversions of each frame's pixels in this process; 0: it is drawn in its slot. */
uint32_t source_copies(const struct source *source);

/* Print one row for each source, for --help. */
void source_print_table(void);

#endif
