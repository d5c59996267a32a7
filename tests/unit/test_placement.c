/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "viewer/presenters/placement.h"

static struct placement place(int width, int height, uint32_t frame_width, uint32_t frame_height,
                              bool one_to_one)
{
    struct pf_format format = {.width = frame_width, .height = frame_height};

    return placement_of_frame(&format, width, height, one_to_one);
}

static void expect(struct placement got, int x, int y, int width, int height)
{
    cr_assert(got.x == x && got.y == y && got.width == width && got.height == height,
              "got %d,%d %dx%d, not %d,%d %dx%d", got.x, got.y, got.width, got.height, x, y, width,
              height);
}

Test(placement, a_frame_of_the_window_size_fills_the_window)
{
    expect(place(640, 480, 640, 480, false), 0, 0, 640, 480);
}

Test(placement, a_wide_window_has_bars_left_and_right)
{
    expect(place(900, 480, 320, 240, false), 130, 0, 640, 480);
}

Test(placement, a_tall_window_has_bars_above_and_below)
{
    expect(place(640, 900, 320, 240, false), 0, 210, 640, 480);
}

Test(placement, shrinks_a_large_frame)
{
    expect(place(100, 100, 16384, 8192, false), 0, 25, 100, 50);
}

Test(placement, centres_a_one_to_one_frame_even_when_larger)
{
    expect(place(640, 480, 320, 240, true), 160, 120, 320, 240);
    expect(place(100, 100, 300, 200, true), -100, -50, 300, 200);
}

Test(placement, a_scaled_frame_is_never_empty)
{
    expect(place(1, 1, 16384, 1, false), 0, 0, 1, 1);
    expect(place(1, 1, 1, 16384, false), 0, 0, 1, 1);
    struct placement tiny = place(3, 3, 16384, 1, false);
    cr_assert_geq(tiny.height, 1);
}
