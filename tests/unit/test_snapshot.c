/* SPDX-License-Identifier: MIT */
/* Which frame an image has. All bytes of a frame are its number. */
#include <errno.h>
#include <sys/stat.h>

#include "last_message.h"
#include "media/image.h"
#include "scripted_clock.h"
#include "stream.h"
#include "viewer/snapshot.h"

static struct snapshot snapshot;
static char path[512];

static void init(void)
{
    init_stream();
    keep_messages();
    pf_log_set_level(PF_LOG_WARNING);
    scratch_path(path, scratch, "shot.png");
    open_producer(4, 0);
    open_viewer(false);
    snapshot = (struct snapshot){0};
}

TestSuite(snapshot, .init = init, .fini = finish_stream);

/* The image must have this size, and all of frame `number`. */
static void assert_image(const char *of, uint8_t number, uint32_t width, uint32_t height)
{
    static uint8_t pixels[128 * 128 * 4];
    struct image *image;
    uint32_t got_width, got_height;

    cr_assert_eq(image_open(&image, of, &got_width, &got_height), 0);
    cr_assert_eq(got_width, width);
    cr_assert_eq(got_height, height);
    cr_assert_eq(image_read(image, pixels, width * 4), 0);
    image_close(image);
    for (uint32_t i = 0; i < width * height * 4; i++)
        cr_assert_eq(pixels[i], i % 4 == 3 ? 255 : number, "byte %u is %u", i, pixels[i]);
}

static void acquire(uint32_t number, struct pf_frame *frame)
{
    cr_assert_eq(publish(number), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, frame), 0);
}

static void publish_many(uint32_t first, uint32_t last)
{
    for (uint32_t number = first; number <= last; number++)
        cr_assert_eq(publish(number), 0);
}

Test(snapshot, has_the_latest_frame)
{
    for (uint32_t number = 1; number <= 9; number++) { /* more than the slots: none stays held */
        publish_many(number, number);
        cr_assert_eq(snapshot_write_last(&snapshot, viewer, path), 0);
        assert_image(path, (uint8_t)number, 64, 48);
    }
}

Test(snapshot, has_the_frame_that_is_held_as_the_last)
{
    struct pf_frame frame;

    acquire(1, &frame);
    snapshot_hold_last(&snapshot, viewer, &frame);
    pf_viewer_release(viewer, &frame); /* by the presenter */
    publish_many(2, 9);
    cr_assert_eq(snapshot_write_last(&snapshot, viewer, path), 0);
    assert_image(path, 1, 64, 48);
    snapshot_release_last(&snapshot, viewer);
    snapshot_release_last(&snapshot, viewer);
    cr_assert_eq(snapshot_write_last(&snapshot, viewer, path), 0);
    assert_image(path, 9, 64, 48);
}

Test(snapshot, has_the_frame_that_was_kept_at_a_pause_also_after_a_format_change)
{
    struct pf_format larger = size(80, 50);
    struct pf_frame frame;

    acquire(1, &frame);
    snapshot_keep(&snapshot, &frame);
    pf_viewer_release(viewer, &frame);
    publish_many(2, 9);
    cr_assert_eq(snapshot_write_last(&snapshot, viewer, path), 0);
    assert_image(path, 1, 64, 48);
    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    publish_many(10, 10); /* of which publish() fills 48 rows */
    cr_assert_eq(snapshot_write_last(&snapshot, viewer, path), 0);
    assert_image(path, 1, 64, 48);
    snapshot_discard_kept(&snapshot);
    snapshot_discard_kept(&snapshot);
    cr_assert_eq(snapshot_write_last(&snapshot, viewer, path), 0);
    struct image *image;
    uint32_t width, height;
    cr_assert_eq(image_open(&image, path, &width, &height), 0);
    image_close(image);
    cr_assert_eq(width, 80, "the latest frame");
}

/* Whatever rows are aligned to: rows of 260 bytes have padding. */
Test(snapshot, has_all_rows_of_a_frame_that_was_kept_also_if_they_have_padding)
{
    struct pf_format odd = size(65, 48);
    struct pf_frame frame;

    cr_assert_eq(pf_producer_change_format(producer, &odd), 0);
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    acquire(1, &frame);
    cr_assert_gt(frame.plane[0].stride_bytes, 65 * 4, "the rows have no padding");
    snapshot_keep(&snapshot, &frame);
    pf_viewer_release(viewer, &frame);
    publish_many(2, 2);
    cr_assert_eq(snapshot_write_last(&snapshot, viewer, path), 0);
    assert_image(path, 1, 65, 48);
    snapshot_discard_kept(&snapshot);
}

