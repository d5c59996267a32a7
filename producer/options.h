/* SPDX-License-Identifier: MIT */
/* What the command line of pageflip-producer says. The parser returns; only main() exits. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "pageflip.h"
#include "sources/source.h"

enum action { ACTION_RUN, ACTION_HELP, ACTION_VERSION };

struct options {
    enum action action;
    const char *channel;
    struct source_config source;
    uint64_t frames; /* to publish; 0: no limit */
    struct pf_producer_options producer;
    const char *trace; /* NULL: none */
    const char *json;  /* NULL: no report file; "-": standard output */
    enum pf_log_level log_level;
};

/* Returns 0, or -EINVAL: the one line that says why is on standard error. */
int options_parse(struct options *options, int argc, char **argv);

void options_print_help(void);

#endif
