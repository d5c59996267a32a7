/* SPDX-License-Identifier: MIT */
/*
 * The frames that were sent to the X server, and what it has said about each since. A frame is done
 * with when the server no longer reads its slot, has drawn it, and has counted it; each of the
 * three may have an answer of its own, and they come in any order.
 */
#ifndef X11_SENT_H
#define X11_SENT_H

#include "link.h"
#include "presenters/presenter.h"

enum { X11_SENT_MAX = 16 };

/* What a sent frame still waits for. */
enum {
    WAITS_FOR_SLOT = 1,    /* the server reads the slot */
    WAITS_FOR_PICTURE = 2, /* the picture is not on the window yet */
    WAITS_FOR_COUNT = 4,   /* Present has not said whether it was shown or skipped */
};

struct x11_sent {
    bool is_used;
    unsigned int waits;
    struct presented done;
    uint32_t serial; /* our own count; Present's events carry it */
    int back;        /* the back pixmap it was composed in; -1: none */
    /* Sequences of requests whose answer ends a wait; 0: an event does. */
    unsigned int slot_reply, picture_reply; /* GetInputFocus, sent behind the last use */
    unsigned int put;                       /* ShmPutImage */
};

struct x11_table {
    struct pf_viewer *viewer; /* whose frames are released */
    struct x11_sent sent[X11_SENT_MAX];
    uint32_t serial;
};

/* A new entry; there must be room: x11_sent_count(table, ~0u) < X11_SENT_MAX. */
struct x11_sent *x11_sent_new(struct x11_table *table, const struct pf_frame *frame, bool again);

/* How many wait for any of `waits`. */
int x11_sent_count(const struct x11_table *table, unsigned int waits);

/* Is an entry composed in this back pixmap and not drawn yet? */
bool x11_sent_uses_back(const struct x11_table *table, int back);

/* Process all events and replies that have arrived; never waits. Returns 0, or -ENODEV, logged: the
 * server has refused a request. */
int x11_sent_process_replies(struct x11_table *table, struct x11_link *link);

/* Returns 0, or -ENODEV, logged: the display is lost, or has not answered for 5 s. */
int x11_sent_check(const struct x11_table *table, const struct x11_link *link);

/* The oldest frame that is done with. Returns false when there is none. */
bool x11_sent_take_done(struct x11_table *table, struct presented *done);

/* Wait up to 200 ms for all of them; what has no answer then counts as skipped. No slot is held
 * after it. */
void x11_sent_drain(struct x11_table *table, struct x11_link *link);

#endif
