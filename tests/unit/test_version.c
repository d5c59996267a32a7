/* SPDX-License-Identifier: MIT */
/* The version, and pf_strerror(). */
#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "pageflip.h"

/* PAGEFLIP_VERSION is the version of the project in meson.build. */
Test(version, of_the_header_and_of_the_project_are_the_same)
{
    char text[32];

    snprintf(text, sizeof text, "%d.%d.%d", PF_VERSION_MAJOR, PF_VERSION_MINOR, PF_VERSION_PATCH);
    cr_assert_str_eq(text, PAGEFLIP_VERSION);
}

Test(version, of_the_library_is_that_of_its_header)
{
    cr_assert_eq(pf_version(), (uint32_t)PF_VERSION);
    cr_assert_eq(pf_version() >> 16, (uint32_t)PF_VERSION_MAJOR);
    cr_assert_eq(pf_version() >> 8 & 0xff, (uint32_t)PF_VERSION_MINOR);
    cr_assert_eq(pf_version() & 0xff, (uint32_t)PF_VERSION_PATCH);
}

/* Every errno that pageflip.h lists. */
static const int listed[] = {
    EAGAIN,    EINTR,        EPIPE,  EREMCHG, ESTALE, EINVAL, EBUSY,  EEXIST,
    EOVERFLOW, ECONNREFUSED, EPROTO, EXDEV,   ENOMEM, ENOSPC, EMFILE, ENFILE,
    EACCES,    EPERM,        ENOENT, ENOTDIR, ELOOP,  EISDIR, EROFS,
};

Test(version, each_listed_errno_has_a_text_of_its_own)
{
    size_t count = sizeof listed / sizeof *listed;

    for (size_t i = 0; i < count; i++) {
        const char *text = pf_strerror(-listed[i]);
        cr_assert_eq(text, pf_strerror(listed[i]), "%s", strerrorname_np(listed[i]));
        cr_assert_gt(strlen(text), 5);
        cr_assert_lt(strlen(text), 80, "%s", text);
        cr_assert_null(strchr(text, '\n'), "%s", text);
        cr_assert_str_neq(text, pf_strerror(0));
        for (size_t j = 0; j < i; j++)
            cr_assert_str_neq(text, pf_strerror(listed[j]));
    }
    /* In pageflip's terms, which strerror() does not have. */
    cr_assert_not_null(strstr(pf_strerror(-ECONNREFUSED), "producer"));
    cr_assert_not_null(strstr(pf_strerror(-EREMCHG), "format"));
}

Test(version, other_numbers_have_the_text_of_the_system)
{
    cr_assert_str_eq(pf_strerror(-EDQUOT), strerror(EDQUOT));
    cr_assert_str_eq(pf_strerror(EDQUOT), strerror(EDQUOT));
    cr_assert_str_eq(pf_strerror(0), "success");
    cr_assert_not_null(strstr(pf_strerror(-987654), "987654"));
    cr_assert_gt(strlen(pf_strerror(INT_MIN)), 0);
    cr_assert_gt(strlen(pf_strerror(INT_MAX)), 0);
}

static void *get_another(void *text)
{
    snprintf(text, 64, "%s", pf_strerror(-765432));
    return NULL;
}

Test(version, another_thread_does_not_change_the_text)
{
    char of_thread[64];
    const char *text = pf_strerror(-987654);
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, get_another, of_thread), 0);
    pthread_join(thread, NULL);
    cr_assert_not_null(strstr(text, "987654"), "%s", text);
    cr_assert_not_null(strstr(of_thread, "765432"), "%s", of_thread);
}
