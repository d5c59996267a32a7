/* SPDX-License-Identifier: MIT */
/* Coming, going, bells and a segment in the making, step by step. */
#include <sys/shm.h>

#include "core/doorbell.h"
#include "core/handoff.h"
#include "interleave.h"

TestSuite(steps_lives, .init = quiet, .fini = finish, .timeout = 60);

/* ------------------------------------------------------------------ coming and going */

static void producer_alone(void)
{
    begin_again(2, 3);
}

static void open_every_frame(void)
{
    open_viewer(true);
}

static void the_first_frame_is_there_and_all_after_it(void)
{
    take();
    cr_assert_eq(got, 0, "nothing to see after joining: %d", got);
    expect_all_after(in_hand[0].sequence);
}

Test(steps_lives, an_every_frame_viewer_joins_while_the_producer_goes_on)
{
    for (ahead = 0; ahead <= 4; ahead++)
        interleave(producer_alone, open_every_frame, go_on_drawing,
                   the_first_frame_is_there_and_all_after_it);
}

static struct pf_viewer *second;

static void open_second(void)
{
    cr_assert_eq(pf_viewer_open(&second, "test", NULL), 0);
}

static void both_have_a_lane(void)
{
    struct pf_producer_stats stats;

    pf_producer_stats(producer, &stats);
    pf_viewer_close(second);
    cr_assert_eq(stats.viewers, 2, "%u lanes for two viewers", stats.viewers);
    expect_all_after(published() - 1);
}

Test(steps_lives, two_viewers_come_at_once_and_have_a_lane_each)
{
    interleave(producer_alone, open_every_frame, open_second, both_have_a_lane);
}

/* What a viewer leaves behind that was killed: a lane that wants every frame, and no lease. */
static void leave_a_dead_lane(uint32_t lane)
{
    struct segment segment;

    open_viewer(false);
    int shmid = pf_viewer_segment(viewer)->shmid;
    pf_viewer_close(viewer);
    viewer = NULL;
    cr_assert_eq(segment_attach(&segment, shmid, NULL), 0);
    handoff_join(&segment, lane, LANE_EVERY);
    segment_close(&segment);
}

static void producer_held_up_by_the_dead(void)
{
    begin_again(2, 1);
    leave_a_dead_lane(0);
    publish_next();
}

Test(steps_lives, the_dead_hold_nobody_up)
{
    struct pf_producer_stats stats;

    producer_held_up_by_the_dead();
    publish_next();
    pf_producer_stats(producer, &stats);
    cr_assert_eq(stats.reaped, 1);
}

Test(steps_lives, a_viewer_comes_to_a_dead_ones_lane_while_it_is_taken_back)
{
    for (ahead = 0; ahead <= 4; ahead++)
        interleave(producer_held_up_by_the_dead, open_every_frame, go_on_drawing,
                   the_first_frame_is_there_and_all_after_it);
}

static void draw_and_close(void)
{
    publish_next();
    pf_producer_close(producer);
    producer = NULL;
}

static void the_last_frame_and_the_end(void)
{
    if (got == -EAGAIN)
        take();
    cr_assert_eq(got, 0, "the frame before the end: %d", got);
    cr_assert_eq(in_hand[0].sequence, 2, "the last frame is %d", (int)in_hand[0].sequence);
    give_back(0);
    take_one(0, PF_FOREVER);
    cr_assert_eq(got, -EPIPE);
}

static void viewer_that_has_seen_all(void)
{
    latest_viewer_with_two_slots();
    take();
    give_back(0);
}

Test(steps_lives, the_last_frame_is_seen_before_the_end)
{
    interleave(viewer_that_has_seen_all, take, draw_and_close, the_last_frame_and_the_end);
}

static void close_producer(void)
{
    pf_producer_close(producer);
    producer = NULL;
}

/* It has just looked and found nothing, so it goes to sleep: it must have been rung since. */
static void expect_a_ring(void)
{
    struct segment segment;

    cr_assert_eq(segment_attach(&segment, pf_viewer_segment(viewer)->shmid, NULL), 0);
    cr_assert_eq(doorbell_wait(&segment.viewers->lane[0].doorbell, 0), 0, "nobody has rung");
    segment_close(&segment);
}

static void the_end_is_heard(void)
{
    if (got == -EAGAIN)
        expect_a_ring();
    take_one(0, PF_FOREVER);
    cr_assert_eq(got, -EPIPE);
}

Test(steps_lives, the_end_is_heard_by_a_sleeper)
{
    interleave(viewer_that_has_seen_all, close_producer, take, the_end_is_heard);
}

static void change_size(void)
{
    struct pf_format larger = size(128, 96);

    cr_assert_eq(pf_producer_change_format(producer, &larger), 0);
}

