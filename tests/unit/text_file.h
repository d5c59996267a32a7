/* SPDX-License-Identifier: MIT */
/* What the code under test has written, as text. */
#ifndef TESTS_UNIT_TEXT_FILE_H
#define TESTS_UNIT_TEXT_FILE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 16384 };

static inline const char *text_of_file(const char *path)
{
    static char text[TEXT_BYTES];
    FILE *file = fopen(path, "r");

    cr_assert_not_null(file, "%s", path);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* What is printed on standard error from errors_begin() to errors_end(). */
static FILE *real_stderr;
static char *printed;

static inline void errors_begin(void)
{
    static size_t bytes;

    real_stderr = stderr;
    stderr = open_memstream(&printed, &bytes);
    cr_assert_not_null(stderr);
}

static inline const char *errors_end(void)
{
    fclose(stderr);
    stderr = real_stderr;
    return printed;
}

/* Each word must be in the text, after the word before it. */
static inline void assert_in_order(const char *text, const char *const words[], size_t count)
{
    const char *rest = text;

    for (size_t i = 0; i < count; i++) {
        rest = strstr(rest, words[i]);
        cr_assert_not_null(rest, "no \"%s\" after the words before it in: %s", words[i], text);
        rest += strlen(words[i]);
    }
}

#define ASSERT_IN_ORDER(text, ...)                                                                 \
    assert_in_order(text, (const char *const[]){__VA_ARGS__},                                      \
                    sizeof(const char *const[]){__VA_ARGS__} / sizeof(char *))

#endif
