/* SPDX-License-Identifier: MIT */
/* What the viewer measured: as JSON for programs, as a table for people. */
#ifndef REPORT_H
#define REPORT_H

#include "presenters/presenter.h"
#include "program/histogram.h"

struct report {
    const char *channel;
    const char *way; /* of presenting */
    struct pf_format format;
    struct pf_viewer_stats stats;
    uint64_t shown;
    uint64_t passed_over; /* acquired, but the display or a pause let them go */
    uint64_t torn;
    uint64_t verified;        /* stamps that were read well */
    uint64_t user_copies;     /* whole frames copied by this process, counted where it happens */
    uint64_t records_dropped; /* of --csv and --trace */
    int64_t start_ns, start_cpu_ns; /* of the show: getting ready for it does not count */
    int64_t last_done_ns;
    struct histogram render;  /* begin to publish */
    struct histogram handoff; /* publish to acquire */
    struct histogram present; /* acquire to the display's being done with the slot */
    struct histogram total;   /* begin, or due if that was earlier, to done */
    struct histogram
        display_start;         /* acquire to when the display says that it started; may be empty */
    struct histogram interval; /* done to done */
};

/* Record what became of a frame. */
void report_frame(struct report *report, const struct presented *presented);

/* Returns 0 or a negative errno, logged. */
int report_write_json(const struct report *report, const char *path);

void report_print(const struct report *report);

#endif
