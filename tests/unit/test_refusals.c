/* SPDX-License-Identifier: MIT */
/*
 * Each system call that the library makes fails once: the first call in the first run, the second
 * in the second run, and so on, until a run has no such call. The linker redirects the calls to
 * this file (-Wl,--wrap). After each failure no segment may be left, and a stream without failures
 * must work.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "stream.h"
#include "wrap.h"

enum { CALLS_MAX = 200 };

static const char *refused; /* the name of the function that fails; NULL: none */
static int countdown;       /* 1: the next call of that function fails */
static int with_errno;

static int locks; /* calls that query or change a lock */

static bool fails(const char *name)
{
    locks += strcmp(name, "fcntl64") == 0;
    if (!refused || strcmp(name, refused) != 0 || --countdown != 0)
        return false;
    errno = with_errno;
    return true;
}

WRAP(int, shmget, (key_t key, size_t size, int flags), (key, size, flags), -1)
WRAP(void *, shmat, (int id, const void *at, int flags), (id, at, flags), (void *)-1)
WRAP(int, shmctl, (int id, int command, struct shmid_ds *info), (id, command, info), -1)
WRAP(ssize_t, getrandom, (void *to, size_t size, unsigned int flags), (to, size, flags), -1)
WRAP(int, mprotect, (void *at, size_t size, int rights), (at, size, rights), -1)
WRAP(int, madvise, (void *at, size_t size, int advice), (at, size, advice), -1)
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), -1)
WRAP(int, fstat64, (int fd, struct stat64 *info), (fd, info), -1)
WRAP(int, renameat, (int from, const char *old, int to, const char *new), (from, old, to, new), -1)
WRAP(ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, size), -1)
WRAP(ssize_t, read, (int fd, void *bytes, size_t size), (fd, bytes, size), -1)
WRAP(void *, calloc, (size_t count, size_t size), (count, size), NULL)
WRAP(char *, strdup, (const char *text), (text), NULL)
WRAP(key_t, ftok, (const char *path, int number), (path, number), -1)
WRAP(int, fcntl64, (int fd, int command, void *lock), (fd, command, lock), -1)
WRAP(int, openat64, (int folder, const char *path, int flags, mode_t mode),
     (folder, path, flags, mode), -1)

static void close_both(void)
{
    pf_viewer_close(viewer);
    pf_producer_close(producer);
    viewer = NULL;
    producer = NULL;
}

/* Open, publish, acquire, list, change the format, reattach, close. Stop at the first failure. */
static void run_stream(const char *key_file)
{
    struct pf_format first = size(64, 48), second = size(80, 50);
    struct pf_producer_options options = {.key_file = key_file};
    struct pf_viewer_options viewer_options = {.key_file = key_file, .every_frame = true};
    struct pf_channel_info info[2];
    struct pf_frame frame;

    if (pf_producer_open(&producer, "test", &first, &options) == 0 &&
        pf_viewer_open(&viewer, "test", &viewer_options) == 0 && publish(1) == 0 &&
        pf_viewer_acquire(viewer, HANG_NS, &frame) == 0) {
        pf_viewer_release(viewer, &frame);
        pf_channel_list(info, 2);
        if (pf_producer_change_format(producer, &second) == 0 &&
            pf_viewer_acquire(viewer, HANG_NS, &frame) == -EREMCHG)
            (void)!pf_viewer_reattach(viewer, 10 * NS_PER_MS);
    }
    close_both();
}

/* The number of segments that this process created and that still exist. */
static int count_segments(void)
{
    char line[512];
    int count = 0, cpid;
    FILE *file = fopen("/proc/sysvipc/shm", "re");

    while (fgets(line, sizeof line, file))
        count += sscanf(line, "%*d %*d %*o %*u %d", &cpid) == 1 && cpid == getpid();
    fclose(file);
    return count;
}

