/* SPDX-License-Identifier: MIT */
/* The only place in the viewer that turns a frame into an image. */
#include "snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/format.h"
#include "core/log.h"
#include "media/unpack.h"
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
    const struct pf_format_planes planes = format_planes(&frame->format);
    uint64_t bytes = 0;

    for (uint32_t p = 0; p < planes.count; p++)
        bytes += (uint64_t)frame->plane[p].stride_bytes * planes.rows[p];
    snapshot->kept = *frame;
    snapshot->kept_memory = bytes ? malloc(bytes) : NULL;
    uint8_t *to = snapshot->kept_memory;
    for (uint32_t p = 0; p < planes.count && to; p++) {
        uint64_t plane_bytes = (uint64_t)frame->plane[p].stride_bytes * planes.rows[p];
        snapshot->kept.plane[p].pixels = memcpy(to, frame->plane[p].pixels, plane_bytes);
        to += plane_bytes;
    }
}

void snapshot_discard_kept(struct snapshot *snapshot)
{
    free(snapshot->kept_memory);
    snapshot->kept_memory = NULL;
}

static int write_converted(const char *path, const struct pf_frame *frame)
{
    const struct pf_format *format = &frame->format;
    uint32_t stride_bytes = 4 * format->width;
    uint8_t *pixels = malloc((size_t)stride_bytes * format->height);

    if (!pixels)
        return log_out_of_memory(path);
    unpack(format, frame->plane, NULL, pixels, stride_bytes);
    int ret = image_write_file(path, pixels, stride_bytes, format->width, format->height,
                               format_color(format).alpha != PF_ALPHA_NONE);
    free(pixels);
    return ret;
}

static int write_image(const char *path, const struct pf_frame *frame)
{
    const struct pf_format *format = &frame->format;

    if (!unpack_supports(format)) {
        log_error("%s: not written: frames of format %s cannot be saved as PNG", path,
                  format_name(format->fourcc).text);
        return -ENOTSUP;
    }
    if (!unpack_is_copy(format))
        return write_converted(path, frame);
    return image_write_file(path, frame->plane[0].pixels, frame->plane[0].stride_bytes,
                            format->width, format->height, false);
}

enum { NO_FRAME = 1 };

/* Returns 0, or NO_FRAME (there has been no frame), or a negative errno, all logged. */
static int write_displayed(const struct snapshot *snapshot, struct pf_viewer *viewer,
                           const char *path)
{
    struct pf_frame frame;

    if (snapshot->kept_memory)
        return write_image(path, &snapshot->kept);
    if (pf_viewer_acquire_latest(viewer, &frame) < 0) {
        log_warning("%s: not written: there has been no frame", path);
        return NO_FRAME;
    }
    int ret = write_image(path, &frame);
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
        return write_image(path, &snapshot->last);
    int ret = write_displayed(snapshot, viewer, path);
    return ret == NO_FRAME ? 0 : ret;
}
