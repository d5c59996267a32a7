/* SPDX-License-Identifier: MIT */
/*
 * Another thread overwrites the header while viewers attach. If an attach succeeds, the geometry
 * that it returns must fit into the segment.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "core/clock.h"
#include "core/format.h"
#include "core/geometry.h"
#include "core/segment.h"
#include "scratch.h"

enum { PAGE = 4096, SECONDS = 3 };

static const struct pf_format format = {.fourcc = PF_FOURCC_XR24, .width = 33, .height = 7};
static struct segment producers, viewers;
static struct layout_header good;

static void create(void)
{
    /* Each refusal prints a line. */
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
    cr_assert_eq(segment_create(&producers, "test", NULL, &format, 3, 100), 0);
    memcpy(&good, producers.header, sizeof good);
}

static void finish(void)
{
    segment_close(&viewers);
    segment_close(&producers);
}

TestSuite(attach, .init = create, .fini = finish);

/* The fields of a header that an attach checks. */
#define FIELD(name) offsetof(struct layout_header, name), sizeof good.name
static const struct field {
    size_t offset, bytes;
} fields[] = {
    {FIELD(magic)},           {FIELD(version)},         {FIELD(layout_hash)},
    {FIELD(header_bytes)},    {FIELD(total_bytes)},     {FIELD(slots_offset)},
    {FIELD(page_bytes)},      {FIELD(slots)},           {FIELD(slot_stride_bytes)},
    {FIELD(fourcc)},          {FIELD(width)},           {FIELD(height)},
    {FIELD(stride_bytes[0])}, {FIELD(stride_bytes[1])}, {FIELD(plane_offset[0])},
    {FIELD(plane_offset[1])}, {FIELD(nonce)},           {FIELD(channel)},
    {FIELD(user_offset)},     {FIELD(user_bytes)},
};
enum { FIELDS = sizeof fields / sizeof *fields };

static void set(const struct field *field, const void *value)
{
    memcpy((uint8_t *)producers.header + field->offset, value, field->bytes);
}

/* ------------------------------------------------------------------ what an attach returns */

/* Write a byte by the producer's mapping and read it by the viewer's. */
static void expect_shared(const uint8_t *byte)
{
    size_t offset = (size_t)(byte - (uint8_t *)viewers.header);
    static uint8_t mark;

    cr_assert_lt(offset, producers.geometry.bytes, "outside the segment");
    ((uint8_t *)producers.header)[offset] = ++mark;
    cr_assert_eq(*(const volatile uint8_t *)byte, mark, "byte %zu", offset);
}

static void expect_inside(void)
{
    const struct pf_segment *geometry = &viewers.geometry;
    uint64_t bytes = producers.geometry.bytes; /* the real size of the segment */

    cr_assert_leq(geometry->bytes, bytes);
    cr_assert_null(format_fault(&geometry->format), "%ux%u", geometry->format.width,
                   geometry->format.height);
    cr_assert(geometry->slots >= PF_SLOTS_MIN && geometry->slots <= PF_SLOTS_MAX, "%u slots",
              geometry->slots);
    cr_assert_eq(geometry->slots_offset, geometry_control_bytes());
    cr_assert_leq(geometry->slot_stride_bytes, bytes);
    cr_assert_leq(geometry->slots_offset + geometry->slots * geometry->slot_stride_bytes,
                  geometry->bytes);
    cr_assert_not_null(memchr(viewers.channel, '\0', sizeof viewers.channel));

    struct pf_format_planes planes = format_planes(&geometry->format);
    cr_assert_eq(geometry->planes, planes.count);
    for (uint32_t p = 0; p < planes.count; p++) {
        uint64_t plane_bytes = (uint64_t)geometry->plane_stride_bytes[p] * planes.rows[p];
        cr_assert_geq(geometry->plane_stride_bytes[p], planes.row_bytes[p], "plane %u", p);
        cr_assert_leq(geometry->plane_offset[p], geometry->slot_stride_bytes, "plane %u", p);
        cr_assert_leq(plane_bytes, geometry->slot_stride_bytes - geometry->plane_offset[p],
                      "plane %u", p);
        for (uint32_t slot = 0; slot < geometry->slots; slot++) {
            struct pf_plane plane[PF_PLANES_MAX];
            segment_planes(&viewers, slot, plane);
            const uint8_t *last = plane[p].pixels + plane_bytes - plane[p].stride_bytes;
            expect_shared(plane[p].pixels);
            expect_shared(plane[p].pixels + planes.row_bytes[p] - 1);
            expect_shared(last);
            expect_shared(last + planes.row_bytes[p] - 1);
        }
    }
    for (uint32_t slot = 0; slot < geometry->slots && geometry->user_bytes; slot++) {
        expect_shared(segment_user(&viewers, slot));
        expect_shared(segment_user(&viewers, slot) + geometry->user_bytes - 1);
    }
}

/* ------------------------------------------------------------------ the thread that overwrites */

static atomic_bool stop;

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13; /* xorshift64: Marsaglia, 2003 */
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Overwrite one field, or a few bytes anywhere in page 0, and restore the page after a short time:
 * without that no attach would succeed. */
static void *overwrite_header(void *unused)
{
    static uint8_t page[PAGE];
    uint64_t state = 42;

    memcpy(page, producers.header, PAGE);
    while (!atomic_load(&stop)) {
        uint64_t chosen = next_random(&state), number = next_random(&state);
        if (chosen % 4 == 0) {
            for (int i = 0; i < 16; i++)
                ((uint8_t *)producers.header)[next_random(&state) % PAGE] = (uint8_t)(number >> i);
        } else {
            uint8_t bytes[sizeof good] = {0};
            memcpy(bytes, &number, sizeof number);
            if (chosen % 4 == 1) /* a small number */
                memset(bytes + 1, 0, sizeof bytes - 1);
            set(&fields[chosen / 4 % FIELDS], bytes);
        }
        for (uint64_t spins = next_random(&state) % 20000; spins > 0; spins--)
            atomic_signal_fence(memory_order_seq_cst);
        memcpy(producers.header, page, PAGE);
        for (uint64_t spins = next_random(&state) % 20000; spins > 0; spins--)
            atomic_signal_fence(memory_order_seq_cst);
    }
    return unused;
}

Test(attach, a_header_overwritten_during_attach_is_refused_or_valid)
{
    int64_t end_ns = clock_now_ns() + SECONDS * NS_PER_S;
    int accepted = 0, refused = 0;
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, overwrite_header, NULL), 0);
    while (clock_now_ns() < end_ns) {
        const uint8_t *nonce = (accepted + refused) % 2 ? good.nonce : NULL;
        int ret = segment_attach(&viewers, producers.geometry.shmid, nonce);
        /* A wrong magic can mean that the segment is not filled yet. */
        cr_assert(ret == 0 || ret == -EPROTO || ret == -EREMCHG || (ret == -ECONNREFUSED && !nonce),
                  "attach returned %d", ret);
        if (ret == 0) {
            expect_inside();
            segment_close(&viewers);
        }
        accepted += ret == 0;
        refused += ret < 0;
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    cr_assert(accepted > 0 && refused > 0, "%d accepted, %d refused", accepted, refused);
    cr_assert_eq(segment_attach(&viewers, producers.geometry.shmid, good.nonce), 0);
}
