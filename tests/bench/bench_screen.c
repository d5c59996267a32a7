/* SPDX-License-Identifier: MIT */
/*
 * The limit of showing a frame on an X server that copies: one process draws in its own segment,
 * asks the server to show the frame, and waits until the server has finished. There is no second
 * process and no library except XCB.
 *
 *     bench_screen vsync|async|put WIDTH HEIGHT INTERVAL_US COUNT [FILE.csv]
 *
 * vsync and async are Present of a shared pixmap, put is ShmPutImage. With a file each frame is
 * drawn, and has a row with the columns of the viewer's --csv; without a file nothing is drawn. An
 * INTERVAL_US of 0 means no pauses. Prints the time and the processor time of a frame and the frame
 * rate, without the first tenth of the frames.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>
#include <xcb/present.h>
#include <xcb/shm.h>

#include "figures.h"
#include "scene.h"

enum { SLOTS = 3, REFRESH_US = 16667 };

static struct screen {
    xcb_connection_t *xcb;
    xcb_window_t window;
    xcb_gcontext_t gc;
    xcb_shm_seg_t shm;
    xcb_pixmap_t pixmap[SLOTS];
    xcb_special_event_t *events;
    uint32_t width, height;
    size_t slot_bytes;
    uint8_t *slots;
    bool puts, vsync;
} self;

static struct histogram done;

static int open_window(void)
{
    self.xcb = xcb_connect(NULL, NULL);
    if (xcb_connection_has_error(self.xcb))
        return -1;
    const xcb_screen_t *screen = xcb_setup_roots_iterator(xcb_get_setup(self.xcb)).data;
    /* override_redirect: the window gets its position immediately, without a window manager. */
    uint32_t values[] = {1, XCB_EVENT_MASK_EXPOSURE}, no_exposures = 0;

    self.window = xcb_generate_id(self.xcb);
    self.gc = xcb_generate_id(self.xcb);
    xcb_create_window(self.xcb, XCB_COPY_FROM_PARENT, self.window, screen->root, 0, 0,
                      (uint16_t)self.width, (uint16_t)self.height, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT,
                      screen->root_visual, XCB_CW_OVERRIDE_REDIRECT | XCB_CW_EVENT_MASK, values);
    xcb_create_gc(self.xcb, self.gc, self.window, XCB_GC_GRAPHICS_EXPOSURES, &no_exposures);
    xcb_map_window(self.xcb, self.window);
    xcb_flush(self.xcb);
    xcb_generic_event_t *event = xcb_wait_for_event(self.xcb); /* Expose: the window is visible */
    free(event);
    return event ? 0 : -1;
}

static int open_slots(void)
{
    self.slot_bytes = ((size_t)self.width * self.height * 4 + 4095) & ~(size_t)4095;
    int shmid = shmget(IPC_PRIVATE, self.slot_bytes * SLOTS, IPC_CREAT | 0600);
    self.slots = shmid < 0 ? (void *)-1 : shmat(shmid, NULL, 0);
    shmctl(shmid, IPC_RMID, NULL);
    if (self.slots == (void *)-1)
        return -1;
    memset(self.slots, 0, self.slot_bytes * SLOTS);

    self.shm = xcb_generate_id(self.xcb);
    xcb_shm_attach(self.xcb, self.shm, (uint32_t)shmid, false);
    for (uint32_t k = 0; k < SLOTS; k++) {
        self.pixmap[k] = xcb_generate_id(self.xcb);
        xcb_shm_create_pixmap(self.xcb, self.pixmap[k], self.window, (uint16_t)self.width,
                              (uint16_t)self.height, 24, self.shm, (uint32_t)(k * self.slot_bytes));
        /* Let the server read the pages now, or it takes page faults during the first frames. */
        xcb_copy_area(self.xcb, self.pixmap[k], self.window, self.gc, 0, 0, 0, 0,
                      (uint16_t)self.width, (uint16_t)self.height);
    }
    uint32_t id = xcb_generate_id(self.xcb);
    self.events = xcb_register_for_special_xge(self.xcb, &xcb_present_id, id, NULL);
    xcb_present_select_input(self.xcb, id, self.window,
                             XCB_PRESENT_EVENT_MASK_IDLE_NOTIFY |
                                 XCB_PRESENT_EVENT_MASK_COMPLETE_NOTIFY);
    free(xcb_get_input_focus_reply(self.xcb, xcb_get_input_focus(self.xcb), NULL));
    return 0;
}