static void the_next_segment_is_joined(void)
{
    cr_assert(got == -EAGAIN || got == -EREMCHG, "acquire says %d", got);
    take();
    cr_assert_eq(got, -EREMCHG, "acquire says %d", got);
    cr_assert_eq(pf_viewer_reattach(viewer, NS_PER_S), 0);
    cr_assert_eq(pf_viewer_segment(viewer)->format.width, 128);
}

/* So long after the last frame that it asks who lives. */
static void take_later(void)
{
    paused_s++;
    take();
}

Test(steps_lives, a_change_of_size_is_no_death)
{
    interleave(viewer_that_has_seen_all, change_size, take, the_next_segment_is_joined);
    interleave(viewer_that_has_seen_all, change_size, take_later, the_next_segment_is_joined);
    interleave(viewer_that_has_seen_all, take, change_size, the_next_segment_is_joined);
}

/* The stream that has had one frame goes on in another segment. */
static void change_size_and_draw(void)
{
    change_size();
    draw_three();
}

static void a_frame_and_no_viewer(void)
{
    begin_again(2, 1);
}

static void join_for_every_frame(void)
{
    open_viewer(true);
}

/* The producer that the viewer knows has gone, and another is there. */
static void a_successor(void)
{
    begin_again(2, 0);
    open_viewer(true);
    close_producer();
    wait_and_take();
    cr_assert_eq(got, -EPIPE);
    open_producer(2, 0);
    publish_next();
}

static void go_to_the_successor(void)
{
    cr_assert_eq(pf_viewer_reattach(viewer, NS_PER_S), 0);
}

/* Wherever the viewer has come in: from its first frame on it gets each. */
static void nothing_is_missing(void)
{
    struct pf_viewer_stats stats;
    uint64_t last = 0;

    while (last < published()) {
        take();
        if (got == -EREMCHG) {
            cr_assert_eq(pf_viewer_reattach(viewer, NS_PER_S), 0);
            continue;
        }
        cr_assert_eq(got, 0, "frame %d: acquire says %d", (int)last + 1, got);
        bool is_second = pf_viewer_segment(viewer)->format.width == 128;
        uint64_t number = in_hand[0].sequence + is_second; /* one frame is in the first */
        /* Who joins a segment of one frame sees it; in the next, perhaps, only its newest. */
        cr_assert(last == 0 ? number == 1 || is_second : number == last + 1, "%d after %d",
                  (int)number, (int)last);
        last = number;
        give_back(0);
    }
    pf_viewer_stats(viewer, &stats);
    cr_assert_eq(stats.lost, 0);
}

static struct segment next; /* the one that it is expected in */

/* It has had one frame, and is on its way to a segment that has two for it. */
static void on_its_way(void)
{
    struct pf_format wider = size(80, 48);
    struct pf_viewer *other; /* to find the segment by */

    begin_again(2, 0);
    open_viewer(true);
    publish_next();
    take();
    give_back(0);
    cr_assert_eq(pf_producer_change_format(producer, &wider), 0);
    cr_assert_eq(pf_viewer_open(&other, "test", NULL), 0);
    cr_assert_eq(segment_attach(&next, pf_viewer_segment(other)->shmid, NULL), 0);
    pf_viewer_close(other);
    draw_three();
    cr_assert_eq(published(), 3);
    take();
    cr_assert_eq(got, -EREMCHG);
}

/* The same, and the producer loses its patience. */
static void evicted_on_its_way(void)
{
    on_its_way();
    cr_assert(handoff_evict(&next, 0, LANE_WORD(LANE_EXPECTED, 1)));
}

/* The producer waits until it has come. */
static void change_size_when_it_has_come(void)
{
    if (handoff_lane_mode(&next, 0) == LANE_EVERY)
        change_size_and_draw();
}

static uint64_t lost_on_the_way;

static void come_over(void)
{
    struct pf_viewer_stats stats;

    cr_assert_eq(pf_viewer_reattach(viewer, NS_PER_S), 0);
    pf_viewer_stats(viewer, &stats);
    lost_on_the_way = stats.lost;
}

/* What it did not get was counted, and from there on it gets all. */
static void shown_or_lost(void)
{
    struct pf_viewer_stats stats;

    segment_close(&next);
    for (int idle = 0; idle < 2;) {
        take();
        if (got == 0)
            give_back(0);
        if (got == -EREMCHG)
            cr_assert_eq(pf_viewer_reattach(viewer, NS_PER_S), 0);
        idle = got == -EAGAIN ? idle + 1 : 0;
    }
    pf_viewer_stats(viewer, &stats);
    cr_assert_eq(stats.acquired + stats.lost, published(), "%d taken, %d lost, of %d",
                 (int)stats.acquired, (int)stats.lost, (int)published());
    cr_assert_eq(stats.lost, lost_on_the_way, "it has come over, and lost more");
}

static void all_shown(void)
{
    shown_or_lost();
    cr_assert_eq(lost_on_the_way, 0);
}

