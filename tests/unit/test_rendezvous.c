/* SPDX-License-Identifier: MIT */
/* Channel discovery: key files, and the list of channels. */
#include <errno.h>
#include <sys/shm.h>

#include "stream.h"

TestSuite(rendezvous, .init = init_stream, .fini = finish_stream);

static void open_keyed(char key_file[512])
{
    struct pf_format format = size(64, 48);
    struct pf_producer_options options = {.key_file = key_file};

    scratch_path(key_file, scratch, "key");
    fclose(fopen(key_file, "w"));
    cr_assert_eq(pf_producer_open(&producer, "test", &format, &options), 0);
}

Test(rendezvous, a_key_file_leads_to_the_segment)
{
    char key_file[512];

    open_keyed(key_file);
    struct pf_viewer_options options = {.key_file = key_file};
    cr_assert_eq(pf_viewer_open(&viewer, "other", &options), 0);
    cr_assert_eq(publish(3), 0);
    expect(3);
    int shmid = shmget(ftok(key_file, 'p'), 0, 0);
    cr_assert_eq(shmid, pf_viewer_segment(viewer)->shmid);
    pf_viewer_close(viewer);
    viewer = NULL;
    pf_producer_close(producer);
    producer = NULL;
    cr_assert_not(scratch_segment_exists(shmid));
}

Test(rendezvous, a_keyed_segment_is_private)
{
    char key_file[512];
    struct shmid_ds info;

    open_keyed(key_file);
    cr_assert_eq(shmctl(shmget(ftok(key_file, 'p'), 0, 0), IPC_STAT, &info), 0);
    cr_assert_eq(info.shm_perm.mode & 0777, 0600, "%o", info.shm_perm.mode & 0777u);
}

Test(rendezvous, a_key_in_use_is_busy)
{
    struct pf_format format = size(8, 8);
    struct pf_producer *second;
    char key_file[512];

    open_keyed(key_file);
    struct pf_producer_options options = {.key_file = key_file};
    cr_assert_eq(pf_producer_open(&second, "other", &format, &options), -EBUSY);
}

Test(rendezvous, a_foreign_key_is_refused_and_not_removed)
{
    struct pf_format format = size(8, 8);
    char key_file[512];

    scratch_path(key_file, scratch, "key");
    fclose(fopen(key_file, "w"));
    int shmid = shmget(ftok(key_file, 'p'), 4096, IPC_CREAT | IPC_EXCL | 0600);
    cr_assert_geq(shmid, 0);
    struct pf_producer_options options = {.key_file = key_file};
    int ret = pf_producer_open(&producer, "test", &format, &options);
    int exists = scratch_segment_exists(shmid);
    shmctl(shmid, IPC_RMID, NULL);
    cr_assert_eq(ret, -EEXIST);
    cr_assert(exists, "another program's segment was removed");
}

Test(rendezvous, a_keyed_stream_can_change_its_format)
{
    struct pf_format larger = size(128, 128);
    struct pf_frame frame;
    char key_file[512];

    open_keyed(key_file);
    open_viewer(false);
    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, PF_FOREVER, &frame), -EREMCHG);
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    cr_assert_eq(pf_viewer_segment(viewer)->shmid, shmget(ftok(key_file, 'p'), 0, 0));
}

Test(rendezvous, lists_a_channel_with_its_format_and_counts)
{
    struct pf_channel_info info[4];

    open_producer(3, 0);
    open_viewer(false);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(pf_channel_list(info, 4), 1);
    cr_assert_str_eq(info[0].name, "test");
    cr_assert(info[0].alive);
    cr_assert_eq(info[0].producer_pid, getpid());
    cr_assert(info[0].has_format);
    cr_assert_eq(info[0].format.width, 64);
    cr_assert_eq(info[0].slots, 3);
    cr_assert_eq(info[0].published, 1);
    cr_assert_eq(info[0].viewers, 1);
    cr_assert_eq(pf_channel_list(NULL, 0), 1);
}
