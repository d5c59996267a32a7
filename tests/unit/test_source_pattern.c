/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "media/stamp.h"
#include "pageflip.h"
#include "producer/sources/pattern.h"
#include "producer/sources/source.h"

static const char *const names[] = {"card", "plasma", "waves", "stars"};

enum { NAMES = sizeof names / sizeof *names, GUARD = 4096 };

/* A frame in private memory, with guard bytes before and after it and after every row. */
struct slot {
    uint8_t *memory;
    size_t bytes;
    uint32_t width, height, stride_bytes;
    struct pf_frame frame;
};

static void slot_init(struct slot *slot, uint32_t width, uint32_t height, int garbage)
{
    *slot = (struct slot){.width = width, .height = height, .stride_bytes = width * 4 + 64};
    slot->bytes = 2 * GUARD + (size_t)slot->stride_bytes * height;
    slot->memory = malloc(slot->bytes);
    cr_assert_not_null(slot->memory);
    memset(slot->memory, garbage, slot->bytes);
    slot->frame.plane[0].pixels = slot->memory + GUARD;
    slot->frame.plane[0].stride_bytes = slot->stride_bytes;
    slot->frame.sequence = 42;
    slot->frame.begin_ns = INT64_C(1234567890);
}

static struct source *open_source(const char *name, uint32_t width, uint32_t height)
{
    struct source_config config = {.pattern = name, .width = width, .height = height};
    struct source *source = NULL;

    cr_assert_eq(source_open(&source, &config), 0);
    cr_assert_eq(source->format.width, width);
    cr_assert_eq(source->format.height, height);
    return source;
}

static int differs(const struct slot *a, const struct slot *b)
{
    for (uint32_t y = 0; y < a->height; y++)
        if (memcmp(a->memory + GUARD + (size_t)y * a->stride_bytes,
                   b->memory + GUARD + (size_t)y * b->stride_bytes, a->width * 4))
            return 1;
    return 0;
}

static void check_guards(const struct slot *slot, int garbage)
{
    const uint8_t *pixels = slot->memory + GUARD;

    for (size_t i = 0; i < GUARD; i++) {
        cr_assert_eq(slot->memory[i], garbage, "byte %zu before", i);
        cr_assert_eq(slot->memory[slot->bytes - 1 - i], garbage, "byte %zu after", i);
    }
    for (uint32_t y = 0; y < slot->height; y++)
        for (uint32_t x = slot->width * 4; x < slot->stride_bytes; x++)
            cr_assert_eq(pixels[(size_t)y * slot->stride_bytes + x], garbage, "after row %u", y);
}

/*
 * Two sources draw over different garbage: the frames are equal only if every pixel is drawn and
 * depends on nothing but the frame's number.
 */
static void check_size(const char *name, uint32_t width, uint32_t height)
{
    struct source *sources[2] = {open_source(name, width, height),
                                 open_source(name, width, height)};
    struct slot slots[2];

    for (int frame = 0; frame < 3; frame++) {
        for (int i = 0; i < 2; i++) {
            slot_init(&slots[i], width, height, i ? 0x3c : 0xa5);
            cr_assert_eq(source_next(sources[i]), 0);
            cr_assert_eq(source_fill(sources[i], &slots[i].frame), 0);
            check_guards(&slots[i], i ? 0x3c : 0xa5);
        }
        cr_assert_not(differs(&slots[0], &slots[1]), "%s %ux%u frame %d", name, width, height,
                      frame);
        free(slots[0].memory);
        free(slots[1].memory);
    }
    source_close(sources[0]);
    source_close(sources[1]);
}

Test(source_pattern, every_pixel_of_every_size_is_drawn_and_none_beyond)
{
    static const uint32_t sizes[][2] = {{1, 1},   {2, 3},     {63, 64},   {64, 2},    {64, 64},
                                        {1, 500}, {500, 1},   {320, 180}, {181, 323}, {641, 361},
                                        {17, 9},  {1030, 40}, {40, 1030}};

    for (int i = 0; i < NAMES; i++)
        for (size_t size = 0; size < sizeof sizes / sizeof *sizes; size++)
            check_size(names[i], sizes[size][0], sizes[size][1]);
}

