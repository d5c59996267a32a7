/* SPDX-License-Identifier: MIT */
/*
 * A segment of any bytes. A run checks the header; if the check passes, a viewer joins, claims and
 * releases frames, reads their damage and sends events, and a producer takes events, searches free
 * slots and publishes, while a peer overwrites pages 1 to 4. There are no system calls but rings.
 *
 * An input is a struct head, the header, the producer's words, the lanes, the first entries of the
 * first ring, and then pokes. The segment ends at the end of the mapping, so that an access beyond
 * the segment raises SIGSEGV.
 */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "core/damage.h"
#include "core/doorbell.h"
#include "core/events.h"
#include "core/format.h"
#include "core/geometry.h"
#include "core/handoff.h"

enum { PAGE = 4096, CONTROL = 35 * PAGE, SEGMENT_MAX = CONTROL + 61 * PAGE, ENTRIES = 8 };

struct head {
    uint8_t pages;    /* of the segment */
    uint8_t mode;     /* of the viewer: latest or every frame */
    uint8_t lane;     /* of the viewer */
    uint8_t fix;      /* not 0: correct the fields that no mutation finds by chance */
    uint16_t seen;    /* by the viewer */
    uint16_t reserve; /* keeps what follows aligned */
};

struct poke {
    uint16_t offset; /* from page 1 */
    uint8_t bytes[8];
};

static uint8_t *mapping; /* SEGMENT_MAX bytes; the page after them is not accessible */
static const uint8_t *input;
static size_t left;

static void take(void *to, size_t bytes)
{
    size_t available = bytes < left ? bytes : left;

    memcpy(to, input, available);
    input += available;
    left -= available;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    mapping = mmap(NULL, SEGMENT_MAX + PAGE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (mapping == MAP_FAILED || mprotect(mapping + SEGMENT_MAX, PAGE, PROT_NONE) < 0)
        __builtin_trap();
    return 0;
}

static void poke(uint8_t *base)
{
    struct poke poke;

    if (left < sizeof poke)
        return;
    take(&poke, sizeof poke);
    memcpy(base + PAGE + poke.offset % (4 * PAGE - sizeof poke.bytes), poke.bytes,
           sizeof poke.bytes);
}

/* Check what a viewer may rely on, and read the frame's first and last byte. */
static void check_frame(const struct segment *segment, const struct pf_frame *frame)
{
    const struct pf_segment *geometry = &segment->geometry;
    const struct pf_format_planes planes = format_planes(&geometry->format);
    volatile uint8_t sum = 0;

    if (planes.count != geometry->planes || frame->slot >= geometry->slots || frame->due_ns < 0 ||
        frame->begin_ns < 0 || frame->due_ns > frame->acquire_ns ||
        frame->begin_ns > frame->publish_ns || frame->publish_ns > frame->acquire_ns)
        __builtin_trap();
    for (uint32_t p = 0; p < geometry->planes; p++) {
        const struct pf_plane *plane = &frame->plane[p];
        uint64_t last =
            (uint64_t)plane->stride_bytes * (planes.rows[p] - 1) + planes.row_bytes[p] - 1;
        sum = (uint8_t)(sum + plane->pixels[0] + plane->pixels[last]);
    }
    if (frame->user_bytes > frame->user_capacity || frame->input_ns < 0 ||
        frame->input_ns > frame->publish_ns || !frame->user != !geometry->user_bytes)
        __builtin_trap();
    if (frame->user_bytes)
        sum = (uint8_t)(sum + frame->user[0] + frame->user[frame->user_bytes - 1]);
}

static void check_rects(const struct pf_frame *frame, const struct pf_rect *rects, uint32_t count)
{
    if (count > PF_DAMAGE_MAX)
        __builtin_trap();
    for (uint32_t i = 0; i < count; i++)
        if (rects[i].x + rects[i].width > (int)frame->format.width ||
            rects[i].y + rects[i].height > (int)frame->format.height)
            __builtin_trap();
}

static void check_damage(const struct segment *segment, const struct pf_frame *frame, uint64_t seen)
{
    struct pf_rect rects[PF_DAMAGE_MAX];

    check_rects(frame, frame->damage, frame->damage_count);
    check_rects(frame, rects, damage_since(segment, frame, seen, rects));
}

/* A loop until -EAGAIN takes no more events than the rings have. */
static void take_events(struct segment *segment, struct events *events)
{
    struct pf_event event;
    int taken = 0;

    while (events_take(events, segment, &event) == 0)
        if (event.lane >= PF_VIEWERS_MAX || event.time_ns < 0 || !events_is_valid(&event) ||
            ++taken > PF_VIEWERS_MAX * LAYOUT_EVENTS)
            __builtin_trap();
}

static void produce(struct segment *segment, struct handoff *handoff)
{
    struct handoff_blockers blockers;
    int slot = handoff_find_free_slot(handoff, segment, &blockers);

    if (slot >= (int)segment->geometry.slots)
        __builtin_trap();
    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++)
        if ((blockers.lanes & 1u << i) && LANE_MODE(blockers.word[i]) == LANE_EVERY)
            handoff_evict(segment, i, blockers.word[i]);
    if (slot < 0)
        return;
    struct pf_frame frame = {.slot = (uint32_t)slot, .damage_count = 1};
    segment_planes(segment, frame.slot, frame.plane);
    frame.plane[0].pixels[0] = 1;
    handoff_publish(handoff, segment, &frame);
}

