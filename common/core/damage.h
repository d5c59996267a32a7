/* SPDX-License-Identifier: MIT */
/*
 * Damage: which parts of a frame differ from the frame before it. The producer's page contains the
 * damage of the last LAYOUT_HISTORY frames, so that a viewer can unite it over frames that it
 * skipped.
 */
#ifndef CORE_DAMAGE_H
#define CORE_DAMAGE_H

#include "segment.h"

/* Returns NULL if the damage of a frame is valid in a segment of this format, or the name of the
 * wrong field. */
const char *damage_check(const struct pf_frame *frame, const struct pf_format *format);

/* Add the damage of a frame to the history. Call it before the store of `newest`. */
void damage_store(struct segment *segment, const struct pf_frame *frame);

/* Fill frame->damage from the history, within frame->format: the whole frame if the history does
 * not contain it. */
void damage_load(const struct segment *segment, struct pf_frame *frame);

/* As pf_viewer_damage_since(), for a frame of this segment. `seen` is a sequence; 0: none. */
uint32_t damage_since(const struct segment *segment, const struct pf_frame *frame, uint64_t seen,
                      struct pf_rect rects[PF_DAMAGE_MAX]);

/* One rectangle: the whole frame. Returns 1. */
uint32_t damage_whole(const struct pf_frame *frame, struct pf_rect rects[PF_DAMAGE_MAX]);

#endif
