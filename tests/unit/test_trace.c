/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "last_message.h"
#include "program/trace.h"
#include "scratch.h"
#include "text_file.h"

static void quiet(void)
{
    scratch_open();
    keep_messages();
}

TestSuite(trace, .init = quiet, .fini = scratch_close);

#define HEAD "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"
#define TAIL "\n]}\n"

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static char paths[3][512];

/* Merge files with these texts; NULL: no more. Returns what trace_merge() returns, and its output
 * in *merged, which the caller frees. */
static int merge(char **merged, const char *const texts[])
{
    char *names[3];
    size_t bytes;
    int count = 0;

    for (; texts[count]; count++) {
        char name[] = {(char)('a' + count), '\0'};
        scratch_path(paths[count], scratch, name);
        write_text(paths[count], texts[count]);
        names[count] = paths[count];
    }
    FILE *file = open_memstream(merged, &bytes);
    int ret = trace_merge(file, names, count);
    fclose(file);
    return ret;
}

#define MERGE(merged, ...) merge(merged, (const char *const[]){__VA_ARGS__, NULL})

#define AT(ts) "{\"ph\":\"X\",\"ts\":" ts ",\"dur\":1.000}"

Test(trace, events_of_several_files_are_in_the_order_of_their_times)
{
    char *merged;

    /* clang-format off */
    cr_assert_eq(MERGE(&merged,
        HEAD "{\"ts\":0,\"n\":1},\n{\"ts\":2.000,\"n\":3},\n{\"ts\":10.010,\"n\":6},\n"
             "{\"ts\":9999999999.999,\"n\":7}" TAIL,
        HEAD "{\"ts\":0,\"n\":2},\n{\"ts\":3.000,\"n\":4},\n{\"ts\":10.009,\"n\":5}" TAIL), 0);
    cr_assert_str_eq(merged,
        HEAD "{\"ts\":0,\"n\":1},\n{\"ts\":0,\"n\":2},\n{\"ts\":2.000,\"n\":3},\n"
             "{\"ts\":3.000,\"n\":4},\n{\"ts\":10.009,\"n\":5},\n{\"ts\":10.010,\"n\":6},\n"
             "{\"ts\":9999999999.999,\"n\":7}" TAIL);
    /* clang-format on */
    free(merged);
}

Test(trace, events_of_the_same_time_keep_their_order)
{
    char *merged;

    cr_assert_eq(MERGE(&merged,
                       HEAD "{\"ts\":5.000,\"n\":1},\n{\"ts\":5.000,\"n\":2},\n"
                            "{\"ts\":5.000,\"n\":3}" TAIL,
                       HEAD "{\"ts\":4.000,\"n\":0},\n{\"ts\":5.000,\"n\":4}" TAIL),
                 0);
    ASSERT_IN_ORDER(merged, "\"n\":0", "\"n\":1", "\"n\":2", "\"n\":3", "\"n\":4");
    free(merged);
}

/* A program was killed, or the disk was full. */
Test(trace, a_file_without_its_end_is_refused_by_name_and_nothing_is_written)
{
    const char *const whole = HEAD AT("1.000") TAIL;
    const char *const wrong[] = {"",
                                 "{",
                                 HEAD,
                                 HEAD AT("1.000"),
                                 HEAD AT("1.000") ",\n",
                                 HEAD AT("1.000") ",\n{\"ph\":\"X\",\"t",
                                 HEAD AT("1.000") "\n",
                                 AT("1.000") TAIL,
                                 HEAD "{\"ph\":\"X\"}" TAIL,
                                 HEAD "{\"ph\":\"X\",\"ts\":\"x\"}" TAIL};
    char *merged;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        errors = 0;
        cr_assert_eq(MERGE(&merged, whole, wrong[i]), -EBADMSG, "case %zu: %s", i, wrong[i]);
        cr_assert_str_eq(merged, "", "case %zu", i);
        cr_assert_eq(errors, 1, "case %zu: %d lines", i, errors);
        cr_assert_not_null(strstr(message, paths[1]), "case %zu: %s", i, message);
        free(merged);
    }
    cr_assert_eq(MERGE(&merged, wrong[3], whole), -EBADMSG);
    cr_assert_not_null(strstr(message, paths[0]), "%s", message);
    free(merged);
}

Test(trace, a_file_that_cannot_be_read_is_named)
{
    char *names[] = {scratch};
    char *merged;
    size_t bytes;
    FILE *file = open_memstream(&merged, &bytes);

    cr_assert_eq(trace_merge(file, names, 1), -EBADMSG);
    cr_assert_eq(errors, 1);
    cr_assert_not_null(strstr(message, scratch), "%s", message);
    fclose(file);
    free(merged);
}

/* A slice is on the first track on which the last slice has ended. */
Test(trace, slices_that_overlap_are_on_tracks_of_their_own)
{
    static struct trace trace = {.pid = 7, .process = "p", .stages = {"a", "b"}};
    char *text;
    size_t bytes;
    FILE *file = open_memstream(&text, &bytes);

    cr_assert_eq(trace_slice(file, &trace, 0, 10000, 20000, 1), 1);
    cr_assert_eq(trace_slice(file, &trace, 0, 15000, 17000, 2), 2, "track 1 is in use");
    cr_assert_eq(trace_slice(file, &trace, 0, 16999, 30000, 3), 3, "both are in use");
    cr_assert_eq(trace_slice(file, &trace, 0, 17000, 40000, 4), 2, "track 2 has ended");
    cr_assert_eq(trace_slice(file, &trace, 0, 20000, 40000, 5), 1, "track 1 has ended");
    cr_assert_eq(trace_slice(file, &trace, 1, 15000, 18000, 6), 9, "another stage");
    for (int i = 0; i < 10; i++)
        cr_assert_leq(trace_slice(file, &trace, 0, 20000, 50000, 7), 8, "a track of stage b");
    fclose(file);
    ASSERT_IN_ORDER(text, "\"tid\":1,\"ts\":10.000,\"dur\":10.000,\"args\":{\"frame\":1}",
                    "\"thread_name\",\"pid\":7,\"tid\":2,\"ts\":0,\"args\":{\"name\":\"a2\"}",
                    "\"tid\":2,\"ts\":15.000,\"dur\":2.000,\"args\":{\"frame\":2}",
                    "\"thread_name\",\"pid\":7,\"tid\":3,\"ts\":0,\"args\":{\"name\":\"a3\"}",
                    "\"frame\":3}");
    free(text);
}
