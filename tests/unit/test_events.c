/* SPDX-License-Identifier: MIT */
/* Events reach the producer whole, in order and in turn, whatever a viewer writes into its ring. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/shm.h>

#include "core/events.h"
#include "core/handoff.h"
#include "stream.h"

enum { PAGE = 4096 };

static uint8_t *raw; /* the segment as a peer can map it */

static void finish(void)
{
    if (raw)
        shmdt(raw);
    finish_stream();
}

TestSuite(events, .init = init_stream, .fini = finish);

static struct layout_viewers *page_2(void)
{
    return (struct layout_viewers *)(void *)(raw + 2 * PAGE);
}

static struct layout_events *rings(void)
{
    return (struct layout_events *)(void *)(raw + 3 * PAGE);
}

static void open_both(void)
{
    open_producer(3, 0);
    open_viewer(false);
    raw = shmat(pf_viewer_segment(viewer)->shmid, NULL, 0);
    cr_assert_neq(raw, (void *)-1);
}

static struct pf_event numbered(uint64_t number)
{
    return (struct pf_event){.kind = PF_EVENT_USER, .user = {number, ~number}};
}

static int send_number(struct pf_viewer *from, uint64_t number)
{
    struct pf_event event = numbered(number);

    return pf_viewer_send(from, &event);
}

static void expect_number(uint64_t number, uint16_t lane)
{
    struct pf_event event;
    int ret = pf_producer_next_event(producer, &event);

    cr_assert_eq(ret, 0, "event %d: %d", (int)number, ret);
    cr_assert_eq(event.kind, PF_EVENT_USER);
    cr_assert_eq(event.user[0], number, "%d, not %d", (int)event.user[0], (int)number);
    cr_assert_eq(event.user[1], ~number, "half of another event");
    cr_assert_eq(event.lane, lane);
}

static void expect_none(void)
{
    struct pf_event event;

    cr_assert_eq(pf_producer_next_event(producer, &event), -EAGAIN);
}

/* ------------------------------------------------------------------ one viewer */

Test(events, every_kind_arrives_with_its_fields)
{
    const struct pf_event sent[] = {
        {.kind = PF_EVENT_POINTER, .modifiers = PF_MOD_CTRL, .pointer = {-5, 70000, 5}},
        {.kind = PF_EVENT_BUTTON, .button = {1, 2, 3, 1}},
        {.kind = PF_EVENT_WHEEL, .wheel = {1, 2, -120, 240}},
        {.kind = PF_EVENT_KEY, .modifiers = UINT32_MAX, .key = {30, 0x61, 1}},
        {.kind = PF_EVENT_TEXT, .text = "\xc3\xa4\xe2\x82\xac, 12345678"},
        {.kind = PF_EVENT_SIZE, .size = {1920, 1080}},
        {.kind = PF_EVENT_CLOSE},
        {.kind = PF_EVENT_USER, .user = {UINT64_MAX, 1}},
        {.kind = UINT16_MAX, .user = {2, 3}},
    };
    struct pf_event event;

    open_both();
    for (size_t i = 0; i < sizeof sent / sizeof *sent; i++) {
        int64_t before_ns = clock_now_ns();
        cr_assert_eq(pf_viewer_send(viewer, &sent[i]), 0, "event %zu", i);
        cr_assert_eq(pf_producer_next_event(producer, &event), 0);
        cr_assert_eq(event.kind, sent[i].kind);
        cr_assert_eq(event.modifiers, sent[i].modifiers);
        cr_assert_eq(memcmp(&event.user, &sent[i].user, sizeof event.user), 0, "event %zu", i);
        cr_assert_geq(event.time_ns, before_ns);
        cr_assert_leq(event.time_ns, clock_now_ns());
        expect_none();
    }
}

Test(events, the_time_of_an_event_is_kept)
{
    struct pf_event event = numbered(1);

    open_both();
    event.time_ns = 4711;
    cr_assert_eq(pf_viewer_send(viewer, &event), 0);
    cr_assert_eq(pf_producer_next_event(producer, &event), 0);
    cr_assert_eq(event.time_ns, 4711);
}

Test(events, a_full_ring_refuses_until_one_is_taken)
{
    open_both();
    for (uint64_t round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < LAYOUT_EVENTS; i++)
            cr_assert_eq(send_number(viewer, i), 0);
        cr_assert_eq(send_number(viewer, 999), -EAGAIN);
        expect_number(0, 0);
        cr_assert_eq(send_number(viewer, LAYOUT_EVENTS), 0);
        cr_assert_eq(send_number(viewer, 999), -EAGAIN);
        for (uint64_t i = 1; i < LAYOUT_EVENTS; i++)
            expect_number(i, 0);
        expect_none(); /* the one that came later waits for the next turn */
        expect_number(LAYOUT_EVENTS, 0);
        expect_none();
    }
}