Test(steps_lives, who_is_expected_gets_all_of_a_segment_that_is_left_at_once)
{
    interleave(on_its_way, come_over, change_size_when_it_has_come, all_shown);
}

Test(steps_lives, who_was_evicted_on_its_way_is_expected_again)
{
    interleave(evicted_on_its_way, come_over, change_size_and_draw, shown_or_lost);
}

/* Not the other way round: who joins in the middle of a change waits for its end, and there nobody
 * would go on with it. segments.pml has that, but for the successor. */
Test(steps_lives, a_change_of_size_takes_nothing_from_who_is_just_joining)
{
    interleave(a_frame_and_no_viewer, join_for_every_frame, change_size_and_draw,
               nothing_is_missing);
    interleave(a_successor, go_to_the_successor, change_size_and_draw, nothing_is_missing);
}

/* ------------------------------------------------------------------ bells */

static void a_frame_has_come(void)
{
    cr_assert_eq(got, 0, "acquire says %d", got);
    cr_assert_eq(in_hand[0].sequence, published());
    give_back(0);
}

Test(steps_lives, a_frame_wakes_a_sleeper)
{
    interleave(viewer_that_has_seen_all, wait_and_take, publish_next, a_frame_has_come);
}

/* The other way round: it looks, finds nothing and is about to sleep while a frame is published. */
static void wait_if_there_was_nothing(void)
{
    if (got == -EAGAIN) {
        expect_a_ring();
        wait_and_take();
    }
    a_frame_has_come();
}

Test(steps_lives, a_frame_is_heard_by_who_has_just_looked)
{
    interleave(viewer_that_has_seen_all, publish_next, take, wait_if_there_was_nothing);
}

static void first_frame_to_come(void)
{
    begin_again(2, 0);
}

static void open_and_take(void)
{
    open_viewer(false);
    take();
}

Test(steps_lives, the_first_frame_is_heard_by_who_has_just_come)
{
    interleave(first_frame_to_come, publish_next, open_and_take, wait_if_there_was_nothing);
}

/* An every-frame viewer has one of two slots in hand: the producer has none to draw in. */
static void producer_held_up(void)
{
    begin_again(2, 0);
    open_viewer(true);
    publish_next();
    publish_next();
    take();
}

static void wait_for_a_slot(void)
{
    struct pf_frame frame;

    cr_assert_eq(pf_producer_begin(producer, PF_FOREVER, &frame), 0);
    pf_producer_publish(producer, &frame);
}

static void all_is_well(void)
{
}

Test(steps_lives, a_release_wakes_the_producer)
{
    interleave(producer_held_up, wait_for_a_slot, give_back_first, all_is_well);
}

static void close_viewer(void)
{
    pf_viewer_close(viewer);
    viewer = NULL;
}

Test(steps_lives, a_viewer_that_leaves_wakes_the_producer)
{
    interleave(producer_held_up, wait_for_a_slot, close_viewer, all_is_well);
}

/* ------------------------------------------------------------------ a segment is made */

static char key_file[512];

static void a_key_file(void)
{
    scratch_path(key_file, scratch, "key");
    fclose(fopen(key_file, "w"));
}

static void open_keyed(void)
{
    struct pf_format format = size(64, 48);
    struct pf_producer_options options = {.key_file = key_file};

    cr_assert_eq(pf_producer_open(&producer, "test", &format, &options), 0);
}

/* Who sees the magic sees the whole header. */
static void look_by_key(void)
{
    struct segment segment;
    int shmid = shmget(ftok(key_file, 'p'), 0, 0);

    if (shmid < 0)
        return;
    const struct layout_header *header = shmat(shmid, NULL, SHM_RDONLY);
    cr_assert_neq(header, (void *)-1);
    bool is_ready = header->magic == LAYOUT_MAGIC;
    shmdt(header);
    if (!is_ready)
        return;
    cr_assert_eq(segment_attach(&segment, shmid, NULL), 0, "the magic before the rest");
    cr_assert_str_eq(segment.channel, "test");
    segment_close(&segment);
}

Test(steps_lives, the_magic_comes_last)
{
    interleave(a_key_file, open_keyed, look_by_key, look_by_key);
}

/* No producer yet, or there it is: a viewer that comes meanwhile is not told of damage. */
static void open_by_key(void)
{
    struct pf_viewer_options options = {.key_file = key_file};

    got = pf_viewer_open(&viewer, "test", &options);
    cr_assert(got == 0 || got == -ECONNREFUSED, "half a segment is %d", got);
}

static void once_made_it_is_found(void)
{
    if (!viewer)
        open_by_key();
    cr_assert_eq(got, 0);
}

Test(steps_lives, a_viewer_comes_by_key_while_the_segment_is_made)
{
    interleave(a_key_file, open_keyed, open_by_key, once_made_it_is_found);
}
