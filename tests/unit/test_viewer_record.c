/* SPDX-License-Identifier: MIT */
/* The rows of --csv and the events of --trace for frames whose times are made by hand. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "pageflip.h"
#include "program/recorder.h"
#include "scratch.h"
#include "text_file.h"
#include "viewer/record.h"

static struct record record;
static char csv[512], trace[512];

static void init(void)
{
    scratch_open();
    pf_log_set_level(PF_LOG_ERROR);
    scratch_path(csv, scratch, "v.csv");
    scratch_path(trace, scratch, "v.json");
}

TestSuite(viewer_record, .init = init, .fini = scratch_close);

/* No two times are equal, and each has digits of its own in all three decimals. */
static const struct presented first = {
    .frame = {.sequence = 101,
              .pts_ns = 1000001,
              .due_ns = 2000012,
              .begin_ns = 3000123,
              .publish_ns = 4001234,
              .acquire_ns = 5012345},
    .submit_ns = 6123456,
    .done_ns = 7234567,
    .ust_ns = 8345678,
    .user_copies = 9,
};

static void record_four_frames(void)
{
    struct presented skipped = first, again = first, second = first;

    skipped.frame.sequence = 102;
    skipped.skipped = true;
    skipped.user_copies = 0;
    again.frame.sequence = 103;
    again.again = true;
    again.ust_ns = 0;
    second.frame.sequence = 104;
    second.user_copies = 0;
    record_frame(&record, &first, 4321);
    record_frame(&record, &skipped, 4321);
    record_frame(&record, &again, 4321);
    record_frame(&record, &second, 4321);
    cr_assert_eq(record_close(&record), 0);
}

Test(viewer_record, has_each_value_in_the_column_of_its_name)
{
    cr_assert_eq(record_open(&record, &(struct options){.csv = csv}), 0);
    record_four_frames();
    cr_assert_str_eq(
        text_of_file(csv),
        "sequence,producer_pid,pts_us,due_us,begin_us,publish_us,acquire_us,submit_us,done_us,"
        "display_start_us,skipped,again,user_copies\n"
        "101,4321,1000.001,2000.012,3000.123,4001.234,5012.345,6123.456,7234.567,8345.678,0,0,9\n"
        "102,4321,1000.001,2000.012,3000.123,4001.234,5012.345,6123.456,7234.567,8345.678,1,0,0\n"
        "103,4321,1000.001,2000.012,3000.123,4001.234,5012.345,6123.456,7234.567,0.000,0,1,9\n"
        "104,4321,1000.001,2000.012,3000.123,4001.234,5012.345,6123.456,7234.567,8345.678,0,0,0\n");
}

#define TRACK(tid, name)                                                                           \
    ",\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":P,\"tid\":" tid ",\"ts\":0,\"args\":{"      \
    "\"name\":\"" name "\"}}"
#define SLICE(stage, tid, start, duration, frame)                                                  \
    ",\n{\"ph\":\"X\",\"name\":\"" stage "\",\"cat\":\"frame\",\"pid\":P,\"tid\":" tid             \
    ",\"ts\":" start ",\"dur\":" duration ",\"args\":{\"frame\":" frame "}}"
#define ARROW(id, start, tid, end)                                                                 \
    ",\n{\"ph\":\"s\",\"name\":\"frame\",\"cat\":\"frame\",\"id\":\"" id "\",\"pid\":4321,"        \
    "\"tid\":1,\"ts\":" start "}"                                                                  \
    ",\n{\"ph\":\"f\",\"bp\":\"e\",\"name\":\"frame\",\"cat\":\"frame\",\"id\":\"" id              \
    "\",\"pid\":P,\"tid\":" tid ",\"ts\":" end "}"

/* The trace with this process's pid as P. */
static const char *trace_text(void)
{
    static char text[TEXT_BYTES];
    const char *from = text_of_file(trace);
    char *to = text, pid[16];
    size_t length = (size_t)snprintf(pid, sizeof pid, "%d", getpid());

    while (*from) {
        bool is_pid = strncmp(from, pid, length) == 0;
        *to++ = is_pid ? 'P' : *from;
        from += is_pid ? length : 1;
    }
    *to = '\0';
    return text;
}

