/* SPDX-License-Identifier: MIT */
/*
 * Named places in the code where a test may kill or stop the process that reaches them. A normal
 * build has none: FAULT_POINT() expands to nothing unless PAGEFLIP_FAULTS is defined, which only
 * the test programs of tests/meson.build do. There the environment selects what happens:
 *
 *     PAGEFLIP_FAULT=producer_wrote_meta:2        the second visit ends in SIGKILL
 *     PAGEFLIP_FAULT=viewer_stored_held:1:stop    the first visit ends in SIGSTOP
 *     PAGEFLIP_FAULT=start_is_open:1:stop,producer_wrote_meta:2    both, each once
 *
 * A point stands directly before the step named last in its line below. The producer_ and viewer_
 * points are also the labels of the model (tests/deep/model/handoff.pml); a test compares the two
 * lists. The start_ points are outside of that model: it starts when the segment exists and a
 * viewer has found it, and it covers one segment. segments.pml models the transition from one
 * segment to the next, without labels; no model covers the start. The part_ points are outside of
 * both: what they leave half-written is not read by any process.
 *
 *     producer, starting (all but start_has_lease and start_is_open also in a format change)
 *     start_has_lease               has the lease; no segment yet
 *     start_made_segment            segment made; not attached
 *     start_attached                attached; IPC_RMID not done
 *     start_removed_id              IPC_RMID of its shmid done, without a key file; no header yet
 *     start_filled_segment          segment complete; no id file names it
 *     start_wrote_id                id file written; not renamed
 *     start_is_open                 open; before the first frame
 *
 *     producer
 *     producer_scans_lanes          doorbell cleared; scans the lanes
 *     producer_has_slot             has chosen a slot; draws
 *     producer_drew_half            frame and upper stamp drawn; stamped frames only
 *     producer_drew_all             has drawn all of it; meta not written
 *     producer_wrote_meta           meta written; `newest` not stored
 *     producer_stored_newest        `newest` stored; no doorbell rung
 *     producer_rang_one             one doorbell rung; maybe not the next
 *     producer_leased_crashed_lane  has the lease of a crashed viewer's lane; not freed
 *     producer_freed_crashed_lane   that lane freed; lease still held
 *     producer_evicts               before the exchange of an eviction
 *     producer_evicted              evicted; doorbell not rung
 *     producer_sleeps               no slot; sleeps
 *     producer_woke                 has woken
 *     producer_marked_ended         ENDED stored; still has the lease
 *     producer_dropped_lease        lease dropped; no doorbell rung
 *     producer_has_next_segment     next segment exists; MOVED not stored
 *     producer_marked_moved         MOVED stored, new id written; no doorbell rung
 *
 *     half-written
 *     part_of_damage                rectangles written; their sequence not stored
 *     part_of_event                 most of an event written; head not stored
 *     part_of_user_data             half of the user data written (tests/deep/interactive.c)
 *
 *     viewer, starting or following a format change
 *     start_opened_channel          has opened the channel; no lease yet
 *     start_has_next_segment        has the next segment as well; leaves the old one
 *
 *     viewer
 *     viewer_has_lane               has the lease; attaches
 *     viewer_attached               attached; lane not stored
 *     viewer_stored_next            every frame: lane stored; re-reads `newest`
 *     viewer_joined                 lane stored; producer's doorbell not rung
 *     viewer_polls                  doorbell cleared; checks for a frame
 *     viewer_loaded_newest          latest frame: `newest` loaded; lane not stored
 *     viewer_stored_held            latest frame: lane stored; re-reads `newest`
 *     viewer_found_slot             every frame: slot found; before the exchange
 *     viewer_claimed                claimed; pixels not read
 *     viewer_releases               has read; still holds
 *     viewer_released               slot released; producer's doorbell not rung
 *     viewer_drops_claim            latest frame: `newest` has changed; releases again
 *     viewer_sleeps                 no new frame; sleeps on its doorbell
 *     viewer_woke                   has woken
 *     viewer_saw_end                has seen the end; the last claim follows
 *     viewer_leaves                 leaves; lane not freed
 *     viewer_freed_lane             lane freed; producer's doorbell not rung (also when reaping)
 *     viewer_left                   has left; still has the lease
 *     viewer_saw_eviction           has seen its eviction
 *     viewer_checks_producer        no new frame; checks the producer's state
 */
#ifndef CORE_FAULT_H
#define CORE_FAULT_H

#ifdef PAGEFLIP_FAULTS
#define FAULT_POINT(name) fault_point(#name)
void fault_point(const char *name);
#else
#define FAULT_POINT(name) ((void)0)
#endif

#endif
