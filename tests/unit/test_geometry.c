/* SPDX-License-Identifier: MIT */
/* A planned geometry passes the check; every wrong field of a header is refused by name. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/format.h"
#include "core/geometry.h"

static struct layout_header header;
static uint64_t segment_bytes;

static struct pf_segment plan_format(uint32_t fourcc, uint32_t width, uint32_t height,
                                     uint32_t slots)
{
    struct pf_format format = {.fourcc = fourcc, .width = width, .height = height};

    return geometry_plan(&format, slots, 1000);
}

static struct pf_segment plan(uint32_t width, uint32_t height, uint32_t slots)
{
    return plan_format(PF_FOURCC_XR24, width, height, slots);
}

static void fill_header(const struct pf_segment *geometry)
{
    header = (struct layout_header){
        .magic = LAYOUT_MAGIC,
        .version = LAYOUT_VERSION,
        .layout_hash = layout_hash(),
        .header_bytes = sizeof header,
        .total_bytes = geometry->bytes,
        .slots_offset = geometry->slots_offset,
        .slot_stride_bytes = geometry->slot_stride_bytes,
        .page_bytes = (uint32_t)geometry_page_bytes(),
        .slots = geometry->slots,
        .fourcc = geometry->format.fourcc,
        .width = geometry->format.width,
        .height = geometry->format.height,
        .color = geometry->format.color,
        .user_offset = geometry->user_offset,
        .user_bytes = geometry->user_bytes,
        .channel = "test",
    };
    memcpy(header.stride_bytes, geometry->plane_stride_bytes, sizeof header.stride_bytes);
    memcpy(header.plane_offset, geometry->plane_offset, sizeof header.plane_offset);
    segment_bytes = geometry->bytes;
}

static void fill_valid_header(void)
{
    struct pf_segment geometry = plan(641, 479, 3);

    fill_header(&geometry);
}

TestSuite(geometry, .init = fill_valid_header);

static const char *check(void)
{
    struct pf_segment geometry;

    return geometry_check(&header, segment_bytes, &geometry);
}

Test(geometry, a_plan_passes_its_own_check)
{
    const uint32_t sides[] = {1, 2, 15, 16, 17, 640, 641, 4096, PF_SIZE_MAX};

    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
        for (size_t j = 0; j < sizeof sides / sizeof *sides; j++)
            for (uint32_t slots = PF_SLOTS_MIN; slots <= PF_SLOTS_MAX; slots++) {
                struct pf_segment planned = plan(sides[i], sides[j], slots), checked = {0};
                fill_header(&planned);
                const char *wrong = geometry_check(&header, segment_bytes, &checked);
                cr_assert_null(wrong, "%ux%u, %u slots: %s", sides[i], sides[j], slots, wrong);
                cr_assert_eq(checked.bytes, planned.bytes);
                cr_assert_eq(checked.slot_stride_bytes, planned.slot_stride_bytes);
                cr_assert_eq(checked.plane_stride_bytes[0], planned.plane_stride_bytes[0]);
            }
}

Test(geometry, a_plan_of_each_format_passes_its_own_check)
{
    const uint32_t fourccs[] = {PF_FOURCC_XR24, PF_FOURCC_AR24, PF_FOURCC_R8,
                                PF_FOURCC_YU12, PF_FOURCC_NV12, PF_FOURCC_YUYV,
                                PF_FOURCC_XR30, PF_FOURCC_R16,  PF_FOURCC_AB4H};
    const uint32_t sides[] = {1, 2, 255, 257, 641, PF_SIZE_MAX};

    for (size_t i = 0; i < sizeof fourccs / sizeof *fourccs; i++)
        for (size_t j = 0; j < sizeof sides / sizeof *sides; j++) {
            uint32_t height = sides[sizeof sides / sizeof *sides - 1 - j];
            struct pf_segment planned = plan_format(fourccs[i], sides[j], height, 3);
            struct pf_segment checked = {0};
            fill_header(&planned);
            const char *wrong = geometry_check(&header, segment_bytes, &checked);
            cr_assert_null(wrong, "%s %ux%u: %s", format_name(fourccs[i]).text, sides[j], height,
                           wrong);
            cr_assert_eq(checked.planes, planned.planes);
            for (uint32_t p = 0; p < planned.planes; p++) {
                cr_assert_eq(checked.plane_offset[p], planned.plane_offset[p]);
                cr_assert_eq(checked.plane_stride_bytes[p], planned.plane_stride_bytes[p]);
            }
        }
}

/* The second and third planes are checked like the first. */
Test(geometry, refuses_a_wrong_field_of_each_plane)
{
    for (uint32_t p = 0; p < 3; p++) {
        struct pf_segment planned = plan_format(PF_FOURCC_YU12, 641, 479, 2);
        fill_header(&planned);
        cr_assert_null(check());
        header.stride_bytes[p] = p ? 256 : 512; /* a row has 321 or 641 bytes */
        cr_assert_str_eq(check(), "stride_bytes", "plane %u", p);
        fill_header(&planned);
        header.plane_offset[p] = planned.slot_stride_bytes;
        cr_assert_str_eq(check(), "plane_offset", "plane %u", p);
    }
}