/* Frame 102 was not shown, so nothing leads to a presentation. A redraw (103) is not there. */
Test(viewer_record, has_a_slice_for_each_stage_and_an_arrow_from_the_publication)
{
    cr_assert_eq(record_open(&record, &(struct options){.trace = trace}), 0);
    record_four_frames(); /* at the same time, so each on tracks of its own */
    /* clang-format off */
    cr_assert_str_eq(
        trace_text(),
        "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"
        "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":P,\"ts\":0,"
        "\"args\":{\"name\":\"pageflip-viewer P\"}}"
        TRACK("1", "handoff")
        TRACK("9", "submit")
        TRACK("17", "present")
        SLICE("handoff", "1", "4001.234", "1011.111", "101")
        SLICE("submit", "9", "5012.345", "1111.111", "101")
        SLICE("present", "17", "6123.456", "1111.111", "101")
        ARROW("P.1", "4001.233", "17", "6123.456")
        TRACK("2", "handoff2")
        SLICE("handoff", "2", "4001.234", "1011.111", "102")
        TRACK("10", "submit2")
        SLICE("submit", "10", "5012.345", "1111.111", "102")
        TRACK("3", "handoff3")
        SLICE("handoff", "3", "4001.234", "1011.111", "104")
        TRACK("11", "submit3")
        SLICE("submit", "11", "5012.345", "1111.111", "104")
        TRACK("18", "present2")
        SLICE("present", "18", "6123.456", "1111.111", "104")
        ARROW("P.2", "4001.233", "18", "6123.456")
        "\n]}\n");
    /* clang-format on */
}

enum { ADDED = 3 * RECORDER_SLOTS };

/* Reads a FIFO to its end and counts the lines. */
static void *count_lines(void *path)
{
    static uint64_t lines[2];
    uint64_t *count = &lines[path == trace];
    FILE *file = fopen(path, "r");

    for (int c; (c = getc(file)) != EOF;)
        *count += c == '\n';
    fclose(file);
    return count;
}

/* Add more frames than the ring and a FIFO without a reader have room for, then read the FIFO.
 * Returns the number of its lines. */
static uint64_t lines_of_a_slow_reader(char *path, const struct options *options, uint64_t *dropped)
{
    pthread_t reader;
    void *lines;

    cr_assert_eq(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDONLY | O_NONBLOCK); /* it reads nothing */
    cr_assert_geq(fd, 0);
    cr_assert_eq(record_open(&record, options), 0);
    for (int i = 1; i <= ADDED; i++) {
        struct presented done = first;
        done.frame.sequence = (uint64_t)i;
        done.frame.publish_ns += i * NS_PER_S; /* no slice overlaps another one */
        done.frame.acquire_ns += i * NS_PER_S;
        done.submit_ns += i * NS_PER_S;
        done.done_ns += i * NS_PER_S;
        record_frame(&record, &done, 1);
    }
    *dropped = record_dropped(&record);
    cr_assert_eq(pthread_create(&reader, NULL, count_lines, path), 0);
    cr_assert_eq(record_close(&record), 0);
    cr_assert_eq(pthread_join(reader, &lines), 0);
    close(fd);
    return *(const uint64_t *)lines;
}

Test(viewer_record, counts_the_rows_that_a_slow_reader_of_the_csv_does_not_get)
{
    uint64_t dropped;
    uint64_t lines = lines_of_a_slow_reader(csv, &(struct options){.csv = csv}, &dropped);

    cr_assert_gt(dropped, 0);
    cr_assert_eq(lines, 1 + ADDED - dropped, "%d lines, %d dropped", (int)lines, (int)dropped);
}

/* A frame has five events. The head has five lines, and the tail has one. */
Test(viewer_record, counts_the_frames_that_a_slow_reader_of_the_trace_does_not_get)
{
    uint64_t dropped;
    uint64_t lines = lines_of_a_slow_reader(trace, &(struct options){.trace = trace}, &dropped);

    cr_assert_gt(dropped, 0);
    cr_assert_eq(lines, 6 + 5 * (ADDED - dropped), "%d lines, %d dropped", (int)lines,
                 (int)dropped);
}

Test(viewer_record, returns_what_closing_either_file_returns)
{
    cr_assert_eq(record_open(&record, &(struct options){.csv = "/dev/full", .trace = trace}), 0);
    cr_assert_eq(record_close(&record), -ENOSPC);
    cr_assert_eq(record_open(&record, &(struct options){.csv = csv, .trace = "/dev/full"}), 0);
    cr_assert_eq(record_close(&record), -ENOSPC);
    cr_assert_eq(record_close(&record), 0, "nothing is open");
}
