/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "viewer/presenters/placement.h"

static void expect(struct placement got, int x, int y, int width, int height)
{
    cr_assert(got.x == x && got.y == y && got.width == width && got.height == height,
              "got %d,%d %dx%d, not %d,%d %dx%d", got.x, got.y, got.width, got.height, x, y, width,
              height);
}

Test(placement, shrinks_a_large_frame)
{
    expect(placement_of_frame(16384, 8192, 100, 100, false), 0, 25, 100, 50);
}

Test(placement, centres_a_one_to_one_frame_even_when_larger)
{
    expect(placement_of_frame(320, 240, 640, 480, true), 160, 120, 320, 240);
    expect(placement_of_frame(300, 200, 100, 100, true), -100, -50, 300, 200);
}

Test(placement, a_scaled_frame_is_never_empty)
{
    expect(placement_of_frame(16384, 1, 1, 1, false), 0, 0, 1, 1);
    expect(placement_of_frame(1, 16384, 1, 1, false), 0, 0, 1, 1);
    struct placement tiny = placement_of_frame(16384, 1, 3, 3, false);
    cr_assert_geq(tiny.height, 1);
}

Test(placement, a_frame_is_as_large_as_its_aspect_ratio_permits)
{
    for (int width = 1; width <= 40; width++)
        for (int height = 1; height <= 40; height++) {
            struct placement got = placement_of_frame(13, 7, width, height, false);
            bool fits_by_width = width * 7 / 13 <= height;
            int scaled_width = fits_by_width ? width : height * 13 / 7;
            int scaled_height = fits_by_width ? width * 7 / 13 : height;
            if (scaled_height == 0)
                scaled_height = 1;
            expect(got, (width - scaled_width) / 2, (height - scaled_height) / 2, scaled_width,
                   scaled_height);
        }
}

Test(placement, the_largest_sizes_do_not_overflow)
{
    expect(placement_of_frame(16384, 16384, 16384, 16384, false), 0, 0, 16384, 16384);
    expect(placement_of_frame(16384, 1, 32767, 32767, false), 0, 16383, 32767, 1);
    expect(placement_of_frame(16384, 16383, 32767, 32767, false), 0, 1, 32767, 32765);
}
