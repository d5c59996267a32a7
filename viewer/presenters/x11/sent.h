/* SPDX-License-Identifier: MIT */
/*
 * The frames that were sent to the X server, and what the server still has to report about each. A
 * frame is done when the server no longer reads its slot, has drawn it, and has reported whether it
 * was shown. Each of the three may be reported separately, in any order.
 */
#ifndef VIEWER_PRESENTERS_X11_SENT_H
#define VIEWER_PRESENTERS_X11_SENT_H

#include "link.h"
#include "presenters/presenter.h"

enum { X11_SENT_MAX = 16 };

/* What a sent frame still waits for. */
enum {
    WAITS_FOR_SLOT = 1,    /* the server may still read the slot */
    WAITS_FOR_DRAWING = 2, /* the frame is not drawn on the window yet */
    WAITS_FOR_RESULT = 4,  /* Present has not reported yet whether it was shown or skipped */
};

struct x11_sent {
    bool is_used;
    bool is_staged; /* done.frame is in a slot of staging.h, and the viewer's frame is released */
    unsigned int waits;
    struct presented done;
    int64_t flush_ns; /* when its requests were written to the connection */
    uint32_t serial;  /* counts up; Present's events contain it */
    int back;         /* the back pixmap it was composed in; -1: none */
    /* Sequence numbers of requests. GetInputFocus, sent after the last use: its reply ends the
     * wait; 0: an event ends it. */
    unsigned int slot_reply, drawing_reply;
    unsigned int put; /* ShmPutImage: its ShmCompletion event ends the wait; 0: not sent */
};

struct x11_sent_table {
    struct pf_viewer *viewer; /* whose frames are released */
    struct x11_sent sent[X11_SENT_MAX];
    uint32_t serial;
};

/* Returns a new entry, or NULL if the table is full. For show() there is one: ready() limits the
 * entries that wait, and the loop takes the finished ones (x11_sent_take_done()) before it shows a
 * frame. */
struct x11_sent *x11_sent_add(struct x11_sent_table *table, const struct pf_frame *frame,
                              bool again);

/* The number of entries that wait for any of `waits`. */
int x11_sent_count(const struct x11_sent_table *table, unsigned int waits);

/* Is there an entry that is composed in this back pixmap and not drawn yet? */
bool x11_sent_uses_back(const struct x11_sent_table *table, int back);

/* Process all events and replies that have arrived; never waits. Returns 0, or -ENODEV, logged: the
 * server has refused a request. */
int x11_sent_process_replies(struct x11_sent_table *table, struct x11_link *link);

/* Returns 0, or -ENODEV, logged: the display is lost, or has not answered for
 * link->answer_ns. */
int x11_sent_check(const struct x11_sent_table *table, const struct x11_link *link);

/* Remove the oldest frame that is done. Returns false when there is none. */
bool x11_sent_take_done(struct x11_sent_table *table, struct presented *done);

/* Wait up to 200 ms for all frames, then count the remaining ones as skipped. No slot is held
 * afterwards. */
void x11_sent_drain(struct x11_sent_table *table, struct x11_link *link);

#endif
