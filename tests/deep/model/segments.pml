/* SPDX-License-Identifier: MIT */
/*
 * Format changes: one stream in several segments, of common/core/producer.c and viewer.c, for Spin. handoff.h lists the
 * steps of both sides. Every-frame viewers must lose no frame. Read producer() together with pf_producer_change_format()
 * and pf_producer_close(), viewer() together with pf_viewer_open() and pf_viewer_reattach().
 *
 * handoff.pml covers the frames within a segment. Here a frame is published and acquired in one step, and slots are only
 * counted: the producer must not overwrite a frame that a lane still requires. The lanes, `newest`, the state, the id file
 * and the leases are shared. After each step a process may be killed.
 *
 *   -DG -DS -DV -DN  segments, slots, viewers, frames         -DMODE=0|1|2  latest, every frame, each opening chooses
 *   -DOPENINGS=n  how often each viewer opens                 -DLEAVE       viewers may leave at any time
 *   -DKILLS=n     up to n viewers are killed                  -DKILLP       the producer may be killed
 *   -DEVICT       the producer may evict viewers, which then continue
 *   -DHASTE       pf_producer_close() may time out before every expected viewer has joined
 *   -DAWAKE       no sleep times out: every sleep must be ended by a ring
 *   -DTHROUGH, -DVIEWERS_EXIT   liveness, under weak fairness
 *   -DBAD_...     a seeded defect, which the search must find; tests/deep/model/run lists them
 */
#ifndef G
#define G 3
#endif
#ifndef S
#define S 2
#endif
#ifndef V
#define V 1
#endif
#ifndef N
#define N 3
#endif
#ifndef MODE
#define MODE 1
#endif
#ifndef OPENINGS
#define OPENINGS 1
#endif
#ifndef KILLS
#define KILLS 0
#endif

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

/* ---------------------------------------------------------------- the segments: a lane and a doorbell per viewer */

mtype:lane = { FREE, LATEST, EVERY, EXPECTED }
mtype:lane lane[G * V] = FREE;
byte next[G * V];               /* the first frame that the lane still requires */
byte newest[G];
byte before[G];                 /* frames of the stream in the segments before this one */
#define IN(segment, viewer)   ((segment) * V + (viewer))
#define REQUIRES_EVERY(word)  ((word) == EVERY || (word) == EXPECTED)

mtype:state = { RUNNING, ENDED, MOVED }
mtype:state state[G] = RUNNING;

bit doorbell[G * V], producer_doorbell[G];

/* ---------------------------------------------------------------- the id file; the kernel: leases */

byte id = NONE;
#define REAPER 9                /* the producer, while it reclaims the lane; else 1 + viewer; 0: free */
byte lease[V];
bit producer_lease = 1;

/* ---------------------------------------------------------------- for the assertions only */

bit detached[G];                /* by the producer: the segment is destroyed with its last viewer */
bit alive[V], killed[V];
byte evictions[V];              /* segments in which the viewer was evicted, one bit each, since it last got every frame */
bit producer_killed, producer_done, in_haste;
byte kills = KILLS;

/* ---------------------------------------------------------------- producer */

/* handoff_ring_viewers() of segment s */
inline ring_viewers(s)
{
#ifdef AWAKE
	i = 0;
	do
	:: i < V ->
		if
		:: lane[IN(s, i)] != FREE -> ring(doorbell[IN(s, i)])
		:: lane[IN(s, i)] == FREE
		fi;
		i++
	:: else -> break
	od;
	i = 0
#else
	skip
#endif
}

/* handoff_find_free_slot(), handoff_find_expected(): scan the lanes, one load each, for blocking or expected viewers. */
inline find_lanes(is_blocking)
{
	clear(producer_doorbell[g]);
	blockers = 0;
	i = 0;
	do
	:: i < V ->
		d_step {
			if
			:: is_blocking -> blockers = blockers | (1 << i); was_mode[i] = lane[IN(g, i)]; was_next[i] = next[IN(g, i)]
			:: else
			fi;
			i++
		}
	:: else -> break
	od;
	i = 0
}

