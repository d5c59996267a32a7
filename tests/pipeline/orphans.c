/* SPDX-License-Identifier: MIT */
/*
 * Which segments a starting producer removes, and which not: each segment that must stay differs
 * from an orphan in one property. Not a Criterion test, because it forks: the creator of an orphan
 * has exited. time() is replaced, so that no test waits for a segment to become old. The test runs
 * in an IPC namespace of its own, where no other segments exist; if it cannot have one, it is
 * skipped.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/segment_key.h"
#include "pageflip.h"

enum { KEY = 0x50460001, OLD_S = 5, OTHER_UID = 65534, THIRD_UID = 65533 };

static time_t replaced_time; /* what time() returns */
static bool is_root;         /* can become another user */
static int number, failures;

time_t time(time_t *out)
{
    if (out)
        *out = replaced_time;
    return replaced_time;
}

/* ------------------------------------------------------------------ segments */

struct made {
    int shmid;
    pid_t pid; /* of a creator that is still running; 0: it has exited */
};

/* How to create a segment; all zero: an orphan. */
struct making {
    int key;
    bool is_running; /* the creator continues to run */
    uid_t real, effective;
};

static struct made make(struct making how)
{
    struct made made = {.shmid = -1};
    int ends[2];

    if (pipe(ends) < 0)
        return made;
    pid_t pid = fork();
    if (pid == 0) {
        int shmid = -1;
        if (!how.effective || setresuid(how.real, how.effective, how.real) == 0)
            shmid = shmget(how.key ? how.key : KEY, 4096, IPC_CREAT | IPC_EXCL | 0600);
        bool sent = write(ends[1], &shmid, sizeof shmid) == sizeof shmid;
        close(ends[0]);
        close(ends[1]);
        while (sent && how.is_running)
            pause();
        _exit(0);
    }
    close(ends[1]);
    if (read(ends[0], &made.shmid, sizeof made.shmid) != sizeof made.shmid)
        made.shmid = -1;
    close(ends[0]);
    if (how.is_running)
        made.pid = pid;
    else
        waitpid(pid, NULL, 0);
    return made;
}

static void end_creator(struct made *made)
{
    if (made->pid > 0) {
        kill(made->pid, SIGKILL);
        waitpid(made->pid, NULL, 0);
    }
    made->pid = 0;
}

static bool exists(int shmid)
{
    struct shmid_ds info;

    return shmctl(shmid, IPC_STAT, &info) == 0;
}

/* Sweep at the time when the segment has this age. Returns how many segments were removed. */
static int sweep_at(int shmid, int age_s)
{
    struct shmid_ds info;

    if (shmctl(shmid, IPC_STAT, &info) < 0)
        return -1;
    replaced_time = info.shm_ctime + age_s;
    return segment_key_sweep_orphans();
}

/* ------------------------------------------------------------------ cases */

static void report(const char *name, bool passed)
{
    printf("%s %d - %s\n", passed ? "ok" : "not ok", ++number, name);
    failures += !passed;
}

static void skip(const char *name, const char *why)
{
    printf("ok %d - %s # SKIP %s\n", ++number, name, why);
}

/* Remove everything that a case has created. */
static void finish(struct made made)
{
    end_creator(&made);
    if (made.shmid >= 0)
        shmctl(made.shmid, IPC_RMID, NULL);
}

/* Does a segment created in this way stay, although it is old enough? */
static bool stays(struct making how)
{
    struct made made = make(how);
    bool stayed = sweep_at(made.shmid, OLD_S) == 0 && exists(made.shmid);

    finish(made);
    return stayed;
}

/* Sweep; `printed` gets what the library printed on standard error. Returns as sweep_at(). */
static int capture_sweep(int shmid, char printed[256])
{
    int saved = dup(STDERR_FILENO), ends[2];

    printed[0] = '\0';
    if (saved < 0 || pipe(ends) < 0)
        return -1;
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    int swept = sweep_at(shmid, OLD_S);
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t got = read(ends[0], printed, 255);
    close(ends[0]);
    printed[got > 0 ? got : 0] = '\0';
    return swept;
}

static void an_orphan_is_removed_and_reported(void)
{
    struct made made = make((struct making){0});
    struct shmid_ds info = {0};
    char printed[256], expected[128];

    shmctl(made.shmid, IPC_STAT, &info);
    snprintf(expected, sizeof expected, ": reclaimed orphan segment %d of process %d\n", made.shmid,
             (int)info.shm_cpid);
    pf_log_set_level(PF_LOG_INFO);
    int swept = capture_sweep(made.shmid, printed);
    pf_log_set_level(PF_LOG_ERROR);
    bool is_right = swept == 1 && !exists(made.shmid) && strstr(printed, expected) &&
                    strchr(printed, '\n') == printed + strlen(printed) - 1;
    if (!is_right)
        printf("# %d removed; printed \"%s\", expected \"%s\"\n", swept, printed, expected);
    report(__func__, is_right);
    finish(made);
}

