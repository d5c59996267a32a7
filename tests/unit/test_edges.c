/* SPDX-License-Identifier: MIT */
/* Paths through the library that a normal stream does not use: bad options, no producer, a crashed
 * viewer, a failed format change, damaged files. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "core/channel.h"
#include "core/handoff.h"
#include "core/id_file.h"
#include "program/trace.h"
#include "stream.h"

TestSuite(edges, .init = init_stream, .fini = finish_stream);

Test(edges, negative_times_are_refused)
{
    struct pf_format format = size(8, 8);
    struct pf_producer_options evict = {.evict_after_ns = -1};
    struct pf_viewer_options wait = {.wait_ns = -1}, spin = {.spin_ns = -1};

    cr_assert_eq(pf_producer_open(&producer, "test", &format, &evict), -EINVAL);
    cr_assert_eq(pf_viewer_open(&viewer, "test", &wait), -EINVAL);
    cr_assert_eq(pf_viewer_open(&viewer, "test", &spin), -EINVAL);
}

Test(edges, an_unknown_group_is_refused)
{
    const struct pf_producer_options unknown = {.group = "no such group"};
    struct pf_format format = size(8, 8);

    cr_assert_eq(pf_producer_open(&producer, "test", &format, &unknown), -EINVAL);
}

Test(edges, an_unused_key_or_user_finds_no_producer)
{
    char key_file[512];
    struct pf_viewer_options key = {.key_file = key_file, .wait_ns = 20 * NS_PER_MS};

    scratch_path(key_file, scratch, "key");
    cr_assert_eq(pf_viewer_open(&viewer, "test", &key), -EINVAL, "there is no such file");
    fclose(fopen(key_file, "w"));
    cr_assert_eq(pf_viewer_open(&viewer, "test", &key), -ECONNREFUSED);
    struct pf_viewer_options user = {.user = "123456789", .wait_ns = 20 * NS_PER_MS};
    cr_assert_eq(pf_viewer_open(&viewer, "test", &user), -ECONNREFUSED);
    cr_assert_eq(pf_viewer_open(&viewer, "../test", &user), -EINVAL);
    struct pf_viewer_options unknown = {.user = "no such user"};
    cr_assert_eq(pf_viewer_open(&viewer, "test", &unknown), -EINVAL);
}

Test(edges, a_leased_channel_without_an_id_is_busy)
{
    struct pf_format format = size(8, 8);
    struct channel other;

    cr_assert_eq(channel_open(&other, "test"), 0);
    cr_assert_eq(channel_lease(&other, CHANNEL_PRODUCER), 0);
    cr_assert_eq(pf_producer_open(&producer, "test", &format, NULL), -EBUSY);
    channel_close(&other);
}

Test(edges, a_spinning_viewer_gets_a_published_frame)
{
    struct pf_viewer_options options = {.spin_ns = NS_PER_MS};
    struct pf_frame frame;

    open_producer(2, 0);
    cr_assert_eq(pf_viewer_open(&viewer, "test", &options), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, 3 * NS_PER_MS, &frame), -EAGAIN);
    cr_assert_eq(publish(1), 0);
    expect(1);
    pf_viewer_wake(viewer);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), -EINTR);
}

static void *publish_later(void *unused)
{
    struct timespec pause = clock_timespec(5 * NS_PER_MS);

    (void)unused;
    nanosleep(&pause, NULL);
    publish(2);
    return NULL;
}

Test(edges, a_spinning_viewer_gets_a_frame_published_later)
{
    struct pf_viewer_options options = {.spin_ns = NS_PER_S};
    pthread_t thread;

    open_producer(2, 0);
    cr_assert_eq(pf_viewer_open(&viewer, "test", &options), 0);
    cr_assert_eq(pthread_create(&thread, NULL, publish_later, NULL), 0);
    expect(2);
    pthread_join(thread, NULL);
}

Test(edges, a_reattach_without_a_new_segment_keeps_the_old_one)
{
    open_producer(2, 0);
    open_viewer(false);
    cr_assert_eq(pf_viewer_reattach(viewer, 20 * NS_PER_MS), -EAGAIN);
    cr_assert_eq(publish(5), 0);
    expect(5);
}

/* A lane without a lease is what a killed viewer leaves. */
Test(edges, slots_of_a_crashed_viewer_are_reclaimed)
{
    struct segment segment;
    struct pf_frame frame;
    struct id_file id;
    struct channel channel;
    struct pf_producer_stats stats;

    open_producer(2, 0);
    cr_assert_eq(channel_open(&channel, "test"), 0);
    cr_assert_eq(id_file_read(&channel, &id), 0);
    channel_close(&channel);
    cr_assert_eq(segment_attach(&segment, id.shmid, id.nonce), 0);
    cr_assert_eq(handoff_join(&segment, 9, LANE_EVERY), 0);
    for (int i = 1; i <= 6; i++)
        cr_assert_eq(publish((uint32_t)i), 0, "frame %d: the lane still keeps slots", i);
    pf_producer_stats(producer, &stats);
    cr_assert_eq(stats.reaped, 1);
    cr_assert_eq(stats.no_slot, 0);
    cr_assert_eq(handoff_claim_next(&segment, 9, 0, &frame), -ESTALE);
    segment_close(&segment);
}

