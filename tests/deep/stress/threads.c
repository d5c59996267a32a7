/* SPDX-License-Identifier: MIT */
/*
 * Producer and viewers as threads of one process, because ThreadSanitizer checks one process only.
 * It reports each access to a pixel that is not ordered by a release and an acquire. It treats two
 * mappings of a page as different memory, so that the first part, the handoff, uses private memory
 * for both sides; viewers send events and read damage meanwhile. The second part tests the calls
 * that other threads may make for a viewer: wake, hold and release, also during a reattach.
 *
 *     stress_threads [FRAMES]     default 20000
 */
#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/damage.h"
#include "core/doorbell.h"
#include "core/events.h"
#include "core/handoff.h"

#define HANG_NS (60 * NS_PER_S) /* a wait that takes this long counts as hanging */

enum { SLOTS = 4, SLOT_BYTES = 4096, WORDS = SLOT_BYTES / 8, RESTARTS = 20 };

static alignas(4096) struct layout_header header;
static alignas(4096) struct layout_producer producer;
static alignas(4096) struct layout_viewers viewers;
static alignas(4096) struct layout_events rings;
static alignas(4096) uint8_t slots[SLOTS][SLOT_BYTES];
static struct segment segment = {
    .header = &header,
    .producer = &producer,
    .viewers = &viewers,
    .events = &rings,
    .slots = slots[0],
    .geometry = {.format = {.width = PF_SIZE_MAX, .height = PF_SIZE_MAX},
                 .slots = SLOTS,
                 .slot_stride_bytes = SLOT_BYTES,
                 .planes = 1},
};

static uint64_t frames = 20000;
static atomic_ullong shown, faults, taken;

/* ------------------------------------------------------------------ the handoff */

/* Damage and events order memory as well, and would hide what the handoff does not. So there are
 * none in the first half of the frames. */
static bool has_more(uint64_t sequence)
{
    return sequence > frames / 2;
}

/* One word of this many is written and read: enough to detect a race, and fast enough with
 * ThreadSanitizer. */
enum { EACH = 64 };

/* Private to the viewer on the lane until it has sent the event of this number. */
static uint64_t contents[PF_VIEWERS_MAX][1 << 16];

/* ThreadSanitizer reports a content that is not ordered by the head of the ring. */
static void take_events(struct events *events)
{
    static uint64_t next[PF_VIEWERS_MAX];
    struct pf_event event;

    while (events_take(events, &segment, &event) == 0) {
        uint64_t number = next[event.lane]++;
        if (event.user[0] != number || event.user[1] != ~number ||
            contents[event.lane][number] != number)
            atomic_fetch_add(&faults, 1);
        atomic_fetch_add(&taken, 1);
    }
}

static void send_event(uint32_t lane, uint64_t *number)
{
    struct pf_event event = {.kind = PF_EVENT_USER, .time_ns = 1, .user = {*number, ~*number}};

    if (*number == sizeof contents[lane] / sizeof *contents[lane])
        return;
    contents[lane][*number] = *number;
    *number += events_send(&segment, lane, &event) == 0;
}

/* Its place and its sides depend on the frame, so that a mixture of two is found. */
static struct pf_rect rect_of(uint64_t sequence)
{
    uint16_t side = (uint16_t)(1 + sequence % 8000);

    return (struct pf_rect){side, side, side, side};
}

/* Damage of one frame; and from time to time of as many as the history contains, while the producer
 * overwrites it. */
static void check_damage(const struct pf_frame *frame)
{
    struct pf_rect rects[PF_DAMAGE_MAX], rect = rect_of(frame->sequence);
    bool is_found = false;

    for (uint32_t i = 0; i < frame->damage_count; i++)
        if (memcmp(&frame->damage[i], &rect, sizeof rect) != 0)
            atomic_fetch_add(&faults, 1);
    if (frame->sequence % 16 || frame->sequence <= LAYOUT_HISTORY)
        return;
    uint32_t count = damage_since(&segment, frame, frame->sequence - LAYOUT_HISTORY, rects);
    for (uint32_t i = 0; i < count; i++)
        is_found |= rects[i].x <= rect.x && rects[i].y <= rect.y &&
                    rects[i].x + rects[i].width >= rect.x + rect.width;
    if (!is_found)
        atomic_fetch_add(&faults, 1);
}

