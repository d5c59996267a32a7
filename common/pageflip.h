/* SPDX-License-Identifier: MIT */
/**
 * pageflip: hand video frames from one process to another without copying them.
 *
 * A channel is a named stream with one producer and up to 16 viewers. The producer owns a System V
 * shared-memory segment with 2 to 8 page-aligned slots. The producer draws a frame directly into a
 * slot and publishes the frame; viewers map the same pages. The life of a frame:
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
 * draw() and show() are the program's own. Each loop ends at the first call that fails: the
 * producer's at a signal, for example, and the viewer's also at the end of the stream and at a
 * format change. With pf_viewer_options.wait_ns a viewer may start before its producer; with
 * pf_viewer_options.follow it continues with the next segment.
 *
 * What else there is:
 *
 *   - Pixel formats of 1 to 3 planes, with colour: pf_format_planes(), pf_format_color().
 *   - With each frame: times, bytes of the program's own (pf_frame.user), and which parts of it
 *     differ from the frame before (pf_frame.damage, pf_viewer_damage_since()).
 *   - Events from viewers to the producer, such as keys: pf_viewer_send(),
 *     pf_producer_next_event().
 *   - Waits of a producer for its next tick (pf_producer_tick()), for viewers
 *     (pf_producer_wait_viewers()) and for events (pf_producer_wait_event()).
 *   - Another size or format within a stream: pf_producer_change_format(), pf_viewer_reattach().
 *   - Every frame instead of the latest one: pf_viewer_options.every_frame.
 *   - The memory of each slot, to prepare a surface for it once: pf_producer_slot(),
 *     pf_viewer_slot().
 *   - The end of a wait by another thread or a signal handler: pf_producer_wake(),
 *     pf_viewer_wake().
 *   - The channels of this user: pf_channel_list().
 *   - Messages, texts of errnos, the version: pf_log_set_callback(), pf_strerror(), pf_version().
 *
 * What can go wrong between processes, and how a program observes it:
 *
 *   - The producer exits or crashes. Every-frame viewers first get every published frame, others
 *     the latest. Then pf_viewer_acquire() returns -EPIPE; pf_viewer_reattach() joins the next
 *     producer.
 *   - The producer changes its format. Viewers get the remaining frames as above, then -EREMCHG,
 *     and reattach.
 *   - A viewer crashes. Its slots become free as soon as the producer needs one. No other viewer
 *     is affected.
 *   - A viewer hangs or is stopped (SIGSTOP). A latest-frame viewer keeps only the slots that it
 *     holds. An every-frame viewer also blocks the slots of the frames that it has not acquired, so
 *     that the producer runs out of slots: pf_producer_begin() waits or returns -EAGAIN, until
 *     pf_producer_options.evict_after_ns releases those frames.
 *   - Another program removes or changes the channel's files. pf_producer_begin() creates them
 *     again; until then no viewer can join, and no other producer.
 *   - All processes are killed. The kernel destroys the segment with its last user. With a key file
 *     the segment stays until the next producer with that file starts.
 *
 * All calls that return int return 0 or a positive value on success, -errno on failure. Failures
 * are logged, except time-outs (-EAGAIN), interruptions (-EINTR), the end of a stream or segment
 * (-EPIPE, -EREMCHG) and an eviction (-ESTALE). Calls in the wrong order or with wrong arguments
 * fail in every build, with -EINVAL, -EBUSY or -ESTALE, and do nothing. The close functions accept
 * NULL. Times are nanoseconds of CLOCK_MONOTONIC.
 *
 * Formats, options and events that a program passes must begin as all zero ({0}): zero is the
 * default of each optional field, and reserved fields must stay zero.
 *
 * A producer or viewer belongs to one thread at a time. Other threads may call pf_producer_wake(),
 * pf_viewer_wake(), pf_viewer_hold(), pf_viewer_release() and pf_viewer_send() at any time until
 * the handle is closed. After fork() the child must not use the parent's handles, not even to close
 * them: it has neither their pages nor their leases.
 *
 * The library installs no signal handlers. A signal that interrupts a wait makes the call return
 * -EINTR. As with other system calls, a signal that arrives directly before a wait begins does not
 * interrupt it, nor does a signal that the kernel delivers to another thread: a signal handler that
 * calls pf_producer_wake() or pf_viewer_wake() ends the wait in these cases as well. Before
 * pf_viewer_open() returns there is no viewer to wake: a program that must not miss a signal calls
 * it in a loop, with a short wait_ns.
 *
 * The lock and id files of private channels are in the runtime directory:
 * $XDG_RUNTIME_DIR/pageflip, or /tmp/pageflip-UID if the variable is unset, empty or a relative
 * path. pageflip(7) describes these files.
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
/* The compiler warns if a program ignores the result: it would lose a frame or a handle. */
#define PF_CHECK_RESULT __attribute__((warn_unused_result))

/* Pixel formats: DRM fourcc codes (linux/drm_fourcc.h). A chroma sample applies to 2x2 pixels in
 * YU12 and NV12, to 2x1 in YUYV; for odd sizes the number of chroma samples is rounded up. */
