/* SPDX-License-Identifier: MIT */
/*
 * pageflip-producer: draws the frames of a source directly into the slots of a segment.
 *
 * Start at main(): open the source, open the channel, publish frame after frame (loop.c), write the
 * report, close in reverse order.
 */
#include <errno.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/log.h"
#include "loop.h"
#include "program/atomic_file.h"
#include "program/exit_code.h"
#include "program/messages.h"
#include "program/output.h"
#include "program/signals.h"
#include "program/standard_files.h"

/* Write the final report and choose the exit code. */
static int finish(struct loop *loop, const struct options *options, int ret)
{
    int code = signals_quit() ? EXIT_SIGNAL + signals_quit()
               : ret == -EIO  ? EXIT_OUTPUT_FAILED
                              : exit_code_of(ret);

    messages_end_progress();
    ret = record_close(&loop->record);
    if (ret < 0)
        code = exit_code_of_output(ret);
    loop_update_report(loop);
    if (options->log_level > PF_LOG_ERROR)
        report_print(&loop->report);
    ret = options->json ? report_write_json(&loop->report, options->json) : 0;
    if (ret < 0)
        code = exit_code_of_output(ret);
    return code;
}

int main(int argc, char **argv)
{
    struct options options;
    static struct loop state; /* its histograms are too large for some stacks */

    standard_files_reserve();
    signals_catch();
    messages_init(options_advice);
    int ret = options_parse(&options, argc, argv);
    if (ret < 0)
        return EXIT_USAGE;
    pf_log_set_level(options.log_level);
    switch (options.action) {
    case ACTION_HELP: option_table_print(options_table()); return exit_code_of_stdout();
    case ACTION_VERSION: puts("pageflip-producer " PAGEFLIP_VERSION); return exit_code_of_stdout();
    case ACTION_RUN: break;
    }
    if ((options.json && atomic_file_check(options.json) < 0) ||
        (options.trace && output_check(options.trace) < 0))
        return EXIT_OUTPUT_FAILED;
    state.options = &options;

    int code;
    ret = source_open(&state.source, &options.source);
    if (ret < 0) {
        code = signals_quit() ? EXIT_SIGNAL + signals_quit() : exit_code_of(ret);
        goto out;
    }
    state.format = loop_format(&state);
    ret = pf_producer_open(&state.producer, options.channel, &state.format, &options.producer);
    if (ret < 0) {
        code = exit_code_of(ret);
        goto out;
    }
    log_info("source %s: %ux%u at %u/%u frames per second (0: as fast as possible)",
             state.source->ops->name, state.format.width, state.format.height,
             state.format.rate_num, state.format.rate_den);
    state.report = (struct report){.channel = options.channel,
                                   .source = state.source->ops->name,
                                   .format = state.format,
                                   .start_ns = clock_now_ns(),
                                   .start_cpu_ns = clock_cpu_ns()};
    ret = record_open(&state.record, options.trace);
    if (ret < 0) {
        code = exit_code_of_output(ret);
        goto out;
    }
    loop_start(&state);
    ret = loop_run(&state);
    code = finish(&state, &options, ret);
out:
    pf_producer_close(state.producer);
    source_close(state.source);
    return code;
}
