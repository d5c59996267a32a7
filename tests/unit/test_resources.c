/* SPDX-License-Identifier: MIT */
/* The files, descriptors, segments, slots and lanes of a stream: which it has, which its producer
 * restores or frees, and that none is left behind. */
#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

#include "core/handoff.h"
#include "help_system.h"
#include "stream.h"

static void init(void)
{
    kill_after(hang_s() + 5); /* a wait that ends by itself reports more */
    init_stream();
    umask(0); /* so that a file has the mode that its creator requests */
}

TestSuite(resources, .init = init, .fini = finish_stream);

/* ------------------------------------------------------------------ what a producer mends */

/* Publish frames until `is_done` returns true, for a time that is long. */
static void publish_until(bool (*is_done)(void), const char *what)
{
    int64_t end_ns = clock_now_ns() + hang_s() * NS_PER_S;

    while (!is_done()) {
        publish(1);
        pause_ms(1);
        cr_assert_lt(clock_now_ns(), end_ns, "%s", what);
    }
}

static bool has_id_file(void)
{
    char path[512];

    runtime_path_of(path, "test.id");
    return access(path, F_OK) == 0;
}

Test(resources, a_producer_that_publishes_writes_a_removed_id_file_again)
{
    char path[512];

    open_producer(2, 0);
    cr_assert_eq(publish(1), 0);
    runtime_path_of(path, "test.id");
    cr_assert_eq(unlink(path), 0);
    publish_until(has_id_file, "no id file");
}

static struct segment other;

static bool is_lane_free(void)
{
    return handoff_lane_mode(&other, 9) == LANE_FREE;
}

/* A lane without a lease is what a killed viewer leaves. This one keeps no slot. */
Test(resources, a_producer_that_publishes_frees_the_lanes_of_crashed_viewers)
{
    open_producer(2, 0);
    open_viewer(false);
    cr_assert_eq(segment_attach(&other, pf_viewer_segment(viewer)->shmid, NULL), 0);
    handoff_join(&other, 9, LANE_LATEST);
    publish_until(is_lane_free, "a lane without a lease");
    cr_assert_eq(producer_stats().reaped, 1);
    segment_close(&other);
}

/* ------------------------------------------------------------------ slots */

Test(resources, there_are_two_slots_by_default)
{
    struct pf_format format = size(64, 48);

    cr_assert_eq(pf_producer_open(&producer, "test", &format, NULL), 0);
    open_viewer(false);
    cr_assert_eq(pf_viewer_segment(viewer)->slots, 2);
}

static int count_mapped_segments(void)
{
    char line[512];
    int count = 0;
    FILE *file = fopen("/proc/self/maps", "re");

    while (fgets(line, sizeof line, file)) /* a viewer's mapping is in several parts */
        count += strstr(line, "/SYSV") && strstr(line, " 00000000 ");
    fclose(file);
    return count;
}

Test(resources, a_reattach_leaves_no_old_segment_mapped)
{
    struct pf_format taller = size(64, 50);
    struct pf_frame frame;

    open_producer(2, 0);
    open_viewer(false);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(count_mapped_segments(), 2);
        cr_assert_eq(pf_producer_change_format(producer, &taller), 0);
        cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), -EREMCHG);
        cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    }
    cr_assert_eq(count_mapped_segments(), 2, "one of the producer, one of the viewer");
}

/* Frames of the old segment are void, so what was held there is not held in the new one. */
Test(resources, a_reattach_voids_held_frames)
{
    struct pf_frame held, frame;
    struct pf_format taller = size(64, 50);

    open_producer(2, 0);
    open_viewer(false);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &held), 0);
    cr_assert_eq(pf_producer_change_format(producer, &taller), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), -EREMCHG);
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    for (uint32_t i = 1; i <= 4; i++) {
        cr_assert_eq(publish(i), 0, "frame %u", i);
        cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
        pf_viewer_release(viewer, &frame);
    }
    cr_assert_eq(publish(5), 0);
}

