/* SPDX-License-Identifier: MIT */
/*
 * The handoff of common/core/handoff.c, producer.c and viewer.c, for Spin. One segment, one producer, V viewers, S slots,
 * N frames. Each access to shared memory is one step, and after every step any process may be killed. Read producer()
 * together with pf_producer_begin() and handoff_publish(), viewer() together with pf_viewer_acquire().
 *
 * The labels producer_* and viewer_* are the fault points of the C code (common/core/fault.h): each stands before the
 * same step.
 *
 * Not modelled: time (an action that depends on time may happen or not), the order of memory accesses (Spin is
 * sequentially consistent), the start, channel discovery, the way to the next segment, and that the C code gives up a
 * claim after 64 tries. Two halves of a frame stand for its pixels.
 *
 *   -DS -DV -DN   slots, viewers (and lanes), frames          -DMODE=0|1|2  latest, every frame, each opening chooses
 *   -DOPENINGS=n  how often each viewer opens                 -DLEAVE       viewers may leave at any time
 *   -DKILLS=n     up to n viewers are killed                  -DKILLP       the producer may be killed
 *   -DABANDON=n   up to n frames are begun and abandoned      -DEVICT       the producer may evict viewers
 *   -DPERIODIC    the producer also reclaims lanes while it has a free slot
 *   -DMOVE        the producer may finish by MOVED instead of ENDED
 *   -DHOLD        a viewer releases a frame only after it has acquired the next one (a page flip)
 *   -DREDRAW      with HOLD: a viewer may acquire the latest frame again (pf_viewer_acquire_latest)
 *   -DAWAKE       no sleep times out: every sleep must be ended by a ring
 *   -DIDLE        with AWAKE: the producer keeps running after its last frame, which every viewer must see
 *   -DNOWAIT      begin must always find a free slot
 *   -DTHROUGH, -DVIEWERS_EXIT   liveness, under weak fairness
 *   -DBAD_...     a seeded defect, which the search must find; tests/deep/model/run lists them
 */
#ifndef S
#define S 2
#endif
#ifndef V
#define V 1
#endif
#ifndef N
#define N 4
#endif
#ifndef MODE
#define MODE 2
#endif
#ifndef OPENINGS
#define OPENINGS 1
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef ABANDON
#define ABANDON 0
#endif

/* Where every sleep may time out, doorbells have no effect and are omitted. One bit is enough for a doorbell, because it
 * is always cleared before a poll. */
#ifdef AWAKE
#define TIMES_OUT         false
#define ring(word)        d_step { word = 1 }
#define clear(word)       d_step { word = 0 }
#define is_rung(word)     d_step { word -> word = 0 }
#else
#define TIMES_OUT         true
#define ring(word)        skip
#define clear(word)       skip
#define is_rung(word)     false
#endif

#define NONE 7

/* ---------------------------------------------------------------- the segment */

#define FREE    0
#define LATEST  1
#define EVERY   2
#define WORD(mode, next)  ((mode) | ((next) << 2))
#define MODE_OF(word)     ((word) & 3)
#define NEXT_OF(word)     (((word) >> 2) & 7)
#define ONE_MORE          (1 << 2)             /* NEXT + 1 */
#define HELD(slot)        (32 << (slot))

short lane[V];
byte meta[S];                   /* the sequence in each slot */
byte newest, newest_slot = NONE; /* one word: always stored together */

#define RUNNING 0
#define ENDED   1
#define MOVED   2
byte state = RUNNING;

bit doorbell[V], producer_doorbell;

/* ---------------------------------------------------------------- the kernel: leases */

#define REAPER 9                /* the producer, while it reclaims the lane; else 1 + viewer; 0: free */
byte lease[V];
bit producer_lease = 1;

/* ---------------------------------------------------------------- for the assertions only */

byte upper[S], lower[S];        /* the frame in each slot, by halves */
byte seen[V];                   /* private to the viewer; global so that the referee can check it */
byte kind[V];                   /* FREE: has not joined; else the mode that the viewer acts on */
bit alive[V], killed[V];
bit producer_killed, producer_done;
byte kills = KILLS;