#define PF_FOURCC(a, b, c, d)                                                                      \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define PF_FOURCC_XR24 PF_FOURCC('X', 'R', '2', '4') /* bytes B, G, R, unused */
#define PF_FOURCC_AR24 PF_FOURCC('A', 'R', '2', '4') /* bytes B, G, R, A */
#define PF_FOURCC_R8 PF_FOURCC('R', '8', ' ', ' ')   /* 1 byte, grey */
#define PF_FOURCC_YU12 PF_FOURCC('Y', 'U', '1', '2') /* 3 planes: Y, Cb, Cr */
#define PF_FOURCC_NV12 PF_FOURCC('N', 'V', '1', '2') /* 2 planes: Y; Cb, Cr, Cb, Cr, ... */
#define PF_FOURCC_YUYV PF_FOURCC('Y', 'U', 'Y', 'V') /* bytes Y, Cb, Y, Cr for each 2 pixels */
/* 32 bits, little-endian: bits 0..9 are B, 10..19 G, 20..29 R; 30 and 31 are unused. */
#define PF_FOURCC_XR30 PF_FOURCC('X', 'R', '3', '0')
#define PF_FOURCC_R16 PF_FOURCC('R', '1', '6', ' ')  /* 16 bits, little-endian, grey */
#define PF_FOURCC_AB4H PF_FOURCC('A', 'B', '4', 'H') /* 16-bit floats R, G, B, A */

enum {
    PF_SIZE_MAX = 16384, /* pixels, width and height */
    PF_SLOTS_MIN = 2,
    PF_SLOTS_MAX = 8,
    PF_PLANES_MAX = 4,
    PF_VIEWERS_MAX = 16,
    PF_NONCE_BYTES = 16,
    PF_USER_BYTES_MAX = 65536,
    PF_DAMAGE_MAX = 4,
    /* A channel name, [A-Za-z0-9._-]{1,64} without a leading dot, and its NUL. */
    PF_CHANNEL_BYTES = 65,
};

#define PF_FOREVER INT64_MAX /* as a timeout: no limit */

/*
 * How the samples of a format must be shown. In each enum 0 stands for the usual value of the
 * fourcc and size, which pf_format_color() returns. A value that has no meaning for the fourcc (the
 * matrix of XR24, for example) is ignored.
 */
enum pf_matrix {
    PF_MATRIX_USUAL, /* BT.709 from a width of 1280 or a height of 720 pixels on, else BT.601 */
    PF_MATRIX_601,   /* ITU-R BT.601-7, 2.5 */
    PF_MATRIX_709,   /* ITU-R BT.709-6, 3 */
    PF_MATRIX_2020,  /* ITU-R BT.2020-2, table 4, non-constant luminance */
};
enum pf_range {
    PF_RANGE_USUAL,   /* limited for Y, Cb and Cr, else full */
    PF_RANGE_LIMITED, /* in 8 bits: 16..235, Cb and Cr 16..240 */
    PF_RANGE_FULL,
};
enum pf_transfer {
    PF_TRANSFER_USUAL,  /* linear for floats, BT.709 for Y, Cb and Cr, else sRGB */
    PF_TRANSFER_SRGB,   /* IEC 61966-2-1 */
    PF_TRANSFER_709,    /* ITU-R BT.709-6, 1.2; also that of BT.601 and BT.2020 */
    PF_TRANSFER_LINEAR, /* proportional to light */
    PF_TRANSFER_PQ,     /* ITU-R BT.2100-2, table 4 */
    PF_TRANSFER_HLG,    /* ITU-R BT.2100-2, table 5 */
};
enum pf_alpha {
    PF_ALPHA_USUAL,         /* premultiplied if the fourcc has alpha, else none */
    PF_ALPHA_NONE,          /* every pixel is opaque; samples of alpha are ignored */
    PF_ALPHA_PREMULTIPLIED, /* the colours are multiplied by alpha */
    PF_ALPHA_STRAIGHT,      /* the colours are not multiplied by alpha */
};

struct pf_color {
    uint8_t matrix;   /* enum pf_matrix */
    uint8_t range;    /* enum pf_range */
    uint8_t transfer; /* enum pf_transfer */
    uint8_t alpha;    /* enum pf_alpha */
};

struct pf_format {
    uint32_t fourcc;        /* PF_FOURCC_* */
    uint32_t width, height; /* pixels, 1..PF_SIZE_MAX */
    /* rate_num / rate_den: nominal frames per second, both above 0; or both 0: unknown, or
     * unpaced. pf_producer_tick() needs a rate. */
    uint32_t rate_num, rate_den;
    struct pf_color color;
    uint64_t reserved[3]; /* zero */
};

/* The planes of a frame in memory, as pf_producer_open() lays them out. */
struct pf_format_planes {
    uint32_t count;                       /* of planes */
    uint32_t rows[PF_PLANES_MAX];         /* of samples, from top to bottom */
    uint32_t row_bytes[PF_PLANES_MAX];    /* of visible pixels */
    uint32_t stride_bytes[PF_PLANES_MAX]; /* row_bytes rounded up to a multiple of 256 */
    uint64_t offset[PF_PLANES_MAX];       /* from the start of the frame, a multiple of 256 */
    uint64_t bytes;                       /* of the whole frame */
    uint64_t reserved[4];
};

