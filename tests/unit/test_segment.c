/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include "core/segment.h"
#include "scratch.h"

static const struct pf_format format = {.fourcc = PF_FOURCC_XR24, .width = 33, .height = 7};
static struct segment producers, viewers;

static void create(void)
{
    pf_log_set_level(PF_LOG_ERROR);
    cr_assert_eq(segment_create(&producers, "test", NULL, &format, 3, 0), 0);
}

static void finish(void)
{
    segment_close(&viewers);
    segment_close(&producers);
}

TestSuite(segment, .init = create, .fini = finish);

static int attach(void)
{
    return segment_attach(&viewers, producers.geometry.shmid, producers.geometry.nonce);
}

/* Change a header field as damage would. */
#define DAMAGE(field, value) (producers.header->field = (value))

Test(segment, both_sides_see_the_same_bytes)
{
    cr_assert_eq(attach(), 0);
    memset(producers.slots, 0x5a, producers.geometry.slot_stride_bytes * 3);
    cr_assert_eq(memcmp(viewers.slots, producers.slots, producers.geometry.slot_stride_bytes * 3),
                 0);
    cr_assert_eq(viewers.geometry.format.width, 33);
    cr_assert_eq(viewers.geometry.slots, 3);
    cr_assert_str_eq(viewers.channel, "test");
}

Test(segment, planes_of_the_last_slot_end_inside_the_segment)
{
    struct pf_plane plane[PF_PLANES_MAX];

    segment_planes(&producers, 2, plane);
    uint8_t *end = plane[0].pixels + (size_t)plane[0].stride_bytes * format.height;
    cr_assert_leq((void *)end, (void *)((uint8_t *)producers.header + producers.geometry.bytes));
}

Test(segment, a_new_segment_is_already_removed_and_private)
{
    struct shmid_ds info;

    cr_assert_eq(shmctl(producers.geometry.shmid, IPC_STAT, &info), 0);
    cr_assert(info.shm_perm.mode & SHM_DEST, "mode %o: IPC_RMID has not been called",
              info.shm_perm.mode);
    cr_assert_eq(info.shm_perm.mode & 0777, 0600);
}

Test(segment, is_destroyed_with_its_last_user)
{
    int shmid = producers.geometry.shmid;

    cr_assert_eq(attach(), 0);
    segment_close(&producers);
    cr_assert(scratch_segment_exists(shmid));
    segment_close(&viewers);
    cr_assert_not(scratch_segment_exists(shmid));
}

static sigjmp_buf after_fault;

static void on_fault(int signal_number)
{
    (void)signal_number;
    siglongjmp(after_fault, 1);
}

/* Does a write to this byte end in SIGSEGV? */
static bool faults(volatile uint8_t *byte)
{
    struct sigaction catch = {.sa_handler = on_fault}, before;
    volatile bool has_faulted = true;

    sigaction(SIGSEGV, &catch, &before);
    if (sigsetjmp(after_fault, 1) == 0) {
        *byte = *byte;
        has_faulted = false;
    }
    sigaction(SIGSEGV, &before, NULL);
    return has_faulted;
}

Test(segment, a_viewer_can_write_its_lanes_and_nothing_else)
{
    cr_assert_eq(attach(), 0);
    cr_assert_not(faults((uint8_t *)viewers.viewers));
    cr_assert(faults((uint8_t *)viewers.header));
    cr_assert(faults((uint8_t *)viewers.producer));
    cr_assert(faults(viewers.slots));
    cr_assert(faults(viewers.slots + 3 * viewers.geometry.slot_stride_bytes - 1));
    cr_assert_not(faults(producers.slots));
}

Test(segment, another_nonce_is_refused)
{
    uint8_t other[PF_NONCE_BYTES];

    memcpy(other, producers.geometry.nonce, sizeof other);
    other[3] ^= 1;
    cr_assert_eq(segment_attach(&viewers, producers.geometry.shmid, other), -EREMCHG);
}

Test(segment, a_destroyed_segment_is_refused)
{
    int shmid = producers.geometry.shmid;

    segment_close(&producers);
    cr_assert_eq(segment_attach(&viewers, shmid, NULL), -ECONNREFUSED);
    cr_assert_eq(segment_attach(&viewers, -1, NULL), -ECONNREFUSED);
}

Test(segment, a_damaged_header_is_refused)
{
    DAMAGE(width, 0);
    cr_assert_eq(attach(), -EPROTO);
    DAMAGE(width, 33);
    cr_assert_eq(attach(), 0);
    segment_close(&viewers);
    DAMAGE(total_bytes, UINT64_MAX);
    cr_assert_eq(attach(), -EPROTO);
}

