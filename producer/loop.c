/* SPDX-License-Identifier: MIT */
/*
 * Start at loop_run(): wait for a tick, take a free slot, draw the frame in it, publish it. The
 * viewer's side of the same frame is in viewer/loop.c.
 */
#include "loop.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "program/messages.h"
#include "program/signals.h"

#define PROGRESS_NS (NS_PER_S / 2)

/*
 * An input that is ahead: the frame after each is waiting in the pipe already. A full pipe does not
 * show how far the input is ahead, and a program that reads a file and writes a pipe is always
 * ahead, which is no problem. So there is a warning only if this number of frames came on time, as
 * from a live input, and then each frame was waiting for this number of seconds.
 */
enum { ON_TIME_FRAMES = 5, AHEAD_SECONDS = 3 };

struct pf_format loop_format(const struct loop *loop)
{
    struct pf_format format = loop->source->format;

    if (loop->options->source.rate_is_given) {
        format.rate_num = loop->options->source.rate_num;
        format.rate_den = loop->options->source.rate_num ? loop->options->source.rate_den : 0;
    }
    return format;
}

/* A live source skips a tick that has passed or finds no free slot. Other sources wait and skip
 * no frame. An unpaced source has no ticks and always waits. */
static bool skips_ticks(const struct loop *loop)
{
    return loop->source->live && loop->format.rate_num;
}

void loop_update_report(struct loop *loop)
{
    pf_producer_stats(loop->producer, &loop->report.stats);
    uint64_t skipped = loop->slotless_ticks + loop->report.stats.late_ticks;
    loop->report.skipped = skips_ticks(loop) ? skipped : 0;
}

/* For SIGUSR1. A failure ends the wait of a source like a request to exit, and is no failure of its
 * input. */
static int write_report(void *context)
{
    struct loop *loop = context;

    loop_update_report(loop);
    int ret = report_write_json(&loop->report, loop->options->json);
    loop->has_failed_report = ret < 0 && ret != -EINTR;
    return ret < 0 ? -EINTR : 0;
}

/* Between frames: signals, the report on SIGUSR1, the progress line. Returns 0, or -EINTR or -EIO
 * as loop_run(). */
static int check_requests(struct loop *loop, int64_t now_ns)
{
    int ret = signals_check();

    if (loop->has_failed_report)
        return -EIO;
    if (ret < 0)
        return ret;
    if (now_ns - loop->progress_ns >= PROGRESS_NS) {
        loop->progress_ns = now_ns;
        loop_update_report(loop);
        messages_show_progress("%" PRIu64 " frames, %u viewers, %" PRIu64 " skipped",
                               loop->report.stats.published, loop->report.stats.viewers,
                               loop->report.skipped);
    }
    return 0;
}

/* Wait until the next frame is due: at its tick, or now if the format has no rate. */
static int wait_for_tick(struct loop *loop, int64_t *due_ns)
{
    int ret = 0;

    do {
        *due_ns = clock_now_ns();
        int request = check_requests(loop, *due_ns);
        if (request < 0)
            return request;
        ret = loop->format.rate_num ? pf_producer_tick(loop->producer, due_ns) : 0;
    } while (ret == -EINTR);
    return ret;
}