/**
 * The planes of a frame of this format, to convert frames or to allocate memory for them without a
 * producer or viewer. A viewer must take strides and addresses from pf_frame.plane: only the rows
 * and their bytes are the same in every segment.
 *
 * Returns 0, or -EINVAL: NULL, an unknown fourcc, a size or colour out of range, or a reserved
 * field that is not zero.
 */
PF_API int pf_format_planes(const struct pf_format *format, struct pf_format_planes *planes);

/** The format's colour with the usual values in place of zeros. Returns as pf_format_planes(). */
PF_API int pf_format_color(const struct pf_format *format, struct pf_color *color);

struct pf_plane {
    uint8_t *pixels;       /* top left; read-only for a viewer: a store there raises SIGSEGV */
    uint32_t stride_bytes; /* from one row to the next, a multiple of 256 */
};

struct pf_rect {
    uint16_t x, y, width, height; /* pixels, from the top left of the frame */
};

/* pf_frame.flags */
enum {
    /* Set by the producer: the frame has a machine-readable stamp in its top and bottom rows. */
    PF_FRAME_STAMPED = 1,
    /* Set by the library in a viewer's frame: it is the viewer's first one, or its format differs
     * from that of the frame that the viewer acquired before. */
    PF_FRAME_NEW_FORMAT = 2,
};

/* pf_producer_begin() and pf_viewer_acquire() fill in every field. Before publish the producer may
 * set flags, pts_ns, due_ns, input_ns, user_bytes, damage_count and damage; viewers get these. */
struct pf_frame {
    uint64_t sequence;   /* 1, 2, 3, ... within one segment */
    uint32_t generation; /* of the segment: 1 for the first one that this producer or viewer had */
    uint32_t slot;       /* 0..slots-1: the slot that holds the pixels */
    uint32_t flags;      /* PF_FRAME_* */
    struct pf_format format;
    struct pf_plane plane[PF_PLANES_MAX];
    int64_t pts_ns;     /* media time */
    int64_t due_ns;     /* when the frame was due to begin; initially begin_ns */
    int64_t begin_ns;   /* when the producer got the slot */
    int64_t publish_ns; /* when the producer published the frame */
    int64_t acquire_ns; /* when the viewer acquired the frame */
    /* pf_event.time_ns of the latest event that this frame answers; 0: none. */
    int64_t input_ns;
    /* Data that travels with the frame, for example detections or subtitles. Before publish the
     * producer writes it to `user`, which is 64-byte aligned, and sets user_bytes; initially that
     * is 0. For a viewer the data is read-only, and does not change until the release. Without
     * pf_producer_options.user_bytes, `user` is NULL and its capacity is 0. */
    uint8_t *user;
    uint32_t user_bytes;
    uint32_t user_capacity;
    /* For the producer, as in EGL_EXT_buffer_age: the slot contains the frame that was published
     * this many frames ago, and only what has changed since must be drawn. 1: the latest frame; 0:
     * the content is undefined. */
    uint32_t age;
    /* The parts that differ from the frame with the preceding sequence, which a viewer may have
     * skipped: see pf_viewer_damage_since(). 0: the whole frame. If nothing differs, set one empty
     * rectangle. */
    uint32_t damage_count;
    struct pf_rect damage[PF_DAMAGE_MAX];
    uint64_t reserved[8];
};

/* ------------------------------------------------------------------ events */

/* Each kind, except CLOSE, has its data in the member of pf_event that has the same name. */
enum pf_event_kind {
    PF_EVENT_POINTER = 1,
    PF_EVENT_BUTTON,
    PF_EVENT_WHEEL,
    PF_EVENT_KEY,
    PF_EVENT_TEXT,
    PF_EVENT_SIZE,
    PF_EVENT_CLOSE,         /* the viewer was asked to close its window */
    PF_EVENT_USER = 0x8000, /* 0x8000..0xffff: defined by the programs */
};

/* pf_event.modifiers */
enum { PF_MOD_SHIFT = 1, PF_MOD_CTRL = 2, PF_MOD_ALT = 4, PF_MOD_SUPER = 8 };

/*
 * What happened at a viewer, for the producer. Positions are in pixels of the frame that was shown,
 * and may be outside of it. The library checks that the kind is known, sets the lane, does not
 * return a time in the future, and ends a text with a NUL. Everything else is any value that the
 * viewer sent: check it.
 */
struct pf_event {
    uint16_t kind;      /* enum pf_event_kind */
    uint16_t lane;      /* 0..PF_VIEWERS_MAX-1, of the viewer; pf_viewer_send() ignores it */
    uint32_t modifiers; /* PF_MOD_* */
    int64_t time_ns;    /* when it happened; 0, and a time in the future, become now */
    union {
        struct {
            int32_t x, y;
            uint32_t buttons; /* bit N: button N + 1 is pressed */
        } pointer;
        struct {
            int32_t x, y;
            uint32_t button;     /* 1: left, 2: middle, 3: right, 8: back, 9: forward */
            uint32_t is_pressed; /* 0: released */
        } button;
        struct {
            int32_t x, y;
            int32_t right, down; /* 120 for each notch */
        } wheel;
        struct {
            uint32_t scancode;   /* KEY_* of linux/input-event-codes.h */
            uint32_t keysym;     /* of X11 and xkbcommon */
            uint32_t is_pressed; /* 0: released */
        } key;
        char text[16]; /* UTF-8, with a NUL */
        struct {
            uint32_t width, height; /* pixels that the viewer has for a frame */
        } size;
        uint64_t user[2];
    };
};

