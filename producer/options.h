/* SPDX-License-Identifier: MIT */
/* The command line of pageflip-producer. The parser returns; only main() exits. */
#ifndef PRODUCER_OPTIONS_H
#define PRODUCER_OPTIONS_H

#include "pageflip.h"
#include "program/options.h"
#include "sources/source.h"

enum action { ACTION_RUN, ACTION_HELP, ACTION_VERSION };

struct options {
    enum action action;
    const char *channel;
    struct source_config source;
    uint64_t frames; /* to publish; 0: no limit */
    struct pf_producer_options producer;
    const char *trace; /* path; NULL: none */
    const char *json;  /* path of the report; NULL: none; "-": standard output */
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
