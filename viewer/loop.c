/* SPDX-License-Identifier: MIT */
/*
 * Follow run_once(): whatever the display has finished, then the next frame, verified if asked for,
 * and handed to the presenter, which lets go of it. While it can show a frame, it sleeps in one
 * place for all reasons: in the viewer's own doorbell, which the display's events ring too
 * (waker.h). While it cannot, it sleeps for the display alone.
 */
#include "loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/log.h"
#include "media/image.h"
#include "media/stamp.h"
#include "overlay.h"
#include "program/signals.h"

#define SLICE_NS (100 * NS_PER_MS) /* nothing that people do waits longer */
#define MEASURE_NS (NS_PER_S / 2)
#define SAY_NS (NS_PER_S / 2) /* a panel costs 1 to 2 ms to draw and to send */
#define STALL_NS (5 * NS_PER_S)
#define NOTE_NS (3 * NS_PER_S)

enum { END = 1 }; /* beside 0: go on, and negative errnos */

struct loop {
    const struct options *options;
    struct pf_viewer *viewer;
    struct presenter *presenter;
    struct report *report;
    struct record *record;
    uint64_t sequence; /* of the last frame that came */
    uint64_t sent;     /* frames given to the presenter, but for those that it passed over */
    bool paused;
    bool is_detached; /* from a segment that is over, until there is a next one */
    bool redraw;      /* the window lost its picture */
    int64_t end_ns;
    int64_t frame_ns; /* when the last frame came */
    bool has_warned;  /* of a producer that sends nothing */
    double fps, ms;   /* lately, for title and panel */
    int64_t measured_ns;
    uint64_t measured_shown;
    struct histogram recent; /* total, since then */
    struct panel panel;
    int64_t said_ns;
    char said_title[256];
    uint32_t said_scale; /* of the panel */
    char note[128];      /* for people, until note_ns */
    int64_t note_ns;
    struct pf_frame last; /* of --frames, held for --snapshot */
    bool has_last;
    uint8_t *kept; /* while paused: the pixels on show, for a snapshot of just that picture */
    struct pf_format kept_format;
    uint32_t kept_stride_bytes;
};

/* ------------------------------------------------------------------ for people */

static void measure(struct loop *loop, int64_t now_ns)
{
    loop->fps = (double)(loop->report->shown - loop->measured_shown) * 1e9 /
                (double)(now_ns - loop->measured_ns);
    loop->ms = (double)histogram_percentile_ns(&loop->recent, 0.5) / 1e6;
    loop->measured_ns = now_ns;
    loop->measured_shown = loop->report->shown;
    memset(&loop->recent, 0, sizeof loop->recent);
}

static bool has_ended(const struct loop *loop)
{
    enum pf_state state = pf_viewer_state(loop->viewer);

    return state == PF_ENDED || state == PF_CRASHED;
}

static void say(struct loop *loop, int64_t now_ns)
{
    const struct pf_format *format = &loop->report->format;
    uint32_t scale = loop->presenter->overlay_scale;
    char state[64], title[256];

    loop->said_ns = now_ns;
    loop->said_scale = scale;
    if (!loop->presenter->ops->set_status)
        return;
    if (loop->paused)
        snprintf(state, sizeof state, "paused%s", has_ended(loop) ? ", the producer has gone" : "");
    else if (loop->is_detached)
        snprintf(state, sizeof state, "waiting for a producer");
    else
        snprintf(state, sizeof state, "%.1f fps - %.2f ms", loop->fps, loop->ms);
    snprintf(title, sizeof title, "pageflip %s - %ux%u - %s%s", loop->report->channel,
             format->width, format->height, state, loop->note_ns > now_ns ? loop->note : "");
    /* It takes several requests, and brings events. */
    bool is_new = strcmp(title, loop->said_title) != 0;
    strcpy(loop->said_title, title);
    pf_viewer_stats(loop->viewer, &loop->report->stats);
    loop->presenter->ops->set_status(loop->presenter, is_new ? title : NULL,
                                     scale
                                         ? panel_draw(&loop->panel, loop->report, loop->fps, scale)
                                         : NULL);
}

static int write_snapshot(const struct loop *loop, const char *path, const struct pf_frame *frame)
{
    const struct pf_format *format = &loop->report->format;

    return picture_write(path, frame->plane[0].pixels, frame->plane[0].stride_bytes, format->width,
                         format->height);
}