Test(events, an_invalid_event_is_refused)
{
    struct pf_event text = {.kind = PF_EVENT_TEXT}, late = numbered(1), good = numbered(1);
    const uint16_t kinds[] = {0, PF_EVENT_CLOSE + 1, 0x7fff};

    open_both();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct pf_event event = {.kind = kinds[i]};
        cr_assert_eq(pf_viewer_send(viewer, &event), -EINVAL, "kind %u", kinds[i]);
    }
    memset(text.text, 'a', sizeof text.text);
    cr_assert_eq(pf_viewer_send(viewer, &text), -EINVAL);
    late.time_ns = -1;
    cr_assert_eq(pf_viewer_send(viewer, &late), -EINVAL);
    cr_assert_eq(pf_viewer_send(viewer, NULL), -EINVAL);
    cr_assert_eq(pf_viewer_send(NULL, &good), -EINVAL);
    expect_none();
    cr_assert_eq(pf_producer_next_event(NULL, &good), -EINVAL);
    cr_assert_eq(pf_producer_next_event(producer, NULL), -EINVAL);
    cr_assert_eq(pf_producer_wait_event(NULL, 0), -EINVAL);
}

Test(events, a_viewer_that_sends_none_cannot_write_to_its_ring, .signal = SIGSEGV)
{
    struct segment segment;

    open_both();
    cr_assert_eq(segment_attach(&segment, pf_viewer_segment(viewer)->shmid, NULL), 0);
    signal(SIGSEGV, SIG_DFL); /* a sanitizer installs a handler of its own */
    atomic_store(&segment.events->lane[0].entry[0].word[0], 1);
}

Test(events, a_viewer_cannot_write_to_the_ring_of_another_lane, .signal = SIGSEGV)
{
    struct segment segment;

    if (sysconf(_SC_PAGESIZE) > 8192)
        raise(SIGSEGV); /* rings share pages */
    open_both();
    cr_assert_eq(segment_attach(&segment, pf_viewer_segment(viewer)->shmid, NULL), 0);
    cr_assert_eq(segment_open_ring(&segment, 1), 0);
    for (size_t i = 0; i < LAYOUT_EVENTS; i++)
        atomic_store(&segment.events->lane[1].entry[i].word[3], 1);
    signal(SIGSEGV, SIG_DFL); /* a sanitizer installs a handler of its own */
    atomic_store(&segment.events->lane[2].entry[0].word[0], 1);
}

/* ------------------------------------------------------------------ waiting */

static void *send_one(void *unused)
{
    send_number(viewer, 1);
    return unused;
}

Test(events, an_event_ends_the_wait)
{
    pthread_t thread;

    open_both();
    cr_assert_eq(pf_producer_wait_event(producer, 0), -EAGAIN);
    cr_assert_eq(pf_producer_wait_event(producer, NS_PER_MS), -EAGAIN);
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(pthread_create(&thread, NULL, send_one, NULL), 0);
        cr_assert_eq(pf_producer_wait_event(producer, HANG_NS), 0);
        cr_assert_eq(pf_producer_wait_event(producer, HANG_NS), 0, "not taken yet");
        pthread_join(thread, NULL);
        expect_number(1, 0);
        expect_none();
        cr_assert_eq(pf_producer_wait_event(producer, 0), -EAGAIN);
    }
}

Test(events, a_producer_that_waits_for_a_slot_is_not_disturbed)
{
    struct pf_frame held, frame;

    open_producer(2, 0);
    open_viewer(true);
    publish(1);
    publish(2);
    cr_assert_eq(pf_viewer_acquire(viewer, 0, &held), 0);
    cr_assert_eq(send_number(viewer, 1), 0);
    cr_assert_eq(pf_producer_begin(producer, 0, &frame), -EAGAIN);
    pf_viewer_release(viewer, &held);
    cr_assert_eq(pf_producer_begin(producer, 0, &frame), 0);
    cr_assert_eq(pf_producer_wait_event(producer, 0), 0, "lost while the producer waited");
    expect_number(1, 0);
}

/* ------------------------------------------------------------------ several viewers */

Test(events, viewers_take_turns)
{
    struct pf_viewer *other;

    open_both();
    cr_assert_eq(pf_viewer_open(&other, "test", NULL), 0);
    for (uint64_t i = 0; i < LAYOUT_EVENTS; i++)
        cr_assert_eq(send_number(viewer, i), 0);
    for (uint64_t i = 0; i < 3; i++)
        cr_assert_eq(send_number(other, i), 0);
    for (uint64_t i = 0; i < 3; i++) {
        expect_number(i, 0);
        expect_number(i, 1);
    }
    for (uint64_t i = 3; i < LAYOUT_EVENTS; i++)
        expect_number(i, 0);
    expect_none();
    pf_viewer_close(other);
}

