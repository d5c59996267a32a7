/* SPDX-License-Identifier: MIT */
/*
 * No frame is torn, checked row by row, between processes, by the calls in pageflip.h only. A
 * producer fills small frames with their number without pauses; a latest-frame viewer and an
 * every-frame viewer check each word of each row. There are rounds with 2, 3 and 8 slots: with
 * fewer slots the producer draws sooner in a slot that a viewer has released.
 *
 *     stress_rows FRAMES     end after FRAMES verified frames, of both viewers together, and print
 *                            a PROOF line
 *     stress_rows            the same with 100000 frames, without that line
 *
 * The processes are children of this one, forked before any of them uses the library. They share
 * only the channel and a page of figures.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pageflip.h"

#define CHANNEL "rows"
#define TIMEOUT_NS 60000000000 /* a process that waits this long hangs, on any machine */

enum { WIDTH = 64, HEIGHT = 48, WORDS = WIDTH * 4 / 8, LATEST = 0, EVERY = 1 };

struct figures {
    _Atomic uint64_t verified[2], torn[2], lost;
    atomic_int shmid;
};

static struct figures *figures;

static uint64_t verified(void)
{
    return atomic_load(&figures->verified[LATEST]) + atomic_load(&figures->verified[EVERY]);
}

static uint64_t *row(const struct pf_frame *frame, uint32_t y)
{
    return (uint64_t *)(void *)(frame->plane[0].pixels + y * frame->plane[0].stride_bytes);
}

static int produce(uint32_t slots, uint64_t goal)
{
    const struct pf_format format = {.fourcc = PF_FOURCC_XR24, .width = WIDTH, .height = HEIGHT};
    const struct pf_producer_options options = {.slots = slots};
    struct pf_producer *producer;
    struct pf_frame frame;
    int ret = pf_producer_open(&producer, CHANNEL, &format, &options);

    if (ret < 0)
        return ret;
    while (verified() < goal && (ret = pf_producer_begin(producer, TIMEOUT_NS, &frame)) == 0) {
        for (uint32_t y = 0; y < HEIGHT; y++)
            for (int i = 0; i < WORDS; i++)
                row(&frame, y)[i] = frame.sequence;
        pf_producer_publish(producer, &frame);
    }
    pf_producer_close(producer);
    return ret;
}

static bool is_whole(const struct pf_frame *frame)
{
    for (uint32_t y = 0; y < HEIGHT; y++)
        for (int i = 0; i < WORDS; i++)
            if (row(frame, y)[i] != frame->sequence)
                return false;
    return true;
}

static int view(uint32_t mode, uint64_t goal)
{
    const struct pf_viewer_options options = {.every_frame = mode == EVERY, .wait_ns = TIMEOUT_NS};
    struct pf_viewer *viewer;
    struct pf_frame frame;
    uint64_t seen = 0;
    int ret = pf_viewer_open(&viewer, CHANNEL, &options);

    (void)goal; /* a viewer runs until the stream ends */
    if (ret < 0)
        return ret;
    atomic_store(&figures->shmid, pf_viewer_segment(viewer)->shmid);
    while ((ret = pf_viewer_acquire(viewer, TIMEOUT_NS, &frame)) == 0) {
        atomic_fetch_add(is_whole(&frame) ? &figures->verified[mode] : &figures->torn[mode], 1);
        pf_viewer_release(viewer, &frame);
        if (mode == EVERY ? seen && frame.sequence != seen + 1 : frame.sequence <= seen)
            atomic_fetch_add(&figures->lost, 1);
        seen = frame.sequence;
    }
    pf_viewer_close(viewer);
    return ret == -EPIPE ? 0 : ret;
}

/* Run `role` in a child process. Returns in the parent only. */
static void start(int (*role)(uint32_t, uint64_t), uint32_t argument, uint64_t goal)
{
    pid_t parent = getpid();

    if (fork() != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    int ret = role(argument, goal);
    if (ret < 0)
        fprintf(stderr, "# %s: %s\n", role == produce ? "producer" : "viewer", strerror(-ret));
    _exit(ret < 0);
}

/* Returns the number of findings. */
static uint64_t run(int number, uint32_t slots, uint64_t goal)
{
    uint64_t findings = 0;
    struct shmid_ds info;
    int status;

    *figures = (struct figures){.shmid = -1};
    start(produce, slots, goal);
    start(view, LATEST, 0);
    start(view, EVERY, 0);
    for (int i = 0; i < 3; i++)
        findings += wait(&status) < 0 || status != 0;
    findings += figures->torn[LATEST] + figures->torn[EVERY] + figures->lost;
    findings += figures->verified[LATEST] == 0 || figures->verified[EVERY] == 0;
    findings += verified() < goal;
    findings += shmctl(figures->shmid, IPC_STAT, &info) == 0; /* it still exists */
    printf("%s %d - every_row_of_%u_slots_has_its_frames_number\n", findings ? "not ok" : "ok",
           number, slots);
    printf("# verified %llu of the latest and %llu of every frame, %llu and %llu torn, %llu lost\n",
           (unsigned long long)figures->verified[LATEST],
           (unsigned long long)figures->verified[EVERY], (unsigned long long)figures->torn[LATEST],
           (unsigned long long)figures->torn[EVERY], (unsigned long long)figures->lost);
    fflush(stdout);
    return findings;
}

int main(int argc, char **argv)
{
    static const uint32_t slots[] = {2, 3, 8};
    uint64_t frames = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
    uint64_t findings = 0, sum = 0;
    char folder[] = "/tmp/pageflip-test-XXXXXX";

    figures =
        mmap(NULL, sizeof *figures, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (figures == MAP_FAILED || !mkdtemp(folder) || setenv("XDG_RUNTIME_DIR", folder, 1) < 0) {
        perror("stress_rows");
        return 1;
    }
    printf("TAP version 13\n1..3\n");
    fflush(stdout); /* or each child would print it again */
    for (int i = 0; i < 3; i++) {
        findings += run(i + 1, slots[i], frames / 3 + 1);
        sum += verified();
    }
    if (argc > 1)
        printf("PROOF name=\"rows verified\" runs=%llu findings=%llu seed=-\n",
               (unsigned long long)sum, (unsigned long long)findings);
    if (chdir(folder) < 0 || unlink("pageflip/" CHANNEL ".lock") < 0 || rmdir("pageflip") < 0 ||
        rmdir(folder) < 0)
        perror(folder);
    return findings > 0;
}
