/* SPDX-License-Identifier: MIT */
/*
 * Both sides access the words of a ring in this order:
 *
 *     viewer                        producer
 *     tail    acquire               head    acquire: pairs with the store of the head
 *     entry   relaxed               entry   relaxed
 *     head    release               tail    release: pairs with the load of the tail
 *
 * A viewer overwrites an entry only after the producer has read it. The doorbell is rung after the
 * store of the head: a producer that clears its doorbell and finds no event is rung later.
 */
#include "events.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "clock.h"
#include "doorbell.h"
#include "fault.h"

enum { WORDS = sizeof(struct layout_event) / sizeof(uint64_t) };

_Static_assert(sizeof(struct pf_event) == sizeof(struct layout_event), "an event fills its entry");

static bool is_known(uint16_t kind)
{
    return (kind >= PF_EVENT_POINTER && kind <= PF_EVENT_CLOSE) || kind >= PF_EVENT_USER;
}

static struct layout_event *entry_of(const struct segment *segment, uint32_t lane, uint32_t number)
{
    return &segment->events->lane[lane].entry[number % LAYOUT_EVENTS];
}

/* ------------------------------------------------------------------ viewer */

bool events_is_valid(const struct pf_event *event)
{
    return is_known(event->kind) && event->time_ns >= 0 &&
           (event->kind != PF_EVENT_TEXT || memchr(event->text, '\0', sizeof event->text));
}

int events_send(struct segment *segment, uint32_t lane, const struct pf_event *event)
{
    struct layout_lane *mine = &segment->viewers->lane[lane];
    /* Relaxed: only the viewer on this lane stores it. */
    uint32_t head = atomic_load_explicit(&mine->event_head, memory_order_relaxed);
    uint32_t tail =
        atomic_load_explicit(&segment->producer->event_tail[lane], memory_order_acquire);
    struct layout_event *entry = entry_of(segment, lane, head);
    struct pf_event copy = *event;
    uint64_t words[WORDS];

    if (head - tail >= LAYOUT_EVENTS)
        return -EAGAIN;
    if (!copy.time_ns)
        copy.time_ns = clock_now_ns();
    memcpy(words, &copy, sizeof words);
    for (int i = 0; i < WORDS; i++) {
        if (i == WORDS - 1)
            FAULT_POINT(part_of_event);
        atomic_store_explicit(&entry->word[i], words[i], memory_order_relaxed);
    }
    atomic_store_explicit(&mine->event_head, head + 1, memory_order_release);
    doorbell_ring(&segment->viewers->producer_doorbell);
    return 0;
}

/* ------------------------------------------------------------------ producer */

static uint32_t load_head(const struct segment *segment, uint32_t lane)
{
    return atomic_load_explicit(&segment->viewers->lane[lane].event_head, memory_order_acquire);
}

static void set_tail(struct events *events, struct segment *segment, uint32_t lane, uint32_t tail)
{
    events->tail[lane] = tail;
    atomic_store_explicit(&segment->producer->event_tail[lane], tail, memory_order_release);
}

/* Note how many events there are. A head that is not within the ring is damage: discard the events,
 * so that the next ones of this lane are read correctly. */
static void begin_taking(struct events *events, struct segment *segment)
{
    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++) {
        uint32_t head = load_head(segment, i);

        if (head - events->tail[i] > LAYOUT_EVENTS)
            set_tail(events, segment, i, head);
        events->limit[i] = head;
    }
    events->is_taking = true;
}

/* Copy an entry of the segment. Returns false if its kind is unknown. */
static bool read_entry(const struct segment *segment, uint32_t lane, uint32_t number,
                       struct pf_event *event)
{
    struct layout_event *entry = entry_of(segment, lane, number);
    struct pf_event copy;
    uint64_t words[WORDS] = {0};

    for (int i = 0; i < WORDS; i++)
        words[i] = atomic_load_explicit(&entry->word[i], memory_order_relaxed);
    memcpy(&copy, words, sizeof copy);
    if (!is_known(copy.kind))
        return false;
    copy.lane = (uint16_t)lane;
    copy.time_ns = copy.time_ns < 0 ? 0 : clock_earlier(copy.time_ns, clock_now_ns());
    if (copy.kind == PF_EVENT_TEXT)
        copy.text[sizeof copy.text - 1] = '\0';
    *event = copy;
    return true;
}

int events_take(struct events *events, struct segment *segment, struct pf_event *event)
{
    if (!events->is_taking)
        begin_taking(events, segment);
    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++) {
        uint32_t lane = (events->lane + i) % PF_VIEWERS_MAX;

        while (events->tail[lane] != events->limit[lane]) {
            uint32_t number = events->tail[lane];
            bool is_good = read_entry(segment, lane, number, event);

            set_tail(events, segment, lane, number + 1);
            if (is_good) {
                events->lane = lane + 1;
                return 0;
            }
        }
    }
    events->is_taking = false;
    return -EAGAIN;
}

bool events_are_pending(const struct events *events, const struct segment *segment)
{
    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++)
        if (load_head(segment, i) != events->tail[i])
            return true;
    return false;
}

void events_move(const struct events *events, struct segment *from, struct segment *to)
{
    for (uint32_t i = 0; i < PF_VIEWERS_MAX; i++) {
        uint32_t tail = events->tail[i], head = load_head(from, i);

        if (head - tail > LAYOUT_EVENTS)
            head = tail;
        for (uint32_t number = tail; number != head; number++)
            for (int w = 0; w < WORDS; w++) {
                uint64_t word =
                    atomic_load_explicit(&entry_of(from, i, number)->word[w], memory_order_relaxed);
                atomic_store_explicit(&entry_of(to, i, number)->word[w], word,
                                      memory_order_relaxed);
            }
        /* Relaxed: no viewer joins `to` before the id file names it. */
        atomic_store_explicit(&to->producer->event_tail[i], tail, memory_order_relaxed);
        atomic_store_explicit(&to->viewers->lane[i].event_head, head, memory_order_relaxed);
    }
}
