/* SPDX-License-Identifier: MIT */
/*
 * A program that uses the library and forks without exec, as language runtimes do. Both processes
 * print their pid and sleep until they are killed. Before the fork, a producer opens and closes a
 * second channel.
 *
 *     forker producer|viewer
 */
#include <errno.h>
#include <pageflip.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct pf_format format = {.fourcc = PF_FOURCC_XR24, .width = 320, .height = 240};
    struct pf_viewer_options options = {.every_frame = true, .wait_ns = 5000000000};
    struct pf_producer *producer = NULL, *other;
    struct pf_viewer *viewer = NULL;
    struct pf_frame frame;
    int ret = -EINVAL;

    if (argc == 2 && strcmp(argv[1], "producer") == 0)
        ret = pf_producer_open(&producer, "default", &format, NULL);
    if (ret == 0 && (ret = pf_producer_open(&other, "other", &format, NULL)) == 0)
        pf_producer_close(other);
    if (argc == 2 && strcmp(argv[1], "viewer") == 0)
        ret = pf_viewer_open(&viewer, "default", &options);
    if (ret == 0 && viewer)
        ret = pf_viewer_acquire(viewer, PF_FOREVER, &frame); /* never released */
    if (ret < 0)
        return 1;
    pid_t child = fork();
    printf("%s %d\n", child == 0 ? "child" : "parent", (int)getpid());
    fflush(stdout);
    pause();
    return 0;
}
