/* SPDX-License-Identifier: MIT */
/* Offsets and sizes in a segment. Pure arithmetic: nothing here touches shared memory. */
#ifndef CORE_GEOMETRY_H
#define CORE_GEOMETRY_H

#include "layout.h"

uint64_t geometry_page_bytes(void);

/* Bytes of everything before the slots; whole pages. */
uint64_t geometry_control_bytes(void);

/* The geometry of a segment with `slots` slots of a valid format, each with room for `user_bytes`
 * bytes of user data; shmid 0. */
struct pf_segment geometry_plan(const struct pf_format *format, uint32_t slots,
                                uint32_t user_bytes);

/*
 * Check `header`, a private copy, against the real size of its segment. Returns NULL and fills
 * *geometry, except its shmid; or returns the name of the first wrong field, and *geometry is
 * unchanged.
 */
const char *geometry_check(const struct layout_header *header, uint64_t segment_bytes,
                           struct pf_segment *geometry);

#endif
