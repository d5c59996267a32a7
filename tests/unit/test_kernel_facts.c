/* SPDX-License-Identifier: MIT */
/*
 * The properties of System V shared memory and of locks that pageflip depends on. A test that needs
 * a second process starts kernel_facts_helper.c: Criterion hangs if a test forks.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "scratch.h"

TestSuite(kernel_facts, .init = scratch_open, .fini = scratch_close);

/* Start the helper. *out gets the read end of its standard output; `out` may be NULL. */
static pid_t start(int *out, const char *what, const char *first, const char *second)
{
    char *words[] = {(char *)HELPER, (char *)what, (char *)first, (char *)second, NULL};
    char *no_environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    pid_t pid;

    cr_assert_eq(pipe(ends), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    cr_assert_eq(posix_spawn(&pid, HELPER, &actions, NULL, words, no_environment), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (out)
        *out = ends[0];
    else
        close(ends[0]);
    return pid;
}

static pid_t start_and_wait_until_held(const char *what, const char *first, const char *second)
{
    char printed[4] = "";
    int out;
    pid_t pid = start(&out, what, first, second);

    cr_assert_eq(read(out, printed, sizeof printed), 4, "%s %s does not hold", what, first);
    close(out);
    return pid;
}

static const char *text_of(int number)
{
    static char text[16];

    snprintf(text, sizeof text, "%d", number);
    return text;
}

/* Wait for a process. Returns its exit code, or 128 + the signal that killed it. */
static int exit_code_of(pid_t pid)
{
    int status;

    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(const char *what, const char *first)
{
    return exit_code_of(start(NULL, what, first, NULL));
}

/* Create a private segment with a 'p' at its start. */
static int create(size_t bytes, char **base)
{
    int shmid = shmget(IPC_PRIVATE, bytes, 0600);

    cr_assert_geq(shmid, 0);
    *base = shmat(shmid, NULL, 0);
    cr_assert_neq(*base, (void *)-1);
    **base = 'p';
    return shmid;
}

static bool exists(int shmid)
{
    struct shmid_ds info;

    return shmctl(shmid, IPC_STAT, &info) == 0;
}

/* Wait up to a minute until the kernel has destroyed the segment. */
static bool is_destroyed_soon(int shmid)
{
    for (int i = 0; i < 60000 && exists(shmid); i++)
        usleep(1000);
    return !exists(shmid);
}

Test(kernel_facts, a_private_segment_is_inherited_by_a_child)
{
    cr_assert_eq(run("inherit", NULL), 0);
}

Test(kernel_facts, a_segment_is_found_by_its_files_key)
{
    char path[512];

    scratch_path(path, scratch, "key");
    fclose(fopen(path, "w"));
    int shmid = shmget(ftok(path, 'p'), 4096, IPC_CREAT | IPC_EXCL | 0600);
    cr_assert_geq(shmid, 0);
    char *base = shmat(shmid, NULL, 0);
    base[0] = 'p';
    int seen = run("find", path);
    int again = shmget(ftok(path, 'p'), 4096, IPC_CREAT | IPC_EXCL | 0600);
    int error = errno;
    shmctl(shmid, IPC_RMID, NULL);
    shmdt(base);
    cr_assert_eq(seen, 0, "the other process exited with %d", seen);
    cr_assert_eq(again, -1, "a second segment with the same key was created");
    cr_assert_eq(error, EEXIST);
}

Test(kernel_facts, a_removed_key_finds_nothing)
{
    char path[512];

    scratch_path(path, scratch, "key");
    fclose(fopen(path, "w"));
    int shmid = shmget(ftok(path, 'p'), 4096, IPC_CREAT | IPC_EXCL | 0600);
    char *base = shmat(shmid, NULL, 0);
    shmctl(shmid, IPC_RMID, NULL);
    int found = shmget(ftok(path, 'p'), 0, 0);
    shmdt(base);
    cr_assert_eq(found, -1, "a removed segment still has its key");
}

Test(kernel_facts, a_size_is_rounded_up_to_pages_but_reported_as_requested)
{
    struct shmid_ds info;
    char *base;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int shmid = create(page + 1, &base);

    cr_assert_eq(shmctl(shmid, IPC_STAT, &info), 0);
    shmctl(shmid, IPC_RMID, NULL);
    cr_assert_eq(info.shm_segsz, page + 1, "%zu", info.shm_segsz);
    base[2 * page - 1] = 1; /* the last page is mapped to its end */
    cr_assert_eq(base[2 * page - 1], 1);
    cr_assert_eq((size_t)base % page, 0, "the attach is not page aligned");
    shmdt(base);
}

Test(kernel_facts, a_new_segment_is_zero)
{
    char *base;
    int shmid = create(8192, &base);

    shmctl(shmid, IPC_RMID, NULL);
    for (int i = 1; i < 8192; i++)
        cr_assert_eq(base[i], 0, "byte %d", i);
    shmdt(base);
}

Test(kernel_facts, a_read_only_attach_faults_on_write)
{
    char *base;
    int shmid = create(4096, &base);
    int reader = run("read", text_of(shmid)), writer = run("write-rdonly", text_of(shmid));

    shmctl(shmid, IPC_RMID, NULL);
    shmdt(base);
    cr_assert_eq(reader, 0, "a read exited with %d", reader);
    cr_assert_eq(writer, 128 + SIGSEGV, "a write exited with %d", writer);
}

Test(kernel_facts, a_removed_segment_can_be_attached_while_a_process_is_attached)
{
    char *base;
    int shmid = create(4096, &base);

    shmctl(shmid, IPC_RMID, NULL);
    int reader = run("read", text_of(shmid));
    shmdt(base);
    cr_assert_eq(reader, 0, "the other process exited with %d", reader);
}

Test(kernel_facts, a_removed_segment_is_destroyed_by_the_last_detach)
{
    char *base;
    int shmid = create(4096, &base);

    shmctl(shmid, IPC_RMID, NULL);
    cr_assert(exists(shmid), "IPC_RMID destroyed it");
    shmdt(base);
    cr_assert_not(exists(shmid), "it still exists");
    cr_assert_eq(shmat(shmid, NULL, 0), (void *)-1);
    cr_assert(errno == EINVAL || errno == EIDRM, "%s", strerror(errno));
}

Test(kernel_facts, a_process_detaches_when_it_exits)
{
    struct shmid_ds info;
    char *base;
    int shmid = create(4096, &base);
    int code = run("attach-exit", text_of(shmid));

    cr_assert_eq(shmctl(shmid, IPC_STAT, &info), 0);
    shmctl(shmid, IPC_RMID, NULL);
    shmdt(base);
    cr_assert_eq(code, 0);
    cr_assert_eq(info.shm_nattch, 1, "%lu are attached", (unsigned long)info.shm_nattch);
}

Test(kernel_facts, a_removed_segment_is_destroyed_when_its_last_process_is_killed)
{
    char *base;
    int shmid = create(4096, &base);
    pid_t holder = start_and_wait_until_held("hold", text_of(shmid), NULL);

    shmctl(shmid, IPC_RMID, NULL);
    shmdt(base);
    cr_assert(exists(shmid), "it was destroyed while a process was attached");
    kill(holder, SIGKILL);
    bool destroyed = is_destroyed_soon(shmid);
    cr_assert_eq(exit_code_of(holder), 128 + SIGKILL);
    cr_assert(destroyed, "it still exists after its last process");
}

Test(kernel_facts, one_detach_removes_an_attach_that_mprotect_has_split)
{
    char *base;
    int shmid = create(3 * 4096, &base);

    cr_assert_eq(mprotect(base, 4096, PROT_READ), 0);
    cr_assert_eq(mprotect(base + 2 * 4096, 4096, PROT_READ), 0);
    shmctl(shmid, IPC_RMID, NULL);
    cr_assert_eq(shmdt(base), 0);
    cr_assert_not(exists(shmid), "a part of it is still attached");
}

Test(kernel_facts, pages_can_be_made_present_before_use)
{
    char *base;
    int shmid = create(64 * 4096, &base);
    unsigned char present[64];

    shmctl(shmid, IPC_RMID, NULL);
    cr_assert_eq(madvise(base, 64 * 4096, MADV_POPULATE_WRITE), 0, "%s", strerror(errno));
    cr_assert_eq(mincore(base, 64 * 4096, present), 0);
    for (int i = 0; i < 64; i++)
        cr_assert(present[i] & 1, "page %d is not present", i);
    shmdt(base);
}

static bool is_locked(int fd, off_t byte)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    cr_assert_eq(fcntl(fd, F_OFD_GETLK, &lock), 0);
    return lock.l_type != F_UNLCK;
}

Test(kernel_facts, a_lock_is_dropped_when_its_process_is_killed)
{
    char path[512];

    scratch_path(path, scratch, "lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    pid_t holder = start_and_wait_until_held("lock", path, "16");
    cr_assert(is_locked(fd, 16));
    cr_assert_not(is_locked(fd, 17), "the next byte is also locked");
    kill(holder, SIGKILL);
    for (int i = 0; i < 60000 && is_locked(fd, 16); i++)
        usleep(1000);
    bool locked = is_locked(fd, 16); /* before waitpid(): a zombie holds no lock */
    cr_assert_eq(exit_code_of(holder), 128 + SIGKILL);
    close(fd);
    cr_assert_not(locked, "a killed process holds the lock");
}