static void refuse_each(const char *name, int error, const char *key_file)
{
    int k = 0;

    do {
        cr_assert_lt(++k, CALLS_MAX, "the calls of %s do not end", name);
        refused = name;
        countdown = k;
        with_errno = error;
        run_stream(key_file);
        refused = NULL;
        cr_assert_eq(count_segments(), 0, "%s, call %d: %d segments are left", name, k,
                     count_segments());
    } while (countdown <= 0);
    cr_assert_gt(k, 1, "%s was never called", name);
    run_stream(key_file);
    cr_assert_eq(count_segments(), 0, "after %s: %d segments", name, count_segments());
}

TestSuite(refusals, .init = init_stream, .fini = finish_stream);

Test(refusals, in_a_private_stream_leave_no_segment)
{
    const struct {
        const char *name;
        int error;
    } calls[] = {
        {"shmget", ENOSPC},   {"shmget", EEXIST}, {"shmget", ENOMEM},    {"shmat", ENOMEM},
        {"shmat", EIDRM},     {"shmat", EACCES},  {"getrandom", EAGAIN}, {"mprotect", ENOMEM},
        {"madvise", ENOMEM},  {"mkdir", EACCES},  {"fstat64", EIO},      {"renameat", ENOSPC},
        {"write", ENOSPC},    {"read", EIO},      {"calloc", ENOMEM},    {"fcntl64", ENOLCK},
        {"openat64", EMFILE},
    };

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        refuse_each(calls[i].name, calls[i].error, NULL);
}

/* A segment for which shmctl() fails may be left. The next start of a producer removes such a
 * segment, but not during its first seconds: so this test removes them. */
Test(refusals, of_shmctl_do_not_break_the_next_stream)
{
    struct shmid_ds info;

    for (int error = 0; error < 2; error++)
        for (int k = 1; k < 40; k++) {
            refused = "shmctl";
            countdown = k;
            with_errno = error ? EIDRM : EACCES;
            run_stream(NULL);
            refused = NULL;
        }
    for (int i = 0; i < 1000; i++) {
        int shmid = shmctl(i, SHM_STAT, &info);
        if (shmid >= 0 && info.shm_cpid == getpid() && info.shm_nattch == 0)
            shmctl(shmid, IPC_RMID, NULL);
    }
    run_stream(NULL);
    cr_assert_eq(count_segments(), 0);
}

Test(refusals, in_a_keyed_stream_leave_no_segment)
{
    const struct {
        const char *name;
        int error;
    } calls[] = {{"shmget", ENOSPC}, {"shmget", EACCES}, {"shmat", ENOMEM}, {"shmat", EACCES},
                 {"ftok", EACCES},   {"strdup", ENOMEM}, {"calloc", ENOMEM}};
    char key_file[512];

    scratch_path(key_file, scratch, "key");
    fclose(fopen(key_file, "w"));
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        refuse_each(calls[i].name, calls[i].error, key_file);
}

/* Until the next call of pf_viewer_state() queries the locks again. */
static void pass_60_ms(void)
{
    int64_t start_ns = clock_now_ns();

    while (clock_now_ns() < start_ns + 60 * NS_PER_MS)
        ;
}

/* A process is never reported as crashed because of an error. */
Test(refusals, of_a_lock_do_not_end_a_stream)
{
    open_producer(2, 0);
    open_viewer(false);
    pass_60_ms();
    refused = "fcntl64";
    countdown = 1;
    with_errno = ENOLCK;
    cr_assert_eq(pf_viewer_state(viewer), PF_RUNNING);
    refused = NULL;
    cr_assert_eq(countdown, 0, "no lock was queried");
}

Test(refusals, a_state_is_queried_once_per_50_ms_at_most)
{
    open_producer(2, 0);
    open_viewer(false);
    pass_60_ms();
    locks = 0;
    pf_viewer_state(viewer);
    cr_assert_gt(locks, 0, "no lock was queried");
    locks = 0;
    int64_t start_ns = clock_now_ns();
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(pf_viewer_state(viewer), PF_RUNNING);
    int64_t queries = 1 + (clock_now_ns() - start_ns) / (50 * NS_PER_MS);
    cr_assert_leq(locks, 2 * queries, "%d queries", locks);
}
