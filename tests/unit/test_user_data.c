/* SPDX-License-Identifier: MIT */
/* User data and input time travel with their frame, whatever a peer writes into the segment. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/shm.h>

#include "core/layout.h"
#include "stream.h"

enum { PAGE = 4096, CAPACITY = 5000 };

TestSuite(user_data, .init = init_stream, .fini = finish_stream);

static void open_with(uint32_t slots, uint32_t user_bytes)
{
    struct pf_format format = size(64, 48);
    struct pf_producer_options options = {.slots = slots, .user_bytes = user_bytes};

    cr_assert_eq(pf_producer_open(&producer, "test", &format, &options), 0);
    open_viewer(true);
}

/* Publish a frame with this many bytes of user data, all of this value. */
static void publish_bytes(uint32_t bytes, uint8_t value)
{
    struct pf_frame frame;

    cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
    cr_assert_eq(frame.user_bytes, 0, "the data of an earlier frame");
    memset(frame.plane[0].pixels, value, (size_t)frame.plane[0].stride_bytes * 48);
    memset(frame.user, value ^ 0xff, frame.user_capacity);
    memset(frame.user, value, bytes);
    frame.user_bytes = bytes;
    cr_assert_eq(pf_producer_publish(producer, &frame), 0);
}

static void expect_bytes(const struct pf_frame *frame, uint32_t bytes, uint8_t value)
{
    cr_assert_eq(frame->user_bytes, bytes);
    for (uint32_t i = 0; i < bytes; i++)
        cr_assert_eq(frame->user[i], value, "byte %u", i);
    for (uint32_t i = bytes; i < frame->user_capacity; i++)
        cr_assert_eq(frame->user[i], value ^ 0xff, "byte %u", i);
    for (uint32_t y = 0; y < 48; y++)
        for (uint32_t x = 0; x < 64 * 4; x++)
            cr_assert_eq(frame->plane[0].pixels[y * frame->plane[0].stride_bytes + x], value);
}

Test(user_data, travels_with_its_frame)
{
    const uint32_t sizes[] = {0, 1, 63, 64, 65, 4096, CAPACITY};
    struct pf_frame frame;

    open_with(3, CAPACITY);
    for (uint32_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        publish_bytes(sizes[i], (uint8_t)(i + 1));
        cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
        cr_assert_eq(frame.user_capacity, CAPACITY);
        cr_assert_eq((uintptr_t)frame.user % 64, 0);
        expect_bytes(&frame, sizes[i], (uint8_t)(i + 1));
        pf_viewer_release(viewer, &frame);
    }
}

Test(user_data, stays_unchanged_until_the_release)
{
    struct pf_frame held, frame;

    open_with(3, CAPACITY);
    publish_bytes(17, 1);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &held), 0);
    for (uint8_t i = 2; i < 10; i++) {
        publish_bytes(100, i);
        cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
        pf_viewer_release(viewer, &frame);
        expect_bytes(&held, 17, 1);
    }
}

Test(user_data, above_the_capacity_is_refused_and_the_frame_stays_begun)
{
    const uint32_t sizes[] = {CAPACITY + 1, PF_USER_BYTES_MAX, PF_USER_BYTES_MAX + 1, UINT32_MAX};
    struct pf_frame frame, acquired;

    open_with(3, CAPACITY);
    cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        frame.user_bytes = sizes[i];
        cr_assert_eq(pf_producer_publish(producer, &frame), -EINVAL, "%u bytes", sizes[i]);
        cr_assert_eq(pf_viewer_acquire(viewer, 0, &acquired), -EAGAIN);
    }
    frame.user_bytes = CAPACITY;
    cr_assert_eq(pf_producer_publish(producer, &frame), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &acquired), 0);
    cr_assert_eq(acquired.user_bytes, CAPACITY);
}

Test(user_data, is_absent_without_a_capacity)
{
    struct pf_frame frame;

    open_with(2, 0);
    cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
    cr_assert_null(frame.user);
    cr_assert_eq(frame.user_capacity, 0);
    frame.user_bytes = 1;
    cr_assert_eq(pf_producer_publish(producer, &frame), -EINVAL);
    frame.user_bytes = 0;
    cr_assert_eq(pf_producer_publish(producer, &frame), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    cr_assert_null(frame.user);
    cr_assert_eq(frame.user_bytes, 0);
}

Test(user_data, a_capacity_above_the_limit_is_refused)
{
    const uint32_t capacities[] = {PF_USER_BYTES_MAX + 1, 1u << 31, UINT32_MAX};
    struct pf_format format = size(64, 48);

    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        struct pf_producer_options options = {.user_bytes = capacities[i]};
        cr_assert_eq(pf_producer_open(&producer, "test", &format, &options), -EINVAL);
    }
    open_with(8, PF_USER_BYTES_MAX);
    publish_bytes(PF_USER_BYTES_MAX, 1);
}

