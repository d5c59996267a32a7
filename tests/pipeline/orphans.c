/* SPDX-License-Identifier: MIT */
/*
 * What a producer's start sweeps, and what not: segments that each differ from an orphan in one
 * thing. No Criterion test, because it forks: the creator of an orphan is dead. Nobody waits for a
 * segment to be old enough: time() is ours. In an IPC namespace of its own, where it meets nobody
 * else's segments, or not at all.
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

static time_t pretended; /* what the library takes for the time */
static bool has_users;   /* are other users possible? */
static int number, failures;

time_t time(time_t *out)
{
    if (out)
        *out = pretended;
    return pretended;
}

/* ------------------------------------------------------------------ segments */

struct made {
    int shmid;
    pid_t pid; /* of a creator that lives, else 0 */
};

/* How a segment comes to be; all zero: an orphan. */
struct making {
    int key;
    bool lives;
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
        bool told = write(ends[1], &shmid, sizeof shmid) == sizeof shmid;
        close(ends[0]);
        close(ends[1]);
        while (told && how.lives)
            pause();
        _exit(0);
    }
    close(ends[1]);
    if (read(ends[0], &made.shmid, sizeof made.shmid) != sizeof made.shmid)
        made.shmid = -1;
    close(ends[0]);
    if (how.lives)
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

/* A sweep when the segment has had this age. Returns how many were swept. */
static int sweep_at(int shmid, int age_s)
{
    struct shmid_ds info;

    if (shmctl(shmid, IPC_STAT, &info) < 0)
        return -1;
    pretended = info.shm_ctime + age_s;
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

/* Nothing is left of a case, whatever came of it. */
static void finish(struct made made)
{
    end_creator(&made);
    if (made.shmid >= 0)
        shmctl(made.shmid, IPC_RMID, NULL);
}

/* Does this one stay, though it is old enough? */
static bool stays(struct making how)
{
    struct made made = make(how);
    bool stayed = sweep_at(made.shmid, OLD_S) == 0 && exists(made.shmid);

    finish(made);
    return stayed;
}

/* Run with standard error in a file; returns what it came to, and what was said. */
static int listen_to_sweep(int shmid, char said[256])
{
    int saved = dup(STDERR_FILENO), ends[2];

    said[0] = '\0';
    if (saved < 0 || pipe(ends) < 0)
        return -1;
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    int swept = sweep_at(shmid, OLD_S);
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t got = read(ends[0], said, 255);
    close(ends[0]);
    said[got > 0 ? got : 0] = '\0';
    return swept;
}

static void an_orphan_is_removed_and_reported(void)
{
    struct made made = make((struct making){0});
    struct shmid_ds info = {0};
    char said[256], wanted[128];

    shmctl(made.shmid, IPC_STAT, &info);
    snprintf(wanted, sizeof wanted, ": reclaimed orphan segment %d of process %d\n", made.shmid,
             (int)info.shm_cpid);
    pf_log_set_level(PF_LOG_INFO);
    int swept = listen_to_sweep(made.shmid, said);
    pf_log_set_level(PF_LOG_ERROR);
    bool is_right = swept == 1 && !exists(made.shmid) && strstr(said, wanted) &&
                    strchr(said, '\n') == said + strlen(said) - 1;
    if (!is_right)
        printf("# %d swept; said \"%s\", wanted \"%s\"\n", swept, said, wanted);
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
    /* the next prefix, one bit more, the prefix in the other half */
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

    /* And is not on its way out, for when it is let go. */
    shmctl(made.shmid, IPC_STAT, &info);
    stayed = stayed && !(info.shm_perm.mode & SHM_DEST);
    shmdt(base);
    report(__func__, stayed && sweep_at(made.shmid, OLD_S) == 1);
    finish(made);
}

static void a_segment_of_a_running_creator_stays(void)
{
    struct made made = make((struct making){.lives = true});
    bool stayed = sweep_at(made.shmid, OLD_S) == 0 && exists(made.shmid);

    end_creator(&made);
    report(__func__, stayed && sweep_at(made.shmid, OLD_S) == 1);
    finish(made);
}

/* Its owner is this user all the same: who made it counts. */
static void a_segment_created_by_another_user_stays(void)
{
    if (!has_users) {
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

/* kill() says EPERM of it: there is somebody. */
static void a_creator_that_cannot_be_signalled_counts_as_running(void)
{
    if (!has_users) {
        skip(__func__, "needs root");
        return;
    }
    struct made made =
        make((struct making){.lives = true, .real = THIRD_UID, .effective = OTHER_UID});
    bool stayed = setresuid(OTHER_UID, OTHER_UID, 0) == 0 && kill(made.pid, 0) < 0 &&
                  errno == EPERM && sweep_at(made.shmid, OLD_S) == 0 && exists(made.shmid);

    bool is_back = setresuid(0, 0, 0) == 0;
    report(__func__, stayed && is_back);
    finish(made);
}

/* Its number there would be nobody's, or somebody else's, here: the kernel says 0. */
static void a_creator_in_another_pid_namespace_counts_as_running(void)
{
    struct made made = make((struct making){0});
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        if (unshare(CLONE_NEWPID) < 0)
            _exit(77);
        pid_t sweeper = fork(); /* the first in there */
        if (sweeper == 0)
            _exit(sweep_at(made.shmid, OLD_S) == 0 && exists(made.shmid) ? 0 : 1);
        waitpid(sweeper, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    }
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip(__func__, "no pid namespace to be had");
    else
        report(__func__, WIFEXITED(status) && WEXITSTATUS(status) == 0);
    finish(made);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0); /* who forks has nothing to print twice */
    if (unshare(CLONE_NEWIPC) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWIPC) < 0) {
        puts("1..0 # SKIP no IPC namespace to be had");
        return 0;
    }
    has_users = geteuid() == 0; /* in a user namespace nobody has this number any more */
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