Test(geometry, refuses_unknown_values_of_colour)
{
    const struct pf_color last = {PF_MATRIX_2020, PF_RANGE_FULL, PF_TRANSFER_HLG,
                                  PF_ALPHA_STRAIGHT};

    header.color = last;
    cr_assert_null(check());
    header.color.matrix++;
    cr_assert_str_eq(check(), "matrix");
    header.color = last;
    header.color.range++;
    cr_assert_str_eq(check(), "range");
    header.color = last;
    header.color.transfer++;
    cr_assert_str_eq(check(), "transfer");
    header.color = last;
    header.color.alpha = UINT8_MAX;
    cr_assert_str_eq(check(), "alpha");
}

/* The rate is informational, but a program may divide by it. */
Test(geometry, half_a_rate_is_an_unknown_rate)
{
    const uint32_t rates[][2] = {{60, 0}, {0, 1}, {0, 0}};
    struct pf_segment checked = {0};

    for (int i = 0; i < 3; i++) {
        header.rate_num = rates[i][0];
        header.rate_den = rates[i][1];
        cr_assert_null(geometry_check(&header, segment_bytes, &checked));
        cr_assert_eq(checked.format.rate_num, 0);
        cr_assert_eq(checked.format.rate_den, 0);
    }
}

/* What is not checked is not handed on. */
Test(geometry, planes_that_the_format_does_not_have_are_zero)
{
    struct pf_segment planned = plan_format(PF_FOURCC_NV12, 640, 480, 2), checked = {0};

    fill_header(&planned);
    for (int p = 2; p < PF_PLANES_MAX; p++) {
        header.plane_offset[p] = UINT64_MAX;
        header.stride_bytes[p] = UINT32_MAX;
    }
    cr_assert_null(geometry_check(&header, segment_bytes, &checked));
    cr_assert_eq(checked.plane_stride_bytes[1], planned.plane_stride_bytes[1]);
    for (int p = 2; p < PF_PLANES_MAX; p++) {
        cr_assert_eq(checked.plane_offset[p], 0);
        cr_assert_eq(checked.plane_stride_bytes[p], 0);
    }
}

