/* SPDX-License-Identifier: MIT */
#include "waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "held_fd.h"
#include "mark.h"
#include "segment_key.h"

#define POLL_NS NS_PER_MS

/* ------------------------------------------------------------------ the viewer */

static int open_parent(const char *dir)
{
    char parent[RUNTIME_DIR_PATH_BYTES];

    snprintf(parent, sizeof parent, "%.*s/", (int)(strrchr(dir, '/') - dir), dir);
    return held_fd_open(AT_FDCWD, parent, O_RDONLY | O_DIRECTORY, 0);
}

static off_t byte_of(const char *dir, const char *name, enum waiting_for what)
{
    return mark_byte(what == WAITING_FOR_STREAM ? "waits for stream" : "waits for frame", dir,
                     name);
}

void waiting_begin(struct waiting *waiting, const char *dir, const char *name)
{
    waiting->has_begun = true;
    waiting->fd = open_parent(dir);
    if (waiting->fd < 0)
        return;
    for (int what = WAITING_FOR_STREAM; what <= WAITING_FOR_FRAME; what++) {
        waiting->byte[what] = byte_of(dir, name, (enum waiting_for)what);
        mark_set(waiting->fd, waiting->byte[what]);
    }
}

void waiting_joined(struct waiting *waiting)
{
    if (waiting->fd >= 0)
        mark_clear(waiting->fd, waiting->byte[WAITING_FOR_STREAM]);
}

void waiting_end(struct waiting *waiting)
{
    held_fd_close(waiting->fd);
    *waiting = (struct waiting){.fd = -1};
}

/* ------------------------------------------------------------------ the producer */

static bool has_mark(const char *dir, const char *name, enum waiting_for what)
{
    int fd = open_parent(dir);
    bool is_set = fd >= 0 && mark_is_set(fd, byte_of(dir, name, what));

    held_fd_close(fd);
    return is_set;
}

static bool has_viewers(const struct channel *channel, const char *key_file, enum waiting_for what)
{
    char key[SEGMENT_KEY_NAME_BYTES];

    return has_mark(channel->dir, channel->name, what) ||
           (key_file && segment_key_name(key_file, key) && has_mark(channel->dir, key, what));
}

static int sleep_once(void)
{
    struct timespec pause = clock_timespec(POLL_NS);

    return nanosleep(&pause, NULL) < 0 && errno == EINTR ? -EINTR : 0;
}

void awaited_let_join(struct awaited *awaited, const struct channel *channel, const char *key_file)
{
    int64_t deadline_ns = clock_now_ns() + WAITING_NS;

    while (has_viewers(channel, key_file, WAITING_FOR_STREAM)) {
        if (clock_now_ns() >= deadline_ns)
            return;
        sleep_once();
    }
    awaited->is_awaited = has_viewers(channel, key_file, WAITING_FOR_FRAME);
}

int awaited_let_acquire(struct awaited *awaited, const struct channel *channel,
                        const char *key_file, int64_t deadline_ns)
{
    int64_t now_ns = clock_now_ns();
    int ret = 0;

    if (!awaited->until_ns)
        awaited->until_ns = now_ns + WAITING_NS;
    while (ret == 0 && now_ns < awaited->until_ns &&
           has_viewers(channel, key_file, WAITING_FOR_FRAME)) {
        ret = now_ns >= deadline_ns ? -EAGAIN : sleep_once();
        now_ns = clock_now_ns();
    }
    if (ret == 0)
        awaited->is_awaited = false;
    return ret;
}
