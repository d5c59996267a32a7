/* SPDX-License-Identifier: MIT */
/*
 * Each turn is one call of run_once(): handle what the display and the user have sent, then acquire
 * the next frame and give it to the presenter, which releases it. While the presenter can take a
 * frame, the loop sleeps on the viewer's doorbell; x11's waker thread rings that for events of the
 * display (presenters/x11/waker.h). While it cannot, the loop waits only for the display.
 */
#include "loop.h"

#include <errno.h>

#include "core/clock.h"
#include "core/log.h"
#include "media/stamp.h"
#include "program/signals.h"
#include "snapshot.h"
#include "status.h"

#define SLICE_NS (100 * NS_PER_MS)   /* longest sleep, so that signals and commands are handled */
#define REATTACH_NS (50 * NS_PER_MS) /* the same while there is no segment to sleep in */

enum { END = 1 }; /* returned by the functions below: end without an error; 0: continue */

struct loop {
    const struct options *options;
    struct pf_viewer *viewer;
    struct presenter *presenter;
    struct report *report;
    struct record *record;
    struct status status;
    struct snapshot snapshot;
    int64_t end_ns;    /* by --seconds */
    uint64_t sequence; /* of the last frame acquired in this segment; 0: none */
    uint64_t sent;     /* frames given to the presenter, except those that the display skipped */
    bool is_paused;
    bool is_detached; /* the presenter has left a finished segment, and there is no next one yet */
    bool needs_redraw;
};

static int run_once(struct loop *loop);
static int handle_events(struct loop *loop);
static int handle_display(struct loop *loop);
static void finish_frames(struct loop *loop, bool is_display_lost);
static void count_frame(struct loop *loop, const struct presented *done);
static int handle_command(struct loop *loop, enum command command);
static void save_snapshot(struct loop *loop);
static int toggle_pause(struct loop *loop);
static int freeze(struct loop *loop);
static int thaw(struct loop *loop);
static void wait_for_display(struct loop *loop, int64_t timeout_ns);
static int redraw(struct loop *loop);
static int show(struct loop *loop, const struct pf_frame *frame);
static void verify(struct loop *loop, const struct pf_frame *frame);
static int handle_format_change(struct loop *loop);
static int end_of_stream(struct loop *loop);
static int wait_for_next_producer(struct loop *loop);
static int join_next_segment(struct loop *loop, bool of_same_producer);
static int report_eviction(struct loop *loop);

/* The result of the loop after a file could not be written. */
static int output_result(int ret)
{
    return ret < 0 && ret != -EINTR ? -EIO : ret;
}

/* For SIGUSR1. */
static int write_report(void *context)
{
    struct loop *loop = context;

    report_update(loop->report, loop->viewer, record_dropped(loop->record));
    return output_result(report_write_json(loop->report, loop->options->json));
}

int loop_run(const struct options *options, struct pf_viewer *viewer, struct presenter *presenter,
             struct report *report, struct record *record)
{
    static struct loop loop; /* a histogram is too large for some stacks */
    int64_t now_ns = clock_now_ns();
    int ret;

    loop = (struct loop){.options = options,
                         .viewer = viewer,
                         .presenter = presenter,
                         .report = report,
                         .record = record};
    loop.end_ns = options->run_ns ? clock_deadline_ns(now_ns, options->run_ns) : INT64_MAX;
    status_init(&loop.status, now_ns);
    if (options->json)
        signals_on_report(write_report, &loop);
    do
        ret = run_once(&loop);
    while (ret == 0);
    finish_frames(&loop, ret == -ENODEV);
    if (options->snapshot && ret != -EIO) {
        int written = snapshot_write_last(&loop.snapshot, viewer, options->snapshot);
        if (written < 0 && ret != -ENODEV)
            ret = output_result(written);
    }
    if (options->verify && report->shown && !report->verified && !report->torn)
        log_warning("--verify: no frame had a stamp, so nothing was verified; start the "
                    "producer with --stamp");
    snapshot_discard_kept(&loop.snapshot);
    status_finish(&loop.status);
    return ret == END ? 0 : ret;
}

