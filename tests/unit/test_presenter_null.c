/* SPDX-License-Identifier: MIT */
/* The null presenter: it releases each frame immediately, and reports it. */
#include "stream.h"
#include "viewer/presenters/presenter.h"

static struct presenter *presenter;

static void init(void)
{
    const struct presenter_config config = {.name = "null"};

    init_stream();
    open_producer(2, 0);
    open_viewer(false);
    cr_assert_eq(presenter_open(&presenter, &config, viewer), 0);
}

static void finish(void)
{
    presenter->ops->close(presenter);
    finish_stream();
}

TestSuite(presenter_null, .init = init, .fini = finish);

/* Returns whether there was a result. */
static bool poll_once(struct presented *done)
{
    enum command command = COMMAND_QUIT;
    int ret = presenter->ops->poll(presenter, done, &command);

    cr_assert_eq(command, COMMAND_NONE);
    return ret == 1;
}

static struct presented show(const struct pf_frame *frame, bool again)
{
    struct presented done;

    cr_assert(presenter->ops->ready(presenter));
    cr_assert_eq(presenter->ops->show(presenter, frame, again), 0);
    cr_assert_not(presenter->ops->ready(presenter), "the result would be lost");
    cr_assert(poll_once(&done));
    cr_assert_eq(done.frame.sequence, frame->sequence);
    cr_assert_eq(done.again, again);
    cr_assert_not(done.skipped);
    cr_assert_eq(done.user_copies, 0);
    cr_assert_eq(done.ust_ns, 0, "there is no display");
    cr_assert_not(poll_once(&done), "a result is reported once");
    return done;
}

Test(presenter_null, releases_and_reports_each_frame)
{
    struct pf_frame frame;

    for (uint32_t i = 1; i <= 4; i++) {
        cr_assert_eq(publish(i), 0, "frame %u: the slot of an earlier one is held", i);
        cr_assert_eq(pf_viewer_acquire(viewer, HANG_NS, &frame), 0);
        int64_t before_ns = clock_now_ns();
        struct presented done = show(&frame, false);
        cr_assert_leq(before_ns, done.submit_ns);
        cr_assert_leq(done.submit_ns, done.done_ns);
        cr_assert_leq(done.done_ns, clock_now_ns());
    }
    cr_assert_eq(pf_viewer_acquire_latest(viewer, &frame), 0);
    show(&frame, true);
    cr_assert_eq(publish(5), 0);
    cr_assert_eq(publish(6), 0, "the slot of a frame shown again is held");
    cr_assert_str_eq(presenter->way, "null");
}