static void publish_yu12(const uint8_t value[3])
{
    struct pf_format_planes planes;
    struct pf_frame frame;

    cr_assert_eq(pf_producer_begin(producer, HANG_NS, &frame), 0);
    cr_assert_eq(pf_format_planes(&frame.format, &planes), 0);
    for (uint32_t p = 0; p < planes.count; p++)
        memset(frame.plane[p].pixels, value[p], frame.plane[p].stride_bytes * planes.rows[p]);
    cr_assert_eq(pf_producer_publish(producer, &frame), 0);
}

Test(snapshot, has_all_planes_of_a_frame_that_was_kept)
{
    const uint8_t red[] = {81, 90, 240}, grey[] = {128, 128, 128}; /* BT.601, limited range */
    struct pf_format format = size(64, 48);
    static uint8_t pixels[64 * 48 * 4];
    struct image *image;
    struct pf_frame frame;
    uint32_t width, height;

    format.fourcc = PF_FOURCC_YU12;
    cr_assert_eq(pf_producer_change_format(producer, &format), 0);
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    publish_yu12(red);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    snapshot_keep(&snapshot, &frame);
    cr_assert_eq(pf_viewer_release(viewer, &frame), 0);
    for (int i = 0; i < 8; i++) /* more than the slots */
        publish_yu12(grey);
    cr_assert_eq(snapshot_write_last(&snapshot, viewer, path), 0);
    cr_assert_eq(image_open(&image, path, &width, &height), 0);
    cr_assert_eq(image_read(image, pixels, 64 * 4), 0);
    image_close(image);
    for (uint32_t i = 0; i < sizeof pixels; i += 4)
        cr_assert(pixels[i] < 10 && pixels[i + 1] < 10 && pixels[i + 2] > 245, "B, G, R: %u %u %u",
                  pixels[i], pixels[i + 1], pixels[i + 2]);
    snapshot_discard_kept(&snapshot);
}

Test(snapshot, without_a_frame_is_a_warning_and_no_file)
{
    char name[SNAPSHOT_PATH_BYTES];

    cr_assert_eq(snapshot_write_last(&snapshot, viewer, path), 0);
    cr_assert_eq(warnings, 1);
    cr_assert_not_null(strstr(message, path), "%s", message);
    cr_assert_neq(access(path, F_OK), 0);
    cr_assert_eq(snapshot_save(&snapshot, viewer, "test", name), -EAGAIN);
    cr_assert_eq(warnings, 2);
    cr_assert_neq(access(name, F_OK), 0);
}

Test(snapshot, by_key_is_named_by_the_channel_and_the_local_time_to_the_millisecond)
{
    char name[SNAPSHOT_PATH_BYTES];

    setenv("TZ", "TEST-2", 1); /* two hours later than UTC */
    cr_assert_eq(chdir(scratch), 0);
    publish_many(1, 2);
    scripted_date_ns = 1700000000 * NS_PER_S + 42 * NS_PER_MS + 999999;
    cr_assert_eq(snapshot_save(&snapshot, viewer, "cam.one", name), 0);
    cr_assert_str_eq(name, "pageflip-cam.one-20231115-001320.042.png");
    assert_image(name, 2, 64, 48);
}

Test(snapshot, that_cannot_be_written_returns_the_reason)
{
    char name[SNAPSHOT_PATH_BYTES];
    char longest[PF_CHANNEL_BYTES];

    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    publish_many(1, 1);
    scratch_path(path, scratch, "absent/shot.png");
    cr_assert_eq(snapshot_write_last(&snapshot, viewer, path), -ENOENT);
    cr_assert_eq(errors, 1);
    scratch_path(path, scratch, "gone");
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(chdir(path), 0);
    cr_assert_eq(rmdir(path), 0);
    cr_assert_eq(snapshot_save(&snapshot, viewer, longest, name), -ENOENT);
    cr_assert_str_eq(name + strlen(name) - 4, ".png");
}
