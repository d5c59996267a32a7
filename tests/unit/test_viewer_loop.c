/* SPDX-License-Identifier: MIT */
/* The viewer's loop with a presenter of the test's own. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "last_message.h"
#include "media/stamp.h"
#include "program/signals.h"
#include "scripted_clock.h"
#include "stream.h"
#include "text_file.h"
#include "viewer/loop.h"
#include "viewer/status.h"

TestSuite(viewer_loop, .init = init_stream, .fini = finish_stream);

/* How the run ends as soon as the display has both frames, or, by a crash of the producer, as soon
 * as the viewer has joined its next segment. */
enum end { END_NONE, END_QUIT, END_SIGNAL, END_LOST, END_REPORT, END_CRASH };

/* A display that keeps its frames until the viewer leaves the segment, and then shows every second
 * one. */
static struct display {
    struct presenter presenter;
    struct presented frame[2];
    int count, reported, polls;
    enum end end;
    bool is_detached, has_next, has_reported;
    char title[256];
} display;

/* The descriptor of the channel's lock file. The caller has opened the producer, and no viewer. */
static int find_lease(void)
{
    char link[64], path[512];

    for (int fd = 3; fd < 100; fd++) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        path[length > 0 ? length : 0] = '\0';
        if (strstr(path, scratch) && strstr(path, "/test.lock"))
            return fd;
    }
    cr_assert_fail("no lock file is open");
    return -1;
}

static int lease_fd;

/* As the kernel does for a producer that is killed: close the file, which has the lease. */
static void crash_producer(void)
{
    int other_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    cr_assert_eq(dup2(other_fd, lease_fd), lease_fd);
    close(other_fd);
}

static void detach(struct presenter *presenter)
{
    (void)presenter;
    display.is_detached = true;
}

static bool supports(const struct pf_format *format)
{
    (void)format;
    return true;
}

static int attach(struct presenter *presenter)
{
    cr_assert_eq(display.reported, display.count, "frames of the old segment are left");
    display.is_detached = false;
    display.has_next = true;
    presenter->way = "next";
    if (display.end == END_CRASH)
        crash_producer();
    return 0;
}

static bool ready(const struct presenter *presenter)
{
    (void)presenter;
    return true;
}

static int show(struct presenter *presenter, const struct pf_frame *frame, bool again)
{
    bool skipped = display.count == 1;

    (void)again;
    display.frame[display.count++] =
        (struct presented){.frame = *frame, .done_ns = frame->acquire_ns, .skipped = skipped};
    pf_viewer_release(presenter->viewer, frame);
    return 0;
}

static int poll_display(struct presenter *presenter, struct presented *done, enum command *command)
{
    (void)presenter;
    bool is_full = display.count == 2;

    cr_assert_lt(display.polls++, 1000 * 1000, "the loop does not end");

    bool quits = (display.has_next && display.end != END_CRASH) || display.has_reported ||
                 (is_full && display.end == END_QUIT);
    *command = quits && !display.is_detached ? COMMAND_QUIT : COMMAND_NONE;
    if (is_full && display.end == END_LOST)
        return -ENODEV;
    if (is_full && display.end == END_SIGNAL && !display.is_detached)
        raise(SIGINT);
    if (is_full && display.end == END_REPORT && !display.has_reported) {
        display.has_reported = true;
        raise(SIGUSR1);
    }
    if (!display.is_detached || display.reported == display.count)
        return 0;
    *done = display.frame[display.reported++];
    return 1;
}

static void set_status(struct presenter *presenter, const char *title, const struct canvas *canvas)
{
    (void)presenter;
    (void)canvas;
    if (title)
        snprintf(display.title, sizeof display.title, "%s", title);
}

static const struct presenter_ops ops = {.supports = supports,
                                         .attach = attach,
                                         .detach = detach,
                                         .ready = ready,
                                         .show = show,
                                         .poll = poll_display,
                                         .set_status = set_status};

static struct report report;

/* Two published frames, which the viewer acquires one after the other. */
static void open_two_frames(void)
{
    open_producer(3, 0);
    lease_fd = find_lease();
    open_viewer(true);
    cr_assert_eq(publish(1), 0);
    cr_assert_eq(publish(2), 0);
}

static int run(enum end end, const struct options *options)
{
    struct record record = {0};

    display =
        (struct display){.presenter = {.ops = &ops, .viewer = viewer, .way = "test"}, .end = end};
    report = (struct report){.channel = "test", .format = pf_viewer_segment(viewer)->format};
    int ret = loop_run(options, viewer, &display.presenter, &report, &record);
    report_update(&report, viewer, 0);
    return ret;
}