/* ------------------------------------------------------------------ producer */

struct pf_producer;
struct pf_segment; /* below */

/* All zero is the default. */
struct pf_producer_options {
    /* PF_SLOTS_MIN..PF_SLOTS_MAX; 0: 2, classic double buffering */
    uint32_t slots;
    /* Evict an every-frame viewer that has blocked the producer this long. 0: never. */
    int64_t evict_after_ns;
    /* Make the segment findable by ftok(key_file, 'p'). NULL: it has no key, and the kernel
     * destroys it with its last user. */
    const char *key_file;
    /* A group, by name or number, whose members may join. NULL: only this user. */
    const char *group;
    /* Capacity of pf_frame.user, bytes, 0..PF_USER_BYTES_MAX. */
    uint32_t user_bytes;
    uint64_t reserved[8]; /* zero */
};

struct pf_producer_stats {
    uint64_t published;
    uint64_t no_slot; /* calls of pf_producer_begin() that returned -EAGAIN */
    uint64_t reaped;  /* lanes whose viewers crashed, or exited during a format change */
    uint64_t evicted; /* every-frame viewers evicted */
    uint32_t viewers; /* attached now */
    /* Ticks without a frame of their own, because pf_producer_tick() was called too late. */
    uint64_t late_ticks;
    uint64_t reserved[8];
};

/**
 * Open `channel` as its producer: take the channel's producer lease, create the segment, make its
 * pages present, and write the id file that viewers find the segment by. The kernel clears the
 * pages, which blocks for 0.3 to 2 ms per MB: 20 to 130 ms for two slots of 3840x2160 in XR24, 3 to
 * 17 s for 8 GiB. If viewers already wait for the channel (pf_viewer_options.wait_ns,
 * pf_viewer_reattach()), wait up to 0.5 s until they have joined, so that they get the first frame.
 *
 * Returns 0 and *producer, to be closed with pf_producer_close(). On failure *producer is NULL, and
 * the call returns
 *   -EINVAL   NULL for `producer`, `channel` or `format`; an invalid channel name, format or rate;
 *             an option out of range, a group name or a key file that does not exist; a reserved
 *             field that is not zero
 *   -EBUSY    the channel has a producer, or the key file's segment is in use
 *   -EEXIST   the key file's key belongs to a segment of another program
 *   -ENOSPC, -ENOMEM, -EMFILE, -ENFILE   a system limit
 *   -EACCES, -EPERM   no permission for the runtime directory, the channel's files, the key file,
 *                     its segment or the group
 *   -ENOENT, -ENOTDIR, -ELOOP, -EISDIR, -EROFS   XDG_RUNTIME_DIR does not exist; or it, the
 *                     runtime directory or the lock file in it has the wrong type or is read-only
 * or another negative errno of the system.
 */
PF_API int pf_producer_open(struct pf_producer **producer, const char *channel,
                            const struct pf_format *format,
                            const struct pf_producer_options *options) PF_CHECK_RESULT;

/**
 * Get a slot to draw in: the oldest slot that no viewer holds or still requires, never the slot of
 * the latest frame.
 *
 * Blocks up to `timeout_ns` while no slot is free; 0 means do not wait. For the second frame of a
 * stream no slot counts as free, for 0.5 s at most, while a latest-frame viewer that waited for the
 * stream has not acquired its first frame. The slot contains an earlier frame (pf_frame.age), or
 * its content is undefined. Only one frame can be begun at a time.
 *
 * Returns 0 and fills *frame, with the sequence that it will have when published, or
 *   -EAGAIN   no slot became free in time
 *   -EINTR    a signal or pf_producer_wake() interrupted the wait
 *   -EBUSY    a frame is begun: publish or abandon it first
 *   -EINVAL   NULL, or a negative timeout
 */
PF_API int pf_producer_begin(struct pf_producer *producer, int64_t timeout_ns,
                             struct pf_frame *frame) PF_CHECK_RESULT;

/**
 * Publish the begun frame to all viewers. Never blocks.
 *
 * Returns 0 and sets frame->publish_ns; or publishes nothing, and returns
 *   -ESTALE   `frame` is not the begun frame of this producer: its sequence, generation, slot and
 *             begin_ns identify it
 *   -EINVAL   NULL; a flag other than PF_FRAME_STAMPED, user_bytes above user_capacity, more than
 *             PF_DAMAGE_MAX rectangles, or one that is not within the frame
 * A frame that was begun remains begun on failure: mend it and publish it, or abandon it.
 */
PF_API int pf_producer_publish(struct pf_producer *producer, struct pf_frame *frame);

/** Give the begun frame back unpublished: viewers never see it. Returns 0, or -ESTALE as
 * pf_producer_publish(), or -EINVAL for NULL. */
PF_API int pf_producer_abandon(struct pf_producer *producer, const struct pf_frame *frame);