static int run_once(struct loop *loop)
{
    struct pf_frame frame;
    int ret = handle_events(loop);

    if (ret != 0)
        return ret;
    int64_t slice_ns = clock_earlier(SLICE_NS, loop->end_ns - clock_now_ns());
    bool has_sent_all = loop->options->frames && loop->sent >= loop->options->frames;
    if (slice_ns < 0)
        slice_ns = 0;
    if (loop->is_paused || has_sent_all || !loop->presenter->ops->ready(loop->presenter)) {
        wait_for_display(loop, slice_ns);
        return 0;
    }
    /* A new frame is a redraw as well, so endless redraws do not keep it from the window. */
    ret = pf_viewer_acquire(loop->viewer, loop->needs_redraw ? 0 : slice_ns, &frame);
    switch (ret) {
    case 0: return show(loop, &frame);
    case -EAGAIN: return loop->needs_redraw ? redraw(loop) : 0;
    case -EINTR: return 0;
    case -EREMCHG: return handle_format_change(loop);
    case -EPIPE: return end_of_stream(loop);
    case -ESTALE: return report_eviction(loop);
    default: return ret;
    }
}

/* ------------------------------------------------------------------ events */

/* Handle everything but new frames. Returns 0, END, or a negative errno. */
static int handle_events(struct loop *loop)
{
    struct report *report = loop->report;

    if (signals_quit())
        return -EINTR;
    int ret = handle_display(loop);
    if (ret != 0)
        return ret;
    ret = signals_check();
    if (ret < 0)
        return ret;
    int64_t now_ns = clock_now_ns();
    status_update(&loop->status,
                  loop->is_paused     ? STATUS_PAUSED
                  : loop->is_detached ? STATUS_WAITING
                                      : STATUS_SHOWING,
                  loop->presenter, report, now_ns);
    bool has_shown_all = loop->options->frames && report->shown >= loop->options->frames;
    return has_shown_all || now_ns >= loop->end_ns ? END : 0;
}

/* Handle the results and commands that the presenter has. Returns as handle_events(). */
static int handle_display(struct loop *loop)
{
    struct presented done;
    enum command command;
    int ret;

    do {
        ret = loop->presenter->ops->poll(loop->presenter, &done, &command);
        if (ret < 0)
            return ret;
        if (ret > 0)
            count_frame(loop, &done);
        int handled = handle_command(loop, command);
        if (handled != 0)
            return handled;
    } while (ret > 0 || command != COMMAND_NONE);
    return 0;
}

/* At the end, count the frames that the presenter still has, so that each acquired frame is either
 * shown or skipped. A lost display reports no more results: its frames count as skipped. */
static void finish_frames(struct loop *loop, bool is_display_lost)
{
    const struct presenter_ops *ops = loop->presenter->ops;
    struct pf_viewer_stats stats;
    struct presented done;
    enum command command;
    int ret = is_display_lost ? -ENODEV : 0;

    if (ret == 0 && !loop->is_detached)
        ops->detach(loop->presenter);
    while (ret >= 0) {
        ret = ops->poll(loop->presenter, &done, &command);
        if (ret > 0)
            count_frame(loop, &done);
        else if (ret == 0 && command == COMMAND_NONE)
            break;
    }
    pf_viewer_stats(loop->viewer, &stats);
    loop->report->display_skipped = stats.acquired - loop->report->shown;
}

static void count_frame(struct loop *loop, const struct presented *done)
{
    report_frame(loop->report, done);
    record_frame(loop->record, done, pf_viewer_segment(loop->viewer)->producer_pid);
    if (done->again)
        return;
    if (done->skipped) {
        loop->sent--;
        snapshot_release_last(&loop->snapshot, loop->viewer); /* another frame will be the last */
    } else {
        status_add_frame(&loop->status, done);
    }
}

