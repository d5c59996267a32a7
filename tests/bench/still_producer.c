/* SPDX-License-Identifier: MIT */
/*
 * A producer for measurements: between begin and publish it is busy for the same time whatever the
 * size, with the processor alone, or by writing as much memory as it is told to (in the slot if it
 * is that large, else in private memory).
 *
 *     still_producer CHANNEL WIDTH HEIGHT FPS BUSY_US WRITE_BYTES
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "pageflip.h"
#include "signals.h"

int main(int argc, char **argv)
{
    if (argc != 7)
        return 2;
    struct pf_format format = {.fourcc = PF_FOURCC_XR24,
                               .width = (uint32_t)atoi(argv[2]),
                               .height = (uint32_t)atoi(argv[3])};
    int64_t interval_ns = NS_PER_S / atoi(argv[4]), busy_ns = atoll(argv[5]) * NS_PER_US;
    size_t bytes = (size_t)atoll(argv[6]);
    struct pf_producer_options options = {.slots = 3};
    struct pf_producer *producer;
    struct pf_frame frame;
    uint8_t *memory = malloc(bytes + 1);

    signals_catch();
    if (!memory || pf_producer_open(&producer, argv[1], &format, &options) < 0)
        return 1;
    int64_t due_ns = clock_now_ns();
    while (!signals_quit()) {
        due_ns += interval_ns;
        struct timespec due = clock_timespec(due_ns);
        if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) != 0 ||
            pf_producer_begin(producer, NS_PER_S, &frame) < 0)
            continue;
        size_t room = (size_t)frame.plane[0].stride_bytes * format.height;
        if (bytes)
            memset(room >= bytes ? frame.plane[0].pixels : memory, (int)frame.sequence, bytes);
        while (clock_now_ns() - frame.begin_ns < busy_ns)
            ;
        pf_producer_publish(producer, &frame);
    }
    pf_producer_close(producer);
    free(memory);
    return 0;
}