Test(edges, begin_times_out_while_a_viewer_stalls)
{
    struct pf_frame frame;
    struct pf_producer_stats stats;

    open_producer(2, 0);
    open_viewer(true);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(publish(2), 0);
    int64_t before_ns = clock_now_ns();
    cr_assert_eq(pf_producer_begin(producer, 2100 * NS_PER_MS, &frame), -EAGAIN);
    cr_assert_geq(clock_now_ns() - before_ns, 2100 * NS_PER_MS);
    pf_producer_stats(producer, &stats);
    cr_assert_eq(stats.no_slot, 1);
    cr_assert_eq(stats.evicted, 0);
    expect(1);
    expect(2);
}

Test(edges, a_failed_format_change_keeps_the_old_stream)
{
    struct pf_format invalid = size(0, 8), good = size(32, 32);
    char path[512];

    open_producer(2, 0);
    open_viewer(false);
    cr_assert_eq(pf_producer_change_format(producer, &invalid), -EINVAL);
    /* The id file cannot be written: a directory has its temporary name. */
    runtime_path_of(path, "test.id.new");
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_lt(pf_producer_change_format(producer, &good), 0);
    cr_assert_eq(publish(7), 0);
    expect(7);
    rmdir(path);
    cr_assert_eq(pf_producer_change_format(producer, &good), 0);
}

Test(edges, channels_of_an_unsafe_or_missing_directory_are_not_listed)
{
    struct pf_channel_info info;
    char path[512];

    open_producer(2, 0);
    scratch_path(path, scratch, "pageflip");
    cr_assert_eq(chmod(path, 0777), 0);
    cr_assert_eq(pf_channel_list(&info, 1), -EPERM);
    cr_assert_eq(chmod(path, 0700), 0);
    setenv("XDG_RUNTIME_DIR", "/proc/none", 1);
    cr_assert_eq(pf_channel_list(&info, 1), 0);
    setenv("XDG_RUNTIME_DIR", scratch, 1);
}

static int merge_text(const char *text)
{
    char path[512];
    char *paths[] = {path};
    FILE *out = fopen("/dev/null", "w");

    scratch_path(path, scratch, "trace");
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    int ret = trace_merge(out, paths, 1);
    fclose(out);
    return ret;
}

Test(edges, incomplete_traces_are_not_merged)
{
    struct trace trace = {.pid = 1, .process = "p", .stages = {"a"}};
    char text[4096] = "", path[512];
    char *paths[] = {path};
    FILE *file = fmemopen(text, sizeof text, "w");

    trace_begin(file, &trace);
    for (int i = 0; i < 3; i++)
        trace_slice(file, &trace, 0, i * 1000, i * 1000 + 10, (uint64_t)i);
    trace_end(file, &trace);
    fclose(file);
    cr_assert_eq(merge_text(text), 0);

    cr_assert_eq(merge_text(""), -EBADMSG);
    cr_assert_eq(merge_text("[\n]\n"), -EBADMSG);
    char *time = strstr(text, "\"ts\"");
    cr_assert_not_null(time);
    time[1] = 'x';
    cr_assert_eq(merge_text(text), -EBADMSG, "an event without a time");
    time[1] = 't';
    text[strlen(text) - 4] = 0;
    cr_assert_eq(merge_text(text), -EBADMSG, "a truncated trace");
    scratch_path(path, scratch, "no such file");
    cr_assert_eq(trace_merge(stderr, paths, 1), -EBADMSG);
}

Test(edges, files_with_invalid_names_are_not_listed_as_channels)
{
    const char *names[] = {".lock", "a b.lock"};
    struct pf_channel_info info;
    char path[512];

    open_producer(2, 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        runtime_path_of(path, names[i]);
        fclose(fopen(path, "w"));
    }
    cr_assert_eq(pf_channel_list(&info, 1), 1);
    cr_assert_str_eq(info.name, "test");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        runtime_path_of(path, names[i]);
        unlink(path);
    }
}