/* The turn continues where it was, also if each loop takes one event only. */
Test(events, a_flood_starves_no_other_viewer)
{
    struct pf_viewer *other;
    struct pf_event event;
    int turns = 0;

    open_both();
    cr_assert_eq(pf_viewer_open(&other, "test", NULL), 0);
    for (uint64_t i = 0; i < LAYOUT_EVENTS; i++)
        cr_assert_eq(send_number(viewer, i), 0);
    expect_number(0, 0);
    cr_assert_eq(send_number(other, 7), 0); /* after the producer began to take events */
    do {
        if (pf_producer_next_event(producer, &event) < 0)
            continue;
        send_number(viewer, 0);
        cr_assert_lt(++turns, 2 * LAYOUT_EVENTS, "starved");
    } while (event.lane != 1);
    pf_viewer_close(other);
}

Test(events, the_events_of_a_viewer_that_left_still_arrive)
{
    open_both();
    for (uint64_t i = 0; i < 5; i++)
        cr_assert_eq(send_number(viewer, i), 0);
    pf_viewer_close(viewer);
    open_viewer(false); /* on the same lane */
    cr_assert_eq(send_number(viewer, 5), 0);
    for (uint64_t i = 0; i <= 5; i++)
        expect_number(i, 0);
    expect_none();
}

/* ------------------------------------------------------------------ format change and end */

Test(events, a_format_change_keeps_events)
{
    struct pf_format format = size(65, 48);
    uint64_t next = 0;

    open_both();
    for (int change = 0; change < 3; change++) {
        for (uint64_t i = 0; i < 200; i++)
            cr_assert_eq(send_number(viewer, next + i), 0);
        expect_number(next++, 0);
        cr_assert_eq(pf_producer_change_format(producer, &format), 0);
        cr_assert_eq(send_number(viewer, 0), -EREMCHG);
        cr_assert_eq(pf_viewer_reattach(viewer, HANG_NS), 0);
        cr_assert_eq(send_number(viewer, next + 199), 0);
        for (uint64_t i = 0; i < 199; i++)
            expect_number(next++, 0);
        expect_none(); /* the one that came later waits for the next turn */
        expect_number(next++, 0);
        expect_none();
        format.width++;
    }
}

Test(events, none_is_sent_after_the_end)
{
    open_both();
    pf_producer_close(producer);
    producer = NULL;
    cr_assert_eq(send_number(viewer, 0), -EPIPE);
}

/* ------------------------------------------------------------------ hostile words */

/* The header of a struct pf_event in its first word. */
static uint64_t first_word(uint16_t kind, uint16_t lane)
{
    return (uint64_t)kind | (uint64_t)lane << 16;
}

/* Write entry `number` of a ring and move its head, as a hostile viewer can. */
static void poke(uint32_t lane, uint32_t number, uint16_t kind, int64_t time_ns, uint64_t content)
{
    struct layout_event *entry = &rings()->lane[lane].entry[number % LAYOUT_EVENTS];

    atomic_store(&entry->word[0], first_word(kind, 77));
    atomic_store(&entry->word[1], (uint64_t)time_ns);
    atomic_store(&entry->word[2], content);
    atomic_store(&entry->word[3], ~content);
    atomic_store(&page_2()->lane[lane].event_head, number + 1);
}

Test(events, unknown_kinds_are_skipped)
{
    const uint16_t kinds[] = {0, PF_EVENT_CLOSE + 1, 0x7fff};
    uint32_t number = 0;

    open_both();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        poke(3, number++, kinds[i], 0, 1);
        poke(3, number++, PF_EVENT_USER, 0, i);
        expect_number(i, 3);
        poke(3, number++, kinds[i], 0, 1);
        expect_none();
        expect_none();
    }
}

Test(events, lane_and_time_are_those_of_the_reader)
{
    const int64_t times[] = {INT64_MIN, -1, INT64_MAX, INT64_MAX - 1};
    struct pf_event event;

    open_both();
    for (uint32_t i = 0; i < sizeof times / sizeof *times; i++) {
        poke(5, i, PF_EVENT_CLOSE, times[i], 0);
        cr_assert_eq(pf_producer_next_event(producer, &event), 0);
        cr_assert_eq(event.lane, 5);
        cr_assert_geq(event.time_ns, 0);
        cr_assert_leq(event.time_ns, clock_now_ns());
        expect_none();
    }
}

