/* SPDX-License-Identifier: MIT */
/*
 * PNG images of frames: at the end (--snapshot), or when the user presses `s`. Normally the latest
 * frame is on display and is taken from its slot. Two frames must be kept for later: the last of
 * --frames, and the frame on display while paused. Transparent pixels are saved as such. Frames of
 * a format that unpack.h does not convert cannot be saved.
 */
#ifndef VIEWER_SNAPSHOT_H
#define VIEWER_SNAPSHOT_H

#include "pageflip.h"

enum { SNAPSHOT_PATH_BYTES = 128 };

/* All zero: the initial state. */
struct snapshot {
    struct pf_frame last; /* of --frames: held in its slot */
    bool has_last;
    struct pf_frame kept; /* a copy of the frame on display while paused */
    uint8_t *kept_memory; /* of its planes; NULL: there is no copy */
};

/* Hold `frame` in its slot for snapshot_write_last(). */
void snapshot_hold_last(struct snapshot *snapshot, struct pf_viewer *viewer,
                        const struct pf_frame *frame);
void snapshot_release_last(struct snapshot *snapshot, struct pf_viewer *viewer);

/* Copy `frame`, which stays on display while paused. Without memory for the copy, a snapshot writes
 * the latest frame instead. */
void snapshot_keep(struct snapshot *snapshot, const struct pf_frame *frame);
void snapshot_discard_kept(struct snapshot *snapshot); /* does nothing if there is no copy */

/*
 * Write the frame on display to a file in the working directory, with a name made of `channel` and
 * the time. Returns 0 and its path, or a negative errno, logged.
 */
int snapshot_save(const struct snapshot *snapshot, struct pf_viewer *viewer, const char *channel,
                  char path[SNAPSHOT_PATH_BYTES]);

/*
 * Write the last frame of --frames, or else the frame on display. Returns 0 (also if there has been
 * no frame, which is logged), or a negative errno, logged.
 */
int snapshot_write_last(const struct snapshot *snapshot, struct pf_viewer *viewer,
                        const char *path);

#endif