/* ------------------------------------------------------------------ what is left */

static void open_and_close_all(void)
{
    struct pf_viewer_options waits = {.wait_ns = NS_PER_MS};
    struct pf_viewer *viewers[PF_VIEWERS_MAX], *more;
    struct pf_format format = size(8, 8);
    struct pf_producer *second;
    struct pf_channel_info info;
    char path[512];

    cr_assert_eq(pf_viewer_open(&viewer, "test", &waits), -ECONNREFUSED);
    runtime_path_of(path, "test.id.new"); /* in the way of the id file */
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_lt(pf_producer_open(&producer, "test", &format, NULL), 0);
    rmdir(path);
    open_producer(2, 0);
    cr_assert_eq(pf_producer_open(&second, "test", &format, NULL), -EBUSY);
    for (int i = 0; i < PF_VIEWERS_MAX; i++)
        cr_assert_eq(pf_viewer_open(&viewers[i], "test", &waits), 0);
    cr_assert_eq(pf_viewer_open(&more, "test", &waits), -EBUSY);
    cr_assert_eq(pf_channel_list(&info, 1), 1);
    for (int i = 0; i < PF_VIEWERS_MAX; i++)
        pf_viewer_close(viewers[i]);
    pf_producer_close(producer);
    producer = NULL;
    viewer = NULL;
}

Test(resources, failures_and_closes_leave_no_descriptor_and_no_id_file)
{
    char path[512];

    open_producer(2, 0); /* creates the directory */
    pf_producer_close(producer);
    open_and_close_all();
    int before = count_descriptors();
    open_and_close_all();
    cr_assert_eq(count_descriptors(), before);
    runtime_path_of(path, "test.id");
    cr_assert_neq(access(path, F_OK), 0, "the id file is left");
    runtime_path_of(path, "test.id.new");
    cr_assert_neq(access(path, F_OK), 0);
}

static void *open_producer_later(void *unused)
{
    (void)unused;
    pause_ms(20);
    open_producer(2, 0);
    return NULL;
}

/* The marks of a viewer that waits are in an open directory. */
Test(resources, a_viewer_that_waited_keeps_no_mark_after_its_first_frame)
{
    struct pf_viewer_options options = {.wait_ns = HANG_NS};
    pthread_t thread;

    open_producer(2, 0);
    open_viewer(false);
    int expected = count_descriptors();
    pf_viewer_close(viewer);
    pf_producer_close(producer);
    pthread_create(&thread, NULL, open_producer_later, NULL);
    cr_assert_eq(pf_viewer_open(&viewer, "test", &options), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(publish(1), 0);
    expect(1);
    cr_assert_eq(count_descriptors(), expected);
}

Test(resources, a_failed_format_change_does_not_announce_a_segment)
{
    struct pf_format larger = size(640, 480);
    struct pf_frame frame;
    char path[512];

    open_producer(2, 0);
    open_viewer(false);
    runtime_path_of(path, "test.id.new");
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_lt(pf_producer_change_format(producer, &larger), 0);
    rmdir(path);
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &frame), -EAGAIN);
    cr_assert_eq(pf_viewer_state(viewer), PF_RUNNING);
    cr_assert_eq(segment_attach(&other, pf_viewer_segment(viewer)->shmid, NULL), 0);
    cr_assert_eq(handoff_state(&other), LAYOUT_RUNNING);
    segment_close(&other);
}

Test(resources, a_private_channel_is_private)
{
    const struct {
        const char *name;
        mode_t mode;
    } files[] = {{"", 0700}, {"test.lock", 0600}, {"test.id", 0600}};
    struct stat info;
    char path[512];

    open_producer(2, 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        runtime_path_of(path, files[i].name);
        cr_assert_eq(stat(path, &info), 0);
        cr_assert_eq(info.st_mode & 07777, files[i].mode, "%s has mode %o", path,
                     (unsigned)info.st_mode & 07777);
    }
}