/* ---------------------------------------------------------------- producer */

/* Private: the slots that this lane keeps, and whether it blocks (keeps_slot() in handoff.c). */
inline add_kept_slots(word)
{
	x = 0;
	do
	:: x < S ->
		if
		:: x != newest_slot && ((word & HELD(x)) || (MODE_OF(word) == EVERY && meta[x] && NEXT_OF(word) <= meta[x])) ->
			taken = taken | (1 << x);
			blockers = blockers | (1 << i)
		:: else
		fi;
		x++
	:: else -> break
	od;
	x = 0
}

/* Private: the oldest slot that is not taken. */
inline choose_slot()
{
	k = NONE;
	x = 0;
	do
	:: x < S ->
		if
#ifdef BAD_DRAWS_OVER_NEWEST
		:: !(taken & (1 << x)) && (k == NONE || meta[x] < meta[k]) -> k = x
#else
		:: !(taken & (1 << x)) && x != newest_slot && (k == NONE || meta[x] < meta[k]) -> k = x
#endif
		:: else
		fi;
		x++
	:: else -> break
	od;
	x = 0;
	taken = 0
}

/* handoff_ring_viewers() */
inline ring_viewers()
{
#ifdef AWAKE
	i = 0;
	do
	:: i < V ->
		if
		:: lane[i] != FREE -> ring(doorbell[i])
		:: lane[i] == FREE
		fi;
		i++
	:: else -> break
	od;
	i = 0
#else
	skip
#endif
}