static int snapshot_newest(struct loop *loop, const char *path)
{
    struct pf_frame frame;
    int ret = pf_viewer_acquire_latest(loop->viewer, &frame);

    if (ret == -EAGAIN) {
        log_warning("%s: not written: there has been no frame yet", path);
        return 0;
    }
    ret = write_snapshot(loop, path, &frame);
    pf_viewer_release(loop->viewer, &frame);
    return ret;
}

/* The picture on show: while paused that is not the newest. */
static int snapshot_shown(struct loop *loop, const char *path)
{
    if (loop->kept)
        return picture_write(path, loop->kept, loop->kept_stride_bytes, loop->kept_format.width,
                             loop->kept_format.height);
    return snapshot_newest(loop, path);
}

/* With --frames it is the last of them; else what is on show. */
static int snapshot_at_end(struct loop *loop, const char *path)
{
    if (!loop->has_last)
        return snapshot_shown(loop, path);
    int ret = write_snapshot(loop, path, &loop->last);
    pf_viewer_release(loop->viewer, &loop->last);
    return ret;
}

/* `s`: a name of its own for each. A failure is told, and the show goes on. */
static void snapshot_by_key(struct loop *loop)
{
    char path[128], date[32];
    struct timespec now;
    struct tm local;

    clock_gettime(CLOCK_REALTIME, &now);
    strftime(date, sizeof date, "%Y%m%d-%H%M%S", localtime_r(&now.tv_sec, &local));
    snprintf(path, sizeof path, "pageflip-%.64s-%s.%03ld.png", loop->report->channel, date,
             now.tv_nsec / NS_PER_MS);
    if (snapshot_shown(loop, path) == 0) {
        log_info("saved %s", path);
        snprintf(loop->note, sizeof loop->note, " - saved %.100s", path);
        loop->note_ns = clock_now_ns() + NOTE_NS;
    }
}

/* The one copy that this program makes by itself: when people press pause, not once a frame. */
static void keep(struct loop *loop, const struct pf_frame *frame)
{
    loop->kept_format = loop->report->format;
    loop->kept_stride_bytes = frame->plane[0].stride_bytes;
    size_t bytes = (size_t)loop->kept_stride_bytes * loop->kept_format.height;
    loop->kept = malloc(bytes); /* without memory for it, a snapshot takes the newest */
    if (loop->kept)
        memcpy(loop->kept, frame->plane[0].pixels, bytes);
}

/* Show the newest frame, and keep its picture in the presenter's own hands: frames may go by, or
 * their segment end. */
static int freeze(struct loop *loop)
{
    struct pf_frame frame;

    if (pf_viewer_acquire_latest(loop->viewer, &frame) < 0)
        return 0;
    if (loop->paused)
        keep(loop, &frame);
    if (loop->presenter->ops->freeze)
        return loop->presenter->ops->freeze(loop->presenter, &frame);
    pf_viewer_release(loop->viewer, &frame);
    return 0;
}

static int thaw(struct loop *loop)
{
    return loop->presenter->ops->freeze ? loop->presenter->ops->freeze(loop->presenter, NULL) : 0;
}

static int pause_or_go_on(struct loop *loop)
{
    loop->paused = !loop->paused;
    loop->said_ns = 0; /* say so at once */
    if (loop->is_detached)
        return 0; /* the last picture stands already, and there is no slot to take another from */
    free(loop->kept);
    loop->kept = NULL;
    loop->frame_ns = clock_now_ns(); /* that none came meanwhile was not the producer's fault */
    return loop->paused ? freeze(loop) : thaw(loop);
}

static int obey(struct loop *loop, enum command command)
{
    switch (command) {
    case COMMAND_NONE: return 0;
    case COMMAND_QUIT: return END;
    case COMMAND_SNAPSHOT: snapshot_by_key(loop); return 0;
    case COMMAND_REDRAW: loop->redraw = true; return 0;
    case COMMAND_PAUSE: return pause_or_go_on(loop);
    }
    return 0;
}

/* ------------------------------------------------------------------ what has happened */

