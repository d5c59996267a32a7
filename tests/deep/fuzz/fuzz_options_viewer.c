/* SPDX-License-Identifier: MIT */
/* The viewer's parser, renamed because the producer's has the same names. */
#define options_parse viewer_options_parse
#define options_table viewer_options_table
#define options_advice viewer_options_advice
#include "viewer/options.c"

int viewer_parse(int argc, char **argv);

/* What options.c calls in the presenters, without their libraries. */
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
