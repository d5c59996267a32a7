/* SPDX-License-Identifier: MIT */
/* Each misuse of a pf_viewer_*() call ends in the documented errno, with one message that names the
 * call, and with nothing done. */
#include <errno.h>
#include <limits.h>

#include "last_message.h"
#include "stream.h"

static struct pf_frame frame; /* held once, in each test that begins with hold_one() */

static void init(void)
{
    init_stream();
    keep_messages();
}

TestSuite(misuse_viewer, .init = init, .fini = finish_stream);

/* The result of a misused call, and what it has logged. */
static void expect_refusal(int ret, int error, const char *call)
{
    cr_assert_eq(ret, -error, "it returned %d, not %d", ret, -error);
    cr_assert_eq(errors, 1, "it logged %d errors", errors);
    cr_assert_eq(strncmp(message, call, strlen(call)), 0, "\"%s\" does not name the call", message);
    keep_messages(); /* also if the next one is the same */
}

static void open_both(void)
{
    open_producer(2, 0);
    open_viewer(false);
}

/* Of two slots the viewer holds one, and the other one has the latest frame. */
static void hold_one(void)
{
    open_both();
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    cr_assert_eq(publish(2), 0);
}

/* The frame of hold_one() is still held once, and after its release no more. */
static void expect_held_once(void)
{
    cr_assert_eq(publish(3), -EAGAIN, "the slot was freed");
    cr_assert_eq(pf_viewer_release(viewer, &frame), 0);
    cr_assert_eq(publish(3), 0, "the slot was held more than once");
}

/* ------------------------------------------------------------------ open */

static void refuse_options(struct pf_viewer_options options)
{
    struct pf_viewer *opened = NULL;

    open_producer(2, 0);
    expect_refusal(pf_viewer_open(&opened, "test", &options), EINVAL, "");
    cr_assert_null(opened);
}

Test(misuse_viewer, open_without_a_pointer)
{
    open_producer(2, 0);
    expect_refusal(pf_viewer_open(NULL, "test", NULL), EINVAL, "pf_viewer_open()");
}

Test(misuse_viewer, open_without_a_channel)
{
    struct pf_viewer *opened = NULL;

    expect_refusal(pf_viewer_open(&opened, NULL, NULL), EINVAL, "pf_viewer_open()");
    cr_assert_null(opened);
}

Test(misuse_viewer, open_with_an_invalid_name)
{
    struct pf_viewer *opened = NULL;

    expect_refusal(pf_viewer_open(&opened, "../test", NULL), EINVAL, "");
    cr_assert_null(opened);
}

Test(misuse_viewer, open_that_fails_leaves_null)
{
    struct pf_viewer *const other = (struct pf_viewer *)&frame, *opened = other;
    const struct pf_viewer_options options = {.wait_ns = -1};

    expect_refusal(pf_viewer_open(&opened, "test", &options), EINVAL, "");
    cr_assert_null(opened);
    opened = other;
    cr_assert_eq(pf_viewer_open(&opened, "test", NULL), -ECONNREFUSED);
    cr_assert_null(opened);
}

Test(misuse_viewer, open_with_a_negative_wait)
{
    refuse_options((struct pf_viewer_options){.wait_ns = -1});
}

Test(misuse_viewer, open_with_a_negative_spin)
{
    refuse_options((struct pf_viewer_options){.spin_ns = INT64_MIN});
}

Test(misuse_viewer, open_with_a_reserved_word)
{
    for (int i = 0; i < 8; i++) {
        struct pf_viewer_options options = {0};
        options.reserved[i] = 1;
        refuse_options(options);
        pf_producer_close(producer);
        producer = NULL;
    }
}

/* ------------------------------------------------------------------ NULL */

Test(misuse_viewer, acquire_without_a_viewer)
{
    expect_refusal(pf_viewer_acquire(NULL, 0, &frame), EINVAL, "pf_viewer_acquire()");
}

Test(misuse_viewer, acquire_without_a_frame)
{
    open_both();
    cr_assert_eq(publish(1), 0);
    expect_refusal(pf_viewer_acquire(viewer, 0, NULL), EINVAL, "pf_viewer_acquire()");
    expect(1);
}

