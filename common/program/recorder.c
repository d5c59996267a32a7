/* SPDX-License-Identifier: MIT */
/*
 * One thread adds records and one writes them, so two counters are enough: only the first stores
 * `added`, only the second `taken`. The writer polls twice a second. Waking the writer for each
 * record would cost more than the record, so that is done only when the ring becomes half full.
 */
#include "recorder.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "messages.h"
#include "output.h"
#include "threads.h"

#define POLL_NS (NS_PER_S / 2)

struct recorder {
    const char *path;
    const struct recorder_format *format;
    void *state;
    FILE *file;
    int error; /* errno of the first failed write; 0: none */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool is_closing, is_half_full; /* under the mutex */
    _Atomic uint64_t added, taken; /* records so far */
    uint64_t dropped;
    uint8_t ring[];
};

static uint8_t *place(struct recorder *recorder, uint64_t number)
{
    return recorder->ring + number % RECORDER_SLOTS * recorder->format->record_bytes;
}

static void write_records(struct recorder *recorder)
{
    uint64_t taken = atomic_load_explicit(&recorder->taken, memory_order_relaxed);
    /* Pairs with the release in recorder_add(): the records are complete. */
    uint64_t added = atomic_load_explicit(&recorder->added, memory_order_acquire);

    for (; taken < added; taken++)
        if (!recorder->error && !ferror(recorder->file)) /* else a write may have to wait again */
            recorder->format->record(recorder->file, recorder->state, place(recorder, taken));
    /* Pairs with the acquire in recorder_add(): the records have been read. */
    atomic_store_explicit(&recorder->taken, taken, memory_order_release);
    if ((fflush(recorder->file) != 0 || ferror(recorder->file)) && !recorder->error)
        recorder->error = errno ? errno : EIO;
}

static void *run(void *argument)
{
    struct recorder *recorder = argument;
    bool is_closing;

    do {
        struct timespec until = clock_timespec(clock_now_ns() + POLL_NS);
        pthread_mutex_lock(&recorder->mutex);
        if (!recorder->is_closing && !recorder->is_half_full)
            pthread_cond_clockwait(&recorder->wake, &recorder->mutex, CLOCK_MONOTONIC, &until);
        recorder->is_half_full = false;
        is_closing = recorder->is_closing;
        pthread_mutex_unlock(&recorder->mutex);
        write_records(recorder);
    } while (!is_closing);
    return NULL;
}

int recorder_open(struct recorder **recorder, const char *path,
                  const struct recorder_format *format, void *state)
{
    struct recorder *made = calloc(1, sizeof *made + RECORDER_SLOTS * format->record_bytes);

    if (!made)
        return messages_cannot_write(path, ENOMEM);
    made->path = path;
    made->format = format;
    made->state = state;
    int ret = output_open(&made->file, path);
    if (ret < 0) {
        free(made);
        return ret;
    }
    format->begin(made->file, state);
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->wake, NULL);
    ret = thread_start(&made->thread, run, made);
    if (ret < 0) {
        pthread_cond_destroy(&made->wake);
        pthread_mutex_destroy(&made->mutex);
        fclose(made->file);
        free(made);
        return messages_cannot_write(path, -ret);
    }
    *recorder = made;
    return 0;
}

/* Set the flag and wake the writer, which holds the mutex only to read the flags. */
static void set_flag(struct recorder *recorder, bool *flag)
{
    pthread_mutex_lock(&recorder->mutex);
    *flag = true;
    pthread_cond_signal(&recorder->wake);
    pthread_mutex_unlock(&recorder->mutex);
}

void recorder_add(struct recorder *recorder, const void *record)
{
    if (!recorder)
        return;
    uint64_t added = atomic_load_explicit(&recorder->added, memory_order_relaxed);
    /* Pairs with the release in write_records(). */
    uint64_t waiting = added - atomic_load_explicit(&recorder->taken, memory_order_acquire);
    if (waiting == RECORDER_SLOTS) {
        recorder->dropped++;
        return;
    }
    memcpy(place(recorder, added), record, recorder->format->record_bytes);
    /* Pairs with the acquire in write_records(). */
    atomic_store_explicit(&recorder->added, added + 1, memory_order_release);
    if (waiting == RECORDER_SLOTS / 2)
        set_flag(recorder, &recorder->is_half_full);
}

uint64_t recorder_dropped(const struct recorder *recorder)
{
    return recorder ? recorder->dropped : 0;
}

int recorder_close(struct recorder *recorder)
{
    if (!recorder)
        return 0;
    set_flag(recorder, &recorder->is_closing);
    pthread_join(recorder->thread, NULL);
    if (!recorder->error)
        recorder->format->end(recorder->file, recorder->state);
    if (ferror(recorder->file) && !recorder->error)
        recorder->error = EIO;
    if (fclose(recorder->file) != 0 && !recorder->error)
        recorder->error = errno;
    int ret = recorder->error ? output_failed(recorder->path, recorder->error) : 0;
    if (recorder->dropped)
        log_warning("%s: %llu records were dropped: the disk was too slow", recorder->path,
                    (unsigned long long)recorder->dropped);
    pthread_cond_destroy(&recorder->wake);
    pthread_mutex_destroy(&recorder->mutex);
    free(recorder);
    return ret;
}
