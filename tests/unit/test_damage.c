/* SPDX-License-Identifier: MIT */
/*
 * Damage and age. A producer that draws only what changed keeps every slot exact, and a viewer that
 * draws only the damage keeps its surface exact, whichever frames it skips.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/shm.h>

#include "core/damage.h"
#include "core/handoff.h"
#include "stream.h"

enum { PAGE = 4096, WIDTH = 64, HEIGHT = 48 };

static struct pf_frame begun; /* the frame that the producer draws */
static struct layout_producer *words;

static void finish(void)
{
    if (words)
        shmdt((uint8_t *)words - PAGE);
    finish_stream();
}

TestSuite(damage, .init = init_stream, .fini = finish);

static void open_both(uint32_t slots)
{
    open_producer(slots, 0);
    open_viewer(false);
    uint8_t *raw = shmat(pf_viewer_segment(viewer)->shmid, NULL, 0);
    cr_assert_neq(raw, (void *)-1);
    words = (struct layout_producer *)(void *)(raw + PAGE);
}

static void begin(void)
{
    cr_assert_eq(pf_producer_begin(producer, 0, &begun), 0);
    cr_assert_eq(begun.damage_count, 0);
}

/* Publish a frame in which only this rectangle differs. */
static void publish_rect(struct pf_rect rect)
{
    begin();
    begun.damage_count = 1;
    begun.damage[0] = rect;
    cr_assert_eq(pf_producer_publish(producer, &begun), 0);
}

static void publish_whole(void)
{
    begin();
    cr_assert_eq(pf_producer_publish(producer, &begun), 0);
}

static struct pf_frame acquire(void)
{
    struct pf_frame frame;

    cr_assert_eq(pf_viewer_acquire_latest(viewer, &frame), 0);
    pf_viewer_release(viewer, &frame);
    return frame;
}

static int since(const struct pf_frame *seen, struct pf_rect rects[PF_DAMAGE_MAX])
{
    struct pf_frame frame = acquire();

    return pf_viewer_damage_since(viewer, &frame, seen, rects);
}

#define EXPECT_RECT(rect, x_, y_, width_, height_)                                                 \
    cr_assert(rect.x == (x_) && rect.y == (y_) && rect.width == (width_) &&                        \
                  rect.height == (height_),                                                        \
              "%ux%u at %u,%u", rect.width, rect.height, rect.x, rect.y)

static void expect_whole(const struct pf_frame *seen, const char *why)
{
    struct pf_rect rects[PF_DAMAGE_MAX];
    int count = since(seen, rects);

    cr_assert_eq(count, 1, "%s: %d rectangles", why, count);
    EXPECT_RECT(rects[0], 0, 0, WIDTH, HEIGHT);
}

/* ------------------------------------------------------------------ age */

Test(damage, age_counts_the_frames_since_the_content_of_the_slot)
{
    const uint32_t ages[][6] = {{0, 0, 2, 2, 2, 2}, {0, 0, 0, 3, 3, 3}};

    for (uint32_t slots = 2; slots <= 3; slots++) {
        open_producer(slots, 0);
        for (int i = 0; i < 6; i++) {
            begin();
            cr_assert_eq(begun.age, ages[slots - 2][i], "%u slots, frame %d: %u", slots, i + 1,
                         begun.age);
            cr_assert_eq(pf_producer_publish(producer, &begun), 0);
        }
        pf_producer_close(producer);
        producer = NULL;
    }
}

Test(damage, the_content_of_an_abandoned_frame_is_undefined)
{
    open_both(2);
    for (int i = 0; i < 4; i++)
        publish_whole();
    begin();
    cr_assert_eq(begun.age, 2);
    pf_producer_abandon(producer, &begun);
    begin();
    cr_assert_eq(begun.age, 0);
    cr_assert_eq(pf_producer_publish(producer, &begun), 0);
    begin();
    cr_assert_eq(begun.age, 2);
}

Test(damage, age_starts_again_after_a_format_change)
{
    struct pf_format format = size(65, 48);

    open_both(2);
    for (int i = 0; i < 4; i++)
        publish_whole();
    cr_assert_eq(pf_producer_change_format(producer, &format), 0);
    for (int i = 0; i < 3; i++) {
        begin();
        cr_assert_eq(begun.age, i < 2 ? 0 : 2);
        cr_assert_eq(pf_producer_publish(producer, &begun), 0);
    }
}

/* ------------------------------------------------------------------ one frame */