/* Every field that a viewer uses. The id of the segment is the caller's. */
Test(geometry, a_checked_geometry_is_that_of_the_header)
{
    struct pf_segment planned = plan(641, 479, 3), checked = {.shmid = 17};

    planned.format.rate_num = 30000;
    planned.format.rate_den = 1001;
    planned.format.color =
        (struct pf_color){PF_MATRIX_2020, PF_RANGE_FULL, PF_TRANSFER_PQ, PF_ALPHA_STRAIGHT};
    fill_header(&planned);
    header.rate_num = 30000;
    header.rate_den = 1001;
    header.producer_pid = 4711;
    for (size_t i = 0; i < sizeof header.nonce; i++)
        header.nonce[i] = (uint8_t)(i * 37 + 1);
    cr_assert_null(geometry_check(&header, segment_bytes, &checked));
    cr_assert_eq(checked.shmid, 17);
    cr_assert_eq(checked.bytes, planned.bytes);
    cr_assert_eq(checked.format.fourcc, PF_FOURCC_XR24);
    cr_assert_eq(checked.format.width, 641);
    cr_assert_eq(checked.format.height, 479);
    cr_assert_eq(checked.format.rate_num, 30000);
    cr_assert_eq(checked.format.rate_den, 1001);
    cr_assert_eq(checked.format.color.matrix, PF_MATRIX_2020);
    cr_assert_eq(checked.format.color.range, PF_RANGE_FULL);
    cr_assert_eq(checked.format.color.transfer, PF_TRANSFER_PQ);
    cr_assert_eq(checked.format.color.alpha, PF_ALPHA_STRAIGHT);
    cr_assert_eq(checked.slots, 3);
    cr_assert_eq(checked.slots_offset, planned.slots_offset);
    cr_assert_eq(checked.slot_stride_bytes, planned.slot_stride_bytes);
    cr_assert_eq(checked.planes, 1);
    cr_assert_eq(checked.plane_offset[0], 0);
    cr_assert_eq(checked.plane_stride_bytes[0], 2816);
    cr_assert_eq(checked.user_offset, 2816 * 479);
    cr_assert_eq(checked.user_bytes, 1000);
    cr_assert_eq(checked.producer_pid, 4711);
    cr_assert_eq(checked.nonce_offset, 16, "where viewers of other builds find it");
    cr_assert_arr_eq(checked.nonce, header.nonce, sizeof header.nonce);
}

/* The control pages, then the slots: each of whole pages, with room for its rows and user data. */
Test(geometry, a_plan_has_room_for_each_slot)
{
    struct pf_segment planned = plan(641, 479, 3);
    const uint64_t slot_bytes = (2816u * 479 + 1000 + 4095) / 4096 * 4096;

    if (geometry_page_bytes() != 4096)
        cr_skip_test("the sizes are for pages of 4 kB");
    cr_assert_eq(planned.slots_offset, 35 * 4096);
    cr_assert_eq(planned.slot_stride_bytes, slot_bytes);
    cr_assert_eq(planned.bytes, 35 * 4096 + 3 * slot_bytes);
}

Test(geometry, user_data_lies_after_the_pixels)
{
    const uint32_t capacities[] = {0, 1, 63, 64, 4095, 4096, PF_USER_BYTES_MAX};
    struct pf_format format = {.fourcc = PF_FOURCC_XR24, .width = 33, .height = 7};

    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        struct pf_segment planned = geometry_plan(&format, 2, capacities[i]), checked = {0};
        fill_header(&planned);
        header.width = 33;
        header.height = 7;
        cr_assert_null(geometry_check(&header, segment_bytes, &checked), "%u", capacities[i]);
        cr_assert_eq(checked.user_bytes, capacities[i]);
        cr_assert_geq(checked.user_offset, 256 * 7);
        cr_assert_eq(checked.user_offset % 64, 0);
        cr_assert_leq(checked.user_offset + capacities[i], checked.slot_stride_bytes);
    }
}

/* The last byte of the slot belongs to the user data of a limit; one more does not fit. */
Test(geometry, refuses_user_data_that_ends_after_its_slot)
{
    header.user_bytes = (uint32_t)(header.slot_stride_bytes - header.user_offset);
    cr_assert_null(check());
    header.user_bytes++;
    cr_assert_str_eq(check(), "user_offset");
    header.user_bytes = 0;
    header.user_offset = header.slot_stride_bytes;
    cr_assert_null(check());
    header.user_offset += 64;
    cr_assert_str_eq(check(), "user_offset");
    fill_valid_header();
    header.user_bytes = PF_USER_BYTES_MAX + 1;
    cr_assert_str_eq(check(), "user_bytes");
}

Test(geometry, slots_are_page_aligned_and_rows_aligned_for_a_gpu)
{
    struct pf_segment planned = plan(641, 479, 3);

    cr_assert_eq(planned.slots_offset % geometry_page_bytes(), 0);
    cr_assert_eq(planned.slot_stride_bytes % geometry_page_bytes(), 0);
    cr_assert_eq(planned.plane_stride_bytes[0], 2816, "641 * 4 = 2564, rounded up to 256");
    cr_assert_geq(planned.slot_stride_bytes, 2816u * 479);
}