static void assert_counts(uint64_t shown, uint64_t skipped)
{
    cr_assert_eq(report.stats.acquired, 2);
    cr_assert_eq(report.shown, shown, "%d shown", (int)report.shown);
    cr_assert_eq(report_skipped(&report), skipped, "%d skipped", (int)report_skipped(&report));
}

Test(viewer_loop, counts_the_frames_that_the_display_has_when_the_user_quits)
{
    open_two_frames();
    cr_assert_eq(run(END_QUIT, &(struct options){0}), 0);
    assert_counts(1, 1);
}

Test(viewer_loop, counts_the_frames_that_the_display_has_after_a_signal)
{
    signals_catch();
    open_two_frames();
    cr_assert_eq(run(END_SIGNAL, &(struct options){0}), -EINTR);
    assert_counts(1, 1);
}

Test(viewer_loop, counts_the_frames_that_the_display_has_when_the_time_is_over)
{
    open_two_frames();
    cr_assert_eq(run(END_NONE, &(struct options){.run_ns = NS_PER_S / 2}), 0);
    assert_counts(1, 1);
}

Test(viewer_loop, counts_the_frames_that_the_display_has_when_the_producer_ends)
{
    open_two_frames();
    pf_producer_close(producer);
    producer = NULL;
    cr_assert_eq(run(END_NONE, &(struct options){0}), 0);
    assert_counts(1, 1);
}

Test(viewer_loop, counts_the_frames_of_a_segment_before_it_joins_the_next)
{
    struct pf_format larger = size(80, 50);

    open_two_frames();
    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
    cr_assert_eq(run(END_NONE, &(struct options){0}), 0);
    cr_assert(display.has_next);
    assert_counts(1, 1);
    cr_assert_eq(report.format.width, 80, "the report has the format of the first segment");
    cr_assert_eq(report.format.height, 50);
    cr_assert_str_eq(report.way, "next", "and of what shows it");
}

Test(viewer_loop, a_crash_after_a_format_change_names_no_frame_of_the_segment_before)
{
    struct pf_format larger = size(80, 50);

    keep_messages();
    open_two_frames();
    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
    cr_assert_eq(run(END_CRASH, &(struct options){0}), -EPIPE);
    cr_assert_eq(errors, 1, "%d lines", errors);
    cr_assert_not_null(strstr(message, "frame 0"), "%s", message);
}

/* ------------------------------------------------------------------ a pause */

/* In a first turn the user pauses, in a second one continues, and then quits. */
static int poll_of_a_pause(struct presenter *presenter, struct presented *done,
                           enum command *command)
{
    static const enum command commands[] = {COMMAND_PAUSE, COMMAND_NONE, COMMAND_PAUSE,
                                            COMMAND_NONE, COMMAND_QUIT};
    int poll = display.polls++;

    (void)presenter;
    (void)done;
    if (poll == 2)
        cr_assert_not_null(strstr(display.title, "paused"), "during a pause: %s", display.title);
    if (poll == 4)
        cr_assert_null(strstr(display.title, "paused"), "after a pause: %s", display.title);
    *command = poll < (int)(sizeof commands / sizeof *commands) ? commands[poll] : COMMAND_NONE;
    return 0;
}

static bool is_never_ready(const struct presenter *presenter)
{
    (void)presenter;
    return false;
}

static void do_not_wait(struct presenter *presenter, int64_t timeout_ns)
{
    (void)presenter;
    (void)timeout_ns;
}

/* The clock stands, so the title is not due by time. */
Test(viewer_loop, the_title_follows_a_pause_in_the_same_turn)
{
    static const struct presenter_ops pause_ops = {.supports = supports,
                                                   .attach = attach,
                                                   .detach = detach,
                                                   .ready = is_never_ready,
                                                   .show = show,
                                                   .poll = poll_of_a_pause,
                                                   .wait = do_not_wait,
                                                   .set_status = set_status};
    struct record record = {0};

    open_two_frames();
    display = (struct display){.presenter = {.ops = &pause_ops, .viewer = viewer}};
    report = (struct report){.channel = "test", .format = pf_viewer_segment(viewer)->format};
    scripted_now_ns = 10 * NS_PER_S;
    cr_assert_eq(loop_run(&(struct options){0}, viewer, &display.presenter, &report, &record), 0);
    cr_assert_gt(display.polls, 4);
    scripted_now_ns = 0;
}

/* ------------------------------------------------------------------ reports and the end */

