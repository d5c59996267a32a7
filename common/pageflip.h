/* SPDX-License-Identifier: MIT */
/**
 * pageflip: hand video frames from one process to another without copying them.
 *
 * A channel is a named stream with one producer and up to 16 viewers. The producer owns a System V
 * shared-memory segment with 2 to 8 page-aligned slots. It draws a frame straight into a slot and
 * publishes it; viewers look at the slot's own pages. The life of a frame:
 *
 *     producer                                  viewer
 *     pf_producer_begin()    a free slot
 *       ... draw ...
 *     pf_producer_publish()  ---- doorbell ---> pf_viewer_acquire()   the same pages, read-only
 *                                                 ... show ...
 *     (the slot may be drawn in again)  <------ pf_viewer_release()
 *
 * The smallest producer:
 *
 *     struct pf_producer *producer;
 *     struct pf_format format = {.fourcc = PF_FOURCC_XR24, .width = 640, .height = 480};
 *     if (pf_producer_open(&producer, "default", &format, NULL) < 0)
 *         return 1;
 *     struct pf_frame frame;
 *     while (pf_producer_begin(producer, PF_FOREVER, &frame) == 0) {
 *         draw(frame.plane[0].pixels, frame.plane[0].stride_bytes);
 *         pf_producer_publish(producer, &frame);
 *     }
 *     pf_producer_close(producer);
 *
 * The smallest viewer:
 *
 *     struct pf_viewer *viewer;
 *     if (pf_viewer_open(&viewer, "default", NULL) < 0)
 *         return 1;
 *     struct pf_frame frame;
 *     while (pf_viewer_acquire(viewer, PF_FOREVER, &frame) == 0) {
 *         show(frame.plane[0].pixels, frame.plane[0].stride_bytes);
 *         pf_viewer_release(viewer, &frame);
 *     }
 *     pf_viewer_close(viewer);
 *
 * What can go wrong between processes, and what you see of it:
 *
 *   - The producer ends or dies. Viewers first get every frame that was published; then
 *     pf_viewer_acquire() says -EPIPE. pf_viewer_reattach() joins a successor.
 *   - The producer changes its size or format. Viewers drain, then -EREMCHG, then reattach.
 *   - A viewer dies. Its slots are free again as soon as the producer needs one; nobody else
 *     sees it.
 *   - A viewer stops. A latest-frame viewer keeps the slots it holds and no more. An every-frame
 *     viewer keeps the frames to come, too, so the producer runs out of slots:
 *     pf_producer_begin() waits or says -EAGAIN, until pf_producer_options.evict_after_ns lets
 *     the frames to come go.
 *   - Everybody is killed. The kernel destroys the segment with its last user: nothing is left
 *     behind.
 *
 * Holds for every call: 0 or a positive answer is success, a negative number is -errno. A failure
 * that is not listed as an answer has been logged when it is returned, with what to do about it.
 * close accepts NULL. One producer or viewer belongs to one thread at a time; pf_viewer_wake()
 * alone may be called from another. Times are nanoseconds of CLOCK_MONOTONIC. Nothing here installs
 * a signal handler; a signal that interrupts a wait makes it return -EINTR. After fork() the child
 * must leave the parent's handles alone, close included: it has neither their pages nor their
 * leases.
 */
#ifndef PAGEFLIP_H
#define PAGEFLIP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PF_API __attribute__((visibility("default")))

/* DRM fourcc codes (linux/drm_fourcc.h). XR24: 32 bits a pixel, bytes B, G, R, unused. */
#define PF_FOURCC(a, b, c, d)                                                                      \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define PF_FOURCC_XR24 PF_FOURCC('X', 'R', '2', '4')

enum {
    PF_SIZE_MAX = 16384, /* pixels, width and height */
    PF_SLOTS_MIN = 2,
    PF_SLOTS_MAX = 8,
    PF_PLANES_MAX = 3,
    PF_VIEWERS_MAX = 16,
    PF_CHANNEL_BYTES = 65, /* a channel's name with its final NUL: [A-Za-z0-9._-]{1,64} */
};

#define PF_FOREVER INT64_MAX /* as a timeout: wait until something happens */