/**
 * Take the next event of a viewer. Never waits. The events of one viewer arrive in their order;
 * viewers take turns, so that no viewer can hold back the events of another. To take all events,
 * call it until it returns -EAGAIN, for example once per frame.
 *
 * Returns 0 and *event, or
 *   -EAGAIN   no event is left of those that were there at the first call after the last -EAGAIN:
 *             the loop ends even if a viewer sends without a pause
 *   -EINVAL   NULL
 */
PF_API int pf_producer_next_event(struct pf_producer *producer, struct pf_event *event);

/**
 * Wait up to `timeout_ns` for an event, for a producer that draws only when something happens; 0
 * means do not wait. A frame may be begun meanwhile.
 *
 * Returns 0, or
 *   -EAGAIN   no event was sent in time
 *   -EINTR    a signal or pf_producer_wake() interrupted the wait
 *   -EINVAL   NULL, or a negative timeout
 * After 0, call pf_producer_next_event() until it returns -EAGAIN. It finds no event if the one
 * that was sent is not valid.
 */
PF_API int pf_producer_wait_event(struct pf_producer *producer, int64_t timeout_ns);

/**
 * Continue with another size or format, in a new segment under the same lease, with the same
 * options. Every-frame viewers get every frame published so far, others the latest, then -EREMCHG.
 * Events that the producer has not taken yet remain.
 *
 * Blocks while an every-frame viewer has not yet followed the previous format change, without a
 * time limit unless evict_after_ns is set. Returns 0, or
 *   -EINTR    a signal or pf_producer_wake(), while waiting
 *   -EBUSY    a frame is begun: publish or abandon it first; or the key file's segment is in use
 *   -EINVAL   NULL, or an invalid format or rate
 * or as pf_producer_open(). On failure the producer continues with the old segment. If the creation
 * of the new segment failed, a key file no longer leads viewers to the old one: close a producer
 * that has a key file. Other failures change nothing.
 */
PF_API int pf_producer_change_format(struct pf_producer *producer,
                                     const struct pf_format *format) PF_CHECK_RESULT;

/**
 * Wait until the next tick of the format's rate is due, and return its time in *due_ns, for
 * pf_frame.due_ns. The first tick is due at the first call. Ticks are a grid of absolute times, so
 * that a late frame does not delay the frames after it. Ticks whose successor is already due are
 * skipped and counted (pf_producer_stats.late_ticks): no burst of frames follows a delay. *due_ns
 * is then the time of the first skipped tick, so that the frame's times contain the delay. After a
 * change to another rate, the new grid starts at the last tick.
 *
 * Returns 0 and *due_ns, or
 *   -EINTR    a signal or pf_producer_wake(), which may also have come before the call: call it
 *             again for the same tick
 *   -EINVAL   NULL, or the format has no rate
 */
PF_API int pf_producer_tick(struct pf_producer *producer, int64_t *due_ns) PF_CHECK_RESULT;

/**
 * Wait until `count` viewers (0..PF_VIEWERS_MAX) have joined: they get every frame, or the latest
 * one, that is published from then on. Blocks up to `timeout_ns`; 0 means do not wait.
 *
 * Returns 0, or -EAGAIN (fewer have joined in time), or -EINTR (a signal or pf_producer_wake()), or
 * -EINVAL (NULL, a larger count or a negative timeout).
 */
PF_API int pf_producer_wait_viewers(struct pf_producer *producer, uint32_t count,
                                    int64_t timeout_ns);

/**
 * Make the current or the next wait of pf_producer_begin(), pf_producer_tick(),
 * pf_producer_wait_viewers(), pf_producer_wait_event() or pf_producer_change_format() return
 * -EINTR; a call that need not wait leaves the wake for the next one. Several wakes before that
 * wait end it once. Any thread and any signal handler may call it at any time between
 * pf_producer_open() and pf_producer_close(): it uses only atomic operations and futex(), and
 * preserves errno. Never blocks. Returns 0, or -EINVAL for NULL, not logged.
 */
PF_API int pf_producer_wake(struct pf_producer *producer);

/** The segment that the producer draws in. The pointer is valid until pf_producer_close(); what it
 * points to changes at a format change. Returns NULL for NULL. */
PF_API const struct pf_segment *pf_producer_segment(const struct pf_producer *producer);

/**
 * The planes of a slot, as pf_producer_begin() returns them for it, so that a program can make a
 * surface or an array for each slot once. The program must draw in a slot only while a frame is
 * begun in it. The pointers are valid until the next format change.
 *
 * Returns 0 and fills plane[0..PF_PLANES_MAX-1], with zeros after the last plane of the format, or
 * -EINVAL: NULL, or no such slot.
 */
PF_API int pf_producer_slot(const struct pf_producer *producer, uint32_t slot,
                            struct pf_plane plane[PF_PLANES_MAX]);

/** Returns 0 and *stats, or -EINVAL for NULL. */
PF_API int pf_producer_stats(const struct pf_producer *producer, struct pf_producer_stats *stats);

/**
 * Mark the stream as ended and release the channel. Published frames stay readable while a viewer
 * is attached. After a format change this waits up to 1 s for every-frame viewers that have not
 * followed it yet.
 */
PF_API void pf_producer_close(struct pf_producer *producer);

/* ------------------------------------------------------------------ viewer */