static void count(struct loop *loop, const struct presented *done)
{
    report_frame(loop->report, done);
    record_frame(loop->record, done, pf_viewer_segment(loop->viewer)->producer_pid);
    if (done->skipped && !done->again) {
        loop->sent--;
        if (loop->has_last) /* it is not the last, after all */
            pf_viewer_release(loop->viewer, &loop->last);
        loop->has_last = false;
    } else if (!done->again) {
        histogram_record(&loop->recent, done->done_ns - done->frame.begin_ns);
        panel_add(&loop->panel, done);
    }
}

/* Everything but frames. Returns 0, END, or a negative errno. */
static int look_around(struct loop *loop)
{
    struct presented done;
    enum command command;
    int ret;

    if (signals_quit())
        return -EINTR;
    do {
        ret = loop->presenter->ops->poll(loop->presenter, &done, &command);
        if (ret < 0)
            return ret;
        if (ret > 0)
            count(loop, &done);
        int obeyed = obey(loop, command);
        if (obeyed != 0)
            return obeyed;
    } while (ret > 0 || command != COMMAND_NONE);

    int64_t now_ns = clock_now_ns();
    if (signals_take_report() && loop->options->json) {
        loop->report->records_dropped = record_dropped(loop->record);
        pf_viewer_stats(loop->viewer, &loop->report->stats);
        ret = report_write_json(loop->report, loop->options->json);
        if (ret < 0)
            return -EIO;
    }
    if (now_ns - loop->measured_ns >= MEASURE_NS)
        measure(loop, now_ns);
    if (now_ns - loop->said_ns >= SAY_NS || loop->presenter->overlay_scale != loop->said_scale)
        say(loop, now_ns);
    if (now_ns - loop->frame_ns >= STALL_NS && !loop->has_warned && !loop->paused) {
        log_warning(
            "channel \"%s\": no new frame for 5 s; its producer (pid %d) lives, but sends nothing",
            loop->report->channel, (int)pf_viewer_segment(loop->viewer)->producer_pid);
        loop->has_warned = true;
    }
    bool is_enough = loop->options->frames && loop->report->shown >= loop->options->frames;
    return is_enough || now_ns >= loop->end_ns ? END : 0;
}

/* ------------------------------------------------------------------ frames */

/* Read the stamps where the frame lies, before anything else does. */
static void verify(struct loop *loop, const struct pf_frame *frame)
{
    const struct pf_format *format = &loop->report->format;
    struct stamp stamp;

    if (!(frame->flags & PF_FRAME_STAMPED))
        return;
    enum stamp_result result = stamp_read(frame->plane[0].pixels, frame->plane[0].stride_bytes,
                                          format->width, format->height, &stamp);
    if (result == STAMP_WHOLE && stamp.sequence == (uint32_t)frame->sequence) {
        loop->report->verified++;
        return;
    }
    loop->report->torn++;
    log_error("frame %llu: torn: its stamp %s; this must never happen, please report it",
              (unsigned long long)frame->sequence,
              result == STAMP_WHOLE ? "is another frame's" : "cannot be read whole");
}

static int show(struct loop *loop, const struct pf_frame *frame)
{
    loop->sequence = frame->sequence;
    loop->frame_ns = frame->acquire_ns;
    loop->has_warned = false;
    loop->redraw = false;
    loop->sent++;
    if (loop->options->verify)
        verify(loop, frame);
    if (loop->options->snapshot && loop->sent == loop->options->frames) {
        /* Written when all is measured: a PNG takes longer than a frame may. */
        pf_viewer_hold(loop->viewer, frame);
        loop->last = *frame;
        loop->has_last = true;
    }
    return loop->presenter->ops->show(loop->presenter, frame, false);
}

static int redraw(struct loop *loop)
{
    struct pf_frame frame;

    loop->redraw = false;
    if (pf_viewer_acquire_latest(loop->viewer, &frame) < 0)
        return 0;
    return loop->presenter->ops->show(loop->presenter, &frame, true);
}

/* What it means when nobody goes on. */
static int no_more_frames(const struct loop *loop)
{
    int pid = (int)pf_viewer_segment(loop->viewer)->producer_pid;

    if (pf_viewer_state(loop->viewer) == PF_CRASHED) {
        log_error("channel \"%s\": its producer (pid %d) died after frame %llu; restart it, or use "
                  "--follow",
                  loop->report->channel, pid, (unsigned long long)loop->sequence);
        return -EPIPE;
    }
    if (loop->is_detached && !loop->options->follow)
        log_warning("channel \"%s\": its producer (pid %d) has ended, and its frames since its "
                    "change of size with it",
                    loop->report->channel, pid);
    return END;
}

