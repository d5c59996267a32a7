/* SPDX-License-Identifier: MIT */
/* PNG files one after the other, each decoded straight into its slot. Folders stand for their PNGs
 * in natural order. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/log.h"
#include "media/image.h"
#include "natural.h"
#include "source.h"

enum { DEFAULT_FPS = 30 };

struct png_source {
    struct source source;
    char **paths;
    size_t count, next; /* paths[next] is the next to open */
    bool loop;
    struct picture *picture; /* open, its header read, not yet decoded */
    uint64_t number;
};

static bool is_png_name(const char *name)
{
    size_t length = strlen(name);

    return length > 4 && strcasecmp(name + length - 4, ".png") == 0;
}

bool source_is_png(const char *input)
{
    struct stat info;

    return is_png_name(input) || (stat(input, &info) == 0 && S_ISDIR(info.st_mode));
}

static bool accepts(const struct source_config *config)
{
    for (int i = 0; i < config->input_count; i++)
        if (!source_is_png(config->inputs[i]))
            return false;
    return config->input_count > 0;
}

/* Takes `path` over. */
static int add(struct png_source *self, char *path)
{
    char **more = path ? reallocarray(self->paths, self->count + 1, sizeof *more) : NULL;

    if (!more) {
        free(path);
        return log_out_of_memory("list of pictures");
    }
    self->paths = more;
    self->paths[self->count++] = path;
    return 0;
}

static int select_png(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && is_png_name(entry->d_name);
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
        log_error("%s: cannot read the folder: %s; give one that can be read", folder,
                  strerror(-ret));
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
        log_error("%s: there is no *.png in this folder; give another", folder);
        ret = -EBADMSG;
    }
    return ret;
}

/* Open the next file and learn its size. */
static int next(struct source *source)
{
    struct png_source *self = (struct png_source *)source;

    if (self->next == self->count) {
        if (!self->loop)
            return -ENODATA;
        self->next = 0;
    }
    picture_close(self->picture);
    self->picture = NULL;
    return picture_open(&self->picture, self->paths[self->next++], &source->format.width,
                        &source->format.height);
}

static int fill(struct source *source, struct pf_frame *frame)
{
    struct png_source *self = (struct png_source *)source;
    int ret = picture_read(self->picture, frame->plane[0].pixels, frame->plane[0].stride_bytes);

    picture_close(self->picture);
    self->picture = NULL;
    if (ret == 0 && source->format.rate_num)
        frame->pts_ns = (int64_t)((double)self->number * 1e9 * source->format.rate_den /
                                  source->format.rate_num);
    self->number++;
    return ret;
}

static void close_png(struct source *source)
{
    struct png_source *self = (struct png_source *)source;

    picture_close(self->picture);
    for (size_t i = 0; i < self->count; i++)
        free(self->paths[i]);
    free(self->paths);
    free(self);
}

static int open_png(struct source **source, const struct source_config *config)
{
    struct png_source *self = calloc(1, sizeof *self);
    struct stat info;
    int ret = 0;

    if (!self)
        return log_out_of_memory("pictures");
    self->source = (struct source){
        .ops = &source_png_ops,
        .format = {.fourcc = PF_FOURCC_XR24, .rate_num = DEFAULT_FPS, .rate_den = 1},
    };
    self->loop = config->loop;
    for (int i = 0; i < config->input_count && ret == 0; i++) {
        const char *input = config->inputs[i];
        bool is_folder = stat(input, &info) == 0 && S_ISDIR(info.st_mode);
        ret = is_folder ? add_folder(self, input) : add(self, strdup(input));
    }
    /* The first file's header says what segment to make; next() opens it again. */
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
    .accepts = accepts,
    .open = open_png,
    .next = next,
    .fill = fill,
    .close = close_png,
};