#ifdef BAD_EXPECTED_LANES_BLOCK_NOTHING
#define HAS_NO_SLOT   (lane[IN(g, i)] == EVERY && next[IN(g, i)] + S <= newest[g] + 1)
#else
#define HAS_NO_SLOT   (REQUIRES_EVERY(lane[IN(g, i)]) && next[IN(g, i)] + S <= newest[g] + 1)
#endif
#define IS_EXPECTED   (lane[IN(g, i)] == EXPECTED)

/* wait_for_viewers(): reclaim the lanes of crashed viewers, evict slow viewers, else sleep */
inline wait_for_viewers()
{
	do
	:: i < V && !(blockers & (1 << i)) -> i++
	:: i < V && (blockers & (1 << i)) ->
		if
#ifdef BAD_CRASHED_VIEWERS_ARE_EXPECTED
		:: d_step { lease[i] == 0 && lane[IN(g, i)] != EXPECTED -> lease[i] = REAPER };
#else
		:: d_step { lease[i] == 0 -> lease[i] = REAPER };
#endif
			d_step { lane[IN(g, i)] = FREE; next[IN(g, i)] = 0 };
			d_step { lease[i] = 0; freed = 1 }
		:: lease[i] != 0                                /* the viewer is running */
#ifdef BAD_CRASHED_VIEWERS_ARE_EXPECTED
		:: lane[IN(g, i)] == EXPECTED
#endif
		fi;
#ifdef EVICT
		if
		:: d_step {                                     /* the exchange of handoff_evict() */
			if
			:: REQUIRES_EVERY(was_mode[i]) && lane[IN(g, i)] == was_mode[i] && next[IN(g, i)] == was_next[i] ->
				lane[IN(g, i)] = LATEST;
				evictions[i] = evictions[i] | (1 << g);
				freed = 1
			:: else
			fi
		   };
		   ring(doorbell[IN(g, i)])
		:: skip
		fi;
#endif
		i++
	:: i == V -> break
	od;
	i = 0;
	d_step { blockers = 0; was_mode[0] = 0; was_next[0] = 0;
#if V > 1
		was_mode[1] = 0; was_next[1] = 0;
#endif
	};
	if
	:: freed -> freed = 0                                   /* scan again immediately */
	:: !freed ->
		if
		:: is_rung(producer_doorbell[g])
		:: TIMES_OUT
		fi
	fi
}

/* wait_for_expected() */
inline wait_for_expected()
{
	do
	:: find_lanes(IS_EXPECTED);
		if
		:: blockers == 0 -> break
		:: blockers != 0 -> wait_for_viewers()
		fi
#ifdef HASTE
	:: is_closing -> d_step { in_haste = 1 }; break
#endif
	od
}

/* handoff_expect_viewers() */
inline expect_viewers()
{
	i = 0;
	do
	:: i < V ->
		d_step {
			if
			:: REQUIRES_EVERY(lane[IN(g, i)]) -> lane[IN(g + 1, i)] = EXPECTED; next[IN(g + 1, i)] = 1
			:: else
			fi;
			i++
		}
	:: else -> break
	od;
	i = 0
}

