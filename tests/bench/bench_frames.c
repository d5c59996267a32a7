/* SPDX-License-Identifier: MIT */
/*
 * The frames of bench_producer as raw bytes on standard output, for viewers that read a pipe. The
 * time at which the write of each frame begins goes to a file, in the columns of the viewer's
 * --csv.
 *
 *     bench_frames WIDTH HEIGHT INTERVAL_US COUNT FILE.csv
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "program/signals.h"
#include "scene.h"

static int write_all(const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, count);
        if (written <= 0)
            return -1;
        bytes += written;
        count -= (size_t)written;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    uint32_t width = (uint32_t)atoi(argv[1]), height = (uint32_t)atoi(argv[2]);
    int64_t interval_ns = atoll(argv[3]) * NS_PER_US, count = atoll(argv[4]);
    size_t bytes = (size_t)width * height * 4;
    uint8_t *pixels = malloc(bytes);
    FILE *csv = fopen(argv[5], "w");

    if (!pixels || !csv)
        return 1;
    signals_catch();
    fputs("sequence,publish_us\n", csv);
    int64_t start_ns = clock_now_ns();
    for (int64_t i = 1; i <= count && !signals_quit(); i++) {
        scene_sleep_until(scene_due_ns(start_ns, interval_ns, 0, (uint64_t)i));
        scene_draw(pixels, width * 4, width, height, (uint64_t)i);
        int64_t now_ns = clock_now_ns();
        if (write_all(pixels, bytes) < 0)
            break;
        fprintf(csv, "%" PRId64 ",%.3f\n", i, (double)now_ns / 1e3);
    }
    free(pixels);
    return fclose(csv) == 0 ? 0 : 1;
}
