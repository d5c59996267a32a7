/* SPDX-License-Identifier: MIT */
/*
 * Follow loop_run(): a tick, a free slot, the picture drawn in it, published. The viewer's side of
 * the same frame is run_once() in viewer/loop.c.
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

struct pf_format loop_format(const struct loop *loop)
{
    struct pf_format format = loop->source->format;

    if (loop->options->source.rate_is_given) {
        format.rate_num = loop->options->source.rate_num;
        format.rate_den = loop->options->source.rate_num ? loop->options->source.rate_den : 0;
    }
    return format;
}

/* A tick without a free slot, or that had passed, is skipped; files wait, and no frame of them is
 * left out. Unpaced there are no ticks: everything waits. */
static bool skips_ticks(const struct loop *loop)
{
    return loop->source->live && loop->pacing.num;
}

void loop_update_report(struct loop *loop)
{
    pf_producer_stats(loop->producer, &loop->report.stats);
    loop->report.skipped = skips_ticks(loop) ? loop->no_slot + loop->pacing.missed : 0;
}

/* What there is to do between frames for people who watch. Returns 0, or a negative errno: time to
 * go. */
static int look_around(struct loop *loop, int64_t now_ns)
{
    if (signals_quit())
        return -EINTR;
    if (signals_take_report() && loop->options->json) {
        loop_update_report(loop);
        if (report_write_json(&loop->report, loop->options->json) < 0)
            return -EIO;
    }
    if (now_ns - loop->progress_ns >= PROGRESS_NS) {
        loop->progress_ns = now_ns;
        loop_update_report(loop);
        messages_show_progress("%" PRIu64 " frames, %u viewers, %" PRIu64 " skipped",
                               loop->report.stats.published, loop->report.stats.viewers,
                               loop->report.skipped);
    }
    return 0;
}

static int sleep_until(struct loop *loop, int64_t due_ns)
{
    int ret;

    do
        ret = look_around(loop, clock_now_ns());
    while (ret == 0 && pacing_sleep_until(due_ns) == -EINTR);
    return ret;
}

/* Wait for the source's next picture, and for a segment that it fits in. */
static int next_picture(struct loop *loop)
{
    int ret;

    while ((ret = source_next(loop->source)) == -EINTR)
        if ((ret = look_around(loop, clock_now_ns())) < 0)
            break;
    if (ret < 0)
        return ret;
    struct pf_format format = loop_format(loop);
    if (memcmp(&format, &loop->format, sizeof format) != 0) {
        while ((ret = pf_producer_change_format(loop->producer, &format)) == -EINTR)
            if ((ret = look_around(loop, clock_now_ns())) < 0)
                break;
        if (ret < 0)
            return ret;
        loop->format = loop->report.format = format;
    }
    return 0;
}

/* A slot to draw in. -EAGAIN: none for this tick, which is skipped. */
static int begin(struct loop *loop, struct pf_frame *frame)
{
    bool waits = !skips_ticks(loop);
    int ret;

    do {
        ret = pf_producer_begin(loop->producer, waits ? NS_PER_S / 2 : 0, frame);
        int seen = look_around(loop, clock_now_ns());
        if (seen < 0) {
            if (ret == 0)
                pf_producer_abandon(loop->producer, frame);
            return seen;
        }
    } while (ret == -EINTR || (ret == -EAGAIN && waits));
    return ret;
}

/* Each frame makes its way from here. */
int loop_run(struct loop *loop)
{
    struct pf_frame frame;
    bool is_ready = false; /* the source's next frame is waiting for a tick */

    for (;;) {
        if (loop->options->frames && loop->published >= loop->options->frames)
            return 0;
        int64_t due_ns = pacing_next_ns(&loop->pacing, clock_now_ns());
        int ret = sleep_until(loop, due_ns);
        if (ret == 0 && !is_ready)
            ret = next_picture(loop);
        if (ret < 0)
            return ret == -ENODATA ? 0 : ret;
        is_ready = true;

        ret = begin(loop, &frame);
        if (ret == -EAGAIN) {
            loop->no_slot++;
            continue;
        }
        if (ret < 0)
            return ret;
        if (loop->pacing.num)
            frame.due_ns = due_ns;
        ret = source_fill(loop->source, &frame);
        if (ret < 0) {
            pf_producer_abandon(loop->producer, &frame);
            return ret == -ENODATA ? 0 : ret;
        }
        pf_producer_publish(loop->producer, &frame);
        report_frame(&loop->report, &frame);
        record_frame(&loop->record, &frame);
        loop->published++;
        is_ready = false;
    }
}