Test(segment, a_foreign_segment_is_refused_and_not_written_to)
{
    int shmid = shmget(IPC_PRIVATE, 5 * 4096, IPC_CREAT | 0600);
    uint8_t *foreign = shmat(shmid, NULL, 0);

    shmctl(shmid, IPC_RMID, NULL);
    memset(foreign, 0xab, 5 * 4096);
    cr_assert_eq(segment_attach(&viewers, shmid, producers.geometry.nonce), -EPROTO);
    for (int i = 0; i < 5 * 4096; i++)
        cr_assert_eq(foreign[i], 0xab, "byte %d was written", i);
    shmdt(foreign);
}

Test(segment, a_small_foreign_segment_is_refused)
{
    int shmid = shmget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    void *foreign = shmat(shmid, NULL, 0);

    shmctl(shmid, IPC_RMID, NULL);
    cr_assert_eq(segment_attach(&viewers, shmid, NULL), -EPROTO);
    shmdt(foreign);
}

Test(segment, a_peek_leaves_nothing_attached)
{
    struct pf_segment geometry;
    struct shmid_ds info;
    uint64_t newest;

    cr_assert_eq(segment_peek(producers.geometry.shmid, producers.geometry.nonce, &geometry,
                              &newest),
                 0);
    cr_assert_eq(geometry.format.height, 7);
    cr_assert_eq(newest, 0);
    cr_assert_eq(shmctl(producers.geometry.shmid, IPC_STAT, &info), 0);
    cr_assert_eq(info.shm_nattch, 1, "%d", (int)info.shm_nattch);
}

/* ------------------------------------------------------------------ after the inspection */

struct field {
    const char *name;
    size_t offset, bytes;
};
#define FIELD(name) #name, offsetof(struct layout_header, name), sizeof producers.header->name
static const struct field fields[] = {
    {FIELD(magic)},      {FIELD(version)}, {FIELD(total_bytes)},       {FIELD(slots_offset)},
    {FIELD(page_bytes)}, {FIELD(slots)},   {FIELD(slot_stride_bytes)}, {FIELD(fourcc)},
    {FIELD(width)},      {FIELD(height)},  {FIELD(stride_bytes[0])},   {FIELD(plane_offset[0])},
    {FIELD(channel)},    {FIELD(nonce)},
};

static const struct field *field;
static const uint8_t *value;

static void change(void)
{
    memcpy((uint8_t *)producers.header + field->offset, value, field->bytes);
}

/* Called once, after an attach has inspected the header and detached its first mapping. */
static void (*after_inspection)(void);

/* Replaces the C library's function. */
int shmdt(const void *address)
{
    int ret = (int)syscall(SYS_shmdt, address);
    void (*then)(void) = after_inspection;

    after_inspection = NULL;
    if (then)
        then();
    return ret;
}

static bool is_as_planned(void)
{
    const struct pf_segment *got = &viewers.geometry, *plan = &producers.geometry;

    return got->bytes == plan->bytes && got->slots == plan->slots &&
           got->slots_offset == plan->slots_offset &&
           got->slot_stride_bytes == plan->slot_stride_bytes && got->planes == plan->planes &&
           memcmp(&got->format, &plan->format, sizeof got->format) == 0 &&
           got->plane_offset[0] == plan->plane_offset[0] &&
           got->plane_stride_bytes[0] == plan->plane_stride_bytes[0];
}

Test(segment, changes_after_the_inspection_have_no_effect)
{
    struct layout_header good;
    uint8_t values[4][sizeof(struct layout_header)] = {{0}};

    memcpy(&good, producers.header, sizeof good);
    memset(values[1], 0xff, sizeof values[1]);
    for (field = fields; field < fields + sizeof fields / sizeof *fields; field++) {
        bool is_nonce = field->offset == offsetof(struct layout_header, nonce);
        /* One less and one more may also be valid, but they are not what the attach inspected. */
        memcpy(values[2], (uint8_t *)&good + field->offset, field->bytes);
        memcpy(values[3], values[2], field->bytes);
        values[2][0]--;
        values[3][0]++;
        for (int i = 0; i < 4; i++) {
            value = values[i];
            after_inspection = change;
            int ret = attach();
            cr_assert_null(after_inspection);
            memcpy(producers.header, &good, sizeof good);
            cr_assert_eq(ret, is_nonce ? -EREMCHG : 0, "%s, value %d: attach returned %d",
                         field->name, i, ret);
            if (is_nonce)
                continue;
            cr_assert(is_as_planned(), "%s, value %d, is not what was inspected", field->name, i);
            cr_assert_str_eq(viewers.channel, "test");
            segment_close(&viewers);
        }
    }
}