/* Check that each of these values of `field` is refused in a header that is otherwise valid. */
#define REFUSES(field, ...)                                                                        \
    do {                                                                                           \
        const uint64_t values[] = {__VA_ARGS__};                                                   \
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {                              \
            fill_valid_header();                                                                   \
            header.field = (__typeof__(header.field + 0))values[v];                                \
            const char *wrong = check();                                                           \
            cr_assert_not_null(wrong, #field " = %llu passed", (unsigned long long)values[v]);     \
        }                                                                                          \
    } while (0)

Test(geometry, refuses_every_wrong_field)
{
    cr_assert_null(check());
    REFUSES(version, 0, 1, 3, UINT32_MAX);
    REFUSES(layout_hash, 0, 1, layout_hash() + 1);
    REFUSES(header_bytes, 0, 1, sizeof header - 1, sizeof header + 1, UINT32_MAX);
    REFUSES(page_bytes, 0, 1, 4095, 8192, UINT32_MAX);
    REFUSES(width, 0, 2000, PF_SIZE_MAX + 1, 1u << 31, UINT32_MAX);
    REFUSES(height, 0, 2000, PF_SIZE_MAX + 1, 1u << 31, UINT32_MAX);
    REFUSES(fourcc, 0, 1, PF_FOURCC_XR24 + 1, UINT32_MAX);
    REFUSES(slots, 0, 1, 4, PF_SLOTS_MAX + 1, 1u << 31, UINT32_MAX);
    REFUSES(slot_stride_bytes, 0, 1, 4096, 4097, UINT64_MAX, UINT64_MAX - 4095, 1ull << 63);
    REFUSES(slots_offset, 0, 1, 4096, 3 * 4096, 35 * 4096 + 1, 36 * 4096, UINT64_MAX);
    REFUSES(total_bytes, 0, 1, segment_bytes - 1, segment_bytes + 1, UINT64_MAX, 1ull << 63);
    REFUSES(stride_bytes[0], 0, 1, 641 * 4, 2560, 2624, 2816 + 1, 1u << 31, UINT32_MAX);
    REFUSES(user_bytes, PF_USER_BYTES_MAX, PF_USER_BYTES_MAX + 1, 1u << 31, UINT32_MAX);
    REFUSES(user_offset, 1, 65, 4096 * 1024, UINT64_MAX - 63, 1ull << 63);
    REFUSES(plane_offset[0], 1, 4096, 4096 * 1024, UINT64_MAX, 64, UINT64_MAX - 255, 1ull << 63);
}

/* Each limit on its own: all other fields agree with the value over the limit. */
Test(geometry, refuses_values_over_a_limit_in_a_consistent_header)
{
    struct pf_segment slots = plan(64, 48, PF_SLOTS_MAX + 1), one = plan(64, 48, 1);
    struct pf_segment wide = plan(PF_SIZE_MAX + 1, 1, 2), high = plan(1, PF_SIZE_MAX + 1, 2);

    fill_header(&slots);
    cr_assert_str_eq(check(), "slots");
    fill_header(&one);
    cr_assert_str_eq(check(), "slots");
    fill_header(&wide);
    cr_assert_str_eq(check(), "width");
    fill_header(&high);
    cr_assert_str_eq(check(), "height");
}

Test(geometry, names_the_wrong_field)
{
    header.fourcc = 0;
    cr_assert_str_eq(check(), "fourcc");
    fill_valid_header();
    header.magic = 0;
    cr_assert_str_eq(check(), "magic");
    fill_valid_header();
    segment_bytes = 4096;
    cr_assert_str_eq(check(), "size");
}

Test(geometry, refuses_a_truncated_segment)
{
    for (segment_bytes -= 1; segment_bytes > 0; segment_bytes /= 2)
        cr_assert_not_null(check(), "%llu bytes", (unsigned long long)segment_bytes);
}

Test(geometry, refuses_a_bad_channel_name)
{
    memset(header.channel, 'a', sizeof header.channel); /* no NUL */
    cr_assert_str_eq(check(), "channel");
    strcpy(header.channel, "../x");
    cr_assert_str_eq(check(), "channel");
}
