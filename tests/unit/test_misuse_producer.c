/* SPDX-License-Identifier: MIT */
/* Each misuse of a producer's call has one case: it returns the errno that pageflip.h documents, is
 * logged once, and has no effect. */
#include <errno.h>

#include "last_message.h"
#include "stream.h"

static void init_misuse(void)
{
    init_stream();
    keep_messages();
    open_producer(3, 0);
}

TestSuite(misuse_producer, .init = init_misuse, .fini = finish_stream);

static void expect_error(int ret, int expected, const char *call)
{
    cr_assert_eq(ret, expected, "%s returned %d, not %d: %s", call, ret, expected, message);
    cr_assert_eq(errors, 1, "%s: %d messages", call, errors);
    cr_assert_not_null(strstr(message, call), "\"%s\" does not name %s", message, call);
    keep_messages(); /* also of a failure that repeats */
}

static struct pf_frame begun(void)
{
    struct pf_frame frame;

    cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
    return frame;
}

static uint64_t published(void)
{
    struct pf_producer_stats stats;

    cr_assert_eq(pf_producer_stats(producer, &stats), 0);
    return stats.published;
}

/* The begun frame can still be published, and it is the first one that a viewer gets. */
static void expect_still_begun(struct pf_frame *frame)
{
    struct pf_frame shown;
    uint64_t before = published();

    if (!viewer)
        open_viewer(false);
    memset(frame->plane[0].pixels, 7, frame->plane[0].stride_bytes);
    frame->pts_ns = 7;
    cr_assert_eq(pf_producer_publish(producer, frame), 0, "%s", message);
    cr_assert_eq(published(), before + 1);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &shown), 0);
    cr_assert_eq(shown.sequence, before + 1);
    cr_assert_eq(shown.pts_ns, 7);
    cr_assert_eq(shown.plane[0].pixels[0], 7);
    pf_viewer_release(viewer, &shown);
}

Test(misuse_producer, begin_while_a_frame_is_begun_is_refused)
{
    struct pf_frame frame = begun(), second = {.sequence = 77};

    expect_error(pf_producer_begin(producer, HANG_NS, &second), -EBUSY, "pf_producer_begin()");
    cr_assert_eq(second.sequence, 77);
    expect_still_begun(&frame);
}

Test(misuse_producer, change_format_while_a_frame_is_begun_is_refused)
{
    struct pf_format larger = size(80, 50);
    struct pf_frame frame = begun();

    expect_error(pf_producer_change_format(producer, &larger), -EBUSY,
                 "pf_producer_change_format()");
    expect_still_begun(&frame);
    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
}

Test(misuse_producer, publish_without_begin_is_refused)
{
    struct pf_frame frame = {.sequence = 1, .generation = 1};

    expect_error(pf_producer_publish(producer, &frame), -ESTALE, "pf_producer_publish()");
    expect_error(pf_producer_abandon(producer, &frame), -ESTALE, "pf_producer_abandon()");
    cr_assert_eq(published(), 0);
}

Test(misuse_producer, publish_twice_is_refused)
{
    struct pf_frame frame = begun();

    cr_assert_eq(pf_producer_publish(producer, &frame), 0);
    expect_error(pf_producer_publish(producer, &frame), -ESTALE, "pf_producer_publish()");
    expect_error(pf_producer_abandon(producer, &frame), -ESTALE, "pf_producer_abandon()");
    cr_assert_eq(published(), 1);
}

Test(misuse_producer, publish_after_abandon_is_refused)
{
    struct pf_frame abandoned = begun();

    cr_assert_eq(pf_producer_abandon(producer, &abandoned), 0);
    expect_error(pf_producer_publish(producer, &abandoned), -ESTALE, "pf_producer_publish()");
    expect_error(pf_producer_abandon(producer, &abandoned), -ESTALE, "pf_producer_abandon()");

    struct pf_frame frame = begun(); /* with the numbers of the abandoned one */
    cr_assert_eq(frame.sequence, abandoned.sequence);
    cr_assert_eq(frame.slot, abandoned.slot);
    expect_error(pf_producer_publish(producer, &abandoned), -ESTALE, "pf_producer_publish()");
    expect_still_begun(&frame);
}

