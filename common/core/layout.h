/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a segment, as producer and viewers share them. Nothing else is here.
 *
 *     page 0    struct layout_header      the producer writes it, `magic` last; then constant
 *     page 1    struct layout_producer    the producer writes it
 *     page 2    struct layout_viewers     each lane is written by the viewer that holds its lease;
 *                                         by the producer to evict, to expect and to reap viewers
 *     page 3..  struct layout_events      each ring is written by the viewer that holds its lane
 *     then      the slots                 the producer draws in them
 *
 * The rings have pages of their own: 32 of 4096 bytes. Viewers map everything but page 2 read-only,
 * and their own ring as well once they send events. Every field that changes is atomic, of fixed
 * width, and on a cache line with one usual writer, except the doorbells: every process rings them.
 * There are no pointers: offsets count from the start of the segment.
 *
 * A new segment is all zero (shmget(2)), and zero is the initial value of every word on pages 1 and
 * 2: running, no frame published, lanes free, doorbells quiet, rings empty.
 */
#ifndef CORE_LAYOUT_H
#define CORE_LAYOUT_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "pageflip.h"

enum {
    LAYOUT_VERSION = 2,
    LAYOUT_MAGIC = 0x50464c50, /* "PFLP" */
    LAYOUT_LINE = 64,          /* bytes in a cache line; larger lines only cost speed */
    LAYOUT_HISTORY = 32,       /* frames whose damage is recorded; a power of 2 */
    LAYOUT_EVENTS = 256,       /* in the ring of a lane; a power of 2 */
};

struct layout_header {
    /* Stored last, release; pairs with the acquire in inspect() of segment.c. */
    _Atomic uint32_t magic;
    uint32_t version;              /* a viewer refuses every version but its own */
    uint32_t layout_hash;          /* layout_hash(): differs between ABIs of the same version */
    uint32_t header_bytes;         /* sizeof(struct layout_header) */
    uint8_t nonce[PF_NONCE_BYTES]; /* random; identifies this segment */
    uint64_t total_bytes;          /* of the segment */
    uint64_t slots_offset;         /* geometry_control_bytes() */
    uint64_t slot_stride_bytes;    /* from one slot to the next: whole pages */
    uint32_t page_bytes;
    uint32_t slots;
    uint32_t fourcc;
    uint32_t width, height;      /* pixels */
    uint32_t rate_num, rate_den; /* frames per second; informational */
    uint32_t stride_bytes[PF_PLANES_MAX];
    struct pf_color color;
    uint64_t plane_offset[PF_PLANES_MAX]; /* from the start of a slot */
    uint64_t user_offset;                 /* from the start of a slot */
    uint32_t user_bytes;                  /* capacity of the user data of a frame */
    int32_t producer_pid;                 /* informational */
    char channel[PF_CHANNEL_BYTES];
};

/* Metadata of the frame in one slot. */
struct layout_meta {
    alignas(LAYOUT_LINE) _Atomic uint64_t sequence; /* 0: no frame yet */
    _Atomic int64_t pts_ns, due_ns, begin_ns, publish_ns, input_ns;
    _Atomic uint32_t flags; /* PF_FRAME_* */
    _Atomic uint32_t user_bytes;
};

/* The damage of one frame, guarded by its sequence: see damage.c. */
struct layout_damage {
    alignas(LAYOUT_LINE) _Atomic uint64_t sequence; /* 0: none, or being written */
    _Atomic uint64_t rect[PF_DAMAGE_MAX];           /* x, y, width, height: 16 bits each */
    _Atomic uint32_t count;                         /* 0: the whole frame */
};

/* MOVED: the format has changed, and the stream continues in another segment. */
enum layout_state { LAYOUT_RUNNING, LAYOUT_ENDED, LAYOUT_MOVED };

struct layout_producer {
    alignas(LAYOUT_LINE) _Atomic uint64_t newest; /* sequence << 3 | slot: see handoff.h */
    alignas(LAYOUT_LINE) _Atomic uint32_t state;  /* enum layout_state */
    /* Written before the id file names the segment, constant afterwards: */
    _Atomic uint64_t stream;        /* random; the same in all segments of a stream */
    _Atomic uint64_t frames_before; /* of that stream, in the segments before this one */
    struct layout_meta meta[PF_SLOTS_MAX];
    struct layout_damage history[LAYOUT_HISTORY]; /* of frame N: entry N % LAYOUT_HISTORY */
    /* How many events of each lane the producer has taken. */
    alignas(LAYOUT_LINE) _Atomic uint32_t event_tail[PF_VIEWERS_MAX];
};

struct layout_lane {
    alignas(LAYOUT_LINE) _Atomic uint64_t word; /* NEXT:54 | HELD:8 | MODE:2: see handoff.h */
    _Atomic int32_t pid;                        /* of the viewer; informational */
    _Atomic uint32_t event_head;                /* how many events the lane's viewers sent */
    /* Rung at each frame, end of the stream, format change and eviction, and by
     * pf_viewer_wake(). */
    alignas(LAYOUT_LINE) _Atomic uint32_t doorbell;
};

struct layout_viewers {
    struct layout_lane lane[PF_VIEWERS_MAX];
    /* Rung when a viewer releases a slot, joins, leaves or sends an event, and by
     * pf_producer_wake(). */
    alignas(LAYOUT_LINE) _Atomic uint32_t producer_doorbell;
};

/* A struct pf_event, in words that two processes may access at the same time. */
struct layout_event {
    _Atomic uint64_t word[4];
};

/* Event N is in entry N % LAYOUT_EVENTS: see events.h. */
struct layout_ring {
    alignas(LAYOUT_LINE) struct layout_event entry[LAYOUT_EVENTS];
};

struct layout_events {
    struct layout_ring lane[PF_VIEWERS_MAX];
};

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a locked atomic does not work between processes");
_Static_assert(sizeof(struct layout_header) <= 4096, "the header fits in one page");
_Static_assert(sizeof(struct layout_producer) <= 4096, "the producer's words fit in one page");
_Static_assert(sizeof(struct layout_viewers) <= 4096, "the lanes fit in one page");
_Static_assert(offsetof(struct layout_header, nonce) == 16,
               "viewers of other builds find the nonce");
_Static_assert(sizeof(struct layout_meta) == LAYOUT_LINE, "one line per slot");
_Static_assert(sizeof(struct layout_damage) == LAYOUT_LINE, "one line per frame");
_Static_assert(sizeof(struct layout_lane) == 2 * LAYOUT_LINE, "word and doorbell have a line each");
_Static_assert(LAYOUT_RUNNING == 0, "a new segment is all zero");

/* One field of the structures above: where it lies in its structure, in bytes. */
struct layout_field {
    const char *name;
    uint32_t offset, bytes, alignment;
};

/* Every field that two processes share, structure by structure. *count gets their number. */
const struct layout_field *layout_fields(size_t *count);

/* The hash differs if the offset or size of any shared field differs, or the word size of the
 * program. */
uint32_t layout_hash(void);

#endif