struct pf_viewer;

/* All zero is the default. */
struct pf_viewer_options {
    /* true: each frame in turn, from the one on that is the latest when the viewer joins; the
     * producer waits for this viewer. false: the latest frame. */
    bool every_frame;
    /* How long pf_viewer_open() waits for a producer; 0: only for one that is already starting, up
     * to 3 s. An every-frame viewer that joins during a format change waits up to 250 ms longer,
     * for the next segment. */
    int64_t wait_ns;
    /* How long pf_viewer_acquire() polls for a frame before it sleeps, at the cost of a busy core.
     * 0: not at all. Meanwhile the thread's signals are blocked, and delivered once per
     * millisecond. */
    int64_t spin_ns;
    /* Find the channel by the segment under ftok(key_file, 'p') instead of by its name. */
    const char *key_file;
    /* The user, by name or number, whose shared channel to join. NULL: a private channel of this
     * user. */
    const char *user;
    /* true: pf_viewer_acquire() joins the channel's next segment itself, within its timeout, after
     * a format change and after the end or a crash of the producer. PF_FRAME_NEW_FORMAT marks the
     * first frame of another format, and pf_frame.format describes it. Frames that the next
     * producer publishes before the viewer has joined it are not delivered, and not counted. */
    bool follow;
    uint64_t reserved[8]; /* zero */
};

enum pf_state {
    PF_RUNNING,        /* the producer holds its lease */
    PF_ENDED,          /* the producer ended the stream */
    PF_FORMAT_CHANGED, /* the producer continues in a new segment: reattach */
    PF_CRASHED,        /* the producer exited without ending the stream */
};

/* Geometry of a producer's segment, or of the one that a viewer is attached to: a private copy,
 * checked at attach against the real size of the segment. */
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
    uint64_t user_offset; /* of pf_frame.user in the slot */
    uint32_t user_bytes;  /* its capacity */
    pid_t producer_pid;   /* informational; never used for decisions */
    /* A random number that identifies the segment. It is also in the segment's memory: another
     * process (a display server) that reads these bytes there has attached this segment, and not
     * another one of the same shmid, for example in another container. */
    uint8_t nonce[PF_NONCE_BYTES];
    uint64_t nonce_offset; /* in the segment */
    uint64_t reserved[8];
};

struct pf_viewer_stats {
    uint64_t acquired;
    uint64_t skipped; /* published between two frames that a latest-frame viewer acquired, also
                         across a format change */
    uint64_t lost;    /* published frames that an every-frame viewer did not get: it was evicted */
    /* Sequences of the last loss, within the segment that the viewer was attached to when it
     * noticed the loss. If none of the lost frames was in that segment, lost_first is 1,
     * lost_last 0. */
    uint64_t lost_first, lost_last;
    int64_t evicted_after_ns; /* from the viewer's last acquire to the detection of the eviction */
    uint64_t reserved[8];
};

/**
 * Join `channel`: take a free lane, attach the segment and check it. Then map its pages, so that
 * the first frames are not delayed by page faults (8100 for a slot of 3840x2160 in XR24). This
 * blocks for 0.1 to 0.5 ms per MB, also at a reattach: 10 to 50 ms for two such slots.
 *
 * Returns 0 and *viewer, to be closed with pf_viewer_close(). On failure *viewer is NULL, and the
 * call returns
 *   -EINVAL         an invalid channel name or option, a reserved field that is not zero, or NULL
 *                   for `viewer`, or for `channel` without a key file
 *   -ECONNREFUSED   the channel has no producer, and none started within options->wait_ns
 *   -EBUSY          all 16 lanes are in use
 *   -EPROTO         the segment is not from pageflip, is damaged, or has another layout version
 *   -EXDEV          the producer is in another IPC namespace
 *   -ENOMEM, -EMFILE, -ENFILE   a system limit
 *   -EACCES, -EPERM             the channel or segment belongs to another user and is not shared
 *                               with this one, or no permission as for pf_producer_open()
 *   -ENOENT, -ENOTDIR, -ELOOP, -EISDIR   as for pf_producer_open()
 *   -EINTR          a signal, while waiting
 * or another negative errno of the system.
 */
PF_API int pf_viewer_open(struct pf_viewer **viewer, const char *channel,
                          const struct pf_viewer_options *options) PF_CHECK_RESULT;

/**
 * Wait for the next frame.
 *
 * Blocks up to `timeout_ns`; 0 means do not wait. On success the frame's pixels do not change
 * until pf_viewer_release(), whatever the producer does. A viewer may hold several frames; the
 * producer cannot draw in their slots. It needs one slot besides that of the latest frame:
 * viewers that together hold more than pf_segment.slots - 2 slots may make it wait.
 *
 * Returns 0 and fills *frame, or
 *   -EAGAIN    no new frame was published in time: keep showing the last one
 *   -EINTR     no new frame, and a signal or pf_viewer_wake() interrupted the wait
 *   -EPIPE     the producer exited or crashed (pf_viewer_state()), and no frame of this segment
 *              is left for this viewer
 *   -EREMCHG   the producer changed its format, and no frame of this segment is left for this
 *              viewer: reattach
 *   -ESTALE    every-frame viewers: the viewer was evicted and lost frames
 *              (pf_viewer_stats.lost). Returned once; until it reattaches, it is a latest-frame
 *              viewer
 *   -EINVAL    NULL, or a negative timeout
 *   -EOVERFLOW as pf_viewer_hold()
 * A viewer with pf_viewer_options.follow reattaches instead of returning -EPIPE or -EREMCHG, and
 * may return what pf_viewer_reattach() returns; -EAGAIN then also means that there is no next
 * segment yet.
 */
