/* SPDX-License-Identifier: MIT */
/*
 * A viewer's way from a name to a segment: by key file or runtime directory to the channel, by the
 * channel's lease and id file to the segment. Nothing of it is there before its producer is, so
 * each is looked for until it comes, and a producer that is just starting is waited for.
 */
#include "lookup.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "account.h"
#include "clock.h"
#include "log.h"

/* Between two looks for a producer that is not there yet. */
#define POLL_NS (5 * NS_PER_MS)
/* The lease is there and the id is not: a producer is starting, and clearing the pages of its
 * segment. */
#define STARTING_NS (3 * NS_PER_S)

static int attach_by_id(const struct channel *channel, struct segment *segment, bool *is_starting)
{
    struct channel_id id;
    uint64_t mine = channel_ipc_namespace();

    *is_starting = false;
    if (!channel_is_leased(channel, CHANNEL_PRODUCER))
        return -ECONNREFUSED;
    *is_starting = true;
    if (channel_read_id(channel, &id) < 0)
        return -ECONNREFUSED;
    if (id.ipc_namespace != mine && id.ipc_namespace && mine) {
        log_error("channel \"%s\": its producer is in IPC namespace %llu, this process in %llu; "
                  "share it: "
                  "docker run --ipc=container:ID or --ipc=host",
                  channel->name, (unsigned long long)id.ipc_namespace, (unsigned long long)mine);
        return -EXDEV;
    }
    return segment_attach(segment, id.shmid, id.nonce);
}

/* By the key a segment is found, and in it the channel's name: from there on it is as if that had
 * been given. */
static int name_of_key(const char *key_file, char name[PF_CHANNEL_BYTES], bool *is_starting)
{
    struct segment segment;
    int shmid = segment_find_key(key_file);

    *is_starting = shmid >= 0;
    if (shmid < 0)
        return shmid;
    int ret = segment_attach(&segment, shmid, NULL);
    if (ret < 0)
        return ret;
    memcpy(name, segment.channel, PF_CHANNEL_BYTES);
    segment_close(&segment);
    return 0;
}

/* Sleep between two looks. Returns 0, or -EAGAIN at the deadline, or -EINTR. */
static int pause_until(int64_t deadline_ns)
{
    int64_t now_ns = clock_now_ns();
    struct timespec pause = clock_timespec(POLL_NS);

    if (now_ns >= deadline_ns)
        return -EAGAIN;
    return nanosleep(&pause, NULL) < 0 && errno == EINTR ? -EINTR : 0;
}

/* `option` and `name` are what both programs must be given to meet. */
static int refuse_no_producer(const char *kind, const char *option, const char *name)
{
    log_error("%s \"%s\": it has no producer; start one: pageflip-producer %s %s, or wait for it: "
              "--wait SECONDS",
              kind, name, option, name);
    return -ECONNREFUSED;
}

/* A producer that has just gone on leaves this for a moment; for longer than that it is damage. */
static int refuse_foreign(const struct channel *channel)
{
    log_error("channel \"%s\": its id file leads to a segment whose \"nonce\" is another; restart "
              "the producer",
              channel->name);
    return -EPROTO;
}

int lookup_segment(const struct channel *channel, int64_t deadline_ns, const uint8_t *except,
                   struct segment *segment)
{
    int64_t starting_ns = except ? deadline_ns : clock_deadline_ns(clock_now_ns(), STARTING_NS);

    for (;;) {
        bool is_starting;
        int ret = attach_by_id(channel, segment, &is_starting);
        bool is_foreign = ret == -EREMCHG;

        if (ret == 0) {
            if (!except || memcmp(segment->nonce, except, LAYOUT_NONCE_BYTES) != 0)
                return 0;
            segment_close(segment);
            is_starting = false;
        } else if (ret != -ECONNREFUSED && !is_foreign) {
            return ret;
        }
        ret = pause_until(is_starting && starting_ns > deadline_ns ? starting_ns : deadline_ns);
        if (ret == -EAGAIN && !except)
            return is_foreign ? refuse_foreign(channel)
                              : refuse_no_producer("channel", "-n", channel->name);
        if (ret < 0)
            return ret;
    }
}

/* One look. -ECONNREFUSED: there is nothing yet; but perhaps it is in the making. */
static int look_for_channel(struct channel *channel, const char *name, const char *key_file,
                            const uid_t *owner, bool *is_starting)
{
    char found[PF_CHANNEL_BYTES];

    *is_starting = false;
    if (key_file) {
        int ret = name_of_key(key_file, found, is_starting);
        if (ret < 0)
            return ret;
        name = found;
    }
    return owner ? channel_join_shared(channel, name, *owner) : channel_open(channel, name);
}

int lookup_channel(struct channel *channel, const char *name,
                   const struct pf_viewer_options *options, int64_t deadline_ns)
{
    int64_t starting_ns = clock_deadline_ns(clock_now_ns(), STARTING_NS);
    const char *key_file = options->key_file;
    bool is_starting;
    uid_t owner;
    int ret = options->user ? account_user(options->user, &owner) : 0;

    if (ret < 0)
        return ret;
    for (;;) {
        ret =
            look_for_channel(channel, name, key_file, options->user ? &owner : NULL, &is_starting);
        if (ret != -ECONNREFUSED && ret != -EREMCHG)
            return ret;
        ret = pause_until(is_starting && starting_ns > deadline_ns ? starting_ns : deadline_ns);
        if (ret == -EAGAIN)
            return key_file ? refuse_no_producer("key file", "--key", key_file)
                            : refuse_no_producer("shared channel", "--group GROUP -n", name);
        if (ret < 0)
            return ret;
    }
}