/* The display has both frames, and has not reported either yet. */
Test(viewer_loop, a_requested_report_has_the_counts_of_that_moment)
{
    char path[512];

    signals_catch();
    open_two_frames();
    scratch_path(path, scratch, "report.json");
    cr_assert_eq(run(END_REPORT, &(struct options){.json = path}), 0);
    ASSERT_IN_ORDER(text_of_file(path), "\"acquired\":2,\"shown\":0,\"skipped\":0,");
}

Test(viewer_loop, counts_the_frames_of_a_lost_display_as_skipped)
{
    open_two_frames();
    cr_assert_eq(run(END_LOST, &(struct options){0}), -ENODEV);
    assert_counts(0, 2);
}

Test(viewer_loop, a_failed_snapshot_does_not_hide_a_lost_display)
{
    keep_messages();
    open_two_frames();
    cr_assert_eq(run(END_LOST, &(struct options){.snapshot = "absent/shot.png"}), -ENODEV);
    cr_assert_eq(errors, 1, "%d lines", errors);
}

Test(viewer_loop, reports_torn_frames_once_and_counts_them)
{
    struct pf_frame frame;

    keep_messages();
    pf_log_set_level(PF_LOG_WARNING);
    open_producer(3, 0);
    open_viewer(true);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
        frame.flags = PF_FRAME_STAMPED; /* without a stamp */
        pf_producer_publish(producer, &frame);
    }
    cr_assert_eq(run(END_QUIT, &(struct options){.verify = true}), 0);
    cr_assert_eq(report.torn, 2);
    cr_assert_eq(errors, 1, "%d lines", errors);
    cr_assert_eq(warnings, 0, "the frames had stamps: %s", message);
}

/* Publish a frame whose stamp has the sequence `stamped`. */
static void publish_stamped(uint32_t stamped, uint32_t flags)
{
    struct pf_frame frame;

    cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
    stamp_draw((struct stamp){.sequence = stamped}, &frame.format, frame.plane);
    frame.flags = flags;
    pf_producer_publish(producer, &frame);
}

/* As if the producer had drawn the next frame in a slot that the viewer holds. */
Test(viewer_loop, the_whole_stamp_of_another_frame_is_torn)
{
    keep_messages();
    open_producer(3, 0);
    open_viewer(true);
    publish_stamped(2, PF_FRAME_STAMPED);
    publish_stamped(2, PF_FRAME_STAMPED);
    cr_assert_eq(run(END_QUIT, &(struct options){.verify = true}), 0);
    cr_assert_eq(report.torn, 1);
    cr_assert_eq(report.verified, 1);
    cr_assert_eq(errors, 1, "%d lines", errors);
    cr_assert_not_null(strstr(message, "frame 1:"), "%s", message);
}

Test(viewer_loop, verifies_only_frames_that_have_a_stamp_and_only_if_asked_to)
{
    for (int asked = 0; asked < 2; asked++) {
        open_producer(3, 0);
        open_viewer(true);
        publish_stamped(1, asked ? 0 : PF_FRAME_STAMPED);
        publish_stamped(7, asked ? 0 : PF_FRAME_STAMPED);
        keep_messages();
        pf_log_set_level(PF_LOG_WARNING);
        cr_assert_eq(run(END_QUIT, &(struct options){.verify = asked}), 0);
        cr_assert_eq(warnings, asked, "%d warnings", warnings);
        cr_assert_eq(report.torn, 0);
        cr_assert_eq(report.verified, 0);
        pf_viewer_close(viewer);
        pf_producer_close(producer);
        viewer = NULL;
        producer = NULL;
    }
}

Test(viewer_loop, the_title_has_the_time_from_when_a_frame_was_due)
{
    struct presented done = {
        .frame = {.due_ns = NS_PER_S, .begin_ns = NS_PER_S + 900 * NS_PER_MS},
        .done_ns = 2 * NS_PER_S,
    };
    static struct status status;

    open_producer(2, 0);
    open_viewer(false);
    display = (struct display){.presenter = {.ops = &ops, .viewer = viewer}};
    report = (struct report){.channel = "test", .format = pf_viewer_segment(viewer)->format};
    status_init(&status, 2 * NS_PER_S);
    status_add_frame(&status, &done);
    status_update(&status, STATUS_SHOWING, &display.presenter, &report, 3 * NS_PER_S);
    double ms = 0;
    cr_assert_eq(sscanf(display.title, "pageflip test - 64x48 - %*f fps - %lf ms", &ms), 1, "%s",
                 display.title);
    cr_assert(ms >= 1000 && ms <= 1010, "%s", display.title);
    status_finish(&status);
}
