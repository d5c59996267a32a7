/* SPDX-License-Identifier: MIT */
/*
 * An independent witness: it polls the screen, depends on nothing of pageflip except the stamp, and
 * reports when each frame was completely visible. Two ways to poll:
 *
 *     pageflip-probe -f SHMID -r X,Y,WxH   the framebuffer of an Xvfb started with -shmem, which
 *                                          prints the id: reads memory, sends no request
 *     pageflip-probe -r X,Y,WxH            the X server of DISPLAY, by SHM GetImage of two rows:
 *                                          any server, but each poll takes a round trip
 *
 * A frame is whole when its stamp is in the first and in the last row. A frame whose first row was
 * replaced before its last row appeared is torn. The probe yields after each poll, because the
 * server may need its core. Each time is written with the time since the previous poll: the frame
 * may have been visible that much earlier.
 */
#include <X11/XWDFile.h>
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>
#include <unistd.h>
#include <xcb/shm.h>

#include "core/clock.h"
#include "core/log.h"
#include "media/stamp.h"
#include "program/histogram.h"
#include "program/signals.h"

struct probe {
    uint32_t x, y, width, height;
    const uint8_t *top, *bottom; /* the first and the last row of the rectangle */
    const uint8_t *framebuffer;  /* NULL: by requests, with what follows */
    xcb_connection_t *xcb;
    xcb_window_t root;
    xcb_shm_seg_t shm;
};

struct counts {
    uint64_t whole, torn, skipped, repeated, polls;
    struct histogram interval; /* from one poll to the next: the precision of a time */
};

/* ------------------------------------------------------------------ two ways to poll */

static int open_framebuffer(struct probe *probe, int shmid)
{
    const uint8_t *base = shmat(shmid, NULL, SHM_RDONLY);

    if (base == (void *)-1) {
        log_error("framebuffer %d: shmat: %s; Xvfb -shmem prints the id", shmid, strerror(errno));
        return -errno;
    }
    /* X11/XWDFile.h: a header, a colour map, the pixels; all numbers big endian. */
    const XWDFileHeader *head = (const void *)base;
    uint32_t stride_bytes = ntohl(head->bytes_per_line);
    if (ntohl(head->bits_per_pixel) != 32 || probe->x + probe->width > ntohl(head->pixmap_width) ||
        probe->y + probe->height > ntohl(head->pixmap_height)) {
        log_error("framebuffer %d: not 32 bits per pixel, or the rectangle is outside", shmid);
        shmdt(base);
        return -EINVAL;
    }
    const uint8_t *pixels =
        base + ntohl(head->header_size) + (size_t)ntohl(head->ncolors) * sizeof(XWDColor);
    probe->framebuffer = base;
    probe->top = pixels + (size_t)probe->y * stride_bytes + (size_t)probe->x * 4;
    probe->bottom = probe->top + (size_t)(probe->height - 1) * stride_bytes;
    return 0;
}

static int open_display(struct probe *probe)
{
    size_t row_bytes = (size_t)probe->width * 4;
    int shmid = shmget(IPC_PRIVATE, 2 * row_bytes, IPC_CREAT | 0600);
    uint8_t *rows = shmid < 0 ? (void *)-1 : shmat(shmid, NULL, 0);

    probe->xcb = xcb_connect(NULL, NULL);
    const xcb_query_extension_reply_t *extension =
        xcb_connection_has_error(probe->xcb) ? NULL
                                             : xcb_get_extension_data(probe->xcb, &xcb_shm_id);
    if (rows == (void *)-1 || !extension || !extension->present) {
        log_error("display: none, or without MIT-SHM; set DISPLAY, or use -f");
        shmctl(shmid, IPC_RMID, NULL);
        return -ENODEV;
    }
    probe->root = xcb_setup_roots_iterator(xcb_get_setup(probe->xcb)).data->root;
    probe->shm = xcb_generate_id(probe->xcb);
    free(xcb_request_check(probe->xcb,
                           xcb_shm_attach_checked(probe->xcb, probe->shm, (uint32_t)shmid, 0)));
    shmctl(shmid, IPC_RMID, NULL);
    probe->top = rows;
    probe->bottom = rows + row_bytes;
    return 0;
}

static xcb_shm_get_image_cookie_t ask_row(struct probe *probe, uint32_t y, uint32_t offset)
{
    return xcb_shm_get_image(probe->xcb, probe->root, (int16_t)probe->x, (int16_t)y,
                             (uint16_t)probe->width, 1, ~0u, XCB_IMAGE_FORMAT_Z_PIXMAP, probe->shm,
                             offset);
}