Test(misuse_viewer, acquire_latest_without_a_viewer)
{
    expect_refusal(pf_viewer_acquire_latest(NULL, &frame), EINVAL, "pf_viewer_acquire_latest()");
}

Test(misuse_viewer, acquire_latest_without_a_frame)
{
    open_both();
    cr_assert_eq(publish(1), 0);
    expect_refusal(pf_viewer_acquire_latest(viewer, NULL), EINVAL, "pf_viewer_acquire_latest()");
}

Test(misuse_viewer, hold_without_a_viewer)
{
    hold_one();
    expect_refusal(pf_viewer_hold(NULL, &frame), EINVAL, "pf_viewer_hold()");
    expect_held_once();
}

Test(misuse_viewer, hold_without_a_frame)
{
    hold_one();
    expect_refusal(pf_viewer_hold(viewer, NULL), EINVAL, "pf_viewer_hold()");
    expect_held_once();
}

Test(misuse_viewer, release_without_a_viewer)
{
    hold_one();
    expect_refusal(pf_viewer_release(NULL, &frame), EINVAL, "pf_viewer_release()");
    expect_held_once();
}

Test(misuse_viewer, release_without_a_frame)
{
    hold_one();
    expect_refusal(pf_viewer_release(viewer, NULL), EINVAL, "pf_viewer_release()");
    expect_held_once();
}

/* It may be called by a signal handler, and so logs nothing. */
Test(misuse_viewer, wake_without_a_viewer)
{
    cr_assert_eq(pf_viewer_wake(NULL), -EINVAL);
    cr_assert_eq(errors, 0);
}

Test(misuse_viewer, wait_without_a_viewer)
{
    expect_refusal(pf_viewer_wait(NULL, 0), EINVAL, "pf_viewer_wait()");
}

Test(misuse_viewer, reattach_without_a_viewer)
{
    expect_refusal(pf_viewer_reattach(NULL, 0), EINVAL, "pf_viewer_reattach()");
}

Test(misuse_viewer, slot_without_a_viewer)
{
    struct pf_plane plane[PF_PLANES_MAX];

    expect_refusal(pf_viewer_slot(NULL, 0, plane), EINVAL, "pf_viewer_slot()");
}

Test(misuse_viewer, slot_without_planes)
{
    open_both();
    expect_refusal(pf_viewer_slot(viewer, 0, NULL), EINVAL, "pf_viewer_slot()");
}

Test(misuse_viewer, slot_after_the_last_one)
{
    struct pf_plane plane[PF_PLANES_MAX];

    open_both();
    expect_refusal(pf_viewer_slot(viewer, 2, plane), EINVAL, "pf_viewer_slot()");
    expect_refusal(pf_viewer_slot(viewer, UINT32_MAX, plane), EINVAL, "pf_viewer_slot()");
}

Test(misuse_viewer, stats_without_a_viewer)
{
    struct pf_viewer_stats stats;

    expect_refusal(pf_viewer_stats(NULL, &stats), EINVAL, "pf_viewer_stats()");
}

Test(misuse_viewer, stats_without_a_structure)
{
    open_both();
    expect_refusal(pf_viewer_stats(viewer, NULL), EINVAL, "pf_viewer_stats()");
}

Test(misuse_viewer, queries_without_a_viewer)
{
    cr_assert_eq(pf_viewer_state(NULL), PF_ENDED);
    cr_assert_null(pf_viewer_channel(NULL));
    cr_assert_null(pf_viewer_segment(NULL));
    pf_viewer_close(NULL);
    cr_assert_eq(errors, 0);
}

Test(misuse_viewer, list_without_an_array)
{
    struct pf_channel_info info;

    open_both();
    expect_refusal(pf_channel_list(NULL, 1), EINVAL, "pf_channel_list()");
    expect_refusal(pf_channel_list(&info, -1), EINVAL, "pf_channel_list()");
    cr_assert_eq(pf_channel_list(NULL, 0), 1, "the number alone needs no array");
}

/* ------------------------------------------------------------------ negative timeouts */

Test(misuse_viewer, acquire_with_a_negative_timeout)
{
    open_both();
    cr_assert_eq(publish(1), 0);
    expect_refusal(pf_viewer_acquire(viewer, -1, &frame), EINVAL, "pf_viewer_acquire()");
    expect(1);
}