static void two_orphans_are_removed_by_one_sweep(void)
{
    struct made one = make((struct making){0}), two = make((struct making){.key = 0x5046ffff});

    report(__func__, sweep_at(two.shmid, OLD_S) == 2 && !exists(one.shmid) && !exists(two.shmid));
    finish(one);
    finish(two);
}

static void a_young_orphan_stays(void)
{
    struct made made = make((struct making){0});
    bool stayed = sweep_at(made.shmid, OLD_S - 1) == 0 && exists(made.shmid);

    report(__func__, stayed && sweep_at(made.shmid, OLD_S) == 1);
    finish(made);
}

static void a_segment_with_another_key_stays(void)
{
    /* the next prefix, the prefix with one more bit, the prefix in the other half */
    const int keys[] = {0x50470001, (int)0xd0460001, 0x00015046};
    bool stay = true;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        stay = stay && stays((struct making){.key = keys[i]});
    report(__func__, stay);
}

static void an_attached_segment_stays(void)
{
    struct made made = make((struct making){0});
    void *base = shmat(made.shmid, NULL, SHM_RDONLY);
    bool stayed = sweep_at(made.shmid, OLD_S) == 0 && exists(made.shmid);
    struct shmid_ds info = {0};

    /* It must not be marked for removal either. */
    shmctl(made.shmid, IPC_STAT, &info);
    stayed = stayed && !(info.shm_perm.mode & SHM_DEST);
    shmdt(base);
    report(__func__, stayed && sweep_at(made.shmid, OLD_S) == 1);
    finish(made);
}

static void a_segment_of_a_running_creator_stays(void)
{
    struct made made = make((struct making){.is_running = true});
    bool stayed = sweep_at(made.shmid, OLD_S) == 0 && exists(made.shmid);

    end_creator(&made);
    report(__func__, stayed && sweep_at(made.shmid, OLD_S) == 1);
    finish(made);
}

/* IPC_SET makes this user its owner; the sweep must check the creator. */
static void a_segment_created_by_another_user_stays(void)
{
    if (!is_root) {
        skip(__func__, "needs root");
        return;
    }
    struct made made = make((struct making){.real = OTHER_UID, .effective = OTHER_UID});
    struct shmid_ds info;
    bool is_ours = shmctl(made.shmid, IPC_STAT, &info) == 0;

    info.shm_perm.uid = geteuid();
    is_ours = is_ours && shmctl(made.shmid, IPC_SET, &info) == 0;
    report(__func__, is_ours && sweep_at(made.shmid, OLD_S) == 0 && exists(made.shmid));
    finish(made);
}

/* kill() fails with EPERM: the process exists. */
static void a_creator_that_cannot_be_signalled_counts_as_running(void)
{
    if (!is_root) {
        skip(__func__, "needs root");
        return;
    }
    struct made made =
        make((struct making){.is_running = true, .real = THIRD_UID, .effective = OTHER_UID});
    bool stayed = setresuid(OTHER_UID, OTHER_UID, 0) == 0 && kill(made.pid, 0) < 0 &&
                  errno == EPERM && sweep_at(made.shmid, OLD_S) == 0 && exists(made.shmid);

    bool is_back = setresuid(0, 0, 0) == 0;
    report(__func__, stayed && is_back);
    finish(made);
}

/* Its pid means nothing in this namespace; the kernel reports 0. */
static void a_creator_in_another_pid_namespace_counts_as_running(void)
{
    struct made made = make((struct making){0});
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        if (unshare(CLONE_NEWPID) < 0)
            _exit(77);
        pid_t sweeper = fork(); /* the first process of the new namespace */
        if (sweeper == 0)
            _exit(sweep_at(made.shmid, OLD_S) == 0 && exists(made.shmid) ? 0 : 1);
        waitpid(sweeper, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    }
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip(__func__, "cannot create a pid namespace");
    else
        report(__func__, WIFEXITED(status) && WEXITSTATUS(status) == 0);
    finish(made);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0); /* a forked child must not print buffered text again */
    if (unshare(CLONE_NEWIPC) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWIPC) < 0) {
        puts("1..0 # SKIP cannot create an IPC namespace");
        return 0;
    }
    is_root = geteuid() == 0; /* not after CLONE_NEWUSER: there this user has no number */
    pf_log_set_level(PF_LOG_ERROR);
    puts("1..9");
    an_orphan_is_removed_and_reported();
    two_orphans_are_removed_by_one_sweep();
    a_young_orphan_stays();
    a_segment_with_another_key_stays();
    an_attached_segment_stays();
    a_segment_of_a_running_creator_stays();
    a_segment_created_by_another_user_stays();
    a_creator_that_cannot_be_signalled_counts_as_running();
    a_creator_in_another_pid_namespace_counts_as_running();
    return failures > 0;
}
