/* SPDX-License-Identifier: MIT */
/*
 * pageflip-viewer: shows the slots of a producer's segment.
 *
 * Read view(): it joins the channel, opens a presenter, shows frames (loop.c), writes the report,
 * and closes everything in reverse order.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "list.h"
#include "loop.h"
#include "options.h"
#include "presenters/presenter.h"
#include "presenters/watchdog.h"
#include "program/atomic_file.h"
#include "program/exit_code.h"
#include "program/messages.h"
#include "program/output.h"
#include "program/signals.h"
#include "program/standard_files.h"
#include "report.h"

static int code_of(int ret, const struct report *report)
{
    if (ret == -EINTR && signals_quit())
        return EXIT_SIGNAL + signals_quit();
    if (ret == 0 && report->torn)
        return EXIT_BROKEN;
    switch (ret) {
    case -EIO: return EXIT_OUTPUT_FAILED;
    case -ENODEV: return EXIT_DISPLAY_LOST;
    default: return exit_code_of(ret);
    }
}

/* Write the final report. Returns the exit code. */
static int finish(const struct options *options, const struct pf_viewer *viewer,
                  struct report *report, struct record *record, int ret)
{
    int code = code_of(ret, report);

    report_update(report, viewer, record_dropped(record));
    ret = record_close(record);
    if (ret < 0)
        code = exit_code_of_output(ret);
    if (options->log_level > PF_LOG_ERROR)
        report_print(report);
    ret = options->json ? report_write_json(report, options->json) : 0;
    if (ret < 0)
        code = exit_code_of_output(ret);
    return code;
}

/* Check before the run that its results can be written. Returns 0 or a negative errno, logged. */
static int check_outputs(const struct options *options)
{
    const char *const replaced[] = {options->json, options->snapshot};
    const char *const recorded[] = {options->csv, options->trace};
    int ret = 0;

    for (int i = 0; i < 2 && ret == 0; i++) {
        if (replaced[i])
            ret = atomic_file_check(replaced[i]);
        if (ret == 0 && recorded[i])
            ret = output_check(recorded[i]);
    }
    return ret;
}

/* Wait for a producer up to options->wait_ns. A signal other than one to exit does not end the
 * wait. Returns as pf_viewer_open(). */
static int open_viewer(struct pf_viewer **viewer, const struct options *options)
{
    struct pf_viewer_options viewer_options = {
        .every_frame = options->every_frame,
        .wait_ns = options->wait_ns,
        .spin_ns = options->spin_ns,
        .key_file = options->key_file,
        .user = options->user,
    };
    int64_t deadline_ns = clock_deadline_ns(clock_now_ns(), options->wait_ns);
    int ret;

    while ((ret = pf_viewer_open(viewer, options->channel, &viewer_options)) == -EINTR &&
           !signals_quit()) {
        int64_t left_ns = deadline_ns - clock_now_ns();
        viewer_options.wait_ns = left_ns > 0 ? left_ns : 0;
    }
    return ret;
}

static void warn_without_effect(const struct options *options, const struct presenter *presenter)
{
    const struct {
        bool is_given;
        const char *name;
    } of_a_window[] = {{options->presenter.scale, "--scale"},
                       {options->presenter.fullscreen, "--fullscreen"},
                       {options->vsync_is_given, "--vsync"},
                       {options->background_is_given, "--background"}};
    bool has_window = presenter->ops->set_status;

    for (size_t i = 0; i < sizeof of_a_window / sizeof *of_a_window; i++)
        if (of_a_window[i].is_given && !has_window)
            log_warning("option %s: no effect: presenter %s has no window", of_a_window[i].name,
                        presenter->ops->name);
    if (has_window && options->vsync_is_given && options->presenter.vsync != presenter->has_vsync)
        log_warning("option --vsync: no effect with %s%s", presenter->way,
                    presenter->has_vsync ? "" : ": frames may tear");
    if (options->name_is_given && options->key_file)
        log_warning("option --name: no effect: the key file leads to channel \"%s\"",
                    pf_viewer_channel(presenter->viewer));
}

static int view(const struct options *options)
{
    static struct report report; /* histograms are too large for some stacks */
    struct record record = {0};
    struct pf_viewer *viewer = NULL;
    struct presenter *presenter = NULL;

    if (check_outputs(options) < 0)
        return EXIT_OUTPUT_FAILED;
    int ret = open_viewer(&viewer, options);
    int code = code_of(ret, &report);
    if (ret < 0)
        goto out;
    ret = presenter_open(&presenter, &options->presenter, viewer);
    code = code_of(ret, &report);
    if (ret < 0)
        goto out;
    warn_without_effect(options, presenter);
    ret = record_open(&record, options);
    if (ret < 0) {
        code = exit_code_of_output(ret);
        goto out;
    }

    report = (struct report){.channel = pf_viewer_channel(viewer),
                             .way = presenter->way,
                             .format = pf_viewer_segment(viewer)->format,
                             .start_ns = clock_now_ns(),
                             .start_cpu_ns = clock_cpu_ns()};
    ret = loop_run(options, viewer, presenter, &report, &record);
    code = finish(options, viewer, &report, &record, ret);
    if (ret == -ENODEV) {
        /* SDL has its own connection to the lost display, and any call into SDL may hang or exit.
         * The x11 waker's thread still uses the viewer: the kernel releases lease and mapping. */
        fflush(NULL);
        _exit(code);
    }
out:
    record_close(&record);
    if (presenter)
        presenter->ops->close(presenter);
    watchdog_stop(); /* window_open() has started it */
    pf_viewer_close(viewer);
    return code;
}

static int list(void)
{
    int ret = list_print();

    return ret < 0 ? exit_code_of(ret) : exit_code_of_stdout();
}

static int merge(const struct options *options)
{
    int ret = trace_merge(stdout, options->traces, options->trace_count);

    if (signals_quit())
        return EXIT_SIGNAL + signals_quit();
    return ret < 0 ? exit_code_of(ret) : exit_code_of_stdout();
}

int main(int argc, char **argv)
{
    struct options options;

    standard_files_reserve();
    signals_catch();
    messages_init(options_advice);
    if (options_parse(&options, argc, argv) < 0)
        return EXIT_USAGE;
    pf_log_set_level(options.log_level);
    switch (options.action) {
    case ACTION_HELP: option_table_print(options_table()); return exit_code_of_stdout();
    case ACTION_VERSION: puts("pageflip-viewer " PAGEFLIP_VERSION); return exit_code_of_stdout();
    case ACTION_MERGE_TRACE: return merge(&options);
    case ACTION_LIST: return list();
    case ACTION_RUN: break;
    }
    return view(&options);
}
