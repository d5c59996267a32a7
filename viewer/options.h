/* SPDX-License-Identifier: MIT */
/* What the command line of pageflip-viewer says. The parser returns; only main() exits. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "pageflip.h"
#include "presenters/presenter.h"

enum action { ACTION_RUN, ACTION_HELP, ACTION_VERSION, ACTION_LIST, ACTION_MERGE_TRACE };

struct options {
    enum action action;
    const char *channel;
    const char *key_file; /* NULL: by channel name */
    const char *user;     /* who shares the channel; NULL: one's own */
    struct presenter_config presenter;
    bool every_frame;
    bool follow;
    int64_t wait_ns; /* for a producer to come */
    int64_t spin_ns;
    uint64_t frames;         /* to show; 0: no limit */
    int64_t run_ns;          /* 0: no limit */
    const char *snapshot;    /* the last frame shown goes here at the end; NULL: nowhere */
    const char *json;        /* NULL: no report file; "-": standard output */
    const char *csv, *trace; /* a record of every frame; NULL: none */
    char **traces;           /* to merge, into argv */
    int trace_count;
    bool verify; /* read the stamps */
    enum pf_log_level log_level;
};

/* Returns 0, or -EINVAL: the one line that says why is on standard error. */
int options_parse(struct options *options, int argc, char **argv);

void options_print_help(void);

#endif
