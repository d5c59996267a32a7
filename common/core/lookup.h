/* SPDX-License-Identifier: MIT */
/* How a viewer finds what to attach. Both calls sleep between two looks, until `deadline_ns`. */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "channel.h"
#include "segment.h"

/*
 * The channel `name`, or the one that the options' key file or user leads to. Returns 0 and
 * *channel, to be closed with channel_close(), or -EINTR, or, logged,
 *   -ECONNREFUSED   it is not there, and did not come in time
 *   another negative errno, as channel_open() or segment_attach()
 */
int lookup_channel(struct channel *channel, const char *name,
                   const struct pf_viewer_options *options, int64_t deadline_ns);

/*
 * The channel's segment, attached. With `except` one whose nonce is another. Returns 0 and
 * *segment, to be closed with segment_close(), or -EINTR, or
 *   -EAGAIN         with `except`: no other has come
 *   -ECONNREFUSED   without: the channel has no producer; logged
 *   -EXDEV          its producer is in another IPC namespace; logged
 *   another negative errno, as segment_attach(), logged
 */
int lookup_segment(const struct channel *channel, int64_t deadline_ns, const uint8_t *except,
                   struct segment *segment);

#endif
