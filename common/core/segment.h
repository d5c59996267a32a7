/* SPDX-License-Identifier: MIT */
/*
 * A System V segment with our layout in it. This is the only module that calls shm*().
 *
 * Lifetime: without a key file the segment is removed (IPC_RMID) as soon as its creator has
 * attached it, so the kernel destroys it with its last user, however that dies. With a key file it
 * stays findable and is removed on the way out.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include "layout.h"

struct segment {
    struct layout_header *header; /* NULL: not attached */
    struct layout_producer *producer;
    struct layout_viewers *viewers;
    uint8_t *slots;
    struct pf_segment geometry; /* private, checked */
    uint8_t nonce[LAYOUT_NONCE_BYTES];
    char channel[PF_CHANNEL_BYTES];
    bool keyed; /* ours to remove: made under a key file's key */
};

/*
 * Make a segment for `slots` pictures of a valid format, populate its pages, and fill in header and
 * doorbells. `key_file` may be NULL. Blocks for as long as the kernel takes to clear the pages
 * (about 0.3 ms per MB).
 *
 * Returns 0 and *segment, to be closed with segment_close(); or, logged,
 *   -EBUSY    the key's segment is in use
 *   -EEXIST   the key's segment is not ours
 *   -ENOSPC, -ENOMEM, -EINVAL   a system limit, or no such key file
 */
int segment_create(struct segment *segment, const char *channel, const char *key_file,
                   const struct pf_format *format, uint32_t slots);

/* Let the members of `group` attach it, too. Returns 0, or a negative errno, logged. */
int segment_share(struct segment *segment, gid_t group);

/*
 * Attach the segment `shmid` as a viewer: look at its header read-only, check a private copy of it,
 * then map it with everything but page 2 read-only. `nonce`, unless NULL, is what the id file says.
 *
 * Returns 0 and *segment, to be closed with segment_close(), or
 *   -ECONNREFUSED   it is gone: look for the id again (not logged)
 *   -EREMCHG        it holds another run's nonce: look for the id again (not logged)
 *   -EPROTO         not ours, or damaged: logged, with the field's name
 *   -EACCES         somebody else's: logged
 *   another negative errno: logged
 */
int segment_attach(struct segment *segment, int shmid, const uint8_t nonce[LAYOUT_NONCE_BYTES]);

/* A private copy of a segment's checked header and newest word, without staying attached. Returns
 * as segment_attach(), but logs nothing. */
int segment_peek(int shmid, const uint8_t nonce[LAYOUT_NONCE_BYTES], struct pf_segment *geometry,
                 uint64_t *newest);

/* The shmid under a key file's key, or -ECONNREFUSED: there is none. Other negative errnos are
 * logged. */
int segment_find_key(const char *key_file);

/* Give the key of a keyed segment back (IPC_RMID), so that another can be made under it. It lives
 * on while it is attached. */
void segment_remove_key(struct segment *segment);

/* The planes of a slot. What pf_frame needs of one. */
void segment_planes(const struct segment *segment, uint32_t slot,
                    struct pf_plane plane[PF_PLANES_MAX]);

/* Detach, and remove it if it is keyed. Accepts one that is all zero. */
void segment_close(struct segment *segment);

/* Remove a dead producer's keyed segment, which its id file leads to: its key is free then, even if
 * viewers still look at its last frames. The caller has the channel's producer lease. */
void segment_reclaim(int shmid, const uint8_t nonce[LAYOUT_NONCE_BYTES]);

/* Remove segments that a producer of this user left behind when it was killed between shmget() and
 * IPC_RMID. Returns their number. */
int segment_sweep_orphans(void);

#endif