Test(events, a_text_has_a_nul)
{
    struct pf_event event;

    open_both();
    poke(2, 0, PF_EVENT_TEXT, 0, UINT64_C(0x6161616161616161));
    cr_assert_eq(pf_producer_next_event(producer, &event), 0);
    cr_assert_eq(strnlen(event.text, sizeof event.text), sizeof event.text - 1);
}

Test(events, a_head_beyond_the_ring_costs_nothing_and_later_events_arrive)
{
    const uint32_t heads[] = {LAYOUT_EVENTS + 1, 1u << 31, UINT32_MAX, 0, 5};
    struct pf_event event;

    open_both();
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        atomic_store(&page_2()->lane[0].event_head, heads[i]);
        for (int k = 0; k <= LAYOUT_EVENTS + 1; k++)
            if (pf_producer_next_event(producer, &event) < 0)
                break;
            else
                cr_assert_lt(k, LAYOUT_EVENTS, "more events than a ring has");
        cr_assert_eq(pf_producer_wait_event(producer, 0), -EAGAIN);
        cr_assert_eq(send_number(viewer, i), 0, "head %u", heads[i]);
        expect_number(i, 0);
        expect_none();
    }
}

static atomic_bool stop;

static void *flood(void *unused)
{
    for (uint32_t number = 0; !atomic_load(&stop); number++)
        atomic_store(&page_2()->lane[9].event_head, number);
    return unused;
}

/* Whatever a viewer does with its head, a loop until -EAGAIN ends. */
Test(events, a_ring_that_never_empties_does_not_trap_the_producer)
{
    struct pf_event event;
    pthread_t thread;

    open_both();
    for (int i = 0; i < LAYOUT_EVENTS; i++)
        atomic_store(&rings()->lane[9].entry[i].word[0], first_word(PF_EVENT_USER, 9));
    cr_assert_eq(pthread_create(&thread, NULL, flood, NULL), 0);
    for (uint64_t turn = 0; turn < 2000; turn++) {
        int taken = 0;
        while (pf_producer_next_event(producer, &event) == 0)
            cr_assert_leq(++taken, PF_VIEWERS_MAX * LAYOUT_EVENTS);
    }
    cr_assert_eq(send_number(viewer, 1), 0);
    do
        while (pf_producer_next_event(producer, &event) < 0)
            ;
    while (event.lane != 0);
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
}

Test(events, random_words_cost_a_bounded_look)
{
    struct pf_event event;

    open_both();
    srandom(4);
    for (int round = 0; round < 2000; round++) {
        for (int lane = 0; lane < PF_VIEWERS_MAX; lane++) {
            atomic_store(&page_2()->lane[lane].event_head,
                         (uint32_t)(round % 2 ? random() : random() % 600));
            for (int i = 0; i < 4; i++)
                atomic_store(&rings()->lane[lane].entry[random() % LAYOUT_EVENTS].word[i],
                             (uint64_t)random() << 33 ^ (uint64_t)random());
        }
        int taken = 0;
        while (pf_producer_next_event(producer, &event) == 0) {
            cr_assert_lt(event.lane, PF_VIEWERS_MAX);
            cr_assert_geq(event.time_ns, 0);
            cr_assert(event.kind >= PF_EVENT_USER ||
                      (event.kind >= PF_EVENT_POINTER && event.kind <= PF_EVENT_CLOSE));
            cr_assert_leq(++taken, PF_VIEWERS_MAX * LAYOUT_EVENTS);
        }
    }
}

/* A hostile process can write anywhere. The producer's decisions depend on its private tails. */
Test(events, a_changed_tail_affects_only_the_sender)
{
    struct layout_producer *page_1;

    open_both();
    page_1 = (struct layout_producer *)(void *)(raw + PAGE);
    cr_assert_eq(send_number(viewer, 1), 0);
    atomic_store(&page_1->event_tail[0], 1000000);
    cr_assert_eq(send_number(viewer, 2), -EAGAIN);
    expect_number(1, 0);
    expect_none();
    cr_assert_eq(send_number(viewer, 2), 0);
    expect_number(2, 0);
}

/* ------------------------------------------------------------------ a crash within an event */

/* As if the viewer was killed within an entry: it is written, but the head is not moved. */
Test(events, an_unfinished_event_is_never_taken)
{
    open_both();
    cr_assert_eq(send_number(viewer, 1), 0);
    struct layout_event *entry = &rings()->lane[0].entry[1];
    for (int i = 0; i < 4; i++)
        atomic_store(&entry->word[i], UINT64_MAX);
    pf_viewer_close(viewer);
    expect_number(1, 0);
    expect_none();
    open_viewer(false); /* on the same lane */
    expect_none();
    cr_assert_eq(send_number(viewer, 2), 0);
    expect_number(2, 0);
    expect_none();
}
