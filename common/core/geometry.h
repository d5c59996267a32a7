/* SPDX-License-Identifier: MIT */
/* Where everything lies in a segment. Pure arithmetic: nothing here touches shared memory. */
#ifndef GEOMETRY_H
#define GEOMETRY_H

#include "layout.h"

uint64_t geometry_page_bytes(void);

/* The geometry of a segment with `slots` pictures of a valid format, shmid 0. */
struct pf_segment geometry_plan(const struct pf_format *format, uint32_t slots);

/*
 * Check what `header`, a private copy, says against the real size of its segment. Returns NULL and
 * fills *geometry, all but its shmid; or the name of the first field that is wrong, and *geometry
 * is untouched.
 */
const char *geometry_check(const struct layout_header *header, uint64_t segment_bytes,
                           struct pf_segment *geometry);

#endif
