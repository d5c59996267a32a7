/* SPDX-License-Identifier: MIT */
/* What the command line of pageflip-producer says. The parser returns; only main() exits. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "pageflip.h"

enum action { ACTION_RUN, ACTION_HELP, ACTION_VERSION };

struct options {
    enum action action;
    const char *channel;
    const char *pattern;
    char **inputs; /* into argv */
    int input_count;
    uint32_t width, height;      /* of a pattern, pixels */
    bool rate_is_given;          /* else the source's own */
    uint32_t rate_num, rate_den; /* frames per second; 0/1: as fast as it goes */
    uint64_t frames;             /* to publish; 0: no limit */
    bool loop;
    bool stamp;
    uint32_t matrix; /* of Y4M: 601 or 709; 0: not given */
    struct pf_producer_options producer;
    const char *trace; /* NULL: none */
    const char *json;  /* NULL: no report file; "-": standard output */
    enum pf_log_level log_level;
};

/* Returns 0, or -EINVAL: the one line that says why is on standard error. */
int options_parse(struct options *options, int argc, char **argv);

void options_print_help(void);

#endif
