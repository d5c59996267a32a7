/* SPDX-License-Identifier: MIT */
/* The viewer's parser, under other names than the producer's. */
#define options_parse viewer_options_parse
#define options_print_help viewer_options_print_help
#include "viewer/options.c"

int viewer_parse(int argc, char **argv);

/* Without the presenters and all that they need. */
bool presenter_exists(const char *name)
{
    return strcmp(name, "null") == 0;
}

void presenter_print_table(void)
{
}

int viewer_parse(int argc, char **argv)
{
    struct options options;
    int ret = options_parse(&options, argc, argv);

    if (ret == 0 && options.action == ACTION_RUN &&
        (options.wait_ns < 0 || options.run_ns < 0 || options.spin_ns < 0 ||
         options.presenter.scale > SCALE_MAX))
        __builtin_trap();
    return ret;
}