static void request_show(uint32_t k, uint32_t serial)
{
    uint32_t options = XCB_PRESENT_OPTION_COPY | (self.vsync ? 0 : XCB_PRESENT_OPTION_ASYNC);
    uint16_t width = (uint16_t)self.width, height = (uint16_t)self.height;

    if (self.puts)
        xcb_shm_put_image(self.xcb, self.window, self.gc, width, height, 0, 0, width, height, 0, 0,
                          24, XCB_IMAGE_FORMAT_Z_PIXMAP, true, self.shm,
                          (uint32_t)(k * self.slot_bytes));
    else
        xcb_present_pixmap(self.xcb, self.window, self.pixmap[k], serial, XCB_NONE, XCB_NONE, 0, 0,
                           XCB_NONE, XCB_NONE, XCB_NONE, options, 0, 0, 0, 0, NULL);
    xcb_flush(self.xcb);
}

/* ShmCompletion is the only event of the window after Expose. Present sends Idle and Complete, in
 * any order. Returns false if the connection to the display is lost. */
static bool wait_done(void)
{
    for (int events = self.puts ? 1 : 2; events > 0; events--) {
        xcb_generic_event_t *event = self.puts ? xcb_wait_for_event(self.xcb)
                                               : xcb_wait_for_special_event(self.xcb, self.events);
        if (!event)
            return false;
        free(event);
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    self.puts = strcmp(argv[1], "put") == 0;
    self.vsync = strcmp(argv[1], "vsync") == 0;
    self.width = (uint32_t)atoi(argv[2]);
    self.height = (uint32_t)atoi(argv[3]);
    int64_t interval_ns = atoll(argv[4]) * NS_PER_US, count = atoll(argv[5]);
    FILE *csv = argc > 6 ? fopen(argv[6], "w") : NULL;

    if ((argc > 6 && !csv) || open_window() < 0 || open_slots() < 0)
        return 1;
    if (csv)
        fputs("sequence,publish_us,done_us\n", csv);
    int64_t start_ns = clock_now_ns(), counted_ns = 0, cpu_ns = 0;
    for (int64_t i = 1; i <= count; i++) {
        uint32_t k = (uint32_t)(i % SLOTS);
        if (i == count / 10 + 1) {
            counted_ns = clock_now_ns();
            cpu_ns = clock_cpu_ns();
        }
        if (interval_ns)
            scene_sleep_until(
                scene_due_ns(start_ns, interval_ns, csv ? REFRESH_US * NS_PER_US : 0, (uint64_t)i));
        if (csv)
            scene_draw(self.slots + k * self.slot_bytes, self.width * 4, self.width, self.height,
                       (uint64_t)i);
        int64_t requested_ns = clock_now_ns();
        request_show(k, (uint32_t)i);
        if (!wait_done())
            return 1;
        int64_t now_ns = clock_now_ns();
        if (counted_ns)
            histogram_record(&done, now_ns - requested_ns);
        if (csv)
            fprintf(csv, "%" PRId64 ",%.3f,%.3f\n", i, (double)requested_ns / 1e3,
                    (double)now_ns / 1e3);
    }
    double counted = (double)(count - count / 10);
    figures_print("done", &done);
    printf("{\"name\":\"frame\",\"cpu_us\":%.2f,\"fps\":%.2f}\n",
           (double)(clock_cpu_ns() - cpu_ns) / 1e3 / counted,
           counted * 1e9 / (double)(clock_now_ns() - counted_ns));
    if (csv && fclose(csv) != 0)
        return 1;
    xcb_disconnect(self.xcb);
    return 0;
}