static void *produce(void *unused)
{
    struct handoff handoff = {0};
    struct events events = {0};
    struct handoff_blockers blockers;

    (void)unused;
    while (handoff.sequence < frames) {
        doorbell_clear(&segment.viewers->producer_doorbell);
        int slot = handoff_find_free_slot(&handoff, &segment, &blockers);
        if (slot < 0) {
            /* Evict from time to time, as a producer with evict_after_ns does. */
            for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++)
                if ((blockers.lanes & 1u << i) && LANE_MODE(blockers.word[i]) == LANE_EVERY &&
                    handoff.sequence % 64 == 0)
                    handoff_evict(&segment, i, blockers.word[i]);
            doorbell_wait(&segment.viewers->producer_doorbell, clock_now_ns() + NS_PER_MS);
            continue;
        }
        struct pf_frame frame = {.slot = (uint32_t)slot,
                                 .begin_ns = clock_now_ns(),
                                 .damage_count = has_more(handoff.sequence) ? PF_DAMAGE_MAX : 0};
        for (uint32_t i = 0; i < frame.damage_count; i++)
            frame.damage[i] = rect_of(handoff.sequence + 1);
        if (has_more(handoff.sequence))
            take_events(&events);
        segment_planes(&segment, frame.slot, frame.plane);
        uint64_t *pixels = (uint64_t *)(void *)frame.plane[0].pixels;
        for (int i = 0; i < WORDS; i += EACH)
            pixels[i] = handoff.sequence + 1;
        handoff_publish(&handoff, &segment, &frame);
    }
    handoff_set_state(&segment, LAYOUT_ENDED);
    handoff_ring_viewers(&segment);
    return NULL;
}

static void check_frame(const struct pf_frame *frame)
{
    const uint64_t *pixels = (const uint64_t *)(const void *)frame->plane[0].pixels;

    for (int i = 0; i < WORDS; i += EACH)
        if (pixels[i] != frame->sequence)
            atomic_fetch_add(&faults, 1);
    atomic_fetch_add(&shown, 1);
}

/* Lanes 0 and 1 are latest-frame viewers, 2 and 3 every-frame viewers. The viewer on lane 3 leaves
 * and joins again from time to time. */
static void *view(void *lane_number)
{
    uint32_t lane = *(uint32_t *)lane_number;
    enum lane_mode mode = lane < 2 ? LANE_LATEST : LANE_EVERY;
    uint64_t seen = handoff_join(&segment, lane, mode);
    uint64_t sent = 0;
    struct pf_frame frame;

    for (uint32_t turn = 1;; turn++) {
        bool has_ended = handoff_state(&segment) == LAYOUT_ENDED;

        doorbell_clear(&segment.viewers->lane[lane].doorbell);
        int ret = mode == LANE_EVERY ? handoff_claim_next(&segment, lane, seen, &frame)
                                     : handoff_claim_newest(&segment, lane, seen, &frame);
        if (ret == 0) {
            check_frame(&frame);
            check_damage(&frame);
            if (has_more(frame.sequence))
                send_event(lane, &sent);
            seen = frame.sequence;
            handoff_release(&segment, lane, frame.slot);
        } else if (ret == -EAGAIN && has_ended) {
            break;
        } else if (ret == -EAGAIN) {
            doorbell_wait(&segment.viewers->lane[lane].doorbell, clock_now_ns() + NS_PER_MS);
        }
        if (ret == -ESTALE || (lane == 3 && turn % 16 == 0)) {
            handoff_leave(&segment, lane);
            seen = handoff_join(&segment, lane, mode);
        }
    }
    handoff_leave(&segment, lane);
    return NULL;
}

static void run_handoff(void)
{
    static uint32_t lanes[] = {0, 1, 2, 3};
    pthread_t thread[5];

    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, view, &lanes[i]);
    pthread_create(&thread[4], NULL, produce, NULL);
    for (int i = 0; i < 5; i++)
        pthread_join(thread[i], NULL);
}

/* ------------------------------------------------------------------ wake, hold and release */

static struct pf_viewer *viewer;
static atomic_bool stop;
static atomic_ullong released, stale;

/* Frames on their way to the thread that releases them, after many other calls. */
enum { PASSED_MAX = 2, HOLDS = 1000 };
static struct pf_frame passed[PASSED_MAX];
static atomic_bool is_passed[PASSED_MAX];

/* Also during a reattach. */
static void *wake_repeatedly(void *unused)
{
    (void)unused;
    while (!atomic_load(&stop)) {
        pf_viewer_wake(viewer);
        usleep(100);
    }
    return NULL;
}

static void *release_passed(void *unused)
{
    (void)unused;
    while (!atomic_load(&stop))
        for (int i = 0; i < PASSED_MAX; i++) {
            if (!atomic_load(&is_passed[i]))
                continue;
            struct pf_frame frame = passed[i];
            for (int k = 0; k < HOLDS; k++)
                if (pf_viewer_hold(viewer, &frame) < 0 || pf_viewer_release(viewer, &frame) < 0)
                    atomic_fetch_add(&stale, 1);
            if (frame.plane[0].pixels[0] != (uint8_t)frame.pts_ns ||
                pf_viewer_release(viewer, &frame) < 0)
                atomic_fetch_add(&stale, 1);
            atomic_fetch_add(&released, 1);
            atomic_store(&is_passed[i], false);
        }
    return NULL;
}

