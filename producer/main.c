/* SPDX-License-Identifier: MIT */
/*
 * pageflip-producer: frames from a source, drawn straight into the slots of a segment.
 *
 * Follow run(): a tick, a free slot, the picture drawn in it, published. The viewer's side of the
 * same frame is run() in viewer/loop.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "exit_code.h"
#include "log.h"
#include "options.h"
#include "pacing.h"
#include "record.h"
#include "report.h"
#include "signals.h"
#include "source.h"

#define PROGRESS_NS (NS_PER_S / 2)

struct run {
    const struct options *options;
    struct source *source;
    struct pf_producer *producer;
    struct pf_format format; /* of the segment */
    struct pacing pacing;
    struct report report;
    struct record record;
    int64_t progress_ns;
};

/* The source's format, with the rate that it is paced at. */
static struct pf_format wanted_format(const struct run *run)
{
    struct pf_format format = run->source->format;

    if (run->options->rate_is_given) {
        format.rate_num = run->options->rate_num;
        format.rate_den = run->options->rate_num ? run->options->rate_den : 0;
    }
    return format;
}

/* What there is to do between frames for people who watch. Returns 0, or a negative errno: time to
 * go. */
static int look_around(struct run *run, int64_t now_ns)
{
    if (signals_quit())
        return -EINTR;
    if (signals_take_report() && run->options->json) {
        pf_producer_stats(run->producer, &run->report.stats);
        int ret = report_write_json(&run->report, run->options->json);
        if (ret < 0)
            return ret;
    }
    if (now_ns - run->progress_ns >= PROGRESS_NS) {
        run->progress_ns = now_ns;
        pf_producer_stats(run->producer, &run->report.stats);
        log_progress("%" PRIu64 " frames, %u viewers, %" PRIu64 " skipped",
                     run->report.stats.published, run->report.stats.viewers,
                     run->report.skipped + run->pacing.missed);
    }
    return 0;
}

/* A slot to draw in. -EAGAIN: none for this tick, and the source is live, so the tick is skipped.
 */
static int begin(struct run *run, struct pf_frame *frame)
{
    bool waits = !run->source->live || !run->pacing.num;
    int ret;

    do {
        ret = pf_producer_begin(run->producer, waits ? NS_PER_S / 2 : 0, frame);
        int seen = look_around(run, clock_now_ns());
        if (seen < 0) {
            if (ret == 0)
                pf_producer_abandon(run->producer, frame);
            return seen;
        }
    } while (ret == -EINTR || (ret == -EAGAIN && waits));
    return ret;
}

/* Each frame makes its way from here. Returns 0 at the end of the source, or a negative errno. */
static int run(struct run *run)
{
    struct pf_frame frame;
    bool is_ready = false; /* the source's next frame is waiting for a tick */

    for (;;) {
        if (run->options->frames && run->report.render.count >= run->options->frames)
            return 0;
        int64_t due_ns = pacing_next_ns(&run->pacing, clock_now_ns());
        while (pacing_sleep_until(due_ns) == -EINTR && !signals_quit())
            look_around(run, clock_now_ns());
        int ret = look_around(run, clock_now_ns());
        if (ret < 0)
            return ret;

        while (!is_ready && (ret = source_next(run->source)) < 0)
            if (ret != -EINTR || (ret = look_around(run, clock_now_ns())) < 0)
                return ret == -ENODATA ? 0 : ret;
        is_ready = true;
        struct pf_format format = wanted_format(run);
        if (memcmp(&format, &run->format, sizeof format) != 0) {
            ret = pf_producer_reformat(run->producer, &format);
            if (ret < 0)
                return ret;
            run->format = run->report.format = format;
        }

        ret = begin(run, &frame);
        if (ret == -EAGAIN) {
            run->report.skipped++;
            continue;
        }
        if (ret < 0)
            return ret;
        if (run->pacing.num)
            frame.due_ns = due_ns;
        ret = source_fill(run->source, &frame);
        if (ret < 0) {
            pf_producer_abandon(run->producer, &frame);
            return ret == -ENODATA ? 0 : ret;
        }
        pf_producer_publish(run->producer, &frame);
        report_frame(&run->report, &frame);
        record_frame(&run->record, &frame);
        is_ready = false;
    }
}

/* The way out: the last figures, and what the shell is told. */
static int finish(struct run *run, const struct options *options, int ret)
{
    int code = signals_quit() ? EXIT_SIGNAL + signals_quit() : exit_code_of(ret);

    log_progress_end();
    if (record_close(&run->record) < 0)
        code = EXIT_OUTPUT_FAILED;
    pf_producer_stats(run->producer, &run->report.stats);
    run->report.skipped += run->source->live ? run->pacing.missed : 0;
    if (options->log_level > PF_LOG_ERROR)
        report_print(&run->report);
    if (options->json && report_write_json(&run->report, options->json) < 0)
        code = EXIT_OUTPUT_FAILED;
    return code;
}

int main(int argc, char **argv)
{
    struct options options;
    static struct run state; /* histograms are too large for some stacks */

    output_guard_standard_files();
    int ret = options_parse(&options, argc, argv);
    if (ret < 0)
        return EXIT_USAGE;
    pf_log_set_level(options.log_level);
    signals_catch();
    switch (options.action) {
    case ACTION_HELP: options_print_help(); return exit_code_of_stdout();
    case ACTION_VERSION: puts("pageflip-producer " PAGEFLIP_VERSION); return exit_code_of_stdout();
    case ACTION_RUN: break;
    }
    state.options = &options;

    int code;
    ret = source_open(&state.source, &options);
    if (ret < 0) {
        code = signals_quit() ? EXIT_SIGNAL + signals_quit() : exit_code_of(ret);
        goto out;
    }
    state.format = wanted_format(&state);
    ret = pf_producer_open(&state.producer, options.channel, &state.format, &options.producer);
    if (ret < 0) {
        code = exit_code_of(ret);
        goto out;
    }
    state.report = (struct report){.channel = options.channel,
                                   .source = state.source->ops->name,
                                   .format = state.format,
                                   .start_ns = clock_now_ns()};
    if (record_open(&state.record, options.trace) < 0) {
        code = EXIT_OUTPUT_FAILED;
        goto out;
    }
    pacing_init(&state.pacing, state.format.rate_num, state.format.rate_den, clock_now_ns());
    ret = run(&state);
    code = finish(&state, &options, ret);
out:
    pf_producer_close(state.producer);
    source_close(state.source);
    return code;
}
