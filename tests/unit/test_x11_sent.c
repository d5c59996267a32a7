/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "viewer/presenters/x11/sent.h"

Test(x11_sent, a_full_table_has_no_new_entry)
{
    static struct x11_sent_table table;
    const struct pf_frame frame = {.sequence = 1};

    for (int i = 0; i < X11_SENT_MAX; i++) {
        struct x11_sent *sent = x11_sent_add(&table, &frame, true);
        cr_assert_not_null(sent);
        sent->waits = WAITS_FOR_SLOT;
    }
    cr_assert_null(x11_sent_add(&table, &frame, true));
    cr_assert_eq(x11_sent_count(&table, WAITS_FOR_SLOT), X11_SENT_MAX);
}

static struct x11_sent *add(struct x11_sent_table *table, uint64_t sequence, unsigned int waits)
{
    struct x11_sent *sent = x11_sent_add(table, &(struct pf_frame){.sequence = sequence}, false);

    sent->waits = waits;
    return sent;
}

Test(x11_sent, the_oldest_frame_that_is_done_is_taken_first)
{
    static struct x11_sent_table table = {.serial = UINT32_MAX - 2}; /* serials pass 2^32 */
    struct presented done;
    struct x11_sent *first = add(&table, 1, 0);

    add(&table, 2, WAITS_FOR_RESULT);
    for (uint64_t sequence = 3; sequence <= 6; sequence++)
        add(&table, sequence, 0);
    cr_assert(x11_sent_take_done(&table, &done));
    cr_assert_eq(done.frame.sequence, 1);
    cr_assert_eq(add(&table, 7, 0), first, "a free entry is used again");
    for (uint64_t sequence = 3; sequence <= 7; sequence++) {
        cr_assert(x11_sent_take_done(&table, &done));
        cr_assert_eq(done.frame.sequence, sequence, "got %d, not %d", (int)done.frame.sequence,
                     (int)sequence);
    }
    cr_assert_not(x11_sent_take_done(&table, &done), "a frame that waits is not done");
}

Test(x11_sent, counts_each_frame_that_waits_for_any_given_event)
{
    static struct x11_sent_table table;

    add(&table, 1, WAITS_FOR_SLOT | WAITS_FOR_DRAWING);
    add(&table, 2, WAITS_FOR_RESULT);
    add(&table, 3, 0);
    cr_assert_eq(x11_sent_count(&table, WAITS_FOR_SLOT), 1);
    cr_assert_eq(x11_sent_count(&table, WAITS_FOR_SLOT | WAITS_FOR_RESULT), 2);
    cr_assert_eq(x11_sent_count(&table, ~0u), 2);
}

Test(x11_sent, a_back_pixmap_is_in_use_until_it_is_drawn)
{
    static struct x11_sent_table table;
    struct x11_sent *sent = add(&table, 1, WAITS_FOR_SLOT | WAITS_FOR_DRAWING | WAITS_FOR_RESULT);

    cr_assert_eq(sent->back, -1);
    cr_assert_not(x11_sent_uses_back(&table, 0), "it is composed in none");
    sent->back = 1;
    cr_assert(x11_sent_uses_back(&table, 1));
    cr_assert_not(x11_sent_uses_back(&table, 0));
    sent->waits = WAITS_FOR_SLOT | WAITS_FOR_RESULT;
    cr_assert_not(x11_sent_uses_back(&table, 1));
}
