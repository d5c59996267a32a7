/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "core/clock.h"
#include "pageflip.h"
#include "program/recorder.h"
#include "scratch.h"

static void quiet(void)
{
    scratch_open();
    pf_log_set_level(PF_LOG_ERROR);
}

TestSuite(recorder, .init = quiet, .fini = scratch_close);

/* The waits of the writer, and the calls that wake it, go through these (-Wl,--wrap). */
static atomic_int waits, wrong_waits, wakes;
static atomic_bool waits_forever;

int __real_pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
                                  const struct timespec *until);
int __wrap_pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
                                  const struct timespec *until);
int __real_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_signal(pthread_cond_t *cond);

int __wrap_pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
                                  const struct timespec *until)
{
    const struct timespec never = {.tv_sec = INT32_MAX};
    int64_t until_ns = until->tv_sec * NS_PER_S + until->tv_nsec;

    wrong_waits += clock != CLOCK_MONOTONIC || until_ns > clock_now_ns() + NS_PER_S / 2;
    waits++;
    return __real_pthread_cond_clockwait(cond, mutex, clock, waits_forever ? &never : until);
}

int __wrap_pthread_cond_signal(pthread_cond_t *cond)
{
    wakes++;
    return __real_pthread_cond_signal(cond);
}

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

static void wait_for(const atomic_uint_fast64_t *written, uint64_t count)
{
    for (int ms = 0; *written < count && ms < 60000; ms++)
        usleep(1000);
    cr_assert_eq(*written, count, "it was not written");
}

/* When the writer writes the second record, it has finished with the first. */
Test(recorder, what_is_written_can_be_read_before_the_end)
{
    struct state state = {0};
    struct recorder *recorder = NULL;
    char path[512], text[64] = "";

    scratch_path(path, scratch, "records");
    cr_assert_eq(recorder_open(&recorder, path, &format, &state), 0);
    for (uint64_t i = 1; i <= 2; i++) {
        recorder_add(recorder, &i);
        wait_for(&state.written, i);
    }
    FILE *file = fopen(path, "r");
    fread(text, 1, sizeof text - 1, file);
    fclose(file);
    cr_assert_eq(strncmp(text, "begin\n1\n", 8), 0, "\"%s\"", text);
    cr_assert_eq(recorder_close(recorder), 0);
}

Test(recorder, waits_at_most_half_a_second_of_the_monotonic_clock)
{
    struct state state = {0};
    struct recorder *recorder = NULL;
    char path[512];

    scratch_path(path, scratch, "records");
    waits = wrong_waits = 0;
    cr_assert_eq(recorder_open(&recorder, path, &format, &state), 0);
    for (uint64_t i = 1; i <= 2; i++) {
        recorder_add(recorder, &i);
        wait_for(&state.written, i);
    }
    cr_assert_eq(recorder_close(recorder), 0);
    cr_assert_gt(waits, 0);
    cr_assert_eq(wrong_waits, 0);
}

/* It waits until it is woken. */
static struct recorder *open_with_a_writer_that_waits(const char *path, struct state *state)
{
    struct recorder *recorder = NULL;

    waits = wakes = 0;
    waits_forever = true;
    cr_assert_eq(recorder_open(&recorder, path, &format, state), 0);
    for (int ms = 0; waits == 0 && ms < 60000; ms++)
        usleep(1000);
    return recorder;
}

/* Else it would write up to half a second later, and other records would be dropped meanwhile. */
Test(recorder, a_ring_that_becomes_half_full_wakes_the_writer_once)
{
    struct state state = {0};
    char path[512];
    uint64_t added = 0;

    scratch_path(path, scratch, "records");
    struct recorder *recorder = open_with_a_writer_that_waits(path, &state);
    for (; added < RECORDER_SLOTS / 2; added++)
        recorder_add(recorder, &added);
    cr_assert_eq(wakes, 0, "too early");
    recorder_add(recorder, &added);
    added++;
    cr_assert_eq(wakes, 1);
    wait_for(&state.written, added);
    cr_assert_eq(recorder_dropped(recorder), 0);
    cr_assert_eq(recorder_close(recorder), 0);
    check(path, added);
}

Test(recorder, a_record_that_is_added_while_the_writer_waits_is_written_by_the_close)
{
    struct state state = {0};
    char path[512];
    uint64_t number = 1;

    scratch_path(path, scratch, "records");
    struct recorder *recorder = open_with_a_writer_that_waits(path, &state);
    recorder_add(recorder, &number);
    cr_assert_eq(recorder_close(recorder), 0);
    check(path, 1);
}
