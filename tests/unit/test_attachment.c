/* SPDX-License-Identifier: MIT */
#include "core/attachment.h"

#include <criterion/criterion.h>
#include <errno.h>

Test(attachment, the_count_of_holds_does_not_overflow)
{
    struct attachment now = {.segment.generation = 1};
    const struct pf_frame frame = {.generation = 1, .sequence = 5, .slot = 2};

    cr_assert_eq(attachment_add(&now, &frame), 0);
    now.held[2].count = UINT32_MAX - 1;
    cr_assert_eq(attachment_add(&now, &frame), 0);
    cr_assert_eq(attachment_add(&now, &frame), -EOVERFLOW);
    cr_assert_eq(now.held[2].count, UINT32_MAX);
}

/* Only a damaged segment has a new frame in a held slot. */
Test(attachment, a_newer_frame_replaces_the_one_in_its_slot)
{
    struct attachment now = {.segment.generation = 1};
    const struct pf_frame frame = {.generation = 1, .sequence = 5, .slot = 2};
    const struct pf_frame newer = {.generation = 1, .sequence = 6, .slot = 2};

    cr_assert_eq(attachment_add(&now, &frame), 0);
    cr_assert_eq(attachment_add(&now, &frame), 0);
    cr_assert_eq(attachment_add(&now, &newer), 0);
    cr_assert_null(attachment_find(&now, &frame));
    cr_assert_eq(attachment_find(&now, &newer), &now);
    cr_assert_eq(now.held[2].count, 1);
}

Test(attachment, a_frame_is_found_in_its_own_segment)
{
    struct attachment first = {.segment.generation = 1};
    struct attachment second = {.segment.generation = 2, .earlier = &first};
    struct attachment third = {.segment.generation = 3, .earlier = &second};
    struct pf_frame frame = {.generation = 1, .sequence = 5, .slot = 2};

    cr_assert_eq(attachment_add(&first, &frame), 0);
    cr_assert_eq(attachment_find(&third, &frame), &first);
    frame.generation = 2;
    cr_assert_null(attachment_find(&third, &frame));
    cr_assert(attachment_holds_any(&first));
    cr_assert_not(attachment_holds_any(&second));
}
