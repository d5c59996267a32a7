/* SPDX-License-Identifier: MIT */
/* The only place in the viewer that turns a frame into an image. */
#include "snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/log.h"
#include "program/image_file.h"

void snapshot_hold_last(struct snapshot *snapshot, struct pf_viewer *viewer,
                        const struct pf_frame *frame)
{
    pf_viewer_hold(viewer, frame);
    snapshot->last = *frame;
    snapshot->has_last = true;
}

void snapshot_release_last(struct snapshot *snapshot, struct pf_viewer *viewer)
{
    if (snapshot->has_last)
        pf_viewer_release(viewer, &snapshot->last);
    snapshot->has_last = false;
}

void snapshot_keep(struct snapshot *snapshot, const struct pf_frame *frame)
{
    snapshot->kept = frame->plane[0];
    snapshot->kept_format = frame->format;
    size_t bytes = (size_t)snapshot->kept.stride_bytes * snapshot->kept_format.height;
    snapshot->kept.pixels = malloc(bytes);
    if (snapshot->kept.pixels)
        memcpy(snapshot->kept.pixels, frame->plane[0].pixels, bytes);
}

void snapshot_discard_kept(struct snapshot *snapshot)
{
    free(snapshot->kept.pixels);
    snapshot->kept.pixels = NULL;
}

static int write_image(const char *path, const struct pf_plane *plane,
                       const struct pf_format *format)
{
    return image_write_file(path, plane->pixels, plane->stride_bytes, format->width,
                            format->height);
}

enum { NO_FRAME = 1 };

/* Returns 0, or NO_FRAME (there has been no frame), or a negative errno, all logged. */
static int write_displayed(const struct snapshot *snapshot, struct pf_viewer *viewer,
                           const char *path)
{
    struct pf_frame frame;

    if (snapshot->kept.pixels)
        return write_image(path, &snapshot->kept, &snapshot->kept_format);
    if (pf_viewer_acquire_latest(viewer, &frame) < 0) {
        log_warning("%s: not written: there has been no frame", path);
        return NO_FRAME;
    }
    int ret = write_image(path, &frame.plane[0], &frame.format);
    pf_viewer_release(viewer, &frame);
    return ret;
}

int snapshot_save(const struct snapshot *snapshot, struct pf_viewer *viewer, const char *channel,
                  char path[SNAPSHOT_PATH_BYTES])
{
    char date[32];
    struct timespec now;
    struct tm local;

    clock_gettime(CLOCK_REALTIME, &now);
    strftime(date, sizeof date, "%Y%m%d-%H%M%S", localtime_r(&now.tv_sec, &local));
    snprintf(path, SNAPSHOT_PATH_BYTES, "pageflip-%.64s-%s.%03ld.png", channel, date,
             now.tv_nsec / NS_PER_MS);
    int ret = write_displayed(snapshot, viewer, path);
    return ret == NO_FRAME ? -EAGAIN : ret;
}

int snapshot_write_last(const struct snapshot *snapshot, struct pf_viewer *viewer, const char *path)
{
    if (snapshot->has_last)
        return write_image(path, &snapshot->last.plane[0], &snapshot->last.format);
    int ret = write_displayed(snapshot, viewer, path);
    return ret == NO_FRAME ? 0 : ret;
}
