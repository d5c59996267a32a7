/* SPDX-License-Identifier: MIT */
/*
 * When to read a connection to the X server.
 *
 * There are two: SDL's, which gets the events of its window, and our own (link.h), which gets
 * Present's and ShmCompletion events and replies. Reading one takes several system calls even if
 * nothing has arrived, and most wakes concern only one of them. So a connection is read only if it
 * may have data, which is the case when
 *
 *   - the kernel reported its socket readable: to the waker's thread, or to poll() in wait_x11();
 *   - its library may have data in its queue: it reads the socket also while it writes a request or
 *     waits for a reply, and no descriptor reports that data. For our own connection libxcb's count
 *     of bytes shows it exactly (x11_link_has_read_ahead()); SDL's is marked after a call that
 *     writes, and when window_poll() returned before the queues of SDL and Xlib were empty;
 *   - it was not read for 100 ms, since SDL does work of its own then.
 *
 * The mark is cleared before the connection is read, so data that arrives meanwhile marks it again.
 */
#ifndef VIEWER_PRESENTERS_X11_READINESS_H
#define VIEWER_PRESENTERS_X11_READINESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"

#define READINESS_INTERVAL_NS (100 * NS_PER_MS)

struct readiness {
    int fd;                    /* the connection's socket */
    atomic_bool may_have_data; /* set by any thread, cleared by the loop */
    int64_t read_ns;           /* when it was last read */
};

static inline void readiness_init(struct readiness *readiness, int fd)
{
    *readiness = (struct readiness){.fd = fd, .may_have_data = true};
}

static inline void readiness_mark(struct readiness *readiness)
{
    atomic_store(&readiness->may_have_data, true);
}

static inline bool readiness_is_marked(const struct readiness *readiness)
{
    return atomic_load(&readiness->may_have_data);
}

/* Must the connection be read now? If so, the caller reads all of it. */
static inline bool readiness_take(struct readiness *readiness, int64_t now_ns)
{
    bool may_have_data = atomic_exchange(&readiness->may_have_data, false);

    if (!may_have_data && now_ns - readiness->read_ns < READINESS_INTERVAL_NS)
        return false;
    readiness->read_ns = now_ns;
    return true;
}

#endif