Test(damage, travels_with_its_frame)
{
    const struct pf_rect rects[] = {{0, 0, 1, 1}, {63, 47, 1, 1}, {0, 0, 64, 48}, {5, 6, 7, 8}};

    open_both(3);
    for (uint32_t count = 0; count <= PF_DAMAGE_MAX; count++) {
        begin();
        begun.damage_count = count;
        memcpy(begun.damage, rects, sizeof rects);
        cr_assert_eq(pf_producer_publish(producer, &begun), 0);
        struct pf_frame frame = acquire();
        cr_assert_eq(frame.damage_count, count);
        cr_assert_eq(memcmp(frame.damage, rects, count * sizeof *rects), 0);
    }
}

Test(damage, outside_of_the_frame_is_refused_and_the_frame_stays_begun)
{
    const struct pf_rect bad[] = {{64, 0, 1, 1},    {0, 48, 1, 1},           {63, 0, 2, 1},
                                  {0, 47, 1, 2},    {0, 0, 65, 1},           {0, 0, 1, 49},
                                  {65535, 0, 1, 1}, {1, 0, 65535, 1},        {0, 1, 1, 65535},
                                  {65535, 1, 0, 0}, {0, 65535, 65535, 65535}};
    const uint32_t counts[] = {PF_DAMAGE_MAX + 1, 1u << 31, UINT32_MAX};

    open_both(2);
    begin();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (uint32_t at = 0; at < PF_DAMAGE_MAX; at++) {
            memset(begun.damage, 0, sizeof begun.damage);
            begun.damage_count = at + 1;
            begun.damage[at] = bad[i];
            cr_assert_eq(pf_producer_publish(producer, &begun), -EINVAL, "rectangle %zu", i);
        }
    memset(begun.damage, 0, sizeof begun.damage);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        begun.damage_count = counts[i];
        cr_assert_eq(pf_producer_publish(producer, &begun), -EINVAL, "%u", counts[i]);
    }
    begun.damage_count = 1;
    begun.damage[0] = (struct pf_rect){64, 48, 0, 0};
    cr_assert_eq(pf_producer_publish(producer, &begun), 0, "an empty rectangle");
}

/* ------------------------------------------------------------------ skipped frames */

Test(damage, the_same_frame_has_no_damage)
{
    struct pf_rect rects[PF_DAMAGE_MAX];

    open_both(3);
    publish_whole();
    struct pf_frame seen = acquire();
    cr_assert_eq(since(&seen, rects), 0);
}

Test(damage, nothing_changed_is_one_empty_rectangle)
{
    struct pf_rect rects[PF_DAMAGE_MAX];

    open_both(3);
    publish_whole();
    struct pf_frame seen = acquire();
    publish_rect((struct pf_rect){0});
    publish_rect((struct pf_rect){7, 7, 0, 5});
    cr_assert_eq(since(&seen, rects), 0);
    cr_assert_eq(acquire().damage_count, 1);
}

Test(damage, is_united_over_skipped_frames)
{
    struct pf_rect rects[PF_DAMAGE_MAX];

    open_both(3);
    publish_whole();
    struct pf_frame seen = acquire();
    publish_rect((struct pf_rect){1, 2, 3, 4});
    publish_rect((struct pf_rect){40, 30, 2, 2});
    cr_assert_eq(since(&seen, rects), 2);
    EXPECT_RECT(rects[0], 1, 2, 3, 4);
    EXPECT_RECT(rects[1], 40, 30, 2, 2);
    publish_rect((struct pf_rect){2, 3, 1, 1}); /* within the first */
    cr_assert_eq(since(&seen, rects), 2);
    EXPECT_RECT(rects[0], 1, 2, 3, 4);
    seen = acquire();
    publish_rect((struct pf_rect){9, 9, 1, 1});
    cr_assert_eq(since(&seen, rects), 1);
    EXPECT_RECT(rects[0], 9, 9, 1, 1);
}

Test(damage, is_the_whole_frame_if_any_skipped_frame_was)
{
    open_both(3);
    publish_whole();
    struct pf_frame seen = acquire();
    publish_rect((struct pf_rect){1, 2, 3, 4});
    publish_whole();
    publish_rect((struct pf_rect){1, 2, 3, 4});
    expect_whole(&seen, "one of three has no rectangles");
}

Test(damage, is_the_whole_frame_if_it_is_not_known)
{
    struct pf_rect rects[PF_DAMAGE_MAX];
    struct pf_frame none = {0}, later, other;

    open_both(3);
    publish_whole();
    struct pf_frame seen = acquire();
    for (int i = 0; i < 32; i++)
        publish_rect((struct pf_rect){1, 2, 3, 4});
    cr_assert_eq(since(&seen, rects), 1);
    EXPECT_RECT(rects[0], 1, 2, 3, 4);
    publish_rect((struct pf_rect){1, 2, 3, 4});
    expect_whole(&seen, "33 frames later");
    expect_whole(NULL, "no frame seen");
    expect_whole(&none, "an empty frame");
    later = acquire();
    later.sequence++;
    expect_whole(&later, "a later frame");
    other = acquire();
    other.generation++;
    expect_whole(&other, "a frame of another segment");
}

