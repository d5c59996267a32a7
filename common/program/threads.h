/* SPDX-License-Identifier: MIT */
#ifndef PROGRAM_THREADS_H
#define PROGRAM_THREADS_H

#include <pthread.h>

/* Start a thread with all signals blocked: a signal must interrupt a wait of the main thread, and a
 * handler that runs in another thread does not. Returns 0 or a negative errno, not logged. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *argument);

#endif