struct pf_format {
    uint32_t fourcc;
    uint32_t width, height;      /* pixels, 1..PF_SIZE_MAX */
    uint32_t rate_num, rate_den; /* nominal frames per second; 0/0: unknown, or unpaced */
};

struct pf_plane {
    uint8_t *pixels; /* top left; a viewer's pages are read-only: a store there is a SIGSEGV */
    uint32_t stride_bytes; /* from one row to the next, a multiple of 64 */
};

/* pf_frame.flags */
enum {
    PF_FRAME_STAMPED = 1, /* carries a machine-readable stamp in its top and bottom rows */
};

struct pf_frame {
    uint64_t sequence; /* 1, 2, 3, ... within one segment */
    uint32_t slot;     /* 0..slots-1: whose pages these are */
    uint32_t flags;    /* PF_FRAME_*: set by the producer before publish */
    struct pf_plane plane[PF_PLANES_MAX];
    int64_t pts_ns;     /* media time; set by the producer before publish */
    int64_t due_ns;     /* when it should have been begun; begin() sets it to begin_ns */
    int64_t begin_ns;   /* when the slot was handed to the producer */
    int64_t publish_ns; /* when it was published */
    int64_t acquire_ns; /* when the viewer got it */
};

/* ------------------------------------------------------------------ one end: the producer */

struct pf_producer;

/* All zero is the default. */
struct pf_producer_options {
    /* PF_SLOTS_MIN..PF_SLOTS_MAX; 0: 2, classic double buffering */
    uint32_t slots;
    /* An every-frame viewer that blocks for so long loses the frames to come; 0: never. */
    int64_t evict_after_ns;
    /* Make the segment findable by ftok(key_file, 'p'); NULL: private, never leaks. */
    const char *key_file;
    /* Whose members may join, a name or number; NULL: this user alone. */
    const char *group;
    /* Of the segment: 0600, or 0660 with a group; 0: as the group says. */
    uint32_t mode;
};

struct pf_producer_stats {
    uint64_t published;
    uint64_t no_slot; /* begin() said -EAGAIN */
    uint64_t reaped;  /* lanes taken back from viewers that died */
    uint64_t evicted; /* every-frame viewers that lost their frames to come */
    uint32_t viewers; /* attached now */
};

/**
 * Open `channel` as its producer: takes the channel's producer lease, makes the segment and fills
 * in its pages, and lets viewers find it.
 *
 * Returns 0 and *producer, to be closed with pf_producer_close(), or
 *   -EINVAL   a bad channel name, format or option
 *   -EBUSY    the channel has a producer, or the key file's segment is in use
 *   -EEXIST   the key file's key belongs to a segment that is not ours
 *   -ENOSPC, -ENOMEM, -EMFILE, -ENFILE   a system limit
 *   -EACCES, -EPERM                      no right to the runtime directory, or to the group
 */
PF_API int pf_producer_open(struct pf_producer **producer, const char *channel,
                            const struct pf_format *format,
                            const struct pf_producer_options *options);

/**
 * Get a slot to draw in: the oldest that no viewer holds or still wants, never the newest frame.
 *
 * Blocks up to `timeout_ns` while viewers keep every slot; 0 means do not wait. Fills *frame with
 * the slot's planes; what the slot contains is undefined (an old picture or zeros). One frame can
 * be begun at a time.
 *
 * Returns 0, or -EAGAIN (no slot came free in time), or -EINTR (a signal).
 */
PF_API int pf_producer_begin(struct pf_producer *producer, int64_t timeout_ns,
                             struct pf_frame *frame);

/** Hand the begun frame over to all viewers. Never blocks. */
PF_API void pf_producer_publish(struct pf_producer *producer, struct pf_frame *frame);

/** Give the begun frame back unpublished. Nobody ever knew of it. */
PF_API void pf_producer_abandon(struct pf_producer *producer, struct pf_frame *frame);

/**
 * Go on with another size or format: a new segment under the same lease. Viewers see every frame
 * published so far, then -EREMCHG. No frame may be begun. Straight after another change it waits
 * for every-frame viewers that have not come over yet, as begin() does. Returns -EINTR, or as
 * pf_producer_open(); on failure the old segment is still there and the producer goes on with it
 * (with a key file: it must be closed).
 */
