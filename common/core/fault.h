/* SPDX-License-Identifier: MIT */
/*
 * Named places in the code where a test may kill or stop the process that comes by. A normal build
 * has none of this: FAULT_POINT() expands to nothing unless PAGEFLIP_FAULTS is defined, which only
 * the test programs of tests/meson.build do. There the environment says what happens:
 *
 *     PAGEFLIP_FAULT=P5:2            the second visit to P5 ends in SIGKILL
 *     PAGEFLIP_FAULT=V7:1:stop       the first visit to V7 ends in SIGSTOP; SIGCONT goes on
 *     PAGEFLIP_FAULT=S7:1:stop,P5:2  both, each once
 *
 * A point stands just before the step that its line below speaks of last. P and V points are labels
 * of the model, too (tests/deep/model/handoff.pml), and a test compares the two lists. S points are
 * outside of it: it begins where the segment is there and a viewer has found it, and it follows one
 * segment. The way from one segment to the next is a model without labels (segments.pml); starting
 * up is in neither.
 *
 *     producer, starting                         viewer, starting or changing over
 *     S1   has the lease; no segment yet         S8   has opened the channel; no lease yet
 *     S2   segment made; not attached            S9   has the next segment, too; leaves the old one
 *     S3   attached; not yet IPC_RMID
 *     S4   IPC_RMID done; no header yet
 *     S5   segment whole; no id file
 *     S6   id file written; not yet renamed
 *     S7   open; before the first frame
 *
 *     producer                                   viewer
 *     P1   space drained; looks at the lanes     V1   has the lease; attaches
 *     P2   has chosen a slot; draws              V2   attached; lane not set
 *     P3   has drawn half of the picture         V3   lane set (every frame); looks again
 *     P4   has drawn it all; meta not written    V4   lane set; space not rung
 *     P5   meta written; `newest` not            V5   door drained; looks for a frame
 *     P6   `newest` stored; no door rung         V6   latest: `newest` loaded; lane not stored
 *     P7   a door rung; perhaps not the next     V7   latest: lane stored; looks again
 *     P8   has a dead viewer's lease; lane kept  V8   every: slot found; before the exchange
 *     P9   that lane freed; lease still held     V9   claimed; the picture not read
 *     P10  before the exchange of an eviction    V10  has read; still holds
 *     P11  evicted; door not rung                V11  lane let go; space not rung
 *     P12  no slot; sleeps on space              V12  latest: `newest` has moved; lets go again
 *     P13  has woken                             V13  nothing new; sleeps on the door
 *     P14  END said; still has the lease         V14  has woken
 *     P15  lease gone; no door rung              V15  has seen the end; the last look is to come
 *     P16  next segment there; MOVED not said    V16  leaves; lane not free
 *     P17  MOVED said; no door rung              V17  lane free; space not rung (also a reaper's)
 *                                                V18  has left; still has the lease
 *                                                V19  has seen that it was evicted
 *                                                V20  nothing new; asks whether the producer lives
 */
#ifndef FAULT_H
#define FAULT_H

#ifdef PAGEFLIP_FAULTS
#define FAULT_POINT(name) fault_point(#name)
void fault_point(const char *name);
#else
#define FAULT_POINT(name) ((void)0)
#endif

#endif
