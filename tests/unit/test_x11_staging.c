/* SPDX-License-Identifier: MIT */
/* The viewer's own segment of converted frames: its slots, and when they are in use. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/shm.h>

#include "viewer/presenters/x11/staging.h"

enum { WIDTH = 3, HEIGHT = 2 };

static struct x11_staging staging;
static struct x11_sent_table table;
static uint8_t grey[HEIGHT * 256];

static const struct pf_format r8 = {.fourcc = PF_FOURCC_R8, .width = WIDTH, .height = HEIGHT};

static void finish(void)
{
    x11_staging_close(&staging);
}

TestSuite(x11_staging, .fini = finish);

/* A new entry of the table for a frame of this grey. */
static struct x11_sent *add(uint8_t level)
{
    struct pf_frame frame = {.sequence = level,
                             .slot = 1,
                             .format = r8,
                             .plane[0] = {.pixels = grey, .stride_bytes = 256}};
    struct x11_sent *sent = x11_sent_add(&table, &frame, false);

    memset(grey, level, sizeof grey);
    sent->waits = WAITS_FOR_SLOT;
    return sent;
}

static bool convert(struct x11_sent *sent)
{
    return x11_staging_convert(&staging, &table, &(struct background){0}, sent);
}

static void expect_grey(const struct x11_sent *sent, uint8_t level)
{
    const struct pf_segment *segment = &staging.segment;
    const struct pf_plane *plane = &sent->done.frame.plane[0];

    cr_assert_eq(plane->pixels, staging.base + segment->slots_offset +
                                    sent->done.frame.slot * segment->slot_stride_bytes);
    cr_assert_eq(plane->stride_bytes, segment->plane_stride_bytes[0]);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < 4 * WIDTH; x++)
            cr_assert_eq(plane->pixels[(uint32_t)y * plane->stride_bytes + (uint32_t)x],
                         x % 4 == 3 ? 255 : level);
}

Test(x11_staging, is_a_segment_of_xr24_with_a_nonce_that_vanishes_with_its_last_user)
{
    struct shmid_ds info;

    cr_assert_eq(x11_staging_open(&staging, &r8), 0);
    const struct pf_segment segment = staging.segment;
    cr_assert_eq(segment.format.fourcc, PF_FOURCC_XR24);
    cr_assert(segment.format.width == WIDTH && segment.format.height == HEIGHT);
    cr_assert_eq(segment.plane_stride_bytes[0] % 256, 0);
    cr_assert_leq(segment.slots_offset + segment.slots * segment.slot_stride_bytes, segment.bytes);
    cr_assert_geq(segment.slot_stride_bytes, HEIGHT * segment.plane_stride_bytes[0]);
    cr_assert_arr_eq(staging.base + segment.nonce_offset, segment.nonce, PF_NONCE_BYTES);
    cr_assert_eq(shmctl(segment.shmid, IPC_STAT, &info), 0);
    cr_assert_geq(info.shm_segsz, segment.bytes);
    cr_assert_eq(info.shm_perm.mode & 0777, 0600);
    x11_staging_close(&staging);
    cr_assert_lt(shmctl(segment.shmid, IPC_STAT, &info), 0);
    x11_staging_close(&staging);
}

Test(x11_staging, a_slot_is_in_use_until_the_display_has_read_it)
{
    struct x11_sent *sent[X11_STAGING_SLOTS + 1];

    cr_assert_eq(x11_staging_open(&staging, &r8), 0);
    for (int i = 0; i < X11_STAGING_SLOTS; i++) {
        sent[i] = add((uint8_t)(10 + i));
        cr_assert(convert(sent[i]));
        cr_assert(sent[i]->is_staged);
        cr_assert_eq(sent[i]->done.user_copies, 1);
    }
    for (int i = 0; i < X11_STAGING_SLOTS; i++)
        expect_grey(sent[i], (uint8_t)(10 + i));
    struct x11_sent *last = sent[X11_STAGING_SLOTS] = add(99);
    cr_assert_not(convert(last), "every slot waits");
    cr_assert_not(last->is_staged);
    cr_assert_eq(last->done.frame.slot, 1, "the frame is as it was");
    sent[2]->waits = WAITS_FOR_RESULT;
    cr_assert(convert(last));
    cr_assert_eq(last->done.frame.slot, sent[2]->done.frame.slot);
    expect_grey(last, 99);
    expect_grey(sent[1], 11);
    cr_assert_eq(last->done.frame.sequence, 99);
}

/* The producer's slots have numbers of their own. */
Test(x11_staging, frames_in_slots_of_the_producer_use_none)
{
    cr_assert_eq(x11_staging_open(&staging, &r8), 0);
    for (int i = 0; i < 6; i++)
        add(1)->done.frame.slot = (uint32_t)i;
    struct x11_sent *sent = add(7);
    cr_assert(convert(sent));
    cr_assert_eq(sent->done.frame.slot, 0);
}