/* The segment is over. Go on in the next one, or END, or a negative errno. */
static int rejoin(struct loop *loop, bool is_moved)
{
    const struct presenter_ops *ops = loop->presenter->ops;
    int64_t deadline_ns = clock_deadline_ns(clock_now_ns(), loop->options->wait_ns && !is_moved
                                                                ? loop->options->wait_ns
                                                                : PF_FOREVER);
    int ret = is_moved ? 0 : freeze(loop);

    if (ret < 0)
        return ret;
    ops->detach(loop->presenter);
    loop->is_detached = true;
    loop->said_ns = 0; /* say so at once */
    while ((ret = pf_viewer_reattach(loop->viewer, SLICE_NS / 2)) == -EAGAIN || ret == -EINTR) {
        ret = look_around(loop);
        if (ret != 0)
            return ret;
        if (clock_now_ns() >= deadline_ns || (!loop->options->follow && has_ended(loop)))
            return no_more_frames(loop);
        loop->has_warned = true; /* it is known that nothing comes */
    }
    if (ret < 0)
        return ret;
    loop->is_detached = false;
    loop->report->format = pf_viewer_segment(loop->viewer)->format;
    loop->frame_ns = clock_now_ns();
    log_info("channel \"%s\": joined segment %d: %ux%u", loop->report->channel,
             pf_viewer_segment(loop->viewer)->shmid, loop->report->format.width,
             loop->report->format.height);
    ret = presenter_attach(loop->presenter);
    if (ret == 0 && !is_moved && !loop->paused)
        ret = thaw(loop);
    return ret;
}

static int end_of_producer(struct loop *loop)
{
    if (!loop->options->follow)
        return no_more_frames(loop);
    log_info("channel \"%s\": its producer (pid %d) has %s; waiting for the next",
             loop->report->channel, (int)pf_viewer_segment(loop->viewer)->producer_pid,
             pf_viewer_state(loop->viewer) == PF_CRASHED ? "died" : "ended");
    return rejoin(loop, false);
}

static int evicted(struct loop *loop)
{
    struct pf_viewer_stats stats;

    pf_viewer_stats(loop->viewer, &stats);
    log_error("evicted after %.1f s; frames %llu-%llu lost; be quicker, or leave --every-frame out",
              (double)stats.evicted_after_ns / 1e9, (unsigned long long)stats.lost_first,
              (unsigned long long)stats.lost_last);
    return -ESTALE;
}

static int run_once(struct loop *loop)
{
    struct pf_frame frame;
    int64_t slice_ns = clock_earlier(SLICE_NS, loop->end_ns - clock_now_ns());
    bool has_all = loop->options->frames && loop->sent >= loop->options->frames;
    int ret = look_around(loop);

    if (ret != 0)
        return ret;
    if (slice_ns < 0)
        slice_ns = 0;
    if (loop->paused || has_all || !loop->presenter->ops->ready(loop->presenter)) {
        if (loop->presenter->ops->wait)
            loop->presenter->ops->wait(loop->presenter, slice_ns);
        else
            pf_viewer_wait(loop->viewer, slice_ns);
        return 0;
    }
    if (loop->redraw)
        return redraw(loop);
    ret = pf_viewer_acquire(loop->viewer, slice_ns, &frame);
    switch (ret) {
    case 0: return show(loop, &frame);
    case -EAGAIN:
    case -EINTR: return 0;
    case -EREMCHG: return rejoin(loop, true);
    case -EPIPE: return end_of_producer(loop);
    case -ESTALE: return evicted(loop);
    default: return ret;
    }
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
                         .record = record,
                         .frame_ns = now_ns,
                         .measured_ns = now_ns,
                         .said_ns = now_ns};
    loop.end_ns = options->run_ns ? clock_deadline_ns(now_ns, options->run_ns) : INT64_MAX;
    do
        ret = run_once(&loop);
    while (ret == 0);
    if (options->snapshot && ret != -EIO && snapshot_at_end(&loop, options->snapshot) < 0)
        ret = -EIO;
    if (options->verify && report->shown && !report->verified && !report->torn)
        log_warning("--verify: no frame carried a stamp, so nothing was verified; give the "
                    "producer --stamp");
    free(loop.kept);
    panel_finish(&loop.panel);
    return ret == END ? 0 : ret;
}
