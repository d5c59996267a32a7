/* SPDX-License-Identifier: MIT */
#ifndef CORE_RANDOM_H
#define CORE_RANDOM_H

#include <stddef.h>

/* Fill `to` with random bytes from the kernel. Returns 0 or a negative errno, logged. */
int random_fill(void *to, size_t bytes);

#endif