active proctype producer()
{
	byte g;                 /* the segment that it draws in */
	byte n;                 /* frames published in all segments */
	byte i, blockers, was_mode[V], was_next[V];
	bit is_closing, freed;

	{
	d_step { id = 0 };
	do
	:: n < N ->
		/* pf_producer_begin(), pf_producer_publish() */
		find_lanes(HAS_NO_SLOT);
		if
		:: blockers == 0 ->
			d_step { newest[g]++; n++ };
			ring_viewers(g)
		:: blockers != 0 -> wait_for_viewers()
		fi
	:: g + 1 < G ->
		/* pf_producer_change_format() */
#ifndef BAD_CHANGES_FORMAT_WITHOUT_WAITING
		wait_for_expected();
#endif
#ifdef BAD_COPIES_LANES_BEFORE_MOVED
		expect_viewers();
#endif
#ifdef BAD_ID_BEFORE_MOVED
		skip;
		d_step { id = g + 1; before[g + 1] = n };
#endif
		state[g] = MOVED;
#if !defined(BAD_COPIES_LANES_BEFORE_MOVED) && !defined(BAD_NO_VIEWER_IS_EXPECTED)
		expect_viewers();
#endif
#ifdef BAD_RINGS_BEFORE_THE_ID
		ring_viewers(g);
#endif
#ifndef BAD_ID_BEFORE_MOVED
		d_step { id = g + 1; before[g + 1] = n };
#endif
#ifndef BAD_RINGS_BEFORE_THE_ID
		ring_viewers(g);
#endif
		d_step { detached[g] = 1; g++ }
	:: n == N -> break
	od;

	/* pf_producer_close() */
	is_closing = 1;
#ifndef BAD_ENDS_WITHOUT_WAITING
	wait_for_expected();
#endif
	state[g] = ENDED;
	id = NONE;
	producer_lease = 0;
#ifndef BAD_ENDS_SILENTLY
	ring_viewers(g);
#endif
	detached[g] = 1
	} unless { producer_killed };

	d_step {
		n = 0; i = 0; blockers = 0; is_closing = 0; freed = 0; was_mode[0] = 0; was_next[0] = 0;
#if V > 1
		was_mode[1] = 0; was_next[1] = 0;
#endif
		producer_lease = 0;
		detached[g] = 1;
		if :: lease[0] == REAPER -> lease[0] = 0 :: else fi;
#if V > 1
		if :: lease[1] == REAPER -> lease[1] = 0 :: else fi;
#endif
		producer_done = 1
	}
}

/* ---------------------------------------------------------------- viewer */

/* Acquire a frame. For an every-frame viewer it is the frame after the last one, or the frames between have been counted
 * as lost; frames are lost only by an eviction. */
inline acquire(sequence)
{
	seen = sequence;
	if
	:: is_every_frame ->
		assert(before[g] + seen == last + counted + 1);
		assert(counted == 0 || (evictions[me] & ((2 << g) - 1)));
		if
		:: mode == EVERY -> evictions[me] = evictions[me] & ~((2 << g) - 1)
		:: else
		fi
	:: else -> assert(before[g] + seen > last)
	fi;
	last = before[g] + seen;
	counted = 0
}

