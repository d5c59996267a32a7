/* SPDX-License-Identifier: MIT */
/*
 * Present's Idle event frees a slot that was presented, ShmCompletion one that was put. RENDER has
 * no such event, so a GetInputFocus is sent after its request: the reply means that the server has
 * processed both. Present's Complete event reports whether the frame was shown, or skipped for a
 * newer one.
 */
#include "sent.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <xcb/xcbext.h>

#include "core/clock.h"
#include "core/log.h"
#include "presenters/display_loss.h"

#define DRAIN_NS (200 * NS_PER_MS)

struct x11_sent *x11_sent_add(struct x11_sent_table *table, const struct pf_frame *frame,
                              bool again)
{
    struct x11_sent *sent = table->sent;

    while (sent->is_used)
        if (++sent == table->sent + X11_SENT_MAX)
            return NULL;
    *sent =
        (struct x11_sent){.is_used = true,
                          .done = {.frame = *frame, .again = again, .submit_ns = clock_now_ns()},
                          .serial = ++table->serial,
                          .back = -1};
    return sent;
}

int x11_sent_count(const struct x11_sent_table *table, unsigned int waits)
{
    int count = 0;

    for (int i = 0; i < X11_SENT_MAX; i++)
        count += table->sent[i].is_used && (table->sent[i].waits & waits) != 0;
    return count;
}

bool x11_sent_uses_back(const struct x11_sent_table *table, int back)
{
    for (int i = 0; i < X11_SENT_MAX; i++) {
        const struct x11_sent *sent = &table->sent[i];
        if (sent->is_used && sent->back == back && (sent->waits & WAITS_FOR_DRAWING))
            return true;
    }
    return false;
}

/* ------------------------------------------------------------------ events and replies */

static void finish_part(struct x11_sent_table *table, struct x11_sent *sent, unsigned int part)
{
    if ((sent->waits & part & WAITS_FOR_SLOT) != 0 && !sent->is_staged)
        pf_viewer_release(table->viewer, &sent->done.frame);
    if ((sent->waits & part & (WAITS_FOR_SLOT | WAITS_FOR_DRAWING)) != 0)
        sent->done.done_ns = clock_now_ns();
    sent->waits &= ~part;
}

static struct x11_sent *sent_by_serial(struct x11_sent_table *table, uint32_t serial)
{
    for (int i = 0; i < X11_SENT_MAX; i++)
        if (table->sent[i].is_used && table->sent[i].serial == serial)
            return &table->sent[i];
    return NULL;
}

static void on_idle(struct x11_sent_table *table, const xcb_present_idle_notify_event_t *event)
{
    struct x11_sent *sent = sent_by_serial(table, event->serial);

    if (!sent)
        return;
    /* For a back pixmap the event does not concern the slot, which has a reply of its own. */
    finish_part(table, sent, WAITS_FOR_DRAWING | (sent->slot_reply ? 0 : WAITS_FOR_SLOT));
}

static void on_complete(struct x11_sent_table *table,
                        const xcb_present_complete_notify_event_t *event)
{
    struct x11_sent *sent = sent_by_serial(table, event->serial);

    if (!sent || event->kind != XCB_PRESENT_COMPLETE_KIND_PIXMAP)
        return;
    sent->done.skipped = event->mode == XCB_PRESENT_COMPLETE_MODE_SKIP;
    sent->done.ust_ns = (int64_t)event->ust * NS_PER_US;
    finish_part(table, sent, WAITS_FOR_RESULT);
}

static void on_put(struct x11_sent_table *table, unsigned int sequence)
{
    for (int i = 0; i < X11_SENT_MAX; i++) {
        struct x11_sent *sent = &table->sent[i];
        if (sent->is_used && sent->put == sequence)
            finish_part(table, sent,
                        WAITS_FOR_SLOT | (sent->drawing_reply ? 0 : WAITS_FOR_DRAWING));
    }
}

static bool has_reply(struct x11_link *link, unsigned int sequence)
{
    void *reply = NULL;
    xcb_generic_error_t *error = NULL;

    if (!xcb_poll_for_reply(link->xcb, sequence, &reply, &error))
        return false;
    free(reply);
    free(error);
    return true;
}

static void process_replies(struct x11_sent_table *table, struct x11_link *link)
{
    for (int i = 0; i < X11_SENT_MAX; i++) {
        struct x11_sent *sent = &table->sent[i];
        if (!sent->is_used)
            continue;
        if ((sent->waits & WAITS_FOR_SLOT) && sent->slot_reply && has_reply(link, sent->slot_reply))
            finish_part(table, sent, WAITS_FOR_SLOT);
        if ((sent->waits & WAITS_FOR_DRAWING) && sent->drawing_reply &&
            has_reply(link, sent->drawing_reply))
            finish_part(table, sent, WAITS_FOR_DRAWING);
    }
}

