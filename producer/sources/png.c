/* SPDX-License-Identifier: MIT */
/* PNG files, one after the other, each decoded directly into its slot. A folder stands for its
 * *.png files in natural order. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "media/image.h"
#include "natural.h"
#include "probe.h"
#include "source.h"

enum { DEFAULT_FPS = 30 };

struct png_source {
    struct source source;
    char **inputs; /* files and folders */
    int input_count;
    char **paths;       /* of the files in this round */
    size_t count, next; /* paths[next] is the next to open */
    bool loop;
    bool has_warned;     /* about an animation */
    struct image *image; /* open, its header read, not yet decoded */
};

static enum source_match probe_png(const char *input)
{
    static const uint8_t signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

    if (probe_is_folder(input) || probe_content(input, signature, sizeof signature))
        return SOURCE_MATCH_CONTENT;
    return probe_suffix(input, ".png") && !probe_is_stream(input) ? SOURCE_MATCH_NAME
                                                                  : SOURCE_MATCH_NONE;
}

static enum source_match probe(const struct source_config *config)
{
    enum source_match weakest = config->input_count ? SOURCE_MATCH_CONTENT : SOURCE_MATCH_NONE;

    for (int i = 0; i < config->input_count; i++) {
        enum source_match match = probe_png(config->inputs[i]);
        if (match < weakest)
            weakest = match;
    }
    return weakest;
}

/* Add `path`, which now belongs to the source, even on failure. */
static int add(struct png_source *self, char *path)
{
    char **more = path ? reallocarray(self->paths, self->count + 1, sizeof *more) : NULL;

    if (!more) {
        free(path);
        return log_out_of_memory("list of images");
    }
    self->paths = more;
    self->paths[self->count++] = path;
    return 0;
}

static int select_png(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && probe_suffix(entry->d_name, ".png");
}

static int in_natural_order(const struct dirent **a, const struct dirent **b)
{
    return natural_compare((*a)->d_name, (*b)->d_name);
}

static int add_folder(struct png_source *self, const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, select_png, in_natural_order);
    int ret = 0;

    if (count < 0) {
        ret = -errno;
        log_error("%s: cannot read the folder: %s", folder, strerror(-ret));
        return ret;
    }
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        if (ret == 0 && asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0)
            path = NULL;
        if (ret == 0)
            ret = add(self, path);
        free(entries[i]);
    }
    free(entries);
    if (ret == 0 && count == 0) {
        log_error("%s: no *.png in this folder", folder);
        ret = -EBADMSG;
    }
    return ret;
}

/* List the files of all inputs. */
static int list(struct png_source *self)
{
    int ret = 0;

    for (size_t i = 0; i < self->count; i++)
        free(self->paths[i]);
    self->count = self->next = 0;
    for (int i = 0; i < self->input_count && ret == 0; i++) {
        const char *input = self->inputs[i];
        ret = probe_is_folder(input) ? add_folder(self, input) : add(self, strdup(input));
    }
    return ret;
}

/* Open the next file and read its size. */
static int next(struct source *source)
{
    struct png_source *self = (struct png_source *)source;

    if (self->next == self->count) {
        if (!self->loop)
            return -ENODATA;
        int listed = list(self); /* files may be new, and others deleted */
        if (listed < 0)
            return listed;
    }
    image_close(self->image);
    self->image = NULL;
    const char *path = self->paths[self->next++];
    int ret = image_open(&self->image, path, &source->format.width, &source->format.height);
    if (ret == 0 && image_is_animated(self->image) && !self->has_warned) {
        self->has_warned = true;
        log_warning("%s: animated PNG: only its first image is shown", path);
    }
    return ret;
}

static int fill(struct source *source, struct pf_frame *frame)
{
    struct png_source *self = (struct png_source *)source;
    int ret = image_read(self->image, frame->plane[0].pixels, frame->plane[0].stride_bytes);

    image_close(self->image);
    self->image = NULL;
    return ret;
}

static void close_png(struct source *source)
{
    struct png_source *self = (struct png_source *)source;

    image_close(self->image);
    for (size_t i = 0; i < self->count; i++)
        free(self->paths[i]);
    free(self->paths);
    free(self);
}

static int open_png(struct source **source, const struct source_config *config)
{
    struct png_source *self = calloc(1, sizeof *self);

    if (!self)
        return log_out_of_memory("PNG source");
    self->source = (struct source){
        .ops = &source_png_ops,
        .format = {.fourcc = PF_FOURCC_XR24, .rate_num = DEFAULT_FPS, .rate_den = 1},
    };
    self->inputs = config->inputs;
    self->input_count = config->input_count;
    self->loop = config->loop;
    int ret = list(self);
    /* The first file's header contains the size of the first segment; next() opens it again. */
    if (ret == 0)
        ret = next(&self->source);
    if (ret < 0) {
        close_png(&self->source);
        return ret;
    }
    self->next = 0;
    *source = &self->source;
    return 0;
}

const struct source_ops source_png_ops = {
    .name = "png",
    .summary = "PNG files and folders of them, in natural order, 30 frames per second",
    .hint = "PNG files or folders of them",
    .takes_many = true,
    .probe = probe,
    .open = open_png,
    .next = next,
    .fill = fill,
    .close = close_png,
};
