/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "pageflip.h"
#include "program/recorder.h"
#include "scratch.h"

static void quiet(void)
{
    scratch_open();
    pf_log_set_level(PF_LOG_ERROR);
}

TestSuite(recorder, .init = quiet, .fini = scratch_close);

struct state {
    atomic_uint_fast64_t written;
    bool slow; /* writing a record takes 0.1 ms */
};

static void begin(FILE *file, void *state)
{
    (void)state;
    fputs("begin\n", file);
}

static void record(FILE *file, void *state, const void *record)
{
    struct state *self = state;

    if (self->slow)
        usleep(100);
    fprintf(file, "%llu\n", (unsigned long long)*(const uint64_t *)record);
    self->written++;
}

static void end(FILE *file, void *state)
{
    (void)state;
    fputs("end\n", file);
}

static const struct recorder_format format = {.record_bytes = sizeof(uint64_t),
                                              .begin = begin,
                                              .record = record,
                                              .end = end};

/* Check that the file has `count` rising numbers between "begin" and "end". */
static void check(const char *path, uint64_t count)
{
    FILE *file = fopen(path, "r");
    char line[64];
    uint64_t seen = 0;
    long long last = -1;

    cr_assert_not_null(file);
    cr_assert_str_eq(fgets(line, sizeof line, file), "begin\n");
    while (fgets(line, sizeof line, file) && strcmp(line, "end\n") != 0) {
        cr_assert_gt(atoll(line), last, "%s after %lld", line, last);
        last = atoll(line);
        seen++;
    }
    cr_assert_str_eq(line, "end\n");
    fclose(file);
    cr_assert_eq(seen, count, "%llu records, not %llu", (unsigned long long)seen,
                 (unsigned long long)count);
}

Test(recorder, writes_every_record_in_order)
{
    struct state state = {0};
    struct recorder *recorder = NULL;
    char path[512];

    scratch_path(path, scratch, "records");
    cr_assert_eq(recorder_open(&recorder, path, &format, &state), 0);
    for (uint64_t i = 0; i < 20000; i++) {
        recorder_add(recorder, &i);
        for (int ms = 0; i % 2000 == 1999 && state.written <= i && ms < 60000; ms++)
            usleep(1000); /* the ring is never full */
    }
    cr_assert_eq(recorder_dropped(recorder), 0);
    cr_assert_eq(recorder_close(recorder), 0);
    check(path, 20000);
}

Test(recorder, drops_and_counts_records_of_a_full_ring_and_never_waits)
{
    struct state state = {.slow = true};
    struct recorder *recorder = NULL;
    char path[512];
    const uint64_t count = 10 * RECORDER_SLOTS;

    scratch_path(path, scratch, "records");
    cr_assert_eq(recorder_open(&recorder, path, &format, &state), 0);
    for (uint64_t i = 0; i < count; i++)
        recorder_add(recorder, &i);
    uint64_t dropped = recorder_dropped(recorder);
    cr_assert_gt(dropped, 0, "no record was dropped");
    cr_assert_lt(dropped, count);
    cr_assert_eq(recorder_close(recorder), 0);
    cr_assert_eq(state.written + dropped, count, "%llu written, %llu dropped",
                 (unsigned long long)state.written, (unsigned long long)dropped);
    check(path, count - dropped);
}

Test(recorder, reports_a_full_disk_when_closed)
{
    struct state state = {0};
    struct recorder *recorder = NULL;
    uint64_t number = 1;

    cr_assert_eq(recorder_open(&recorder, "/dev/full", &format, &state), 0);
    recorder_add(recorder, &number);
    int ret = recorder_close(recorder);
    cr_assert_eq(ret, -ENOSPC, "%s", strerror(-ret));
}

Test(recorder, reports_a_folder_that_does_not_exist)
{
    struct recorder *recorder = NULL;
    char path[512];

    scratch_path(path, scratch, "absent/records");
    cr_assert_eq(recorder_open(&recorder, path, &format, NULL), -ENOENT);
}

Test(recorder, accepts_null)
{
    uint64_t number = 1;

    recorder_add(NULL, &number);
    cr_assert_eq(recorder_dropped(NULL), 0);
    cr_assert_eq(recorder_close(NULL), 0);
}
