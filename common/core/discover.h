/* SPDX-License-Identifier: MIT */
/* Channel discovery: how a viewer gets from a name, a key file or a user to a segment. Both calls
 * poll until `deadline_ns`; discover_first() for up to 3 s if a producer is just starting. Unless
 * `waiting` is NULL, they begin it before they sleep, and discover_next() also if it polls only
 * once. The caller ends it. */
#ifndef CORE_DISCOVER_H
#define CORE_DISCOVER_H

#include "channel.h"
#include "segment.h"
#include "waiting.h"

/*
 * Open the channel `name`, or the channel that the options' key file or user selects, take a lane
 * in it and attach its segment. Returns 0 and *channel, to be closed with channel_close(), *lane,
 * and *segment, to be closed with segment_close(); or -EINTR, or, logged,
 *   -ECONNREFUSED   there is no such channel or it has no producer, and none appeared in time
 *   -EBUSY          all lanes are in use
 *   -EXDEV          the producer is in another IPC namespace
 *   another negative errno, as channel_join() or segment_attach()
 */
int discover_first(struct channel *channel, uint32_t *lane, const char *name,
                   const struct pf_viewer_options *options, int64_t deadline_ns,
                   struct waiting *waiting, struct segment *segment);

/*
 * Attach the next segment of a channel, whose nonce is not `nonce`. If the lock file has been
 * replaced, and not by the producer of `stream`, which keeps the leases of the old one, *channel
 * and *lane become those to join the segment with; the caller still has the old ones, and closes
 * either these or the new ones. Returns as discover_first(), or -EAGAIN, not logged: there is no
 * other segment yet.
 */
int discover_next(struct channel *channel, uint32_t *lane, const uint8_t *nonce, uint64_t stream,
                  int64_t deadline_ns, struct waiting *waiting, struct segment *segment);

/* Another directory of this user in which a producer is running on the private channel `name`, or,
 * if it is NULL, on any. Returns NULL if there is none, else `path`. */
char *discover_elsewhere(const char *name, char path[RUNTIME_DIR_PATH_BYTES]);

#endif