Test(user_data, is_read_only_for_a_viewer, .signal = SIGSEGV)
{
    struct pf_frame frame;

    open_with(2, CAPACITY);
    publish_bytes(1, 1);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    signal(SIGSEGV, SIG_DFL); /* a sanitizer installs a handler of its own */
    frame.user[0] = 2;
}

Test(user_data, the_capacity_survives_a_format_change)
{
    struct pf_format format = size(65, 48);
    struct pf_frame frame;

    open_with(2, CAPACITY);
    cr_assert_eq(pf_producer_change_format(producer, &format), 0);
    publish_bytes(CAPACITY, 9);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), -EREMCHG);
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    expect_bytes(&frame, CAPACITY, 9);
}

Test(user_data, a_segment_describes_where_it_is)
{
    const struct pf_segment *segment;
    struct pf_frame frame;

    open_with(2, CAPACITY);
    publish_bytes(1, 1);
    segment = pf_viewer_segment(viewer);
    cr_assert_eq(segment->user_bytes, CAPACITY);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    cr_assert_eq(frame.user - frame.plane[0].pixels,
                 (ptrdiff_t)(segment->user_offset - segment->plane_offset[0]));
}

/* ------------------------------------------------------------------ hostile words */

static struct layout_producer *map_words(void)
{
    uint8_t *raw = shmat(pf_viewer_segment(viewer)->shmid, NULL, 0);

    cr_assert_neq(raw, (void *)-1);
    return (struct layout_producer *)(void *)(raw + PAGE);
}

Test(user_data, a_length_beyond_the_slot_is_clamped)
{
    const uint32_t sizes[] = {CAPACITY, CAPACITY + 1, 1u << 31, UINT32_MAX};
    struct pf_frame frame;

    open_with(3, CAPACITY);
    struct layout_producer *words = map_words();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        publish_bytes(1, 1);
        for (int slot = 0; slot < PF_SLOTS_MAX; slot++)
            atomic_store(&words->meta[slot].user_bytes, sizes[i]);
        cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
        cr_assert_eq(frame.user_bytes, CAPACITY, "%u: %u", sizes[i], frame.user_bytes);
        pf_viewer_release(viewer, &frame);
    }
}

Test(user_data, a_length_without_a_capacity_is_zero)
{
    struct pf_frame frame;

    open_with(3, 0);
    publish(1);
    struct layout_producer *words = map_words();
    for (int slot = 0; slot < PF_SLOTS_MAX; slot++)
        atomic_store(&words->meta[slot].user_bytes, 1);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    cr_assert_eq(frame.user_bytes, 0);
    cr_assert_null(frame.user);
}

/* ------------------------------------------------------------------ the input's time */

Test(user_data, the_time_of_the_input_travels_with_its_frame)
{
    struct pf_frame frame;

    open_with(3, 0);
    cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
    cr_assert_eq(frame.input_ns, 0);
    int64_t input_ns = frame.begin_ns - 12345;
    frame.input_ns = input_ns;
    cr_assert_eq(pf_producer_publish(producer, &frame), 0);
    publish(2);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    cr_assert_eq(frame.input_ns, input_ns);
    pf_viewer_release(viewer, &frame);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
    cr_assert_eq(frame.input_ns, 0, "of an earlier frame");
}

Test(user_data, the_time_of_the_input_is_not_after_the_publication)
{
    const int64_t times[] = {INT64_MIN, -1, 0, INT64_MAX - 1, INT64_MAX};
    struct pf_frame frame;

    open_with(3, 0);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
        frame.input_ns = times[i];
        cr_assert_eq(pf_producer_publish(producer, &frame), 0);
        cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
        cr_assert_geq(frame.input_ns, 0);
        cr_assert_leq(frame.input_ns, frame.publish_ns);
        pf_viewer_release(viewer, &frame);
    }
}
