/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a segment, as producer and viewers share them. Nothing else is here.
 *
 *     page 0    struct layout_header      written by the producer before `magic`, constant since
 *     page 1    struct layout_producer    written by the producer alone
 *     page 2    struct layout_viewers     each lane by the viewer that holds its lease
 *                                         (two exceptions: eviction, and who is expected)
 *     page 3..  the slots                 drawn in by the producer
 *
 * Viewers map everything but page 2 read-only. Every field that changes is atomic, of fixed width,
 * and on a cache line that has one writer, doorbells apart, which anybody may ring. There are no
 * pointers: offsets are from the start of the segment.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "pageflip.h"

enum {
    LAYOUT_VERSION = 1,
    LAYOUT_MAGIC = 0x50464c50, /* "PFLP" */
    LAYOUT_CONTROL_PAGES = 3,
    LAYOUT_NONCE_BYTES = 16,
    LAYOUT_LINE = 64, /* bytes in a cache line of every machine we know */
};

struct layout_header {
    /* Stored last, release; pairs with the acquire in look_at() of segment.c. */
    _Atomic uint32_t magic;
    uint32_t version;                  /* a viewer refuses any version but its own */
    uint32_t layout_hash;              /* LAYOUT_HASH: the same version built for another ABI */
    uint32_t header_bytes;             /* sizeof(struct layout_header) */
    uint8_t nonce[LAYOUT_NONCE_BYTES]; /* random, names this run of this producer */
    uint64_t total_bytes;              /* of the segment */
    uint64_t slots_offset;             /* LAYOUT_CONTROL_PAGES pages */
    uint64_t slot_stride_bytes;        /* from one slot to the next: whole pages */
    uint32_t page_bytes;
    uint32_t slots;
    uint32_t fourcc;
    uint32_t width, height;      /* pixels */
    uint32_t rate_num, rate_den; /* frames per second, for people */
    uint32_t stride_bytes[PF_PLANES_MAX];
    uint64_t plane_offset[PF_PLANES_MAX]; /* from the start of a slot */
    int32_t producer_pid;                 /* for people */
    char channel[PF_CHANNEL_BYTES];
};

/* What is known of the frame in one slot. */
struct layout_meta {
    alignas(LAYOUT_LINE) _Atomic uint64_t sequence; /* 0: none yet */
    _Atomic int64_t pts_ns, due_ns, begin_ns, publish_ns;
    _Atomic uint32_t flags; /* PF_FRAME_* */
};

enum layout_state { LAYOUT_RUNNING, LAYOUT_ENDED, LAYOUT_MOVED };

struct layout_producer {
    alignas(LAYOUT_LINE) _Atomic uint64_t newest; /* sequence << 3 | slot: see handoff.h */
    alignas(LAYOUT_LINE) _Atomic uint32_t state;  /* enum layout_state */
    /* constant since before anybody could find the segment: */
    _Atomic uint64_t stream;        /* random; the same in all the segments of a stream */
    _Atomic uint64_t frames_before; /* of that stream, in the segments before this one */
    struct layout_meta meta[PF_SLOTS_MAX];
};

struct layout_lane {
    alignas(LAYOUT_LINE) _Atomic uint64_t word; /* NEXT:54 | HELD:8 | MODE:2: see handoff.h */
    _Atomic int32_t pid;                        /* of the viewer, for people */
    alignas(LAYOUT_LINE) _Atomic uint32_t door; /* rung when a frame was published */
};

struct layout_viewers {
    struct layout_lane lane[PF_VIEWERS_MAX];
    alignas(LAYOUT_LINE) _Atomic uint32_t space; /* rung when a slot was let go */
};

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a locked atomic does not work between processes");
_Static_assert(sizeof(struct layout_header) <= 4096, "the header is one page");
_Static_assert(sizeof(struct layout_producer) <= 4096, "the producer's words are one page");
_Static_assert(sizeof(struct layout_viewers) <= 4096, "the lanes are one page");
_Static_assert(offsetof(struct layout_header, nonce) == 16,
               "viewers of other builds find the nonce");
_Static_assert(sizeof(struct layout_meta) == LAYOUT_LINE, "one line per slot");
_Static_assert(sizeof(struct layout_lane) == 2 * LAYOUT_LINE,
               "word and door on lines of their own");

/* Differs when any size or offset that two programs share differs (LP64 or not, ...). */
#define LAYOUT_HASH                                                                                \
    ((uint32_t)(sizeof(struct layout_header) + 31 * sizeof(struct layout_producer) +               \
                997 * sizeof(struct layout_viewers) + 7919 * sizeof(void *) +                      \
                104729 * offsetof(struct layout_header, channel)))

#endif
