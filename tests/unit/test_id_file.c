/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/id_file.h"
#include "help_system.h"
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

/* As another process writes it: with the id of this namespace plus `namespaces`. */
static void write_changed(const struct id_file *id, unsigned namespaces)
{
    char path[512];

    runtime_path_of(path, "test.id");
    FILE *file = fopen(path, "w");
    fprintf(file, "pageflip 1\nshmid %d\nnonce ", id->shmid);
    for (int i = 0; i < PF_NONCE_BYTES; i++)
        fprintf(file, "%02x", id->nonce[i]);
    fprintf(file, "\nbytes 0\npid %d\nuid 0\nipc-namespace %llu\n", (int)getpid(),
            (unsigned long long)id_file_ipc_namespace() + namespaces);
    fclose(file);
}

static ino_t file_number(void)
{
    struct stat info;
    char path[512];

    runtime_path_of(path, "test.id");
    cr_assert_eq(stat(path, &info), 0);
    return info.st_ino;
}

Test(id_file, is_written_again_if_it_was_changed)
{
    const struct id_file own = {.shmid = 1, .nonce = {1}},
                         other_segment = {.shmid = 2, .nonce = {1}},
                         other_nonce = {.shmid = 1, .nonce = {1, 2}};
    const struct {
        const struct id_file *changed;
        unsigned namespaces;
        bool is_own;
    } cases[] = {{&own, 0, true},
                 {&other_segment, 0, false},
                 {&other_nonce, 0, false},
                 {&own, 1, false}};
    struct id_file id = own, read;

    pf_log_set_level(PF_LOG_ERROR);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_changed(cases[i].changed, cases[i].namespaces);
        ino_t before = file_number();
        cr_assert_eq(id_file_restore(&one, &id), 0);
        cr_assert_eq(file_number() == before, cases[i].is_own, "case %zu", i);
        cr_assert_eq(id_file_read(&two, &read), 0);
        cr_assert_eq(read.shmid, own.shmid);
        cr_assert_eq(read.ipc_namespace, id_file_ipc_namespace());
        cr_assert_arr_eq(read.nonce, own.nonce, PF_NONCE_BYTES);
    }
    id_file_remove(&two, own.nonce);
    cr_assert_eq(id_file_restore(&one, &id), 0);
    cr_assert_eq(id_file_read(&two, &read), 0, "it was removed");
}

Test(id_file, that_cannot_be_written_leaves_no_temporary_file)
{
    struct id_file own = {.shmid = 1};
    char path[512];

    pf_log_set_level(PF_LOG_ERROR);
    runtime_path_of(path, "test.id");
    cr_assert_eq(mkdir(path, 0700), 0);
    int ret = id_file_write(&one, &own);
    rmdir(path);
    cr_assert_eq(ret, -EISDIR);
    runtime_path_of(path, "test.id.new");
    cr_assert_neq(access(path, F_OK), 0);
}

/* As on a full disk: a write() of fewer bytes. */
Test(id_file, that_is_cut_is_an_error)
{
    struct id_file own = {.shmid = 1}, read;
    struct rlimit before, small;

    pf_log_set_level(PF_LOG_ERROR);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 20, .rlim_max = before.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    int ret = id_file_write(&one, &own);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    cr_assert_eq(ret, -ENOSPC);
    cr_assert_eq(id_file_read(&one, &read), -ENOENT);
}

/* No process writes to it, so opening it as a file would block. */
Test(id_file, that_is_a_fifo_is_no_id)
{
    struct id_file read;
    char path[512];

    runtime_path_of(path, "test.id");
    cr_assert_eq(mkfifo(path, 0600), 0);
    interrupt_after(hang_s());
    cr_assert_eq(id_file_read(&one, &read), -ENOENT);
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
