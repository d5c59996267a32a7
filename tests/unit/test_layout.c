/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <string.h>

#include "core/layout.h"

/* A change of any shared structure changes this value. Then raise LAYOUT_VERSION, if a release had
 * the old one, and update the value here. */
Test(layout, the_hash_of_this_version_is_unchanged)
{
    if (sizeof(void *) != 8)
        cr_skip_test("the value is for 64-bit programs");
    cr_assert_eq(layout_hash(), 0xc3603130, "layout_hash() is 0x%08x", layout_hash());
}

static size_t size_of(const char *field)
{
    static const struct {
        const char *name;
        size_t bytes;
    } structures[] = {
        {"layout_header.", sizeof(struct layout_header)},
        {"layout_producer.", sizeof(struct layout_producer)},
        {"layout_meta.", sizeof(struct layout_meta)},
        {"layout_damage.", sizeof(struct layout_damage)},
        {"layout_viewers.", sizeof(struct layout_viewers)},
        {"layout_lane.", sizeof(struct layout_lane)},
        {"layout_event.", sizeof(struct layout_event)},
        {"layout_ring.", sizeof(struct layout_ring)},
        {"layout_events.", sizeof(struct layout_events)},
    };

    for (size_t i = 0; i < sizeof structures / sizeof *structures; i++)
        if (strncmp(field, structures[i].name, strlen(structures[i].name)) == 0)
            return structures[i].bytes;
    cr_assert(false, "%s: a structure without a size", field);
    return 0;
}

/* Between two fields there is only the padding that the second field's alignment needs. So no field
 * is missing from the list, and the hash covers all offsets and sizes. */
Test(layout, the_list_of_fields_has_no_gaps)
{
    size_t count, end = 0;
    const struct layout_field *fields = layout_fields(&count);

    for (size_t i = 0; i < count; i++) {
        if (fields[i].offset == 0)
            end = 0; /* the first field of the next structure */
        bool has_own_line = fields[i].offset % LAYOUT_LINE == 0;
        size_t alignment = has_own_line ? LAYOUT_LINE : fields[i].alignment;
        cr_expect_eq(fields[i].offset, (end + alignment - 1) / alignment * alignment, "%s at %u",
                     fields[i].name, fields[i].offset);
        end = fields[i].offset + fields[i].bytes;
        bool is_last = i + 1 == count || fields[i + 1].offset == 0;
        if (is_last)
            cr_expect_lt(size_of(fields[i].name) - end, LAYOUT_LINE, "%s is not the last field",
                         fields[i].name);
    }
}
