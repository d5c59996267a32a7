/* SPDX-License-Identifier: MIT */
/* Where a frame goes in a window. */
#ifndef VIEWER_PRESENTERS_PLACEMENT_H
#define VIEWER_PRESENTERS_PLACEMENT_H

#include <stdbool.h>

/* In pixels of the window; at least 1x1. */
struct placement {
    int x, y;          /* of the frame's top left corner; negative when the frame is larger */
    int width, height; /* of the scaled frame */
};

/*
 * Centre a frame of this size in a window of window_width x window_height. One to one: each pixel
 * of the frame is one pixel of the window. Otherwise the frame is scaled to the largest size of its
 * aspect ratio that fits.
 */
struct placement placement_of_frame(int frame_width, int frame_height, int window_width,
                                    int window_height, bool is_one_to_one);

#endif