Test(damage, of_a_frame_before_a_format_change_is_the_whole_frame)
{
    struct pf_format format = size(65, 48);
    struct pf_rect rects[PF_DAMAGE_MAX];
    struct pf_frame frame, old;

    open_both(3);
    publish_rect((struct pf_rect){1, 2, 3, 4});
    old = acquire();
    cr_assert_eq(pf_producer_change_format(producer, &format), 0);
    publish_whole();
    publish_rect((struct pf_rect){1, 2, 3, 4});
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    frame = acquire();
    cr_assert_eq(pf_viewer_damage_since(viewer, &frame, &old, rects), 1);
    EXPECT_RECT(rects[0], 0, 0, 65, 48);
    cr_assert_eq(pf_viewer_damage_since(viewer, &old, &old, rects), 1);
    EXPECT_RECT(rects[0], 0, 0, 64, 48);
}

Test(damage, without_a_frame_is_refused)
{
    struct pf_rect rects[PF_DAMAGE_MAX];
    struct pf_frame frame, none = {0};

    open_both(3);
    publish_whole();
    frame = acquire();
    cr_assert_eq(pf_viewer_damage_since(NULL, &frame, NULL, rects), -EINVAL);
    cr_assert_eq(pf_viewer_damage_since(viewer, NULL, NULL, rects), -EINVAL);
    cr_assert_eq(pf_viewer_damage_since(viewer, &frame, NULL, NULL), -EINVAL);
    cr_assert_eq(pf_viewer_damage_since(viewer, &none, NULL, rects), -EINVAL);
    none.sequence = 1;
    none.format = size(PF_SIZE_MAX + 1, 48);
    cr_assert_eq(pf_viewer_damage_since(viewer, &none, NULL, rects), -EINVAL);
}

/* ------------------------------------------------------------------ exact surfaces */

static uint32_t canvas[HEIGHT][WIDTH], surface[HEIGHT][WIDTH];
static struct pf_rect changed[512]; /* what changed in each frame */

static void copy_rect(uint8_t *to, size_t to_stride, const uint8_t *from, size_t from_stride,
                      struct pf_rect rect)
{
    for (size_t y = rect.y; y < (size_t)rect.y + rect.height; y++)
        memcpy(to + y * to_stride + 4 * (size_t)rect.x, from + y * from_stride + 4 * (size_t)rect.x,
               4 * (size_t)rect.width);
}

static struct pf_rect random_rect(void)
{
    uint16_t x = (uint16_t)(random() % WIDTH), y = (uint16_t)(random() % HEIGHT);

    return (struct pf_rect){x, y, (uint16_t)(random() % 9 % (WIDTH - x + 1)),
                            (uint16_t)(random() % 9 % (HEIGHT - y + 1))};
}

/* Draw only what has changed since the content of the slot, and publish. */
static void draw_changes(void)
{
    const struct pf_rect whole = {0, 0, WIDTH, HEIGHT};

    begin();
    uint64_t sequence = begun.sequence;
    struct pf_rect rect = changed[sequence] = random_rect();
    for (int y = rect.y; y < rect.y + rect.height; y++)
        for (int x = rect.x; x < rect.x + rect.width; x++)
            canvas[y][x] = (uint32_t)random();
    const struct pf_plane *plane = &begun.plane[0];
    for (uint64_t s = begun.age ? sequence - begun.age + 1 : sequence; s <= sequence; s++)
        copy_rect(plane->pixels, plane->stride_bytes, (uint8_t *)canvas, sizeof *canvas,
                  begun.age ? changed[s] : whole);
    if (random() % 8 == 0) {
        memset(plane->pixels, 0xee, 100);
        pf_producer_abandon(producer, &begun);
        begin();
        copy_rect(plane->pixels, plane->stride_bytes, (uint8_t *)canvas, sizeof *canvas,
                  begun.age ? rect : whole);
    }
    begun.damage_count = sequence > 1;
    begun.damage[0] = rect;
    cr_assert_eq(pf_producer_publish(producer, &begun), 0);
}

Test(damage, drawing_only_what_changed_is_exact)
{
    struct pf_rect rects[PF_DAMAGE_MAX];
    struct pf_frame seen = {0}, frame;

    open_both(3);
    srandom(1);
    while (begun.sequence < 500) {
        for (long i = random() % 40 % 12; i >= 0; i--)
            draw_changes();
        cr_assert_eq(pf_viewer_acquire(viewer, 0, &frame), 0);
        const struct pf_plane *plane = &frame.plane[0];
        int count = pf_viewer_damage_since(viewer, &frame, &seen, rects);
        for (int i = 0; i < count; i++)
            copy_rect((uint8_t *)surface, sizeof *surface, plane->pixels, plane->stride_bytes,
                      rects[i]);
        for (size_t y = 0; y < HEIGHT; y++) {
            cr_assert_arr_eq(plane->pixels + y * plane->stride_bytes, canvas[y], sizeof canvas[y],
                             "frame %d, row %zu: drawn", (int)frame.sequence, y);
            cr_assert_arr_eq(surface[y], canvas[y], sizeof canvas[y], "frame %d, row %zu: shown",
                             (int)frame.sequence, y);
        }
        seen = frame;
        pf_viewer_release(viewer, &frame);
    }
}

