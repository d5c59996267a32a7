/* SPDX-License-Identifier: MIT */
/* Computed in 64 bits: the product of two sides of the largest size needs more than 32. */
#include "placement.h"

#include <stdint.h>

struct placement placement_of_frame(int frame_width, int frame_height, int window_width,
                                    int window_height, bool is_one_to_one)
{
    int64_t width = frame_width, height = frame_height;

    if (!is_one_to_one) {
        int64_t fit_height = (int64_t)window_width * height / width;
        if (fit_height <= window_height) {
            width = window_width;
            height = fit_height;
        } else {
            width = (int64_t)window_height * width / height;
            height = window_height;
        }
    }
    if (width < 1)
        width = 1;
    if (height < 1)
        height = 1;
    return (struct placement){.x = (window_width - (int)width) / 2,
                              .y = (window_height - (int)height) / 2,
                              .width = (int)width,
                              .height = (int)height};
}