Test(misuse_viewer, wait_with_a_negative_timeout)
{
    open_both();
    cr_assert_eq(pf_viewer_wake(viewer), 0);
    expect_refusal(pf_viewer_wait(viewer, INT64_MIN), EINVAL, "pf_viewer_wait()");
    cr_assert_eq(pf_viewer_wait(viewer, 0), -EINTR, "the wake is lost");
}

Test(misuse_viewer, reattach_with_a_negative_timeout)
{
    open_both();
    expect_refusal(pf_viewer_reattach(viewer, -1), EINVAL, "pf_viewer_reattach()");
    cr_assert_eq(publish(1), 0);
    expect(1);
}

/* ------------------------------------------------------------------ frames that are not held */

/* Neither call finds this frame, and the frame of hold_one() is not affected. */
static void expect_stale(struct pf_frame wrong)
{
    expect_refusal(pf_viewer_release(viewer, &wrong), ESTALE, "pf_viewer_release()");
    expect_refusal(pf_viewer_hold(viewer, &wrong), ESTALE, "pf_viewer_hold()");
    expect_held_once();
}

Test(misuse_viewer, a_frame_of_zeros)
{
    hold_one();
    expect_stale((struct pf_frame){0});
}

Test(misuse_viewer, a_slot_that_no_segment_has)
{
    hold_one();
    struct pf_frame wrong = frame;
    wrong.slot = 77;
    expect_stale(wrong);
}

Test(misuse_viewer, a_slot_number_of_32_bits)
{
    hold_one();
    struct pf_frame wrong = frame;
    wrong.slot = UINT32_MAX;
    expect_stale(wrong);
}

Test(misuse_viewer, the_other_slot)
{
    hold_one();
    struct pf_frame wrong = frame;
    wrong.slot = 1 - frame.slot;
    expect_stale(wrong);
}

Test(misuse_viewer, another_sequence)
{
    hold_one();
    struct pf_frame wrong = frame;
    wrong.sequence++;
    expect_stale(wrong);
}

Test(misuse_viewer, another_generation)
{
    hold_one();
    struct pf_frame wrong = frame;
    wrong.generation++;
    expect_stale(wrong);
}

Test(misuse_viewer, a_second_release)
{
    hold_one();
    cr_assert_eq(pf_viewer_release(viewer, &frame), 0);
    expect_refusal(pf_viewer_release(viewer, &frame), ESTALE, "pf_viewer_release()");
    expect_refusal(pf_viewer_hold(viewer, &frame), ESTALE, "pf_viewer_hold()");
}

Test(misuse_viewer, a_second_release_does_not_free_the_newer_frame_of_the_slot)
{
    struct pf_frame newer;

    hold_one();
    cr_assert_eq(pf_viewer_release(viewer, &frame), 0);
    cr_assert_eq(publish(3), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &newer), 0);
    cr_assert_eq(newer.slot, frame.slot);
    cr_assert_eq(publish(4), 0);
    expect_refusal(pf_viewer_release(viewer, &frame), ESTALE, "pf_viewer_release()");
    cr_assert_eq(publish(5), -EAGAIN, "the newer frame's slot was freed");
    cr_assert_eq(newer.plane[0].pixels[0], 3);
    cr_assert_eq(pf_viewer_release(viewer, &newer), 0);
}

Test(misuse_viewer, a_frame_of_another_viewer)
{
    struct pf_viewer *other;

    open_producer(3, 0);
    open_viewer(false);
    cr_assert_eq(pf_viewer_open(&other, "test", NULL), 0);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(pf_viewer_acquire(other, HANG_NS, &frame), 0);
    expect_refusal(pf_viewer_release(viewer, &frame), ESTALE, "pf_viewer_release()");
    pf_viewer_close(other);
}

/* 256 holds and one release freed the slot while the count had 8 bits. */
Test(misuse_viewer, more_holds_than_fit_in_a_byte)
{
    hold_one();
    for (int i = 0; i < 70000; i++)
        cr_assert_eq(pf_viewer_hold(viewer, &frame), 0);
    for (int i = 0; i < 70000; i++) {
        cr_assert_eq(pf_viewer_release(viewer, &frame), 0);
        cr_assert_eq(publish(3), -EAGAIN, "free after %d releases", i + 1);
    }
    expect_held_once();
}
