/* SPDX-License-Identifier: MIT */
/*
 * Viewers that wait for a stream to start, so that the producer can let them see its first frame,
 * and a short stream does not end before they have joined. A viewer that waits has two marks
 * (mark.h), by the name of the channel or of the key: one until it has joined, and one until it has
 * its first frame. They are in the directory that contains the runtime directory, because that one
 * need not exist yet and a viewer creates no file. In /tmp any user can set such marks, which can
 * delay the start of a stream by 2 * WAITING_NS at most.
 */
#ifndef CORE_WAITING_H
#define CORE_WAITING_H

#include "channel.h"
#include "clock.h"

/* How long a producer waits for viewers to join, and again for them to acquire a frame. */
#define WAITING_NS (500 * NS_PER_MS)

enum waiting_for { WAITING_FOR_STREAM, WAITING_FOR_FRAME };

/* Of a viewer. */
struct waiting {
    bool has_begun;
    int fd; /* negative: does not wait, or has no marks */
    off_t byte[2];
};

/* Set both marks. `dir` is the runtime directory. Without them the viewer may miss the first
 * frames, so a failure is not reported. */
void waiting_begin(struct waiting *waiting, const char *dir, const char *name);
void waiting_joined(struct waiting *waiting);
void waiting_end(struct waiting *waiting);

/* The viewers that wait for a producer. All zero: none. */
struct awaited {
    bool is_awaited;  /* viewers that have joined may still wait for the first frame */
    int64_t until_ns; /* 0: the producer has not waited for them yet */
};

/* Before the first frame: let viewers that wait for this channel, or for its key file unless that
 * is NULL, join. Waits up to WAITING_NS. */
void awaited_let_join(struct awaited *awaited, const struct channel *channel, const char *key_file);

/* After the first frame, if is_awaited: let these viewers acquire it. Waits up to WAITING_NS in
 * total. Returns 0, -EAGAIN (at the deadline) or -EINTR: call it again. */
int awaited_let_acquire(struct awaited *awaited, const struct channel *channel,
                        const char *key_file, int64_t deadline_ns);

#endif
