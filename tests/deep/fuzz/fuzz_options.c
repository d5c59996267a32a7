/* SPDX-License-Identifier: MIT */
/* The command line of both programs: one word per line of the input, up to a NUL. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "producer/options.h"
#include "producer/sources/pattern.h"

enum { WORDS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int viewer_parse(int argc, char **argv); /* fuzz_options_viewer.c */

/* What options.c calls in the sources, without their libraries. */
bool pattern_exists(const char *name)
{
    return strcmp(name, "card") == 0;
}

void pattern_print_table(void)
{
}

void source_print_table(void)
{
}

static void check(const struct options *options, int argc, char **argv)
{
    if (options->action != ACTION_RUN)
        return;
    if (options->source.width < 1 || options->source.width > PF_SIZE_MAX ||
        options->source.height < 1 || options->source.height > PF_SIZE_MAX ||
        options->producer.evict_after_ns < 0 || options->producer.slots > PF_SLOTS_MAX ||
        options->source.input_count < 0 ||
        options->source.inputs + options->source.input_count != argv + argc)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *rest = text;
    char *words[WORDS_MAX + 2] = {"program"}, *copy[WORDS_MAX + 2];
    struct options options;
    int count = 1;

    pf_log_set_level(PF_LOG_ERROR);
    memcpy(text, data, size);
    text[size] = '\0';
    for (char *word; count <= WORDS_MAX && (word = strsep(&rest, "\n"));)
        words[count++] = word;
    memcpy(copy, words, sizeof copy); /* the parser changes their order */
    if (options_parse(&options, count, copy) == 0)
        check(&options, count, copy);
    memcpy(copy, words, sizeof copy);
    viewer_parse(count, copy);
    free(text);
    return 0;
}