Test(misuse_producer, a_frame_with_wrong_numbers_is_not_published)
{
    struct pf_frame frame = begun();
    struct pf_frame wrong[] = {{0}, frame, frame, frame, frame};

    wrong[1].slot = 77;
    wrong[2].slot = (frame.slot + 1) % 3;
    wrong[3].sequence++;
    wrong[4].generation++;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        expect_error(pf_producer_publish(producer, &wrong[i]), -ESTALE, "pf_producer_publish()");
        expect_error(pf_producer_abandon(producer, &wrong[i]), -ESTALE, "pf_producer_abandon()");
    }
    expect_still_begun(&frame);
}

Test(misuse_producer, a_frame_of_the_old_format_is_not_published)
{
    struct pf_format larger = size(80, 50);
    struct pf_frame old = begun();

    cr_assert_eq(pf_producer_abandon(producer, &old), 0);
    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
    struct pf_frame frame = begun();
    expect_error(pf_producer_publish(producer, &old), -ESTALE, "pf_producer_publish()");
    expect_still_begun(&frame);
}

Test(misuse_producer, a_frame_of_another_producer_is_not_published)
{
    struct pf_format format = size(64, 48);
    struct pf_producer *other;
    struct pf_frame frame = begun(), of_other;

    cr_assert_eq(pf_producer_open(&other, "other", &format, NULL), 0);
    cr_assert_eq(pf_producer_begin(other, 0, &of_other), 0);
    cr_assert_eq(of_other.sequence, frame.sequence);
    cr_assert_eq(of_other.generation, frame.generation);
    cr_assert_eq(of_other.slot, frame.slot);
    expect_error(pf_producer_publish(producer, &of_other), -ESTALE, "pf_producer_publish()");
    expect_error(pf_producer_abandon(producer, &of_other), -ESTALE, "pf_producer_abandon()");
    expect_still_begun(&frame);
    cr_assert_eq(pf_producer_publish(other, &of_other), 0);
    pf_producer_close(other);
}

Test(misuse_producer, undefined_flags_are_refused_and_the_frame_remains_begun)
{
    const uint32_t undefined[] = {2, 4, 1u << 31, PF_FRAME_STAMPED | 1u << 16, UINT32_MAX};
    struct pf_frame frame = begun();

    for (size_t i = 0; i < sizeof undefined / sizeof *undefined; i++) {
        frame.flags = undefined[i];
        expect_error(pf_producer_publish(producer, &frame), -EINVAL, "pf_producer_publish()");
        cr_assert_eq(published(), 0);
    }
    frame.flags = PF_FRAME_STAMPED;
    expect_still_begun(&frame);
}

Test(misuse_producer, null_is_refused_by_every_call)
{
    struct pf_format format = size(64, 48);
    struct pf_producer_stats stats = {.published = 77};
    struct pf_producer *opened;
    struct pf_frame frame = begun();

    expect_error(pf_producer_open(NULL, "other", &format, NULL), -EINVAL, "pf_producer_open()");
    expect_error(pf_producer_open(&opened, NULL, &format, NULL), -EINVAL, "pf_producer_open()");
    expect_error(pf_producer_open(&opened, "other", NULL, NULL), -EINVAL, "pf_producer_open()");
    expect_error(pf_producer_begin(NULL, 0, &frame), -EINVAL, "pf_producer_begin()");
    expect_error(pf_producer_begin(producer, 0, NULL), -EINVAL, "pf_producer_begin()");
    expect_error(pf_producer_begin(producer, -1, &frame), -EINVAL, "negative");
    expect_error(pf_producer_wait_viewers(producer, 0, -1), -EINVAL, "negative");
    expect_error(pf_producer_wait_event(producer, -1), -EINVAL, "negative");
    expect_error(pf_producer_publish(NULL, &frame), -EINVAL, "pf_producer_publish()");
    expect_error(pf_producer_publish(producer, NULL), -EINVAL, "pf_producer_publish()");
    expect_error(pf_producer_abandon(NULL, &frame), -EINVAL, "pf_producer_abandon()");
    expect_error(pf_producer_abandon(producer, NULL), -EINVAL, "pf_producer_abandon()");
    expect_error(pf_producer_change_format(NULL, &format), -EINVAL, "pf_producer_change_format()");
    expect_error(pf_producer_change_format(producer, NULL), -EINVAL, "pf_producer_change_format()");
    expect_error(pf_producer_stats(NULL, &stats), -EINVAL, "pf_producer_stats()");
    expect_error(pf_producer_stats(producer, NULL), -EINVAL, "pf_producer_stats()");
    cr_assert_eq(stats.published, 77);
    pf_producer_close(NULL);
    expect_still_begun(&frame);
}