/* Let the other thread release it, or, if that one is busy, this one. */
static void pass(const struct pf_frame *frame)
{
    for (int i = 0; i < PASSED_MAX; i++)
        if (!atomic_load(&is_passed[i])) {
            passed[i] = *frame;
            atomic_store(&is_passed[i], true);
            return;
        }
    pf_viewer_release(viewer, frame);
}

static int publish_some(struct pf_producer *made)
{
    struct pf_frame frame;

    for (int i = 0; i < 20; i++) {
        if (pf_producer_begin(made, HANG_NS, &frame) < 0)
            return -1;
        frame.plane[0].pixels[0] = (uint8_t)i;
        frame.pts_ns = i;
        pf_producer_publish(made, &frame);
    }
    return 0;
}

/* Acquire up to `count` frames, then one that the other thread may still hold during a reattach. */
static int acquire_some(int count)
{
    struct pf_frame frame;

    for (int i = 0; i < count; i++) {
        int ret;
        while ((ret = pf_viewer_acquire(viewer, i ? 0 : HANG_NS, &frame)) == -EINTR)
            ;
        if (ret == -EAGAIN)
            return 0;
        if (ret < 0)
            return -1;
        pass(&frame);
        if (pf_viewer_acquire_latest(viewer, &frame) == 0)
            pass(&frame);
    }
    return 0;
}

static int follow_change(void)
{
    struct pf_frame frame;
    int ret;

    while ((ret = pf_viewer_acquire(viewer, HANG_NS, &frame)) != -EREMCHG)
        if (ret == 0)
            pass(&frame);
    while ((ret = pf_viewer_reattach(viewer, HANG_NS)) == -EINTR)
        ;
    return ret;
}

static int run_other_threads(void)
{
    struct pf_format format = {.fourcc = PF_FOURCC_XR24, .width = 64, .height = 48};
    struct pf_producer_options options = {.slots = 5};
    struct pf_producer *made;
    pthread_t waker, releaser;

    if (pf_producer_open(&made, "threads", &format, &options) < 0 ||
        pf_viewer_open(&viewer, "threads", NULL) < 0)
        return -1;
    pthread_create(&waker, NULL, wake_repeatedly, NULL);
    pthread_create(&releaser, NULL, release_passed, NULL);
    for (int i = 0; i < RESTARTS; i++) {
        for (int k = 0; k < 5; k++)
            if (publish_some(made) < 0 || acquire_some(3) < 0)
                return -1;
        if (publish_some(made) < 0 || pf_producer_change_format(made, &format) < 0 ||
            follow_change() < 0)
            return -1;
    }
    for (int i = 0; i < PASSED_MAX; i++)
        while (atomic_load(&is_passed[i]))
            usleep(100);
    atomic_store(&stop, true);
    pthread_join(waker, NULL);
    pthread_join(releaser, NULL);
    pf_viewer_close(viewer);
    pf_producer_close(made);
    printf("# %llu frames released by another thread, %llu of them stale\n",
           (unsigned long long)released, (unsigned long long)stale);
    return stale == 0 && released > 0 ? 0 : -1;
}

/* ------------------------------------------------------------------ */

/* Create a runtime directory for this test only. */
static void make_scratch(char scratch[64])
{
    snprintf(scratch, 64, "%s", "/tmp/pageflip-test-XXXXXX");
    if (!mkdtemp(scratch))
        exit(1);
    setenv("XDG_RUNTIME_DIR", scratch, 1);
}

static void remove_scratch(const char *scratch)
{
    char path[128];

    snprintf(path, sizeof path, "%s/pageflip/threads.lock", scratch);
    unlink(path);
    snprintf(path, sizeof path, "%s/pageflip", scratch);
    rmdir(path);
    rmdir(scratch);
}

/* A report of ThreadSanitizer sets the exit code, unless it ends the program (halt_on_error). */
int main(int argc, char **argv)
{
    char scratch[64];

    if (argc > 1)
        frames = strtoull(argv[1], NULL, 10);
    printf("TAP version 13\n1..2\n");
    run_handoff();
    bool ok =
        atomic_load(&faults) == 0 && atomic_load(&shown) > frames / 4 && atomic_load(&taken) > 100;
    printf("# %llu frames published, %llu shown, %llu events, %llu faults\n",
           (unsigned long long)frames, (unsigned long long)shown, (unsigned long long)taken,
           (unsigned long long)faults);
    printf("%s 1 - frames_are_handed_from_thread_to_thread\n", ok ? "ok" : "not ok");

    make_scratch(scratch);
    bool other = run_other_threads() == 0;
    printf("%s 2 - other_threads_wake_a_viewer_and_release_its_frames\n", other ? "ok" : "not ok");
    remove_scratch(scratch);
    return !ok || !other;
}