PF_API int pf_producer_change_format(struct pf_producer *producer, const struct pf_format *format);

PF_API void pf_producer_stats(const struct pf_producer *producer, struct pf_producer_stats *stats);

/**
 * Say END to the viewers and leave. Published frames stay readable as long as a viewer is attached;
 * straight after a change of format it waits up to 1 s for every-frame viewers to come over.
 */
PF_API void pf_producer_close(struct pf_producer *producer);

/* ------------------------------------------------------------------ the other end: viewers */

struct pf_viewer;

/* All zero is the default. */
struct pf_viewer_options {
    /* Each frame in turn, holding the producer back; false: always the latest. */
    bool every_frame;
    /* How long open() waits for a producer to come; 0: not at all. (250 ms more, if the format
     * changes in that very moment: an every-frame viewer then waits for the next segment.) */
    int64_t wait_ns;
    /* How long acquire() watches for a frame before it sleeps; burns a core; 0: not at all. */
    int64_t spin_ns;
    /* Find the segment by ftok(key_file, 'p') instead of the channel's name. */
    const char *key_file;
    /* Whose shared channel, a name or number; NULL: a private one of one's own. */
    const char *user;
};

enum pf_state {
    PF_RUNNING,        /* the producer holds its lease */
    PF_ENDED,          /* it said END */
    PF_FORMAT_CHANGED, /* it went on in a new segment, and lives: reattach */
    PF_CRASHED,        /* it died */
};

/* Geometry of the segment that a viewer is attached to. Checked against the segment's real size at
 * attach, private since. */
struct pf_segment {
    int shmid;
    uint64_t bytes;
    struct pf_format format;
    uint32_t slots;
    uint64_t slots_offset;      /* of slot 0 in the segment: page aligned */
    uint64_t slot_stride_bytes; /* from one slot to the next: a multiple of the page size */
    uint32_t planes;
    uint64_t plane_offset[PF_PLANES_MAX]; /* in the slot */
    uint32_t plane_stride_bytes[PF_PLANES_MAX];
    pid_t producer_pid; /* to tell people; never to decide by */
};

struct pf_viewer_stats {
    uint64_t acquired;
    uint64_t skipped; /* published frames that a latest-frame viewer passed over */
    uint64_t lost;    /* published frames that an every-frame viewer did not get (it was evicted) */
    uint64_t lost_first, lost_last; /* sequences of the last loss, as far as they are of the segment
                                       that the viewer is in; 1 and 0: none */
    int64_t evicted_after_ns;       /* between its last acquire and that loss */
};

/**
 * Join `channel`: takes a free lane, attaches the segment and checks it.
 *
 * Returns 0 and *viewer, to be closed with pf_viewer_close(), or
 *   -EINVAL         a bad channel name or option
 *   -ECONNREFUSED   the channel has no producer, and none came within options->wait_ns
 *   -EBUSY          all 16 lanes are taken
 *   -EPROTO         the segment is not one of ours, is damaged, or has another layout version
 *   -EXDEV          the producer is in another IPC namespace
 *   -ENOMEM, -EMFILE, -ENFILE   a system limit
 *   -EACCES, -EPERM             channel or segment belong to somebody else, who does not share them
 *   -EINTR          a signal, while waiting
 */
PF_API int pf_viewer_open(struct pf_viewer **viewer, const char *channel,
                          const struct pf_viewer_options *options);

/**
 * Wait for the next frame.
 *
 * Blocks up to `timeout_ns`; 0 means do not wait. On success the frame's pixels stay still and
 * readable until pf_viewer_release(); the frame itself is the caller's. Several may be held; each
 * keeps its slot from the producer.
 *
 * Returns 0 and fills *frame, or
 *   -EAGAIN    nothing new was published in time: keep showing the last frame
 *   -EINTR     nothing new, but a signal came or pf_viewer_wake() was called
 *   -EPIPE     the producer has ended or died (pf_viewer_state()), and every frame in this segment
 *              has been seen
 *   -EREMCHG   the producer went on in a new segment, and every frame in this one has been seen:
 *              reattach
 *   -ESTALE    every-frame only: the producer lost its patience and took the frames to come
 *              (pf_viewer_stats.lost). Said once; from here on this is a latest-frame viewer.
 */
