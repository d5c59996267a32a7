/* SPDX-License-Identifier: MIT */
/* Any command line for both programs: the words of the input, one a line, up to a NUL. */
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "producer/options.h"

enum { WORDS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int viewer_parse(int argc, char **argv);      /* fuzz_options_viewer.c */
bool source_pattern_exists(const char *name); /* of producer/source.h */
void source_pattern_print_table(void);
void source_print_table(void);

/* The parts that options.c asks, without their own needs. */
bool source_pattern_exists(const char *name)
{
    return strcmp(name, "card") == 0;
}

void source_pattern_print_table(void)
{
}

void source_print_table(void)
{
}

/* getopt keeps a place inside of the last argv: let it forget. */
static void forget(void)
{
    char *none[] = {"", NULL};

    optind = 0;
    getopt(1, none, "");
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
    memcpy(copy, words, sizeof copy); /* the parser may change their order */
    forget();
    if (options_parse(&options, count, copy) == 0)
        check(&options, count, copy);
    memcpy(copy, words, sizeof copy);
    forget();
    viewer_parse(count, copy);
    free(text);
    return 0;
}