PF_API int pf_viewer_acquire(struct pf_viewer *viewer, int64_t timeout_ns,
                             struct pf_frame *frame) PF_CHECK_RESULT;

/**
 * Acquire the latest frame even if this viewer has seen it: to show it again or to save an image.
 * Never waits, because the producer never draws over the latest frame. Returns 0, or -EAGAIN if no
 * frame has been published yet in this segment, or -EINVAL for NULL, or -EOVERFLOW as
 * pf_viewer_hold().
 */
PF_API int pf_viewer_acquire_latest(struct pf_viewer *viewer,
                                    struct pf_frame *frame) PF_CHECK_RESULT;

/**
 * What must be drawn again on a surface that shows the frame `seen`, so that it shows `frame`: the
 * damage of all frames after `seen`, up to `frame`. Both are as pf_viewer_acquire() filled them in;
 * `seen` may have been released. `seen` NULL: the surface shows no frame.
 *
 * Returns the number of rectangles in `rects`; 0: nothing changed. The rectangles are within the
 * frame, may overlap, and may contain more than what changed. If it is not known what changed, the
 * only rectangle is the whole frame: one of the frames is not from the current segment, or `seen`
 * is later than `frame` or more than 32 frames older. Returns -EINVAL for NULL, except as `seen`,
 * or if `frame` is not a frame.
 */
PF_API int pf_viewer_damage_since(struct pf_viewer *viewer, const struct pf_frame *frame,
                                  const struct pf_frame *seen, struct pf_rect rects[PF_DAMAGE_MAX]);

/**
 * Hold an acquired frame once more, for example for another thread that shows it; it then needs one
 * more release. Any thread may call it.
 *
 * Returns 0; or does nothing, and returns
 *   -ESTALE      the viewer does not hold this frame, which generation, slot and sequence identify
 *   -EOVERFLOW   it holds the frame 2^32 - 1 times
 *   -EINVAL      NULL
 */
PF_API int pf_viewer_hold(struct pf_viewer *viewer, const struct pf_frame *frame);

/**
 * Release an acquired frame. From here on its pixels may change, or their memory is unmapped: the
 * release of the last frame of a segment that the viewer has left unmaps that segment. Any thread
 * may call it.
 *
 * Returns 0; or does nothing, and returns -ESTALE or -EINVAL as pf_viewer_hold().
 */
PF_API int pf_viewer_release(struct pf_viewer *viewer, const struct pf_frame *frame);

/**
 * Send an event to the producer. Never waits. Any thread may call it. It does not detect that the
 * producer has crashed; pf_viewer_state() and pf_viewer_acquire() do.
 *
 * Returns 0, or does not send the event, and returns
 *   -EAGAIN    256 events of this viewer have not been taken yet; for example, the producer takes
 *              none
 *   -EINVAL    NULL, an unknown kind, a negative time, or a text without a NUL
 *   -EPIPE     the producer ended the stream
 *   -EREMCHG   the producer changed its format: reattach, then send again
 * or another negative errno of the system. An event that is sent at the moment of a format change
 * may be lost although the call returns 0.
 */
PF_API int pf_viewer_send(struct pf_viewer *viewer, const struct pf_event *event);

/**
 * Make the current or the next call of pf_viewer_acquire(), pf_viewer_wait() or
 * pf_viewer_reattach() return -EINTR, unless it finds a frame or a segment. Several wakes before
 * that call end it once. Any thread and any signal handler may call it, as pf_producer_wake().
 * Returns 0, or -EINVAL for NULL, not logged.
 */
PF_API int pf_viewer_wake(struct pf_viewer *viewer);

/** Sleep until pf_viewer_wake() or a signal (-EINTR), or until the timeout (-EAGAIN). New frames
 * do not end the sleep. Returns -EINVAL for NULL or a negative timeout. */
PF_API int pf_viewer_wait(struct pf_viewer *viewer, int64_t timeout_ns);

/**
 * After -EPIPE or -EREMCHG: leave the old segment and join the channel's next one, with the same
 * lane and options. Waits up to `timeout_ns` for the next segment.
 *
 * On success pf_viewer_segment() describes the new segment. Frames that the viewer still holds stay
 * as they are until their release, and so does the memory of their segment.
 *
 * Returns 0, or
 *   -EAGAIN   there is no next segment yet; the viewer is still attached to the old one
 *   -EINTR    the same, and a signal or pf_viewer_wake() interrupted the wait
 *   -EINVAL   NULL, or a negative timeout
 * or another value as pf_viewer_open().
 *
 * After -EREMCHG the stream continues: an every-frame viewer gets all frames of the new segment,
 * however late it reattaches, unless the producer evicted it in between. pf_viewer_stats counts the
 * frames lost that way; no -ESTALE follows. If the format changes again at the same moment, an
 * every-frame viewer waits up to 250 ms longer for that segment.
 */
