/* SPDX-License-Identifier: MIT */
/* The first look at each slot has no page faults: open and reattach have mapped the pages. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>

#include "stream.h"

TestSuite(first_touch, .init = init_stream, .fini = finish_stream);

enum { WIDTH = 1280, HEIGHT = 720, SLOTS = 3 };

static long faults(void)
{
    struct rusage usage;

    cr_assert_eq(getrusage(RUSAGE_THREAD, &usage), 0);
    return usage.ru_minflt;
}

/* Before Linux 5.14 there is no such call. */
static void need_populate(void)
{
    long page = sysconf(_SC_PAGESIZE);
    void *memory =
        mmap(NULL, (size_t)page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (madvise(memory, (size_t)page, MADV_POPULATE_READ) < 0 && errno == EINVAL)
        cr_skip_test("the kernel has no MADV_POPULATE_READ");
    munmap(memory, (size_t)page);
}

/* Publish and read a frame in each slot. */
static void read_each_slot(const char *after)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned seen = 0;

    for (int i = 0; i < 4 * SLOTS && seen != (1u << SLOTS) - 1; i++) {
        struct pf_frame frame;
        volatile uint8_t sum = 0;
        cr_assert_eq(publish(1), 0);
        cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
        size_t bytes = (size_t)frame.plane[0].stride_bytes * frame.format.height;
        long before = faults();
        for (size_t at = 0; at < bytes; at += page)
            sum += frame.plane[0].pixels[at];
        long added = faults() - before;
        cr_assert_lt((size_t)added, bytes / page / 2, "after %s, slot %u: %ld faults for %zu pages",
                     after, frame.slot, added, bytes / page);
        seen |= 1u << frame.slot;
        pf_viewer_release(viewer, &frame);
    }
    cr_assert_eq(seen, (1u << SLOTS) - 1);
}

Test(first_touch, a_slot_has_no_page_faults_after_open_and_after_reattach)
{
    struct pf_format first = size(WIDTH, HEIGHT), second = size(WIDTH + 80, HEIGHT);
    struct pf_producer_options options = {.slots = SLOTS};
    struct pf_frame frame;

    need_populate();
    cr_assert_eq(pf_producer_open(&producer, "test", &first, &options), 0);
    open_viewer(false);
    read_each_slot("open");
    cr_assert_eq(pf_producer_change_format(producer, &second), 0);
    cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), -EREMCHG);
    cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
    read_each_slot("reattach");
}

/* A list of channels maps no slot: it would take seconds for large segments. */
Test(first_touch, a_list_maps_no_slot)
{
    struct pf_format large = size(WIDTH, HEIGHT);
    struct pf_channel_info info;

    cr_assert_eq(pf_producer_open(&producer, "test", &large, NULL), 0);
    cr_assert_eq(pf_channel_list(&info, 1), 1); /* the code of the call itself */
    long before = faults();
    cr_assert_eq(pf_channel_list(&info, 1), 1);
    cr_assert_lt(faults() - before, 200);
}
