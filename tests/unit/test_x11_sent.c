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