PF_API int pf_viewer_reattach(struct pf_viewer *viewer, int64_t timeout_ns) PF_CHECK_RESULT;

/**
 * The state of the producer. Queries the system at most once per 50 ms, more often only while the
 * segment is marked as ended or changed and this is not confirmed. PF_ENDED and PF_CRASHED are
 * final for this segment, and do not affect its frames: published frames can still be acquired.
 * Returns PF_ENDED for NULL.
 */
PF_API enum pf_state pf_viewer_state(struct pf_viewer *viewer);

/** The name of the channel, even if the viewer found it by a key file. Returns NULL for NULL. */
PF_API const char *pf_viewer_channel(const struct pf_viewer *viewer);

/** The segment that the viewer is attached to. The pointer is valid until pf_viewer_close(); what
 * it points to changes at a reattach. Returns NULL for NULL. */
PF_API const struct pf_segment *pf_viewer_segment(const struct pf_viewer *viewer);

/**
 * The planes of a slot of the viewer's current segment, as in the frames of that slot, so that a
 * program can make a surface for each slot once. The program must read the pixels only while it
 * holds a frame of that slot. The pointers are valid while the viewer is attached to this segment
 * or holds a frame of it.
 *
 * Returns 0 and fills plane[0..PF_PLANES_MAX-1], with zeros after the last plane of the format, or
 * -EINVAL: NULL, or no such slot.
 */
PF_API int pf_viewer_slot(const struct pf_viewer *viewer, uint32_t slot,
                          struct pf_plane plane[PF_PLANES_MAX]);

/** Returns 0 and fills *stats, or -EINVAL for NULL. */
PF_API int pf_viewer_stats(const struct pf_viewer *viewer, struct pf_viewer_stats *stats);

/** Leave the channel, and unmap every frame that the viewer still holds. No other thread may be in
 * a call with this viewer, nor enter one. */
PF_API void pf_viewer_close(struct pf_viewer *viewer);

/* ------------------------------------------------------------------ channel discovery */

struct pf_channel_info {
    char name[PF_CHANNEL_BYTES];
    bool alive;         /* a producer holds the lease */
    pid_t producer_pid; /* 0: not known */
    bool has_format;    /* the segment could be inspected: the next three fields are known */
    struct pf_format format;
    uint32_t slots;
    uint64_t published; /* frames so far, in this segment */
    uint32_t viewers;   /* lanes whose lease is held */
    uint64_t reserved[8];
};

/**
 * List the private channels of this user that have a producer, a viewer or a segment, sorted by
 * name. A channel whose lock file cannot be opened is logged and omitted. Returns the number of
 * channels and fills in the first `max` of them, or returns
 *   -EINVAL                     a negative `max`, or NULL with `max` above 0
 *   -ENOMEM, -EMFILE, -ENFILE   a system limit
 *   -EACCES, -EPERM             the runtime directory belongs to another user, or other users may
 *                               write to it, or this process cannot read it
 *   -ENOTDIR, -ELOOP            the runtime directory is not a directory
 * or another negative errno of the system. A runtime directory that does not exist has no channels.
 */
PF_API int pf_channel_list(struct pf_channel_info *channels, int max);

/* ------------------------------------------------------------------ messages, versions */

/* Which messages the library prints, or passes to the callback. */
enum pf_log_level {
    /* None. */
    PF_LOG_NONE = -1,
    /* Failures. */
    PF_LOG_ERROR,
    /* Failures, and anything that works differently from what was requested. The default. */
    PF_LOG_WARNING,
    /* All of these, and which choices were made and why. */
    PF_LOG_INFO,
};

/** Any thread may call it at any time. */
PF_API void pf_log_set_level(enum pf_log_level level);

/* `error` is the errno that the message is about, else 0. `message` is one line without a newline
 * and without control characters, valid during the call. */
typedef void pf_log_callback(enum pf_log_level level, int error, const char *message, void *data);

/**
 * Pass messages to `callback` with `data` instead of printing them on standard error, where each is
 * one line and one write(). With NULL they are printed again. Set the callback before other threads
 * use the library; it runs in the thread that calls the library.
 *
 * Printed or passed, a failure is omitted if its text is that of the last failure in the same
 * thread, so that a program may try again in a loop.
 */
PF_API void pf_log_set_callback(pf_log_callback *callback, void *data);

/**
 * Returns what an errno means in pageflip, as a short text without a newline. Accepts `ret` as a
 * call returned it, and -ret. An errno without a meaning of its own in pageflip has the text of the
 * system. The text is valid until the next call in this thread. Any thread may call it.
 */
PF_API const char *pf_strerror(int ret);

/* The version of this header. The ABI changes with each 0.x version. */
#define PF_VERSION_MAJOR 0
#define PF_VERSION_MINOR 2
#define PF_VERSION_PATCH 0
#define PF_VERSION ((PF_VERSION_MAJOR << 16) | (PF_VERSION_MINOR << 8) | PF_VERSION_PATCH)

/** Returns the PF_VERSION of the library that the program runs with. */
PF_API uint32_t pf_version(void);

#ifdef __cplusplus
}
#endif

#endif
