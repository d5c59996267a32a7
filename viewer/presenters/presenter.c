/* SPDX-License-Identifier: MIT */
/* `auto` takes the first presenter of the table that is for auto and works. */
#include "presenter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/format.h"
#include "core/log.h"
#include "program/options.h"

#define PRESENTER_ADDRESS(name) &presenter_##name##_ops,
static const struct presenter_ops *const presenters[] = {PRESENTER_TABLE(PRESENTER_ADDRESS)};
enum { COUNT = sizeof presenters / sizeof *presenters };

bool presenter_exists(const char *name)
{
    for (size_t i = 0; i < COUNT; i++)
        if (strcmp(presenters[i]->name, name) == 0)
            return true;
    return false;
}

void presenter_print_table(void)
{
    char automatic[128] = "the first of these that works here: ";
    const char *separator = "";

    for (size_t i = 0; i < COUNT; i++) {
        option_table_print_row(presenters[i]->name, presenters[i]->summary);
        if (!presenters[i]->is_for_auto)
            continue;
        size_t length = strlen(automatic);
        snprintf(automatic + length, sizeof automatic - length, "%s%s", separator,
                 presenters[i]->name);
        separator = ", ";
    }
    option_table_print_row("auto", automatic);
}

/* Returns 0, or -ENOTSUP and *reason. */
static int check_format(const struct presenter_ops *ops, struct pf_viewer *viewer,
                        const char **reason)
{
    static char text[96];
    const struct pf_format *format = &pf_viewer_segment(viewer)->format;

    if (ops->supports(format))
        return 0;
    snprintf(text, sizeof text, "does not support frames of format %s%s",
             format_name(format->fourcc).text,
             format->color.transfer >= PF_TRANSFER_LINEAR ? " with this transfer function" : "");
    *reason = text;
    return -ENOTSUP;
}

int presenter_open(struct presenter **presenter, const struct presenter_config *config,
                   struct pf_viewer *viewer)
{
    bool is_auto = strcmp(config->name, "auto") == 0;
    char reasons[1024] = "";
    size_t length = 0;

    for (size_t i = 0; i < COUNT; i++) {
        const struct presenter_ops *ops = presenters[i];
        const char *reason;
        bool is_wanted = is_auto ? ops->is_for_auto : strcmp(ops->name, config->name) == 0;
        if (!is_wanted)
            continue;
        int ret = check_format(ops, viewer, &reason);
        if (ret == 0)
            ret = ops->open(presenter, config, viewer, &reason);
        if (ret == 0)
            log_info("presenter %s: showing frames by %s", ops->name, (*presenter)->way);
        if (ret != -ENOTSUP)
            return ret;
        length += (size_t)snprintf(reasons + length, sizeof reasons - length, "%s%s: %s",
                                   length ? "; " : "", ops->name, reason);
        if (length >= sizeof reasons)
            length = sizeof reasons - 1;
        if (is_auto)
            log_info("presenter %s: skipped: %s", ops->name, reason);
    }
    log_error("%s%s%s", is_auto ? "no presenter works here: " : "presenter ", reasons,
              is_auto ? "; use --presenter null to run without a display" : "");
    return -ENODEV;
}

int presenter_attach(struct presenter *presenter)
{
    const char *reason;

    if (check_format(presenter->ops, presenter->viewer, &reason) < 0) {
        log_error("presenter %s: %s", presenter->ops->name, reason);
        return -ENODEV;
    }
    return presenter->ops->attach(presenter);
}
