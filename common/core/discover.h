/* SPDX-License-Identifier: MIT */
/* Channel discovery: how a viewer gets from a name, a key file or a user to a segment. Both calls
 * poll until `deadline_ns`; without `except`, for up to 3 s if a producer is just starting. */
#ifndef CORE_DISCOVER_H
#define CORE_DISCOVER_H

#include "channel.h"
#include "segment.h"

/*
 * Open the channel `name`, or the channel that the options' key file or user selects. Returns 0 and
 * *channel, to be closed with channel_close(), or -EINTR, or, logged,
 *   -ECONNREFUSED   there is no such channel, and none appeared in time
 *   another negative errno, as channel_open() or segment_attach()
 */
int discover_channel(struct channel *channel, const char *name,
                     const struct pf_viewer_options *options, int64_t deadline_ns);

/*
 * Attach the channel's segment; with `except`, a segment whose nonce differs from it. Returns 0 and
 * *segment, to be closed with segment_close(), or -EINTR, or
 *   -EAGAIN         with `except`: there is no other segment yet; not logged
 *   -ECONNREFUSED   without `except`: the channel has no producer; logged
 *   -EXDEV          the producer is in another IPC namespace; logged
 *   another negative errno, as segment_attach(), logged
 */
int discover_segment(const struct channel *channel, int64_t deadline_ns, const uint8_t *except,
                     struct segment *segment);

#endif