proctype viewer(byte me)
{
	byte openings = OPENINGS;
	byte g = NONE, h = NONE;        /* the segment that it has joined, and the next one that it has found */
	byte seen;                      /* in this segment */
	byte last;                      /* the last frame acquired, of the stream; 0: none */
	byte counted;                   /* frames counted as lost since then */
	byte m, until;
	bit is_every_frame;
	mtype:lane mode = FREE;         /* the mode that the viewer acts on */
	bit has_moved, is_last_check, lost;
	bit is_in;                      /* has joined the stream: from here on no frame may be missing */
	bit is_expected, has_followed, is_late;

	do
	:: openings == 0 -> break
	:: openings > 0 ->
		{
		d_step { openings--; alive[me] = 1; evictions[me] = 0 };
		if
#if MODE != 1
		:: is_every_frame = 0
#endif
#if MODE != 0
		:: is_every_frame = 1
#endif
		fi;
		/* take_lane() */
		d_step { lease[me] == 0 -> lease[me] = me + 1 };

		/* discover_segment(): until there is another segment than the one that it has joined */
FIND:		skip;
		if
		:: producer_lease
		:: !producer_lease -> goto NO_PRODUCER
		fi;
		if
		:: d_step { id != NONE && id != g -> h = id }
		:: !producer_lease -> goto NO_PRODUCER
		fi;
		if
		:: skip                                 /* attached; another process may still be attached */
		:: detached[h] -> h = NONE; goto FIND   /* destroyed: the id file has another id by now */
		fi;

		/* switch_segment(): leave the old segment */
		if
		:: g == NONE
		:: g != NONE ->
			d_step { lane[IN(g, me)] = FREE; next[IN(g, me)] = 0 };
			ring(producer_doorbell[g])
		fi;

		/* join(), handoff_join() */
		d_step {
			if
			:: has_moved -> until = before[g] + seen; has_followed = 1; has_moved = 0
			:: else
			fi;
			g = h; h = NONE; seen = 0; is_last_check = 0; is_expected = 0; mode = (is_every_frame -> EVERY : LATEST)
		};
		if
		:: !is_every_frame -> d_step { lane[IN(g, me)] = LATEST; next[IN(g, me)] = 0 }
#ifdef BAD_IGNORES_THAT_IT_IS_EXPECTED
		:: is_every_frame -> m = newest[g];
#else
		:: is_every_frame ->
			if
			:: d_step { lane[IN(g, me)] == EXPECTED -> lane[IN(g, me)] = EVERY; is_expected = 1 }; goto JOINED
			:: d_step { lane[IN(g, me)] != EXPECTED -> m = newest[g] }
			fi;
#endif
JOIN:			skip;
			d_step { lane[IN(g, me)] = EVERY; next[IN(g, me)] = (m -> m : 1) };
			if
			:: d_step { newest[g] != m -> m = newest[g] }; goto JOIN
			:: d_step { newest[g] == m -> seen = next[IN(g, me)] - 1; m = 0 }
			fi
		fi;
JOINED:		skip;
#ifndef BAD_JOINS_SILENTLY
		ring(producer_doorbell[g]);
#endif
		/* follow_format_change(): a viewer that was not expected may have joined after the lanes were copied */
		if
#ifndef BAD_DOES_NOT_FOLLOW_AFTER_JOINING
#ifdef BAD_LEAVES_WHERE_IT_WAS_EXPECTED
		:: is_every_frame && state[g] == MOVED -> goto FIND
		:: !is_every_frame || state[g] != MOVED
#else
#ifdef BAD_ONLY_NEW_VIEWERS_FOLLOW
		:: is_every_frame && !has_followed && state[g] == MOVED -> goto FIND
		:: !is_every_frame || has_followed || state[g] != MOVED
#else
		:: is_every_frame && !is_expected && state[g] == MOVED -> goto FIND
		:: !is_every_frame || is_expected || state[g] != MOVED
#endif
#endif
#else
		:: true
#endif
		fi;
JOIN_DONE:	skip;
		d_step {
			if
			:: is_every_frame && !is_in -> is_in = 1; last = before[g] + seen
			:: is_every_frame && is_in && has_followed ->   /* in pf_viewer_reattach() */
#ifdef BAD_COUNTS_ONE_SEGMENT
				counted = counted + seen
#else
				counted = counted + before[g] + seen - until
#endif
			:: else
			fi;
			until = 0; has_followed = 0
		};

		/* pf_viewer_acquire() */
POLL:		skip;
		clear(doorbell[IN(g, me)]);
#ifdef LEAVE
		if
		:: goto CLOSE
		:: skip
		fi;
#endif
		if
		:: d_step { mode == EVERY && lane[IN(g, me)] == EVERY && newest[g] > seen ->
				assert(seen + 1 + S > newest[g]);       /* the frame was not overwritten */
				next[IN(g, me)] = next[IN(g, me)] + 1; acquire(seen + 1) }; goto RELEASE
		:: d_step { mode == LATEST && newest[g] > seen ->
				if
				:: seen > 0 -> counted = counted + newest[g] - seen - 1
				:: else
				fi;
				acquire(newest[g]) }; goto RELEASE
		:: d_step { mode == EVERY && lane[IN(g, me)] != EVERY ->
				/* count_eviction(), and continue */
				if
				:: newest[g] > seen + 1 -> counted = counted + newest[g] - 1 - seen; seen = newest[g] - 1
				:: else
				fi;
				mode = LATEST }; goto POLL
		:: newest[g] <= seen && (mode != EVERY || lane[IN(g, me)] == EVERY)
		fi;
		if
		:: is_last_check && has_moved -> goto FIND
		:: is_last_check && !has_moved -> goto STREAM_ENDED
		:: !is_last_check
		fi;

		goto CHECK_STATE;
RELEASE:	skip;
		ring(producer_doorbell[g]);
		goto POLL;

		/* read_state(): called when the segment is not RUNNING, else from time to time */
CHECK_STATE:		skip;
		if
#ifndef VIEWERS_EXIT
		:: state[g] == RUNNING -> goto SLEEP
#endif
		:: skip
		fi;
		if
		:: !producer_lease -> goto SAW_END
		:: producer_lease
		fi;
		if
		:: id == g -> goto SLEEP
		:: id == NONE                           /* removed: ENDED was stored before that */
		:: id != g && id != NONE
		fi;
SAW_END:	skip;
		d_step { is_last_check = 1; has_moved = (state[g] == MOVED); lost = (state[g] == RUNNING) };
#ifdef BAD_ENDS_WITHOUT_A_LAST_CHECK
		if
		:: !has_moved -> goto STREAM_ENDED
		:: has_moved
		fi;
#endif
#ifdef BAD_LEAVES_BEFORE_THE_LAST_FRAME
		if
		:: has_moved -> goto FIND
		:: !has_moved
		fi;
#endif
		goto POLL;
SLEEP:		if
		:: is_rung(doorbell[IN(g, me)])
		:: TIMES_OUT
		fi;
		goto POLL;

		/* There is no producer. A viewer that follows a format change finds no next segment only if the producer
		 * crashed or stopped waiting for this viewer. */
NO_PRODUCER:		skip;
		d_step {
			if
			:: has_moved && is_every_frame && !is_late && !evictions[me] -> assert(producer_killed || in_haste)
			:: else
			fi
		};
		if
		:: g != NONE && !has_moved -> is_late = 1; goto JOIN_DONE /* follow_format_change(): keep this segment */
		:: g == NONE || has_moved -> goto CLOSE
		fi;

		/* The end, after the last poll: every frame was seen, and only a crash is reported as a crash. */
STREAM_ENDED:		skip;
		d_step {
			assert(!lost || producer_killed);
			assert(seen == newest[g])
		};
CLOSE:		if
		:: g == NONE
		:: g != NONE ->
			d_step { lane[IN(g, me)] = FREE; next[IN(g, me)] = 0 };
			ring(producer_doorbell[g])
		fi;
		d_step { lease[me] = 0 }
		} unless { killed[me] };

		/* The process has exited; if it was killed, the kernel drops its lease one step later. */
		d_step {
			alive[me] = 0;
			g = NONE; h = NONE; seen = 0; last = 0; counted = 0; m = 0; until = 0; is_every_frame = 0; mode = FREE;
			has_moved = 0; is_last_check = 0; lost = 0; is_in = 0; is_expected = 0; has_followed = 0; is_late = 0
		};
		d_step {
			if
			:: lease[me] == me + 1 -> lease[me] = 0
			:: else
			fi;
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
#ifdef KILLP
	:: d_step { !producer_killed && !producer_done -> producer_killed = 1 }
#endif
	od
}
#endif

/* ---------------------------------------------------------------- when no process can acquire a step */

#ifdef AWAKE
active proctype referee()
{
	byte v;

	timeout ->
	d_step {
		assert(producer_done);
		do
		:: v < V -> assert(!alive[v]); v++              /* every viewer has exited */
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

/* Whichever viewers are killed or do not reattach: the producer publishes all its frames. */
#ifdef THROUGH
ltl through { <> producer_done }
#endif
/* However the producer exits, every viewer exits in the end. */
#ifdef VIEWERS_EXIT
ltl viewers_exit { <> [] (!alive[0]) }
#endif