static void skip(struct x11_sent *sent)
{
    sent->done.skipped = true;
    sent->done.user_copies = 0;
}

static int on_error(struct x11_sent_table *table, const xcb_generic_error_t *error)
{
    /* The window has been destroyed, which SDL reports by an event: what waits is not shown. */
    if (error->error_code == XCB_WINDOW || error->error_code == XCB_DRAWABLE) {
        for (int i = 0; i < X11_SENT_MAX; i++)
            if (table->sent[i].is_used && table->sent[i].waits)
                skip(&table->sent[i]);
        return 0;
    }
    log_error(
        "display lost: the X server refused request %d.%d with error %d; try --presenter x11-send",
        error->major_code, error->minor_code, error->error_code);
    return -ENODEV;
}

int x11_sent_process_replies(struct x11_sent_table *table, struct x11_link *link)
{
    xcb_generic_event_t *event;
    int ret = 0;

    while (link->present_events &&
           (event = xcb_poll_for_special_event(link->xcb, link->present_events))) {
        const xcb_present_generic_event_t *generic = (const void *)event;
        if (generic->evtype == XCB_PRESENT_IDLE_NOTIFY)
            on_idle(table, (const void *)event);
        else if (generic->evtype == XCB_PRESENT_COMPLETE_NOTIFY)
            on_complete(table, (const void *)event);
        free(event);
    }
    /* With Present, the last call above has read the socket. */
    while (ret == 0 && (event = link->present_events ? xcb_poll_for_queued_event(link->xcb)
                                                     : xcb_poll_for_event(link->xcb))) {
        if (event->response_type == 0)
            ret = on_error(table, (const void *)event);
        else if ((event->response_type & 0x7f) == link->shm_completion)
            on_put(table, event->full_sequence);
        free(event);
    }
    x11_link_set_processed(link); /* now, since polling for replies may read more events */
    process_replies(table, link);
    return ret;
}

static bool is_unanswered(const struct x11_sent_table *table, int64_t limit_ns)
{
    int64_t now_ns = clock_now_ns();

    for (int i = 0; i < X11_SENT_MAX; i++)
        if (table->sent[i].is_used && table->sent[i].waits &&
            now_ns - table->sent[i].flush_ns > limit_ns)
            return true;
    return false;
}

int x11_sent_check(const struct x11_sent_table *table, const struct x11_link *link)
{
    if (x11_link_is_lost(link))
        return display_loss_closed();
    return is_unanswered(table, link->answer_ns) ? display_loss_no_answer(link->answer_ns) : 0;
}

/* ------------------------------------------------------------------ frames that are done */

bool x11_sent_take_done(struct x11_sent_table *table, struct presented *done)
{
    struct x11_sent *oldest = NULL;

    for (int i = 0; i < X11_SENT_MAX; i++) {
        struct x11_sent *sent = &table->sent[i];
        if (sent->is_used && !sent->waits && (!oldest || sent->serial - oldest->serial > 1u << 31))
            oldest = sent;
    }
    if (!oldest)
        return false;
    *done = oldest->done;
    oldest->is_used = false;
    return true;
}

/* Bounded wait: a stopped or lost display cannot block the caller. */
void x11_sent_drain(struct x11_sent_table *table, struct x11_link *link)
{
    int64_t deadline_ns = clock_now_ns() + DRAIN_NS;
    struct pollfd socket = {.fd = xcb_get_file_descriptor(link->xcb), .events = POLLIN};

    while (x11_sent_process_replies(table, link) == 0 && !x11_link_is_lost(link) &&
           x11_sent_count(table, ~0u) > 0) {
        int64_t left_ns = deadline_ns - clock_now_ns();
        if (left_ns <= 0)
            break;
        if (!x11_link_has_read_ahead(link))
            poll(&socket, 1, (int)(left_ns / NS_PER_MS) + 1);
    }
    for (int i = 0; i < X11_SENT_MAX; i++) {
        struct x11_sent *sent = &table->sent[i];
        if (sent->is_used && sent->waits) {
            if ((sent->waits & WAITS_FOR_SLOT) && sent->slot_reply)
                xcb_discard_reply(link->xcb, sent->slot_reply);
            if ((sent->waits & WAITS_FOR_DRAWING) && sent->drawing_reply)
                xcb_discard_reply(link->xcb, sent->drawing_reply);
            skip(sent);
            finish_part(table, sent, sent->waits);
        }
    }
}
