/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/id_file.h"
#include "two_channels.h"

TestSuite(id_file, .init = open_both, .fini = close_both);

Test(id_file, reads_an_id_as_written)
{
    struct id_file written = {.shmid = 123456, .bytes = UINT64_C(1) << 40}, read;

    for (int i = 0; i < PF_NONCE_BYTES; i++)
        written.nonce[i] = (uint8_t)(i * 17);
    cr_assert_eq(id_file_read(&two, &read), -ENOENT);
    cr_assert_eq(id_file_write(&one, &written), 0);
    cr_assert_eq(id_file_read(&two, &read), 0);
    cr_assert_eq(read.shmid, 123456);
    cr_assert_eq(read.bytes, UINT64_C(1) << 40);
    cr_assert_eq(read.pid, getpid());
    cr_assert_eq(read.ipc_namespace, id_file_ipc_namespace());
    cr_assert_arr_eq(read.nonce, written.nonce, PF_NONCE_BYTES);
    id_file_remove(&one, written.nonce);
    cr_assert_eq(id_file_read(&two, &read), -ENOENT);
}

Test(id_file, of_another_producer_is_not_removed)
{
    struct id_file other = {.shmid = 2, .nonce = {2}}, read;
    const uint8_t own[PF_NONCE_BYTES] = {1};

    cr_assert_eq(id_file_write(&one, &other), 0);
    id_file_remove(&two, own);
    cr_assert_eq(id_file_read(&one, &read), 0);
    cr_assert_eq(read.shmid, 2);
}

Test(id_file, is_written_again_if_it_was_changed)
{
    struct id_file own = {.shmid = 1, .nonce = {1}}, other = {.shmid = 2, .nonce = {2}}, read;

    pf_log_set_level(PF_LOG_ERROR);
    cr_assert_eq(id_file_write(&two, &other), 0);
    for (int i = 0; i < 2; i++) { /* changed; removed */
        cr_assert_eq(id_file_restore(&one, &own), 0);
        cr_assert_eq(id_file_read(&two, &read), 0);
        cr_assert_eq(read.shmid, 1);
        id_file_remove(&two, own.nonce);
    }
}

Test(id_file, is_not_written_again_for_lack_of_descriptors)
{
    struct id_file own = {.shmid = 1, .nonce = {1}}, read;
    struct rlimit before, none;

    cr_assert_eq(id_file_write(&one, &own), 0);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    int read_result = id_file_read(&one, &read);
    int restored = id_file_restore(&one, &own);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    cr_assert_eq(read_result, -EMFILE);
    cr_assert_eq(restored, 0);
}

Test(id_file, ignores_a_damaged_id_file)
{
    const char *damaged[] = {"", "pageflip",
                             "pageflip 1\nshmid 3\nnonce abc\nbytes 1\npid 1\nuid 0\n",
                             "pageflip 1\nshmid x\nnonce 00112233445566778899aabbccddeeff\n"};
    char path[512];
    struct id_file read;

    snprintf(path, sizeof path, "%s/pageflip/test.id", scratch);
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        FILE *file = fopen(path, "w");
        fputs(damaged[i], file);
        fclose(file);
        cr_assert_eq(id_file_read(&one, &read), -ENOENT, "%s", damaged[i]);
    }
}

Test(id_file, ignores_an_id_with_half_a_nonce)
{
    char path[512];
    struct id_file read;

    snprintf(path, sizeof path, "%s/pageflip/test.id", scratch);
    FILE *file = fopen(path, "w");
    fputs("pageflip 1\nshmid 3\nnonce 0011223344556677\nbytes 1\npid 1\nuid 0\nipc-namespace 1\n",
          file);
    fclose(file);
    cr_assert_eq(id_file_read(&one, &read), -ENOENT);
}
