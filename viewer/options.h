/* SPDX-License-Identifier: MIT */
/* The command line of pageflip-viewer. The parser returns; only main() exits. */
#ifndef VIEWER_OPTIONS_H
#define VIEWER_OPTIONS_H

#include "pageflip.h"
#include "presenters/presenter.h"
#include "program/options.h"

enum action { ACTION_RUN, ACTION_HELP, ACTION_VERSION, ACTION_LIST, ACTION_MERGE_TRACE };

struct options {
    enum action action;
    const char *channel;
    const char *key_file; /* find the segment by this file's key; NULL: by the channel's name */
    const char *user;     /* owner of a shared channel; NULL: a private channel of this user */
    bool name_is_given;   /* else `channel` is the default */
    struct presenter_config presenter;
    bool vsync_is_given, background_is_given;
    bool every_frame;
    bool follow;
    int64_t wait_ns; /* for a producer to start */
    int64_t spin_ns;
    uint64_t frames;         /* to show; 0: no limit */
    int64_t run_ns;          /* 0: no limit */
    const char *snapshot;    /* path for the last frame shown; NULL: none */
    const char *json;        /* path of the report; NULL: none; "-": standard output */
    const char *csv, *trace; /* paths of records of every frame; NULL: none */
    char **traces;           /* paths to merge, into argv */
    int trace_count;
    bool verify; /* read the stamps */
    enum pf_log_level log_level;
};

/* Returns 0, or -EINVAL, logged. */
int options_parse(struct options *options, int argc, char **argv);

/* What --help is generated from. */
const struct option_table *options_table(void);

/* What to do about a failure of the library with this errno, in terms of these options; NULL:
 * nothing specific. For messages_init(). */
const char *options_advice(int error);

#endif