active proctype producer()
{
	byte n = 1;             /* the sequence of the next frame */
	byte k = NONE, i, x, taken, blockers, abandons = ABANDON;
	short word;
#ifdef EVICT
	short was[V];           /* the lane words of the last search for a slot */
#endif
	bit reaped, periodic;

	{
	do
	:: n > N -> break
	:: else ->
BEGIN:		skip;
#ifdef PERIODIC
		if
		:: blockers = (1 << V) - 1; periodic = 1; goto REAP
		:: skip
		fi;
#endif
SCAN:		skip;
		clear(producer_doorbell);
		/* one load per lane */
producer_scans_lanes:		i = 0;
		do
		:: i < V ->
#ifdef BAD_LOADS_A_LANE_TWICE
			d_step { word = lane[i] & ~3; add_kept_slots(word); word = 0 };          /* HELD by one load, */
			d_step { word = lane[i] & 31; add_kept_slots(word); word = 0; i++ }      /* NEXT by another */
#else
			d_step {
				word = lane[i];
				add_kept_slots(word);
#ifdef EVICT
				was[i] = ((blockers & (1 << i)) -> word : 0);
#endif
				word = 0;
				i++
			}
#endif
		:: else -> break
		od;
		i = 0;
		d_step { choose_slot() };
		if
		:: k != NONE ->
			d_step {
				blockers = 0;
#ifdef EVICT
				was[0] = 0;
#if V > 1
				was[1] = 0;
#endif
#endif
			};
			goto DRAW
		:: else
		fi;
#ifdef NOWAIT
		assert(false);
#endif

		/* reap_lanes() */
REAP:		do
		:: i < V ->
			if
			:: (blockers & (1 << i)) ->
				if
				:: lane[i] == FREE
				:: lane[i] != FREE ->
#ifdef BAD_REAPS_WITHOUT_THE_LEASE
					d_step { lane[i] = FREE; reaped = 1 }
#else
					if
					:: d_step { lease[i] == 0 -> lease[i] = REAPER };
#ifdef BAD_REAPS_AFTER_THE_LEASE
						d_step { lease[i] = 0; reaped = 1 };
						d_step { lane[i] = FREE }
#else
producer_leased_crashed_lane:						d_step { lane[i] = FREE };
						ring(producer_doorbell);
producer_freed_crashed_lane:						d_step { lease[i] = 0; reaped = 1 }
#endif
					:: lease[i] != 0             /* the viewer is running */
					fi
#endif
				fi
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0;
		if
		:: periodic -> d_step { periodic = 0; reaped = 0; blockers = 0 }; goto SCAN
		:: !periodic && reaped -> d_step { reaped = 0; blockers = 0 }; goto BEGIN
		:: else
		fi;

#ifdef EVICT
		/* check_stalls(): any blocking lane may have blocked for too long */
		do
		:: i < V ->
			if
			:: (blockers & (1 << i)) && MODE_OF(was[i]) == EVERY ->
				/* the exchange of handoff_evict() */
#ifdef BAD_EVICTION_STORES
producer_evicts:				d_step { lane[i] = was[i] - EVERY + LATEST; reaped = 1 };
#else
#ifdef BAD_EVICTION_DROPS_HELD
producer_evicts:				d_step { if :: lane[i] == was[i] -> lane[i] = LATEST; reaped = 1 :: else fi };
#else
producer_evicts:				d_step { if :: lane[i] == was[i] -> lane[i] = was[i] - EVERY + LATEST; reaped = 1 :: else fi };
#endif
#endif
				if
				:: reaped ->
producer_evicted:					ring(doorbell[i])
				:: else
				fi
			:: skip
			fi;
			was[i] = 0;
			i++
		:: else -> break
		od;
		i = 0;
		if
		:: reaped -> d_step { reaped = 0; blockers = 0 }; goto BEGIN
		:: else
		fi;
#endif
		blockers = 0;
#ifdef BAD_PRODUCER_DRAINS_LATE
		clear(producer_doorbell);
#endif
producer_sleeps:		if
		:: is_rung(producer_doorbell)
		:: TIMES_OUT                            /* or a signal, or a ring without a reason */
		fi;
producer_woke:		goto BEGIN;

DRAW:		skip;
#ifdef BAD_PUBLISHES_BEFORE_DRAWING
		d_step { meta[k] = n; newest = n; newest_slot = k };
#endif
producer_has_slot:		d_step { upper[k] = n };
		if
		:: abandons > 0 ->
			d_step {
				abandons--;
				k = NONE;
#ifdef BAD_ABANDONED_FRAME_IS_COUNTED
				n++
#endif
			};
			goto BEGIN
		:: skip
		fi;
producer_drew_half:		d_step { lower[k] = n };
#ifdef BAD_NEWEST_BEFORE_META
		d_step { newest = n; newest_slot = k };
#endif
producer_drew_all:		d_step { meta[k] = n };
#ifdef BAD_RINGS_BEFORE_NEWEST
		ring_viewers();
#endif
		/* the point of publication */
producer_wrote_meta:		d_step { newest = n; newest_slot = k };
		/* handoff_ring_viewers() */
producer_stored_newest:		i = 0;
#if defined(AWAKE) && !defined(BAD_RINGS_BEFORE_NEWEST)
		do
		:: i < V ->
			if
			:: lane[i] != FREE ->
				ring(doorbell[i]);
producer_rang_one:				i++
			:: lane[i] == FREE -> i++
			fi
		:: else -> break
		od;
		i = 0;
#endif
		d_step { k = NONE; n++ }
	od;

#ifdef IDLE
	producer_done = 1;
end_idle:
	false;
#endif
	if
#ifdef MOVE
	:: skip;
producer_has_next_segment:		state = MOVED;                          /* the producer keeps its lease for the next segment */
producer_marked_moved:		ring_viewers()
#endif
	:: skip;
#ifdef BAD_RINGS_BEFORE_THE_END
		ring_viewers();
#endif
#ifdef BAD_LEASE_BEFORE_END
		producer_lease = 0;
		state = ENDED;
#else
		state = ENDED;
producer_marked_ended:		producer_lease = 0;
#endif
producer_dropped_lease:		skip;
#ifndef BAD_RINGS_BEFORE_THE_END
		ring_viewers()
#endif
	fi
	} unless { producer_killed };

	/* The process has exited. The kernel drops its leases one by one. */
	d_step { n = 0; k = NONE; i = 0; x = 0; taken = 0; blockers = 0; abandons = 0; word = 0; reaped = 0; periodic = 0 };
#ifdef EVICT
	d_step {
		was[0] = 0;
#if V > 1
		was[1] = 0;
#endif
	};
#endif
	if
	:: producer_killed -> producer_lease = 0
	:: else
	fi;
	do
	:: i < V -> d_step { if :: lease[i] == REAPER -> lease[i] = 0 :: else fi; i++ }
	:: else -> break
	od;
	i = 0;
	producer_done = 1
}

