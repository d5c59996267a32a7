/* SPDX-License-Identifier: MIT */
/* The table of presenters; auto takes the first that is for it and works. */
#include "presenter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"

static const struct presenter_ops *const presenters[] = {
#ifdef HAVE_X11
    &presenter_x11_ops,
    &presenter_x11_put_ops,
#endif
    &presenter_sdl_ops,
    &presenter_null_ops,
};
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
    for (size_t i = 0; i < COUNT; i++)
        printf("  %-8s %s\n", presenters[i]->name, presenters[i]->summary);
}

int presenter_open(struct presenter **presenter, const struct presenter_config *config,
                   struct pf_viewer *viewer)
{
    bool is_auto = strcmp(config->name, "auto") == 0;
    const char *reason = "";

    for (size_t i = 0; i < COUNT; i++) {
        const struct presenter_ops *ops = presenters[i];
        bool is_wanted = is_auto ? ops->is_for_auto : strcmp(ops->name, config->name) == 0;
        if (!is_wanted)
            continue;
        int ret = ops->open(presenter, config, viewer, &reason);
        if (ret == 0)
            log_info("presenter %s: showing frames by %s", ops->name, (*presenter)->way);
        if (ret != -ENOTSUP)
            return ret;
        if (is_auto)
            log_info("presenter %s: passed over: %s", ops->name, reason);
    }
    log_error("presenter %s: %s; set DISPLAY or WAYLAND_DISPLAY, or use --presenter null",
              config->name, reason);
    return -ENODEV;
}
