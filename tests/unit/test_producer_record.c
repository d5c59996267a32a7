/* SPDX-License-Identifier: MIT */
/* The events of the producer's --trace for frames whose times are made by hand. */
#include <errno.h>

#include "producer/record.h"
#include "scratch.h"
#include "text_file.h"

static void quiet(void)
{
    scratch_open();
    pf_log_set_level(PF_LOG_ERROR);
}

TestSuite(producer_record, .init = quiet, .fini = scratch_close);

/* Viewers draw their arrows from track 1, so `render` must be there. */
Test(producer_record, has_a_slice_for_rendering_and_one_for_being_late)
{
    static struct record record;
    const struct pf_frame in_time = {.sequence = 101,
                                     .pts_ns = 1000001,
                                     .due_ns = 2000012,
                                     .begin_ns = 2000012,
                                     .publish_ns = 3012345};
    const struct pf_frame late = {.sequence = 102,
                                  .pts_ns = 1000001,
                                  .due_ns = 4001234,
                                  .begin_ns = 5012346,
                                  .publish_ns = 7234567};
    char path[512], expected[4096];
    int pid = getpid();

    scratch_path(path, scratch, "p.json");
    cr_assert_eq(record_open(&record, path), 0);
    record_frame(&record, &in_time);
    record_frame(&record, &late);
    cr_assert_eq(record_close(&record), 0);
    cr_assert_lt(
        snprintf(expected, sizeof expected,
                 "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"
                 "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%d,\"ts\":0,"
                 "\"args\":{\"name\":\"pageflip-producer %d\"}},\n"
                 "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":1,\"ts\":0,"
                 "\"args\":{\"name\":\"render\"}},\n"
                 "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":9,\"ts\":0,"
                 "\"args\":{\"name\":\"late\"}},\n"
                 "{\"ph\":\"X\",\"name\":\"render\",\"cat\":\"frame\",\"pid\":%d,\"tid\":1,"
                 "\"ts\":2000.012,\"dur\":1012.333,\"args\":{\"frame\":101}},\n"
                 "{\"ph\":\"X\",\"name\":\"late\",\"cat\":\"frame\",\"pid\":%d,\"tid\":9,"
                 "\"ts\":4001.234,\"dur\":1011.112,\"args\":{\"frame\":102}},\n"
                 "{\"ph\":\"X\",\"name\":\"render\",\"cat\":\"frame\",\"pid\":%d,\"tid\":1,"
                 "\"ts\":5012.346,\"dur\":2222.221,\"args\":{\"frame\":102}}\n]}\n",
                 pid, pid, pid, pid, pid, pid, pid),
        (int)sizeof expected);
    cr_assert_str_eq(text_of_file(path), expected);
}

Test(producer_record, without_a_path_records_nothing)
{
    static struct record record;

    cr_assert_eq(record_open(&record, NULL), 0);
    record_frame(&record, &(struct pf_frame){.sequence = 1});
    cr_assert_eq(record_close(&record), 0);
}

Test(producer_record, reports_a_full_disk_when_closed)
{
    static struct record record;

    cr_assert_eq(record_open(&record, "/dev/full"), 0);
    cr_assert_eq(record_close(&record), -ENOSPC);
}