/* ---------------------------------------------------------------- viewer */

/* handoff_release(), where a label would otherwise exist twice */
inline release(slot)
{
	d_step { lane[i] = lane[i] & ~HELD(slot) };
#ifndef BAD_RELEASES_SILENTLY
	ring(producer_doorbell)
#else
	skip
#endif
}

proctype viewer(byte me)
{
	byte i = NONE, openings = OPENINGS;
	byte j, m;                      /* the frame that is claimed: slot and sequence */
	byte j2, m2;                    /* the frame that was published meanwhile */
#ifdef HOLD
	byte old = NONE, old_m;         /* the frame that is shown */
	bit redraws;
#endif
	short word;
	bit is_last_check, evicted, lost;

	do
	:: openings == 0 -> break
	:: openings > 0 ->
		{
		d_step { openings--; alive[me] = 1 };

		/* take_lane() */
#ifdef BAD_LANE_BEFORE_LEASE
		if
		:: lane[0] == FREE -> i = 0; lane[0] = LATEST
#if V > 1
		:: lane[1] == FREE -> i = 1; lane[1] = LATEST
#endif
		fi;
		d_step { if :: lease[i] == 0 -> lease[i] = me + 1 :: else fi };
#else
		if
		:: d_step { lease[0] == 0 -> lease[0] = me + 1; i = 0 }
#if V > 1
		:: d_step { lease[1] == 0 -> lease[1] = me + 1; i = 1 }
#endif
#if V > 2
		:: d_step { lease[2] == 0 -> lease[2] = me + 1; i = 2 }
#endif
		fi;
#endif
		/* discover_segment() */
viewer_has_lane:		if
		:: producer_lease
		:: !producer_lease -> goto CLOSE
		fi;

		/* handoff_join() */
viewer_attached:		if
#if MODE != 1
		:: d_step { lane[i] = WORD(LATEST, 0); kind[me] = LATEST }
#endif
#if MODE != 0
		:: d_step { m = newest };
JOIN:			skip;
			d_step { word = WORD(EVERY, (m -> m : 1)); lane[i] = word };
viewer_stored_next:			if
#ifndef BAD_JOINS_AFTER_ONE_LOAD
			:: d_step { newest != m -> m = newest }; goto JOIN
#endif
			:: d_step { newest == m -> kind[me] = EVERY; seen[me] = NEXT_OF(word) - 1; m = 0; word = 0 }
#ifdef BAD_JOINS_AFTER_ONE_LOAD
			:: d_step { newest != m -> kind[me] = EVERY; seen[me] = NEXT_OF(word) - 1; m = 0; word = 0 }
#endif
			fi
#endif
		fi;
viewer_joined:		ring(producer_doorbell);

		/* pf_viewer_acquire(): clear, poll, then sleep */
POLL:		skip;
#ifndef BAD_VIEWER_DRAINS_LATE
		clear(doorbell[i]);
#endif
viewer_polls:		if
		:: kind[me] == LATEST -> goto CLAIM_NEWEST
		:: kind[me] == EVERY
		fi;

		/* handoff_claim_next() */
		d_step { word = lane[i] };
		if
		:: MODE_OF(word) != EVERY -> goto viewer_saw_eviction
		:: else
		fi;
		if
		:: newest <= seen[me] -> word = 0; goto NOTHING
		:: newest > seen[me]
		fi;
		d_step { j = 0; m = seen[me] + 1 };
		do
		:: j < S ->
			if
#ifdef BAD_TAKES_ANY_LATER_FRAME
			:: d_step { meta[j] >= m -> m = meta[j] }; break
			:: meta[j] < m
#else
			:: meta[j] == m -> break
			:: meta[j] != m
#endif
			fi;
			j++
		:: j == S ->
			d_step { j = 0; m = 0; word = 0 };
			if
			:: MODE_OF(lane[i]) == EVERY -> goto NOTHING
			:: MODE_OF(lane[i]) != EVERY -> goto viewer_saw_eviction
			fi
		od;
#ifdef BAD_NEXT_WITHOUT_HELD
viewer_found_slot:		skip;
		d_step { lane[i] = word + ONE_MORE; word = 0 };
#else
#ifdef BAD_CLAIM_STORES
viewer_found_slot:		skip;
		d_step { lane[i] = (word + ONE_MORE) | HELD(j); word = 0 };
#else
viewer_found_slot:		if
		:: d_step { lane[i] == word -> lane[i] = (word + ONE_MORE) | HELD(j); word = 0 }
		:: d_step { lane[i] != word -> j = 0; m = 0 }; goto viewer_saw_eviction
		fi;
#endif
#endif
		goto viewer_claimed;

		/* count_eviction(); then close, as pageflip-viewer does, or continue */
viewer_saw_eviction:		skip;
		d_step {
			word = 0;
			if
			:: newest > seen[me] + 1 -> seen[me] = newest - 1
			:: else
			fi;
			kind[me] = LATEST
		};
		if
		:: evicted = 1; goto viewer_leaves
		:: goto POLL
		fi;

		/* handoff_claim_newest() */
CLAIM_NEWEST:	if
		:: d_step { newest > seen[me] -> j = newest_slot; m = newest }
		:: newest <= seen[me] -> goto NOTHING
		fi;
viewer_loaded_newest:		skip;
		d_step { lane[i] = lane[i] | HELD(j) };
#ifndef BAD_CLAIMS_AFTER_ONE_LOAD
viewer_stored_held:		if
		:: newest == m -> goto viewer_claimed
		:: d_step { newest != m -> m2 = newest; j2 = newest_slot }
		fi;
viewer_drops_claim:		skip;
#if defined(HOLD) && !defined(BAD_RELEASES_THE_FRAME_ON_DISPLAY)
		if
		:: j == old
		:: j != old -> release(j)
		fi;
#else
		release(j);
#endif
		d_step { j = j2; m = m2; j2 = 0; m2 = 0 };
		goto viewer_loaded_newest;
#endif

		/* the slot is held: the frame is whole and does not change */
viewer_claimed:		skip;
		d_step { assert(upper[j] == m) };
#ifdef BAD_RELEASES_BEFORE_READING
		release(j);
#endif
		d_step { assert(lower[j] == m) };
#ifdef HOLD
		if
		:: redraws
		:: !redraws -> d_step { assert(m > seen[me] && (kind[me] == LATEST || m == seen[me] + 1)); seen[me] = m }
		fi;
		/* the frame shown before is also still whole; it is released now, unless it is in the same slot */
viewer_releases:		if
		:: old == NONE || old == j
		:: old != NONE && old != j ->
			d_step { assert(upper[old] == old_m && lower[old] == old_m) };
viewer_released:			release(old)
		fi;
		d_step { old = j; old_m = m; j = 0; m = 0; redraws = 0 };
#ifdef REDRAW
		if
		:: d_step { redraws = 1; j = newest_slot; m = newest }; goto viewer_loaded_newest
		:: skip
		fi;
#endif
#else
		d_step { assert(m > seen[me] && (kind[me] == LATEST || m == seen[me] + 1)); seen[me] = m };
viewer_releases:		d_step { lane[i] = lane[i] & ~HELD(j); j = 0; m = 0 };
viewer_released:		skip;
#ifndef BAD_RELEASES_SILENTLY
		ring(producer_doorbell);
#endif
#endif
#ifdef LEAVE
		if
		:: is_last_check = 0; goto viewer_leaves
		:: skip
		fi;
#endif
		goto POLL;

NOTHING:	skip;
#ifdef LEAVE
		if
		:: is_last_check = 0; goto viewer_leaves
		:: skip
		fi;
#endif
		if
		:: is_last_check -> goto viewer_leaves
		:: else
		fi;
		/* check_state(): checks ENDED and MOVED each time, the lease only from time to time */
viewer_checks_producer:		if
		:: state != RUNNING -> goto viewer_saw_end
		:: state == RUNNING
		fi;
		if
		:: !producer_lease ->
#ifdef BAD_CHECKS_FOR_THE_END_ONCE
			lost = 1;
#else
			lost = (state == RUNNING);
#endif
#ifdef BAD_NO_LAST_CHECK
			is_last_check = 1;
			goto viewer_leaves
#else
			goto viewer_saw_end
#endif
#ifdef VIEWERS_EXIT
		:: producer_lease                       /* the lease is checked after two sleeps at most */
#else
		:: skip
#endif
		fi;
#ifdef BAD_VIEWER_DRAINS_LATE
		clear(doorbell[i]);
#endif
#ifdef IDLE
end_asleep:
#endif
viewer_sleeps:		if
		:: is_rung(doorbell[i])
		:: TIMES_OUT                            /* or a signal, or pf_viewer_wake() */
		fi;
viewer_woke:		goto POLL;
viewer_saw_end:		is_last_check = 1;
		goto POLL;

		/* pf_viewer_close(). Every published frame was seen, and only a crash was reported as a crash. */
viewer_leaves:		skip;
		d_step {
			if
			:: is_last_check && !evicted -> assert(seen[me] == newest)
			:: else
			fi;
			assert(!lost || producer_killed);
			lane[i] = FREE
		};
viewer_freed_lane:		skip;
#ifndef BAD_LEAVES_SILENTLY
		ring(producer_doorbell);
#endif
viewer_left:		skip;
CLOSE:		skip;
		d_step { lease[i] = 0; i = NONE }
		} unless { killed[me] };

		/* The process has exited; if it was killed, the kernel drops its lease one step later. */
		d_step {
			alive[me] = 0; seen[me] = 0; kind[me] = FREE;
			j = 0; m = 0; j2 = 0; m2 = 0; word = 0; is_last_check = 0; evicted = 0; lost = 0;
#ifdef HOLD
			old = NONE; old_m = 0; redraws = 0;
#endif
		};
		d_step {
			if
			:: i != NONE && lease[i] == me + 1 -> lease[i] = 0
			:: else
			fi;
			i = NONE;
			killed[me] = 0
		}
	od
}

