/* SPDX-License-Identifier: MIT */
/* Waits of some seconds: for a producer that starts, and for a viewer that stalls it. */
#include <errno.h>
#include <sys/shm.h>

#include "core/channel.h"
#include "core/id_file.h"
#include "help_system.h"
#include "last_message.h"
#include "stream.h"

TestSuite(patience, .init = init_stream, .fini = finish_stream);

/* A process has the lease, and never writes an id file, or writes that of a wrong segment. */
static void open_viewer_of_a_starting_producer(const uint8_t *wrong_nonce, int expected)
{
    struct channel other;
    int64_t before_ns = clock_now_ns();

    interrupt_after(hang_s());
    cr_assert_eq(channel_open(&other, "test"), 0);
    cr_assert_eq(channel_lease(&other, CHANNEL_PRODUCER), 0);
    if (wrong_nonce) {
        struct pf_viewer *first;
        channel_unlease(&other, CHANNEL_PRODUCER);
        open_producer(2, 0);
        cr_assert_eq(pf_viewer_open(&first, "test", NULL), 0);
        struct id_file id = {.shmid = pf_viewer_segment(first)->shmid};
        memcpy(id.nonce, wrong_nonce, sizeof id.nonce);
        cr_assert_eq(id_file_write(&other, &id), 0);
        pf_viewer_close(first);
    }
    cr_assert_eq(pf_viewer_open(&viewer, "test", NULL), expected);
    cr_assert_geq(clock_now_ns() - before_ns, 3 * NS_PER_S);
    channel_close(&other);
}

Test(patience, a_viewer_gives_a_starting_producer_three_seconds)
{
    open_viewer_of_a_starting_producer(NULL, -ECONNREFUSED);
}

Test(patience, a_viewer_gives_a_key_without_a_header_three_seconds)
{
    struct pf_viewer_options options = {0};
    char key_file[512];

    scratch_path(key_file, scratch, "key");
    fclose(fopen(key_file, "w"));
    options.key_file = key_file;
    int shmid = shmget(ftok(key_file, 'p'), 1 << 20, IPC_CREAT | IPC_EXCL | 0600);
    cr_assert_geq(shmid, 0);
    interrupt_after(hang_s());
    int64_t before_ns = clock_now_ns();
    int ret = pf_viewer_open(&viewer, "test", &options);
    int64_t waited_ns = clock_now_ns() - before_ns;
    shmctl(shmid, IPC_RMID, NULL);
    cr_assert_eq(ret, -ECONNREFUSED);
    cr_assert_geq(waited_ns, 3 * NS_PER_S);
}

Test(patience, a_stale_id_file_is_an_error_of_its_own)
{
    open_viewer_of_a_starting_producer((const uint8_t[PF_NONCE_BYTES]){1}, -EPROTO);
}

/* A viewer that releases a slot and later holds it again has the same lane as in a long stall. */
Test(patience, a_stall_ends_when_a_slot_is_free)
{
    struct pf_frame held, frame;

    keep_messages();
    pf_log_set_level(PF_LOG_WARNING);
    open_producer(2, 0);
    open_viewer(false);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(publish(1), 0);
        cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &held), 0);
        cr_assert_eq(publish(2), 0);
        cr_assert_eq(pf_producer_begin(producer, 10 * NS_PER_MS, &frame), -EAGAIN);
        cr_assert_eq(warnings, 0, "%s", message);
        pf_viewer_release(viewer, &held);
        cr_assert_eq(publish(3), 0);
        cr_assert_eq(publish(4), 0);
        if (i == 0)
            pause_ms(2050); /* longer than a stall without a warning */
    }
}

/* The advice is to evict the viewer, which only has an effect on every-frame viewers. */
static void expect_reports_of_a_stall(bool every_frame, int expected_error)
{
    struct pf_frame held, frame;
    char pid[32];

    keep_messages();
    pf_log_set_level(PF_LOG_WARNING);
    open_producer(2, 0);
    open_viewer(every_frame);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &held), 0);
    cr_assert_eq(publish(2), 0);
    int64_t before_ns = clock_now_ns();
    cr_assert_eq(pf_producer_begin(producer, 2300 * NS_PER_MS, &frame), -EAGAIN);
    int64_t most = (clock_now_ns() - before_ns) / (2 * NS_PER_S);
    cr_assert_geq(warnings, 1);
    cr_assert_leq(warnings, most, "%d warnings", warnings);
    snprintf(pid, sizeof pid, "pid %d", (int)getpid());
    cr_assert(strstr(message, pid), "%s", message);
    cr_assert(strstr(message, "lane 0"), "%s", message);
    cr_assert_eq(message_error, expected_error, "%d", message_error);
    pf_viewer_release(viewer, &held);
}

Test(patience, a_stall_is_reported_every_two_seconds_with_the_viewers_pid)
{
    expect_reports_of_a_stall(false, 0);
}

Test(patience, a_stall_by_an_every_frame_viewer_is_reported_with_advice)
{
    expect_reports_of_a_stall(true, ETIMEDOUT);
}