/* Update the two rows. Returns false if the connection to the display is lost. */
static bool update_rows(struct probe *probe)
{
    if (probe->framebuffer)
        return true; /* the server writes this memory */
    /* The last row first, so that a frame shown between the two requests is not whole yet. */
    xcb_shm_get_image_cookie_t bottom =
        ask_row(probe, probe->y + probe->height - 1, probe->width * 4);
    xcb_shm_get_image_cookie_t top = ask_row(probe, probe->y, 0);
    void *replies[] = {xcb_shm_get_image_reply(probe->xcb, bottom, NULL),
                       xcb_shm_get_image_reply(probe->xcb, top, NULL)};
    bool is_read = replies[0] && replies[1];

    free(replies[0]);
    free(replies[1]);
    return is_read;
}

/* ------------------------------------------------------------------ watch */

static void watch(struct probe *probe, int64_t end_ns, FILE *csv, struct counts *counts)
{
    uint32_t begun = 0, shown = 0; /* sequences: of the first row; of the last whole frame */
    int64_t last_ns = 0;

    while (clock_now_ns() < end_ns && !signals_quit() && update_rows(probe)) {
        struct stamp top, bottom;
        bool reads = stamp_read_row(probe->top, probe->width, &top);
        if (reads && top.sequence != begun) {
            counts->torn += begun && begun != shown;
            counts->repeated += top.sequence < begun;
            begun = top.sequence;
        }
        bool is_whole = reads && top.sequence != shown &&
                        stamp_read_row(probe->bottom, probe->width, &bottom) &&
                        bottom.sequence == top.sequence;
        int64_t now_ns = clock_now_ns();
        if (is_whole) {
            if (shown && top.sequence > shown)
                counts->skipped += top.sequence - shown - 1;
            shown = top.sequence;
            counts->whole++;
            if (csv)
                fprintf(csv, "%u,%lld.%03d,%.3f\n", shown, (long long)(now_ns / 1000),
                        (int)(now_ns % 1000), (double)(now_ns - last_ns) / 1e3);
        }
        if (last_ns)
            histogram_record(&counts->interval, now_ns - last_ns);
        last_ns = now_ns;
        counts->polls++;
        sched_yield();
    }
}

static int usage(void)
{
    fputs("Usage: pageflip-probe [-f SHMID] -r X,Y,WIDTHxHEIGHT [-t SECONDS] [-o FILE.csv]\n"
          "Read the stamps of the frames that are shown in a rectangle of the screen.\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    static struct counts counts;
    struct probe probe = {0};
    const char *path = NULL;
    double seconds = 1e9;
    int shmid = -1, option, end = 0;

    while ((option = getopt(argc, argv, "f:r:t:o:")) != -1) {
        switch (option) {
        case 'f': shmid = atoi(optarg); break;
        case 'r':
            if (sscanf(optarg, "%u,%u,%ux%u%n", &probe.x, &probe.y, &probe.width, &probe.height,
                       &end) != 4 ||
                optarg[end])
                return usage();
            break;
        case 't': seconds = atof(optarg); break;
        case 'o': path = optarg; break;
        default: return usage();
        }
    }
    if (optind != argc || !stamp_fits(probe.width, probe.height))
        return usage();
    signals_catch();
    if ((shmid >= 0 ? open_framebuffer(&probe, shmid) : open_display(&probe)) < 0)
        return 1;
    FILE *csv = path ? fopen(path, "w") : NULL;
    if (path && !csv) {
        log_error("%s: %s", path, strerror(errno));
        return 9;
    }
    if (csv)
        fputs("sequence,visible_us,uncertain_us\n", csv);
    watch(&probe, clock_now_ns() + (int64_t)(seconds * 1e9), csv, &counts);
    if (csv)
        fclose(csv);
    if (probe.xcb)
        xcb_disconnect(probe.xcb);
    printf("{\"frames\":{\"whole\":%llu,\"torn\":%llu,\"skipped\":%llu,\"repeated\":%llu},\n"
           " \"polls\":%llu,\"poll_us\":",
           (unsigned long long)counts.whole, (unsigned long long)counts.torn,
           (unsigned long long)counts.skipped, (unsigned long long)counts.repeated,
           (unsigned long long)counts.polls);
    histogram_write_json(&counts.interval, stdout);
    puts("}");
    return 0;
}