Test(source_pattern, the_card_names_the_rate_in_whole_frames_per_second)
{
    static const uint32_t rates[2][2] = {{30, 1}, {30000, 1001}};
    struct slot slots[2];

    for (int i = 0; i < 2; i++) {
        struct source *source = open_source("card", 1280, 720);
        source->format.rate_num = rates[i][0];
        source->format.rate_den = rates[i][1];
        slot_init(&slots[i], 1280, 720, 0);
        cr_assert_eq(source_next(source), 0);
        cr_assert_eq(source_fill(source, &slots[i].frame), 0);
        source_close(source);
    }
    cr_assert_not(differs(&slots[0], &slots[1]), "29.97 is not 30");
    free(slots[0].memory);
    free(slots[1].memory);
}

Test(source_pattern, frames_of_the_longest_sides_are_drawn_completely)
{
    for (int i = 0; i < NAMES; i++) {
        check_size(names[i], PF_SIZE_MAX, 3);
        check_size(names[i], 3, PF_SIZE_MAX);
    }
}

Test(source_pattern, frames_carry_their_stamp_where_it_fits)
{
    for (int i = 0; i < NAMES; i++) {
        struct source *source = open_source(names[i], 320, 180);
        struct stamp stamp = {0};
        struct slot slot;
        slot_init(&slot, 320, 180, 0);
        cr_assert_eq(source_fill(source, &slot.frame), 0);
        cr_assert(slot.frame.flags & PF_FRAME_STAMPED);
        cr_assert_eq(stamp_read(&source->format, slot.frame.plane, &stamp), STAMP_WHOLE, "%s",
                     names[i]);
        cr_assert_eq(stamp.sequence, 42, "%u", stamp.sequence);
        cr_assert_eq(stamp.milliseconds, 1234, "%u", stamp.milliseconds);
        free(slot.memory);
        source_close(source);

        source = open_source(names[i], 63, 64);
        slot_init(&slot, 63, 64, 0);
        cr_assert_eq(source_fill(source, &slot.frame), 0);
        cr_assert_not(slot.frame.flags & PF_FRAME_STAMPED);
        free(slot.memory);
        source_close(source);
    }
}

Test(source_pattern, every_frame_differs_from_the_one_before)
{
    for (int i = 0; i < NAMES; i++) {
        struct source *source = open_source(names[i], 200, 120);
        struct slot before, now;
        slot_init(&before, 200, 120, 0);
        cr_assert_eq(source_fill(source, &before.frame), 0);
        for (int frame = 1; frame < 20; frame++) {
            slot_init(&now, 200, 120, 0); /* with the same stamp */
            cr_assert_eq(source_fill(source, &now.frame), 0);
            cr_assert(differs(&before, &now), "%s stands still at frame %d", names[i], frame);
            free(before.memory);
            before = now;
        }
        free(before.memory);
        source_close(source);
    }
}

Test(source_pattern, frames_have_the_times_of_the_given_rate)
{
    struct source_config config = {.pattern = "card",
                                   .width = 8,
                                   .height = 8,
                                   .rate_is_given = true,
                                   .rate_num = 25,
                                   .rate_den = 1};
    struct source *source;
    struct slot slot;

    cr_assert_eq(source_open(&source, &config), 0);
    cr_assert_eq(source->format.rate_num, 25);
    cr_assert(source->live);
    slot_init(&slot, 8, 8, 0);
    for (int frame = 0; frame < 100; frame++) {
        cr_assert_eq(source_fill(source, &slot.frame), 0);
        cr_assert_lt(llabs(slot.frame.pts_ns - frame * INT64_C(40000000)), 1000, "frame %d: %lld",
                     frame, (long long)slot.frame.pts_ns);
    }
    free(slot.memory);
    source_close(source);
}

Test(source_pattern, unpaced_frames_differ)
{
    struct source_config config = {.pattern = "card",
                                   .width = 128,
                                   .height = 128,
                                   .rate_is_given = true,
                                   .rate_num = 0,
                                   .rate_den = 1};
    struct source *source;
    struct slot before, now;

    cr_assert_eq(source_open(&source, &config), 0);
    slot_init(&before, 128, 128, 0);
    slot_init(&now, 128, 128, 0);
    cr_assert_eq(source_fill(source, &before.frame), 0);
    cr_assert_eq(source_fill(source, &now.frame), 0);
    cr_assert(differs(&before, &now));
    free(before.memory);
    free(now.memory);
    source_close(source);
}

Test(source_pattern, patterns_are_found_by_name)
{
    for (int i = 0; i < NAMES; i++)
        cr_assert(pattern_exists(names[i]), "%s", names[i]);
    cr_assert_not(pattern_exists("nothing"));
    cr_assert_not(pattern_exists(""));
}