PF_API int pf_viewer_acquire(struct pf_viewer *viewer, int64_t timeout_ns, struct pf_frame *frame);

/**
 * Acquire the newest frame, seen or not: to show it once more or to take a snapshot. The newest
 * frame is never drawn over, so this never waits. Returns 0, or -EAGAIN if nothing has been
 * published yet.
 */
PF_API int pf_viewer_acquire_latest(struct pf_viewer *viewer, struct pf_frame *frame);

/** Hold an acquired frame once more: it then takes one more release. */
PF_API void pf_viewer_hold(struct pf_viewer *viewer, const struct pf_frame *frame);

/** Let go of an acquired frame. Its pixels may change from here on. */
PF_API void pf_viewer_release(struct pf_viewer *viewer, const struct pf_frame *frame);

/** Make the viewer's current or next acquire or wait return -EINTR. The one call for other threads.
 */
PF_API void pf_viewer_wake(struct pf_viewer *viewer);

/** Sleep until pf_viewer_wake() (-EINTR), a signal (-EINTR) or the time-out (-EAGAIN). New frames
 * do not end it. */
PF_API int pf_viewer_wait(struct pf_viewer *viewer, int64_t timeout_ns);

/**
 * After -EPIPE or -EREMCHG: leave the segment that is over and join the channel's next one, with
 * the same lane and options. Waits up to `timeout_ns` for it.
 *
 * Returns 0: pf_viewer_segment() has changed, and frames that were still held are void: their
 * pages are gone, and they must not be released. After -EREMCHG the stream goes on: an every-frame
 * viewer gets all of the new segment's frames, however late it comes, unless it is evicted on its
 * way; what it has lost is in pf_viewer_stats then, and no -ESTALE says so. Or -EAGAIN: nobody has
 * come yet, the old segment is still attached. Otherwise as pf_viewer_open().
 *
 * If the format changes again in that very moment, an every-frame viewer waits 250 ms more for the
 * next segment.
 */
PF_API int pf_viewer_reattach(struct pf_viewer *viewer, int64_t timeout_ns);

/**
 * What has become of the producer. Asks the system at most every 50 ms, and never forgets an end.
 * PF_ENDED and PF_CRASHED say nothing of frames: those that were published can still be acquired.
 */
PF_API enum pf_state pf_viewer_state(struct pf_viewer *viewer);

/** The channel's name, also when it was found by a key file. */
PF_API const char *pf_viewer_channel(const struct pf_viewer *viewer);

PF_API const struct pf_segment *pf_viewer_segment(const struct pf_viewer *viewer);
PF_API void pf_viewer_stats(const struct pf_viewer *viewer, struct pf_viewer_stats *stats);
PF_API void pf_viewer_close(struct pf_viewer *viewer);

/* ------------------------------------------------------------------ asking around */

struct pf_channel_info {
    char name[PF_CHANNEL_BYTES];
    bool alive;         /* a producer holds the lease */
    pid_t producer_pid; /* 0: not known */
    bool has_format;    /* the fields below are known: the segment could be looked at */
    struct pf_format format;
    uint32_t slots;
    uint64_t published; /* frames so far */
    uint32_t viewers;   /* lanes whose lease is held */
};

/**
 * The channels of this user that have a producer or a viewer, in order of their names. Returns
 * their number (perhaps more than `max`: then the first `max` are filled in), or a negative errno.
 */
PF_API int pf_channel_list(struct pf_channel_info *channels, int max);

/* What the library itself says on standard error. */
enum pf_log_level {
    PF_LOG_ERROR,   /* failures only */
    PF_LOG_WARNING, /* and what works, but not as asked: the default */
    PF_LOG_INFO,    /* and what was chosen, and why */
};
PF_API void pf_log_set_level(enum pf_log_level level);

#ifdef __cplusplus
}
#endif

#endif