static int handle_command(struct loop *loop, enum command command)
{
    switch (command) {
    case COMMAND_NONE: return 0;
    case COMMAND_QUIT: return END;
    case COMMAND_SNAPSHOT: save_snapshot(loop); return 0;
    case COMMAND_REDRAW: loop->needs_redraw = true; return 0;
    case COMMAND_PAUSE: return toggle_pause(loop);
    }
    return 0;
}

/* A failure is logged, and the loop continues. */
static void save_snapshot(struct loop *loop)
{
    char path[SNAPSHOT_PATH_BYTES];

    if (snapshot_save(&loop->snapshot, loop->viewer, loop->report->channel, path) < 0)
        return;
    log_info("saved %s", path);
    status_show_saved(&loop->status, path);
}

static int toggle_pause(struct loop *loop)
{
    loop->is_paused = !loop->is_paused;
    status_invalidate(&loop->status);
    if (loop->is_detached)
        return 0; /* the last frame stays on display, and the presenter has no slot to copy from */
    snapshot_discard_kept(&loop->snapshot);
    return loop->is_paused ? freeze(loop) : thaw(loop);
}

/* Show the latest frame and let the presenter keep a copy of it, since its slot is
 * released: the producer may draw there again, or the viewer may leave the segment. */
static int freeze(struct loop *loop)
{
    struct pf_frame frame;

    if (pf_viewer_acquire_latest(loop->viewer, &frame) < 0)
        return 0;
    if (loop->is_paused)
        snapshot_keep(&loop->snapshot, &frame);
    if (loop->presenter->ops->freeze)
        return loop->presenter->ops->freeze(loop->presenter, &frame);
    pf_viewer_release(loop->viewer, &frame);
    return 0;
}

static int thaw(struct loop *loop)
{
    return loop->presenter->ops->freeze ? loop->presenter->ops->freeze(loop->presenter, NULL) : 0;
}

static void wait_for_display(struct loop *loop, int64_t timeout_ns)
{
    if (loop->presenter->ops->wait)
        loop->presenter->ops->wait(loop->presenter, timeout_ns);
    else
        pf_viewer_wait(loop->viewer, timeout_ns);
}

/* ------------------------------------------------------------------ frames */

static int redraw(struct loop *loop)
{
    struct pf_frame frame;

    loop->needs_redraw = false;
    if (pf_viewer_acquire_latest(loop->viewer, &frame) < 0)
        return 0;
    return loop->presenter->ops->show(loop->presenter, &frame, true);
}

static int show(struct loop *loop, const struct pf_frame *frame)
{
    loop->sequence = frame->sequence;
    loop->needs_redraw = false;
    loop->sent++;
    status_restart_silence(&loop->status, frame->acquire_ns);
    if (loop->options->verify)
        verify(loop, frame);
    /* The image is written at the end, since that takes longer than the time between frames. */
    if (loop->options->snapshot && loop->sent == loop->options->frames)
        snapshot_hold_last(&loop->snapshot, loop->viewer, frame);
    return loop->presenter->ops->show(loop->presenter, frame, false);
}

/* Read the stamps in the slot, before the display reads it. */
static void verify(struct loop *loop, const struct pf_frame *frame)
{
    struct stamp stamp;

    if (!(frame->flags & PF_FRAME_STAMPED) || !stamp_supports(frame->format.fourcc))
        return;
    enum stamp_result result = stamp_read(&frame->format, frame->plane, &stamp);
    if (result == STAMP_WHOLE && stamp.sequence == (uint32_t)frame->sequence) {
        loop->report->verified++;
        return;
    }
    if (loop->report->torn++ == 0) /* the report has their number */
        log_error("frame %llu: torn: its stamp %s; please report this bug",
                  (unsigned long long)frame->sequence,
                  result == STAMP_WHOLE ? "belongs to another frame" : "cannot be read");
}

/* ------------------------------------------------------------------ format change and end */

static int producer_pid(const struct loop *loop)
{
    return (int)pf_viewer_segment(loop->viewer)->producer_pid;
}