/* Every field; there is no padding. */
static bool is_same_format(const struct pf_format *a, const struct pf_format *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* The rate of the times in the input: with --rate 0, the source's own. */
static struct pf_format media_format(const struct loop *loop)
{
    struct pf_format format = loop_format(loop);

    return format.rate_num ? format : loop->source->format;
}

void loop_start(struct loop *loop)
{
    struct pf_format media = media_format(loop);

    pacing_init(&loop->media, media.rate_num, media.rate_den, 0);
}

/* The next frame is the first of another rate. */
static void change_media_rate(struct loop *loop)
{
    struct pf_format media = media_format(loop);

    if (loop->media.num && (media.rate_num != loop->media.num || media.rate_den != loop->media.den))
        pacing_change_rate(&loop->media, media.rate_num, media.rate_den,
                           pacing_due_ns(&loop->media, loop->media.tick));
}

/* Continue in a segment of another format. */
static int change_format(struct loop *loop, const struct pf_format *format)
{
    int ret;

    while ((ret = pf_producer_change_format(loop->producer, format)) == -EINTR)
        if ((ret = check_requests(loop, clock_now_ns())) < 0)
            break;
    if (ret == 0)
        loop->format = loop->report.format = *format;
    return ret;
}

/* Count the frames that were waiting before their tick. Without ticks, no frame waits for one. */
static void check_ahead(struct loop *loop)
{
    const struct pf_format *format = &loop->format;

    if (!format->rate_num)
        return;
    if (!loop->source->is_ahead) {
        loop->on_time++;
        loop->ahead = 0;
        return;
    }
    loop->report.ahead++;
    loop->ahead++;
    if (loop->has_warned_ahead || loop->on_time < ON_TIME_FRAMES ||
        loop->ahead * format->rate_den < AHEAD_SECONDS * (uint64_t)format->rate_num)
        return;
    loop->has_warned_ahead = true;
    log_warning("input: its frames arrive faster than they are published (%u/%u per second) and "
                "wait in the pipe: a live input is shown late; --rate 0 publishes each frame as it "
                "arrives",
                format->rate_num, format->rate_den);
}

/* Wait for the source's next frame, and for a segment of its format. */
static int next_frame(struct loop *loop)
{
    int ret;

    while ((ret = source_next(loop->source)) == -EINTR)
        if ((ret = check_requests(loop, clock_now_ns())) < 0)
            break;
    if (ret < 0)
        return ret;
    check_ahead(loop);
    change_media_rate(loop);
    struct pf_format format = loop_format(loop);
    return is_same_format(&format, &loop->format) ? 0 : change_format(loop, &format);
}

/* Get a slot to draw in. Returns -EAGAIN if none is free for this tick, which is skipped then. */
static int begin(struct loop *loop, struct pf_frame *frame)
{
    bool waits = !skips_ticks(loop);
    int ret;

    do {
        ret = pf_producer_begin(loop->producer, waits ? PROGRESS_NS : 0, frame);
        int request = check_requests(loop, clock_now_ns());
        if (request < 0) {
            if (ret == 0)
                pf_producer_abandon(loop->producer, frame);
            return request;
        }
    } while (ret == -EINTR || (ret == -EAGAIN && waits));
    return ret;
}

int loop_run(struct loop *loop)
{
    struct pf_frame frame;
    bool is_ready = false; /* the source's next frame is waiting for a free slot */

    if (loop->options->json)
        signals_on_report(write_report, loop);
    for (;;) {
        if (loop->options->frames && loop->published >= loop->options->frames)
            return 0;
        int64_t due_ns;
        int ret = wait_for_tick(loop, &due_ns);
        if (ret == 0 && !is_ready)
            ret = next_frame(loop);
        if (ret < 0)
            return ret == -ENODATA ? 0 : ret;
        is_ready = true;

        ret = begin(loop, &frame);
        if (ret == -EAGAIN) {
            loop->slotless_ticks++;
            continue;
        }
        if (ret < 0)
            return ret;
        if (loop->format.rate_num)
            frame.due_ns = due_ns;
        ret = source_fill(loop->source, &frame);
        if (ret < 0) {
            pf_producer_abandon(loop->producer, &frame);
            return ret == -ENODATA ? 0 : ret;
        }
        if (!loop->source->live && loop->media.num)
            frame.pts_ns = pacing_due_ns(&loop->media, loop->media.tick++);
        pf_producer_publish(loop->producer, &frame);
        report_frame(&loop->report, &frame, source_copies(loop->source));
        record_frame(&loop->record, &frame);
        loop->published++;
        is_ready = false;
    }
}
