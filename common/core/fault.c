/* SPDX-License-Identifier: MIT */
/* Compiled only into the test programs. The process sends the signal to itself, so that it ends
 * or stops exactly at that place. Its parent sees a SIGKILL that no other process has sent. */
#include "fault.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAULTS_MAX = 8, NAME_BYTES = 32 };

struct fault {
    char name[NAME_BYTES];
    int visits; /* left until the signal is raised; 0: it has been raised */
    int signal;
};

static struct fault faults[FAULTS_MAX];

/* An invalid word aborts: a test with a mistake must not run without its fault. */
static struct fault parse(const char *word)
{
    struct fault fault = {.signal = SIGKILL};
    char action[8] = "kill";
    int read = sscanf(word, "%31[a-z_]:%d:%7s", fault.name, &fault.visits, action);

    bool stops = strcmp(action, "stop") == 0;

    if (read < 2 || fault.visits < 1 || (!stops && strcmp(action, "kill") != 0)) {
        fprintf(stderr, "PAGEFLIP_FAULT: \"%s\" is not NAME:VISIT or NAME:VISIT:stop\n", word);
        abort();
    }
    if (stops)
        fault.signal = SIGSTOP;
    return fault;
}

__attribute__((constructor)) static void read_environment(void)
{
    const char *value = getenv("PAGEFLIP_FAULT");
    char *words = strdup(value ? value : ""), *rest = NULL;
    int count = 0;

    for (char *word = strtok_r(words, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        if (count == FAULTS_MAX)
            abort();
        faults[count++] = parse(word);
    }
    free(words);
}

void fault_point(const char *name)
{
    for (int i = 0; i < FAULTS_MAX; i++)
        if (faults[i].visits > 0 && strcmp(faults[i].name, name) == 0 && --faults[i].visits == 0)
            raise(faults[i].signal);
}