Test(misuse_producer, a_rate_of_one_zero_is_refused)
{
    const uint32_t rates[][2] = {{60, 0}, {0, 1}, {0, UINT32_MAX}};
    struct pf_producer *opened;

    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct pf_format format = size(64, 48);
        format.rate_num = rates[i][0];
        format.rate_den = rates[i][1];
        expect_error(pf_producer_open(&opened, "other", &format, NULL), -EINVAL, "rate");
        expect_error(pf_producer_change_format(producer, &format), -EINVAL, "rate");
    }
    struct pf_frame frame = begun();
    cr_assert_eq(frame.generation, 1);
    expect_still_begun(&frame);
}

Test(misuse_producer, a_reserved_word_that_is_not_zero_is_refused)
{
    struct pf_producer_options options = {0};
    struct pf_format format = size(64, 48);
    struct pf_producer *opened;

    for (size_t i = 0; i < sizeof options.reserved / sizeof *options.reserved; i++) {
        options.reserved[i] = 1;
        expect_error(pf_producer_open(&opened, "other", &format, &options), -EINVAL, "reserved");
        options.reserved[i] = 0;
    }
    for (size_t i = 0; i < sizeof format.reserved / sizeof *format.reserved; i++) {
        format.reserved[i] = UINT64_C(1) << 63;
        expect_error(pf_producer_open(&opened, "other", &format, NULL), -EINVAL, "reserved");
        expect_error(pf_producer_change_format(producer, &format), -EINVAL, "reserved");
        format.reserved[i] = 0;
    }
    cr_assert_eq(pf_producer_open(&opened, "other", &format, &options), 0, "%s", message);
    pf_producer_close(opened);
}

Test(misuse_producer, what_the_library_fills_in_has_zeros_in_its_reserved_words)
{
    struct pf_producer_stats stats;
    struct pf_channel_info info;
    struct pf_frame frame;
    const uint64_t zero[8] = {0};

    memset(&stats, 0xff, sizeof stats);
    memset(&info, 0xff, sizeof info);
    memset(&frame, 0xff, sizeof frame);
    cr_assert_eq(pf_producer_stats(producer, &stats), 0);
    cr_assert_eq(pf_channel_list(&info, 1), 1);
    cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
    cr_assert_arr_eq(stats.reserved, zero, sizeof stats.reserved);
    cr_assert_arr_eq(info.reserved, zero, sizeof info.reserved);
    cr_assert_arr_eq(frame.reserved, zero, sizeof frame.reserved);
}

Test(misuse_producer, a_failed_open_leaves_null)
{
    struct pf_format format = size(64, 48);
    struct pf_producer *opened = producer;

    cr_assert_eq(pf_producer_open(&opened, "test", &format, NULL), -EBUSY);
    cr_assert_null(opened);
}

Test(misuse_producer, a_list_without_an_array_only_counts)
{
    struct pf_channel_info info = {.slots = 77};

    expect_error(pf_channel_list(&info, -1), -EINVAL, "pf_channel_list()");
    expect_error(pf_channel_list(&info, INT32_MIN), -EINVAL, "pf_channel_list()");
    cr_assert_eq(info.slots, 77);
    expect_error(pf_channel_list(NULL, 1), -EINVAL, "pf_channel_list()");
    cr_assert_eq(pf_channel_list(NULL, 0), 1);
    cr_assert_eq(pf_channel_list(&info, 1), 1);
    cr_assert_eq(info.slots, 3);
}