static void run(struct segment *segment, const struct head *head)
{
    uint32_t lane = head->lane % PF_VIEWERS_MAX;
    enum lane_mode mode = head->mode & 1 ? LANE_EVERY : LANE_LATEST;
    const struct pf_event event = {.kind = PF_EVENT_CLOSE, .time_ns = 1};
    struct handoff handoff = {0};
    struct events events = {0};
    struct pf_frame frame;
    uint64_t seen = head->seen;

    if (head->mode & 2)
        seen = handoff_join(segment, lane, mode);
    for (int i = 0; i < 6; i++) {
        int ret = mode == LANE_EVERY ? handoff_claim_next(segment, lane, seen, &frame)
                                     : handoff_claim_newest(segment, lane, seen, &frame);
        if (ret == 0) {
            check_frame(segment, &frame);
            check_damage(segment, &frame, seen);
            seen = frame.sequence;
            if (i % 2)
                handoff_release(segment, lane, frame.slot);
        }
        doorbell_clear(&segment->viewers->lane[lane].doorbell);
        poke((uint8_t *)segment->header);
        events_send(segment, lane, &event);
        take_events(segment, &events);
        if (head->mode & 4)
            produce(segment, &handoff);
        poke((uint8_t *)segment->header);
    }
    handoff_leave(segment, lane);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct head head = {0};
    struct layout_header header;
    struct pf_segment geometry = {0};

    input = data;
    left = size;
    take(&head, sizeof head);
    uint64_t bytes = CONTROL + (uint64_t)(head.pages % 62) * PAGE;
    uint8_t *base = mapping + SEGMENT_MAX - bytes;

    memset(base, 0, CONTROL);
    take(base, sizeof(struct layout_header));
    take(base + PAGE, sizeof(struct layout_producer));
    take(base + 2 * PAGE, sizeof(struct layout_viewers));
    take(base + 3 * PAGE, ENTRIES * sizeof(struct layout_event));
    memcpy(&header, base, sizeof header);
    if (head.fix) {
        header.magic = LAYOUT_MAGIC;
        header.layout_hash = layout_hash();
        header.header_bytes = sizeof header;
    }
    if (geometry_check(&header, bytes, &geometry))
        return 0;
    if (geometry.bytes > bytes || geometry.slots > PF_SLOTS_MAX || geometry.slots < PF_SLOTS_MIN)
        __builtin_trap();
    struct segment segment = {
        .header = (void *)base,
        .producer = (void *)(base + PAGE),
        .viewers = (void *)(base + 2 * PAGE),
        .events = (void *)(base + 3 * PAGE),
        .slots = base + geometry.slots_offset,
        .geometry = geometry,
    };
    run(&segment, &head);
    return 0;
}
