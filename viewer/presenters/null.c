/* SPDX-License-Identifier: MIT */
/* Shows nothing: for machines without a display, and to measure everything except the display. */
#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "presenter.h"

struct null_presenter {
    struct presenter presenter;
    struct presented done;
    bool has_done;
};

static int open_null(struct presenter **presenter, const struct presenter_config *config,
                     struct pf_viewer *viewer, const char **reason)
{
    struct null_presenter *self = calloc(1, sizeof *self);

    (void)config;
    (void)reason;
    if (!self)
        return log_out_of_memory("presenter null");
    self->presenter =
        (struct presenter){.ops = &presenter_null_ops, .viewer = viewer, .way = "null"};
    *presenter = &self->presenter;
    return 0;
}

static bool supports(const struct pf_format *format)
{
    (void)format; /* it reads no pixels */
    return true;
}

static void detach(struct presenter *presenter)
{
    (void)presenter; /* it holds nothing */
}

static int attach(struct presenter *presenter)
{
    (void)presenter;
    return 0;
}

static bool ready(const struct presenter *presenter)
{
    return !((const struct null_presenter *)presenter)->has_done;
}

static int show(struct presenter *presenter, const struct pf_frame *frame, bool again)
{
    struct null_presenter *self = (struct null_presenter *)presenter;

    int64_t now_ns = clock_now_ns();

    pf_viewer_release(presenter->viewer, frame);
    self->done =
        (struct presented){.frame = *frame, .again = again, .submit_ns = now_ns, .done_ns = now_ns};
    self->has_done = true;
    return 0;
}

static int poll_null(struct presenter *presenter, struct presented *done, enum command *command)
{
    struct null_presenter *self = (struct null_presenter *)presenter;

    *command = COMMAND_NONE;
    if (!self->has_done)
        return 0;
    *done = self->done;
    self->has_done = false;
    return 1;
}

static void close_null(struct presenter *presenter)
{
    free(presenter);
}

const struct presenter_ops presenter_null_ops = {
    .name = "null",
    .summary = "no display: releases each frame immediately",
    .supports = supports,
    .open = open_null,
    .detach = detach,
    .attach = attach,
    .ready = ready,
    .show = show,
    .poll = poll_null,
    .close = close_null,
};
