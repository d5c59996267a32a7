/* SPDX-License-Identifier: MIT */
/* The marks of viewers that wait for a stream, and how long a producer waits for these viewers. */
#include <errno.h>
#include <fcntl.h>

#include "core/held_fd.h"
#include "core/mark.h"
#include "core/segment_key.h"
#include "core/waiting.h"
#include "help_system.h"
#include "two_channels.h"

static struct waiting waiting;
static int parent_fd; /* another open file of the directory that has the marks */

static void init(void)
{
    kill_after(hang_s());
    open_both();
    waiting = (struct waiting){.fd = -1};
    parent_fd = held_fd_open(AT_FDCWD, scratch, O_RDONLY | O_DIRECTORY, 0);
    cr_assert_geq(parent_fd, 0);
}

static void finish(void)
{
    waiting_end(&waiting);
    held_fd_close(parent_fd);
    close_both();
}

TestSuite(waiting, .init = init, .fini = finish);

static bool is_set(const char *what, const char *dir, const char *name)
{
    return mark_is_set(parent_fd, mark_byte(what, dir, name));
}

static void expect_marks(bool stream, bool frame)
{
    cr_assert_eq(is_set("waits for stream", one.dir, "test"), stream);
    cr_assert_eq(is_set("waits for frame", one.dir, "test"), frame);
}

Test(waiting, a_viewer_has_its_marks_until_it_has_joined_and_has_a_frame)
{
    expect_marks(false, false);
    waiting_begin(&waiting, one.dir, "test");
    expect_marks(true, true);
    waiting_joined(&waiting);
    expect_marks(false, true);
    waiting_end(&waiting);
    expect_marks(false, false);
}

Test(waiting, a_mark_is_that_of_one_channel_of_one_user)
{
    waiting_begin(&waiting, one.dir, "test");
    cr_assert_not(is_set("waits for stream", one.dir, "tests"));
    cr_assert_not(is_set("waits for stream", "/tmp/pageflip-1234", "test"));
    cr_assert_not(is_set("producer", one.dir, "test"));
    cr_assert(is_set("waits for stream", "/elsewhere/pageflip", "test"), "by its last part");
}

Test(waiting, a_producer_awaits_viewers_that_have_joined)
{
    struct awaited awaited = {0};

    awaited_let_join(&awaited, &one, NULL);
    cr_assert_not(awaited.is_awaited);
    waiting_begin(&waiting, one.dir, "test");
    waiting_joined(&waiting);
    awaited_let_join(&awaited, &one, NULL);
    cr_assert(awaited.is_awaited);
}

Test(waiting, a_producer_awaits_viewers_of_its_key)
{
    struct awaited awaited = {0};
    char key_file[512], key[SEGMENT_KEY_NAME_BYTES];

    scratch_path(key_file, scratch, "key");
    fclose(fopen(key_file, "w"));
    cr_assert(segment_key_name(key_file, key));
    waiting_begin(&waiting, one.dir, key);
    waiting_joined(&waiting);
    awaited_let_join(&awaited, &one, NULL);
    cr_assert_not(awaited.is_awaited, "the producer has no key");
    awaited_let_join(&awaited, &one, key_file);
    cr_assert(awaited.is_awaited);
}

Test(waiting, a_producer_lets_viewers_acquire_until_its_deadline)
{
    struct awaited awaited = {.is_awaited = true};
    int64_t before_ns = clock_now_ns();

    waiting_begin(&waiting, one.dir, "test");
    cr_assert_eq(awaited_let_acquire(&awaited, &one, NULL, before_ns), -EAGAIN);
    cr_assert(awaited.is_awaited, "it is called again");
    cr_assert_eq(awaited_let_acquire(&awaited, &one, NULL, INT64_MAX), 0);
    cr_assert_geq(clock_now_ns() - before_ns, 500 * NS_PER_MS);
    cr_assert_not(awaited.is_awaited, "half a second in total");
}

Test(waiting, half_a_second_counts_from_the_first_call)
{
    struct awaited awaited = {.is_awaited = true, .until_ns = clock_now_ns()};

    waiting_begin(&waiting, one.dir, "test");
    cr_assert_eq(awaited_let_acquire(&awaited, &one, NULL, 0), 0);
    cr_assert_not(awaited.is_awaited);
}

Test(waiting, a_viewer_that_has_left_is_not_awaited)
{
    struct awaited awaited = {.is_awaited = true};

    waiting_begin(&waiting, one.dir, "test");
    waiting_end(&waiting);
    cr_assert_eq(awaited_let_acquire(&awaited, &one, NULL, 0), 0);
    cr_assert_not(awaited.is_awaited);
}
