/* SPDX-License-Identifier: MIT */
/*
 * Two processes, each pinned to its own core, because the choice of the core that wakes would
 * dominate the measurement. The sender waits until the receiver sleeps, stores the time in shared
 * memory, sends, and waits until the receiver has counted the message, which is not measured.
 */
#include "ping.h"

#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "figures.h"

enum {
    WAYS_MAX = 8,
    ASLEEP_NS = 150 * 1000, /* enough for the receiver to fall asleep */
    SPINNING_NS = 3 * 1000, /* enough for the receiver to begin to spin */
    WARM_UP = 10,           /* the first 1/WARM_UP of the messages are not counted */
};

struct shared {
    alignas(64) _Atomic int64_t sent_ns;
    alignas(64) _Atomic int64_t received; /* messages; -1: the receiver is not ready */
    struct histogram seen[WAYS_MAX];
};

struct ping {
    const struct way *way[WAYS_MAX];
    int ways;
    int64_t count; /* of messages by each way */
    struct ping_frame frame;
    struct shared *shared;
};

/* Pin this process to core `number` of those that it may use; with a single core, do nothing. */
static void pin_to_core(int number)
{
    cpu_set_t all, one;

    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof all, &all) < 0 || CPU_COUNT(&all) < 2)
        return;
    for (int core = 0; core < CPU_SETSIZE; core++)
        if (CPU_ISSET(core, &all) && number-- == 0)
            CPU_SET(core, &one);
    sched_setaffinity(0, sizeof one, &one);
}

static int receive_all(const struct ping *ping)
{
    struct shared *shared = ping->shared;

    pin_to_core(1);
    for (int w = 0; w < ping->ways; w++)
        if (ping->way[w]->receiver && ping->way[w]->receiver(&ping->frame) < 0)
            return 1;
    atomic_store(&shared->received, 0);
    for (int64_t i = 0; i < ping->count; i++) {
        for (int w = 0; w < ping->ways; w++) {
            const struct way *way = ping->way[w];
            way->receive(&ping->frame);
            int64_t took_ns = clock_now_ns() - atomic_load(&shared->sent_ns);
            if (i >= ping->count / WARM_UP)
                histogram_record(&shared->seen[w], took_ns);
            if (way->release)
                way->release();
            atomic_fetch_add(&shared->received, 1);
        }
    }
    for (int w = 0; w < ping->ways; w++)
        if (ping->way[w]->leave)
            ping->way[w]->leave();
    return 0;
}

/* Give the receiver time to sleep, or to spin. */
static void wait_until_ready(const struct way *way)
{
    struct timespec asleep = clock_timespec(ASLEEP_NS);
    int64_t until_ns = clock_now_ns() + SPINNING_NS;

    if (!way->spins)
        nanosleep(&asleep, NULL);
    while (way->spins && clock_now_ns() < until_ns)
        ;
}

/* Returns false if the receiver has exited too early. */
static bool wait_for(const struct ping *ping, int64_t received, pid_t receiver)
{
    for (int64_t polls = 1; atomic_load(&ping->shared->received) != received; polls++) {
        if (polls % 1024 == 0 && waitpid(receiver, NULL, WNOHANG) != 0)
            return atomic_load(&ping->shared->received) == received;
        if (polls % 64 == 0)
            sched_yield(); /* the receiver may need this core */
    }
    return true;
}

static bool send_all(const struct ping *ping, pid_t receiver)
{
    int64_t sent = 0;

    pin_to_core(0);
    for (int w = 0; w < ping->ways; w++)
        if (ping->way[w]->sender && ping->way[w]->sender(&ping->frame) < 0)
            return false;
    if (!wait_for(ping, 0, receiver))
        return false;
    for (int64_t i = 0; i < ping->count; i++) {
        for (int w = 0; w < ping->ways; w++) {
            const struct way *way = ping->way[w];
            if (way->prepare)
                way->prepare();
            wait_until_ready(way);
            atomic_store(&ping->shared->sent_ns, clock_now_ns());
            way->send(&ping->frame);
            if (!wait_for(ping, ++sent, receiver))
                return false;
        }
    }
    return true;
}

static int run(struct ping *ping)
{
    int code = 1;

    for (int w = 0; w < ping->ways; w++)
        if (ping->way[w]->open && ping->way[w]->open(&ping->frame) < 0)
            return 1;
    pid_t receiver = fork();
    if (receiver == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(receive_all(ping));
    }
    if (receiver > 0 && send_all(ping, receiver)) {
        for (int w = 0; w < ping->ways; w++)
            figures_print(ping->way[w]->name, &ping->shared->seen[w]);
        code = 0;
    }
    if (receiver > 0) {
        if (code) /* it waits for a message that will not be sent */
            kill(receiver, SIGKILL);
        waitpid(receiver, NULL, 0);
    }
    for (int w = 0; w < ping->ways; w++)
        if (ping->way[w]->close)
            ping->way[w]->close();
    return code;
}

static const struct way *way_named(const struct way *const *ways, const char *name)
{
    for (; *ways; ways++)
        if (strcmp((*ways)->name, name) == 0)
            return *ways;
    return NULL;
}

int ping_main(int argc, char **argv, const struct way *const *ways)
{
    struct ping ping = {.ways = argc - 4};

    if (ping.ways < 1 || ping.ways > WAYS_MAX)
        goto usage;
    for (int w = 0; w < ping.ways; w++)
        if (!(ping.way[w] = way_named(ways, argv[4 + w])))
            goto usage;
    ping.count = atoll(argv[3]);
    ping.frame.format = (struct pf_format){.fourcc = PF_FOURCC_XR24,
                                           .width = (uint32_t)atoi(argv[1]),
                                           .height = (uint32_t)atoi(argv[2])};
    ping.frame.bytes = (size_t)ping.frame.format.width * ping.frame.format.height * 4;
    ping.frame.pixels = malloc(ping.frame.bytes);
    ping.shared =
        mmap(NULL, sizeof *ping.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!ping.frame.pixels || ping.shared == MAP_FAILED)
        return 1;
    memset(ping.frame.pixels, 1, ping.frame.bytes);
    atomic_store(&ping.shared->received, -1);
    int code = run(&ping);
    free(ping.frame.pixels);
    return code;

usage:
    fprintf(stderr, "Usage: %s WIDTH HEIGHT COUNT WAY...\nWays:", argv[0]);
    for (; *ways; ways++)
        fprintf(stderr, " %s", (*ways)->name);
    fputc('\n', stderr);
    return 2;
}