/* No frame of this segment is left for this viewer, and the producer continues in another one. */
static int handle_format_change(struct loop *loop)
{
    int ret = join_next_segment(loop, true);

    if (ret != -EAGAIN)
        return ret;
    if (pf_viewer_state(loop->viewer) == PF_ENDED)
        log_warning("channel \"%s\": producer (pid %d) exited before this viewer could follow its "
                    "format change; its last frames are lost",
                    loop->report->channel, producer_pid(loop));
    return end_of_stream(loop);
}

/* The producer exited, and no frame of this segment is left for this viewer. */
static int end_of_stream(struct loop *loop)
{
    bool has_crashed = pf_viewer_state(loop->viewer) == PF_CRASHED;

    if (loop->options->follow) {
        log_info("channel \"%s\": producer (pid %d) %s; waiting for the next producer",
                 loop->report->channel, producer_pid(loop), has_crashed ? "crashed" : "exited");
        int ret = wait_for_next_producer(loop);
        if (ret != -EAGAIN)
            return ret;
    }
    if (!has_crashed)
        return END;
    log_error("channel \"%s\": producer (pid %d) crashed after frame %llu%s", loop->report->channel,
              producer_pid(loop), (unsigned long long)loop->sequence,
              loop->options->follow ? "" : "; restart it, or use --follow");
    return -EPIPE;
}

/* Keep the last frame on display meanwhile. Returns as join_next_segment(). */
static int wait_for_next_producer(struct loop *loop)
{
    int ret = loop->is_detached ? 0 : freeze(loop);

    if (ret < 0)
        return ret;
    ret = join_next_segment(loop, false);
    if (ret == 0 && !loop->is_paused)
        ret = thaw(loop);
    return ret;
}

/*
 * Leave the segment and join the channel's next one. If the next segment belongs to the same
 * producer, wait until it exists or the producer exits; otherwise wait for at most --wait. Returns
 * 0, or -EAGAIN (there is none), or END, or another negative errno.
 */
static int join_next_segment(struct loop *loop, bool of_same_producer)
{
    const struct pf_segment *segment = pf_viewer_segment(loop->viewer);
    int64_t deadline_ns =
        clock_deadline_ns(clock_now_ns(), of_same_producer ? PF_FOREVER : loop->options->wait_ns);
    int64_t slice_ns;
    int ret;

    if (!loop->is_detached)
        loop->presenter->ops->detach(loop->presenter);
    loop->is_detached = true;
    status_invalidate(&loop->status);
    ret = handle_display(loop); /* while the viewer has the segment of these frames */
    if (ret != 0)
        return ret;
    for (;;) {
        slice_ns = clock_earlier(REATTACH_NS, deadline_ns - clock_now_ns());
        ret = pf_viewer_reattach(loop->viewer, slice_ns < 0 ? 0 : slice_ns);
        if (ret != -EAGAIN && ret != -EINTR)
            break;
        ret = handle_events(loop);
        if (ret != 0)
            return ret;
        if (clock_now_ns() >= deadline_ns ||
            (of_same_producer && pf_viewer_state(loop->viewer) != PF_FORMAT_CHANGED))
            return -EAGAIN;
    }
    if (ret < 0)
        return ret;
    loop->is_detached = false;
    loop->sequence = 0;
    loop->report->format = segment->format;
    status_restart_silence(&loop->status, clock_now_ns());
    log_info("channel \"%s\": joined segment %d: %ux%u", loop->report->channel, segment->shmid,
             segment->format.width, segment->format.height);
    ret = presenter_attach(loop->presenter);
    loop->report->way = loop->presenter->way;
    return ret;
}

static int report_eviction(struct loop *loop)
{
    struct pf_viewer_stats stats;

    pf_viewer_stats(loop->viewer, &stats);
    log_error("evicted after %.1f s, frames %llu-%llu lost: viewer too slow; drop "
              "--every-frame, or raise --evict of the producer",
              (double)stats.evicted_after_ns / 1e9, (unsigned long long)stats.lost_first,
              (unsigned long long)stats.lost_last);
    return -ESTALE;
}
