/* SPDX-License-Identifier: MIT */
/*
 * A System V segment with the layout of layout.h. Only this module and segment_key.c attach,
 * create and remove segments.
 *
 * Lifetime: without a key file the segment is removed (IPC_RMID) directly after its creator has
 * attached it, so that the kernel destroys it with its last user, however that process exits. With
 * a key file it stays findable, and segment_close() removes it.
 */
#ifndef CORE_SEGMENT_H
#define CORE_SEGMENT_H

#include "layout.h"

struct segment {
    struct layout_header *header; /* NULL: not attached */
    struct layout_producer *producer;
    struct layout_viewers *viewers;
    struct layout_events *events;
    uint8_t *slots;
    struct pf_segment geometry; /* private, checked */
    uint32_t generation;        /* pf_frame.generation */
    char channel[PF_CHANNEL_BYTES];
    bool has_open_ring; /* the ring of this lane is writable: segment_open_ring() */
    bool keyed;         /* created under a key file's key: segment_close() removes it */
};

/*
 * Create a segment with `slots` slots of a valid format, each with room for `user_bytes` bytes of
 * user data, make its pages present, and write the header. `key_file` may be NULL. Blocks while the
 * kernel clears the pages (about 0.3 ms per MB).
 *
 * Returns 0 and *segment, to be closed with segment_close(); or, logged,
 *   -EBUSY    the key's segment is in use
 *   -EEXIST   the key's segment belongs to another program
 *   -ENOSPC, -ENOMEM, -EINVAL   a system limit, or no such key file
 */
int segment_create(struct segment *segment, const char *channel, const char *key_file,
                   const struct pf_format *format, uint32_t slots, uint32_t user_bytes);

/* Let the members of `group` attach it. Returns 0, or a negative errno, logged. */
int segment_share(struct segment *segment, gid_t group);

/*
 * Attach the segment `shmid` as a viewer: inspect its header read-only, check a private copy of it,
 * then map it with everything but page 2 read-only. `nonce`, unless NULL, is that of the id file.
 *
 * Returns 0 and *segment, to be closed with segment_close(), or
 *   -ECONNREFUSED   it does not exist, or (found by its key) is not filled yet: try again; not
 *                   logged
 *   -EREMCHG        it has another nonce: read the id file again (not logged)
 *   -EPROTO         not from pageflip, or damaged: logged with the field's name
 *   -EACCES         it belongs to another user: logged
 *   another negative errno: logged
 */
int segment_attach(struct segment *segment, int shmid, const uint8_t nonce[PF_NONCE_BYTES]);

/* Make the ring of a viewer's lane writable for it. Returns 0, or a negative errno, logged. */
int segment_open_ring(struct segment *segment, uint32_t lane);

/* As a viewer: map the pages of all slots now, so that the first read of each slot has no page
 * faults (about 2 us each). Needs Linux 5.14; without it, or without memory for page tables, the
 * pages are mapped at the first read, as usual. */
void segment_populate(const struct segment *segment);

/* Copy a segment's checked geometry and its `newest` without staying attached. Returns as
 * segment_attach(), but logs nothing. */
int segment_peek(int shmid, const uint8_t nonce[PF_NONCE_BYTES], struct pf_segment *geometry,
                 uint64_t *newest);

/* Remove a keyed segment (IPC_RMID), so that another one can be created under its key. The segment
 * stays while it is attached. */
void segment_remove_key(struct segment *segment);

/* Pixels and strides of a slot's planes. */
void segment_planes(const struct segment *segment, uint32_t slot,
                    struct pf_plane plane[PF_PLANES_MAX]);

/* Where a slot's user data is; NULL if the segment has none. */
uint8_t *segment_user(const struct segment *segment, uint32_t slot);

/* Detach the segment, and remove it if it is keyed. Accepts a segment that is all zero. */
void segment_close(struct segment *segment);

/* Remove the segment of a producer that crashed, found by its id file. That frees the key of a
 * keyed one even if viewers still read the last frames; one without a key file is removed
 * already, which does no harm. The caller holds the channel's producer lease. */
void segment_reclaim(int shmid, const uint8_t nonce[PF_NONCE_BYTES]);

#endif
