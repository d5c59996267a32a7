/* SPDX-License-Identifier: MIT */
/*
 * A source is where frames come from. Each is one file with one `const struct source_ops` at its
 * end, and one line in the table in source.c, which --help prints.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include "pageflip.h"

/* What a source is opened with. */
struct source_config {
    char **inputs; /* paths, or "-"; they must stay valid while the source is open */
    int input_count;
    const char *pattern;         /* name of the test pattern when there is no input */
    uint32_t width, height;      /* of a pattern, pixels */
    bool rate_is_given;          /* false: the source's own rate */
    uint32_t rate_num, rate_den; /* frames per second; 0/1: unpaced */
    bool loop;                   /* start again at the end of the input */
    bool stamp;                  /* draw a stamp into each frame (stamp.h) */
    uint32_t matrix;             /* of Y4M: 601 or 709; 0: not given */
};

struct source {
    const struct source_ops *ops;
    struct pf_format format; /* of the next frame; rate 0/0 when the source has none of its own */
    bool live;    /* a tick without a free slot is a skip; false: it is a wait, and no frame is left
                     out */
    bool stamped; /* source_fill() writes the frame's number into its picture (stamp.h) */
};

struct source_ops {
    const char *name, *summary;

    /* Can it read these inputs? Asked in the order of the table; only by what the config says,
     * nothing is opened. */
    bool (*accepts)(const struct source_config *config);

    /*
     * Open the inputs. On success *source is to be closed with ops->close, its format is known.
     * Blocks as open() and read() do. Returns 0 or a negative errno, logged.
     */
    int (*open)(struct source **source, const struct source_config *config);

    /*
     * Make ready the next frame, and find out its format: source->format may change here, before
     * the slot is begun. NULL when every frame is ready and the same. Returns 0, -ENODATA at the
     * end, -EINTR (a signal), or a negative errno, logged.
     */
    int (*next)(struct source *source);

    /*
     * Draw the frame straight into `frame`'s slot, whole. May set frame->pts_ns and frame->flags.
     * Returns as next(). After anything but 0 the frame must be abandoned.
     */
    int (*fill)(struct source *source, struct pf_frame *frame);

    void (*close)(struct source *source);
};

extern const struct source_ops source_pattern_ops, source_png_ops, source_y4m_ops;

/* By its name: what the two sources of files take. A folder is as good as a PNG. */
bool source_is_png(const char *input);
bool source_is_y4m(const char *input);

/* Is there a test pattern of this name? */
bool source_pattern_exists(const char *name);
/* One line per pattern, for --help. */
void source_pattern_print_table(void);

/*
 * Pick the source for the config's inputs and open it. These three return as the verbs do, but for
 * one thing: whatever an input is to blame for is -EBADMSG.
 */
int source_open(struct source **source, const struct source_config *config);
int source_next(struct source *source);
int source_fill(struct source *source, struct pf_frame *frame);
void source_close(struct source *source); /* accepts NULL */

/* One line per source: name and summary, for --help. */
void source_print_table(void);

#endif