/* ---------------------------------------------------------------- kills */

#if KILLS > 0 || defined(KILLP)
active proctype killer()
{
end_killer:
	do
	:: d_step { kills > 0 && alive[0] && !killed[0] -> kills--; killed[0] = 1 }
#if V > 1
	:: d_step { kills > 0 && alive[1] && !killed[1] -> kills--; killed[1] = 1 }
#endif
#if V > 2
	:: d_step { kills > 0 && alive[2] && !killed[2] -> kills--; killed[2] = 1 }
#endif
#ifdef KILLP
	:: d_step { !producer_killed && !producer_done -> producer_killed = 1 }
#endif
	od
}
#endif

/* ---------------------------------------------------------------- when no process can take a step */

#ifdef AWAKE
active proctype referee()
{
	byte v;

	timeout ->
	d_step {
		assert(producer_done);
		do
		:: v < V ->
#ifdef IDLE
			assert(kind[v] == FREE || seen[v] == N);         /* no viewer sleeps while it has not seen a frame */
#else
			assert(!alive[v] && lane[v] == FREE);            /* every viewer has exited and freed its lane */
#endif
			v++
		:: else -> break
		od
	}
}
#endif

init
{
	atomic {
		byte v = 0;
		do
		:: v < V -> run viewer(v); v++
		:: else -> break
		od
	}
}

/* Whichever viewers are killed: the producer publishes all its frames. */
#ifdef THROUGH
ltl through { <> producer_done }
#endif
/* However the producer exits, every viewer exits in the end. */
#ifdef VIEWERS_EXIT
ltl viewers_exit { <> [] (!alive[0]) }
#endif