/* Many small rectangles far apart become at most four, which contain them all. */
Test(damage, united_rectangles_contain_all_of_them)
{
    open_both(3);
    srandom(2);
    for (int run = 0; run < 300; run++) {
        static bool is_damaged[HEIGHT][WIDTH];
        struct pf_rect rects[PF_DAMAGE_MAX];

        memset(is_damaged, 0, sizeof is_damaged);
        publish_whole();
        struct pf_frame seen = acquire();
        for (int i = 0; i <= run % 32; i++) {
            begin();
            begun.damage_count = PF_DAMAGE_MAX;
            for (int k = 0; k < PF_DAMAGE_MAX; k++) {
                struct pf_rect rect = begun.damage[k] = random_rect();
                for (int y = rect.y; y < rect.y + rect.height; y++)
                    for (int x = rect.x; x < rect.x + rect.width; x++)
                        is_damaged[y][x] = true;
            }
            cr_assert_eq(pf_producer_publish(producer, &begun), 0);
        }
        int count = since(&seen, rects);
        cr_assert(count >= 0 && count <= PF_DAMAGE_MAX, "%d", count);
        for (int i = 0; i < count; i++) {
            cr_assert(rects[i].width && rects[i].height, "an empty rectangle");
            cr_assert_leq(rects[i].x + rects[i].width, WIDTH);
            cr_assert_leq(rects[i].y + rects[i].height, HEIGHT);
            for (int y = rects[i].y; y < rects[i].y + rects[i].height; y++)
                for (int x = rects[i].x; x < rects[i].x + rects[i].width; x++)
                    is_damaged[y][x] = false;
        }
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++)
                cr_assert_not(is_damaged[y][x], "run %d: %d,%d", run, x, y);
    }
}

/* ------------------------------------------------------------------ hostile words */

static void expect_inside(struct pf_rect rect)
{
    cr_assert_leq(rect.x + rect.width, WIDTH);
    cr_assert_leq(rect.y + rect.height, HEIGHT);
}

Test(damage, words_from_the_segment_are_clamped_to_the_frame)
{
    struct pf_rect rects[PF_DAMAGE_MAX];

    open_both(3);
    publish_whole();
    struct pf_frame seen = acquire();
    publish_rect((struct pf_rect){1, 1, 1, 1});
    publish_rect((struct pf_rect){1, 1, 1, 1});
    srandom(3);
    for (int i = 0; i < 20000; i++) {
        for (int k = 0; k < LAYOUT_HISTORY; k++) {
            atomic_store(&words->history[k].count, (uint32_t)(i % 7 ? random() % 6 : random()));
            for (int r = 0; r < PF_DAMAGE_MAX; r++)
                atomic_store(&words->history[k].rect[r],
                             (uint64_t)random() << 33 ^ (uint64_t)random() << 8);
        }
        struct pf_frame frame = acquire();
        cr_assert_leq(frame.damage_count, PF_DAMAGE_MAX);
        for (uint32_t r = 0; r < frame.damage_count; r++)
            expect_inside(frame.damage[r]);
        int count = pf_viewer_damage_since(viewer, &frame, &seen, rects);
        cr_assert(count >= 0 && count <= PF_DAMAGE_MAX);
        for (int r = 0; r < count; r++)
            expect_inside(rects[r]);
    }
}

Test(damage, an_entry_of_another_frame_is_the_whole_frame)
{
    const uint64_t sequences[] = {0, 1, 3 + LAYOUT_HISTORY, UINT64_MAX};

    open_both(3);
    publish_whole();
    struct pf_frame seen = acquire();
    publish_rect((struct pf_rect){1, 1, 1, 1});
    publish_rect((struct pf_rect){1, 1, 1, 1});
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
        atomic_store(&words->history[3].sequence, sequences[i]);
        expect_whole(&seen, "the newest entry is of another frame");
        cr_assert_eq(acquire().damage_count, 0);
        atomic_store(&words->history[3].sequence, 3);
        atomic_store(&words->history[2].sequence, sequences[i]);
        expect_whole(&seen, "the entry before is of another frame");
        atomic_store(&words->history[2].sequence, 2);
    }
}
