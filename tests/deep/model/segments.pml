/* SPDX-License-Identifier: MIT */
/*
 * One stream in several segments, as common/core/producer.c and viewer.c have it, for Spin: a producer that changes the
 * format leaves its segment for a new one, and viewers of every frame must lose none on the way. Follow producer()
 * beside pf_producer_change_format() and pf_producer_close(), viewer() beside pf_viewer_open() and pf_viewer_reattach().
 *
 * What happens to a frame within a segment is handoff.pml's. Here a frame is published, and taken, in one step, and
 * slots are only counted: the producer must not draw over a frame that some lane still wants. What is shared between
 * two steps is the lanes, `newest`, the state, the id file and the leases. After each step a process may be killed.
 *
 *   -DG -DS -DV -DN  segments, slots, viewers, frames         -DMODE=0|1|2  latest, every frame, each opening chooses
 *   -DLIVES=n     how often each viewer opens                 -DLEAVE       viewers may leave at any time
 *   -DKILLS=n     so many viewers are killed                  -DKILLP       the producer may be killed
 *   -DEVICT       the producer may lose its patience, and evicted viewers stay on
 *   -DHASTE       the producer's end may give up waiting for those who have not come over
 *   -DAWAKE       no sleep ever times out: every waking must come from a bell
 *   -DTHROUGH, -DHOME   liveness, under weak fairness
 *   -DBAD_...     a seeded defect. Each must be found: tests/deep/model/run has the list
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
#ifndef LIVES
#define LIVES 1
#endif
#ifndef KILLS
#define KILLS 0
#endif

#ifdef AWAKE
#define TIMES_OUT     false
#define ring(bell)    d_step { bell = 1 }
#define drain(bell)   d_step { bell = 0 }
#define rung(bell)    d_step { bell -> bell = 0 }
#else
#define TIMES_OUT     true
#define ring(bell)    skip
#define drain(bell)   skip
#define rung(bell)    false
#endif

#define NONE 7

/* ---------------------------------------------------------------- the segments: lane, door, of each viewer in each */

mtype:lane = { FREE, LATEST, EVERY, EXPECTED }
mtype:lane lane[G * V] = FREE;
byte next[G * V];               /* the first frame that the lane still wants */
byte newest[G];
byte before[G];                 /* frames of the stream in the segments before this one */
#define IN(segment, viewer)   ((segment) * V + (viewer))
#define WANTS_EVERY(word)     ((word) == EVERY || (word) == EXPECTED)

mtype:state = { RUNNING, ENDED, MOVED }
mtype:state state[G] = RUNNING;

bit door[G * V], space[G];

/* ---------------------------------------------------------------- the id file; the kernel: leases */

byte id = NONE;
#define REAPER 9                /* the producer, on a dead viewer's lane; else 0: nobody, or 1 + viewer */
byte lease[V];
bit producer_lease = 1;

/* ---------------------------------------------------------------- what only the proof looks at */

bit left[G];                    /* by the producer: gone when nobody else has it */
bit alive[V], killed[V];
byte evictions[V];              /* in which segments it was evicted, one bit each, since it last took each frame */
bit producer_killed, producer_done, in_haste;
byte kills = KILLS;

/* ---------------------------------------------------------------- producer */

/* handoff_ring_doors() of segment s */
inline ring_doors(s)
{
#ifdef AWAKE
	i = 0;
	do
	:: i < V ->
		if
		:: lane[IN(s, i)] != FREE -> ring(door[IN(s, i)])
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

/* Look at every lane, one load each: who keeps the next frame from being drawn, or who is expected? */
inline look(is_in_the_way)
{
	drain(space[g]);
	blockers = 0;
	i = 0;
	do
	:: i < V ->
		d_step {
			if
			:: is_in_the_way -> blockers = blockers | (1 << i); was_mode[i] = lane[IN(g, i)]; was_next[i] = next[IN(g, i)]
			:: else
			fi;
			i++
		}
	:: else -> break
	od;
	i = 0
}

#ifdef BAD_THE_EXPECTED_KEEP_NOTHING
#define HAS_NO_SLOT   (lane[IN(g, i)] == EVERY && next[IN(g, i)] + S <= newest[g] + 1)
#else
#define HAS_NO_SLOT   (WANTS_EVERY(lane[IN(g, i)]) && next[IN(g, i)] + S <= newest[g] + 1)
#endif
#define IS_EXPECTED   (lane[IN(g, i)] == EXPECTED)

/* wait_for_viewers(): free the lanes of the dead, lose patience with the slow, else sleep */
inline wait_for_viewers()
{
	do
	:: i < V && !(blockers & (1 << i)) -> i++
	:: i < V && (blockers & (1 << i)) ->
		if
#ifdef BAD_THE_DEAD_ARE_EXPECTED
		:: d_step { lease[i] == 0 && lane[IN(g, i)] != EXPECTED -> lease[i] = REAPER };
#else
		:: d_step { lease[i] == 0 -> lease[i] = REAPER };
#endif
			d_step { lane[IN(g, i)] = FREE; next[IN(g, i)] = 0 };
			d_step { lease[i] = 0; freed = 1 }
		:: lease[i] != 0                                /* it lives */
#ifdef BAD_THE_DEAD_ARE_EXPECTED
		:: lane[IN(g, i)] == EXPECTED
#endif
		fi;
#ifdef EVICT
		if
		:: d_step {                                     /* the exchange of handoff_evict() */
			if
			:: WANTS_EVERY(was_mode[i]) && lane[IN(g, i)] == was_mode[i] && next[IN(g, i)] == was_next[i] ->
				lane[IN(g, i)] = LATEST;
				evictions[i] = evictions[i] | (1 << g);
				freed = 1
			:: else
			fi
		   };
		   ring(door[IN(g, i)])
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
	:: freed -> freed = 0                                   /* look again at once */
	:: !freed ->
		if
		:: rung(space[g])
		:: TIMES_OUT
		fi
	fi
}

/* wait_for_expected() */
inline wait_for_expected()
{
	do
	:: look(IS_EXPECTED);
		if
		:: blockers == 0 -> break
		:: blockers != 0 -> wait_for_viewers()
		fi
#ifdef HASTE
	:: is_closing -> d_step { in_haste = 1 }; break
#endif
	od
}

/* handoff_carry_over() */
inline carry_over()
{
	i = 0;
	do
	:: i < V ->
		d_step {
			if
			:: WANTS_EVERY(lane[IN(g, i)]) -> lane[IN(g + 1, i)] = EXPECTED; next[IN(g + 1, i)] = 1
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
	byte n;                 /* frames published, in all */
	byte i, blockers, was_mode[V], was_next[V];
	bit is_closing, freed;

	{
	d_step { id = 0 };
	do
	:: n < N ->
		/* pf_producer_begin(), pf_producer_publish() */
		look(HAS_NO_SLOT);
		if
		:: blockers == 0 ->
			d_step { newest[g]++; n++ };
			ring_doors(g)
		:: blockers != 0 -> wait_for_viewers()
		fi
	:: g + 1 < G ->
		/* pf_producer_change_format() */
#ifndef BAD_MOVES_ON_WITHOUT_WAITING
		wait_for_expected();
#endif
#ifdef BAD_CARRIES_BEFORE_MOVED
		carry_over();
#endif
#ifdef BAD_ID_BEFORE_MOVED
		skip;
		d_step { id = g + 1; before[g + 1] = n };
#endif
		state[g] = MOVED;
#if !defined(BAD_CARRIES_BEFORE_MOVED) && !defined(BAD_NOBODY_IS_EXPECTED)
		carry_over();
#endif
#ifdef BAD_RINGS_BEFORE_THE_ID
		ring_doors(g);
#endif
#ifndef BAD_ID_BEFORE_MOVED
		d_step { id = g + 1; before[g + 1] = n };
#endif
#ifndef BAD_RINGS_BEFORE_THE_ID
		ring_doors(g);
#endif
		d_step { left[g] = 1; g++ }
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
	ring_doors(g);
#endif
	left[g] = 1
	} unless { producer_killed };

	d_step {
		n = 0; i = 0; blockers = 0; is_closing = 0; freed = 0; was_mode[0] = 0; was_next[0] = 0;
#if V > 1
		was_mode[1] = 0; was_next[1] = 0;
#endif
		producer_lease = 0;
		left[g] = 1;
		if :: lease[0] == REAPER -> lease[0] = 0 :: else fi;
#if V > 1
		if :: lease[1] == REAPER -> lease[1] = 0 :: else fi;
#endif
		producer_done = 1
	}
}

/* ---------------------------------------------------------------- viewer */

/* A frame is taken. Of every-frame viewers each follows the one before, or what is between is counted as lost; and
 * nothing is lost but by eviction. */
inline take(sequence)
{
	seen = sequence;
	if
	:: wants_every ->
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
	byte lives = LIVES;
	byte g = NONE, h = NONE;        /* the segment it is in, and the one it has found */
	byte seen;                      /* in this segment */
	byte last;                      /* the last frame taken, of the stream; 0: none */
	byte counted;                   /* as lost, since then */
	byte m, until;
	bit wants_every;
	mtype:lane mode = FREE;         /* as it believes */
	bit has_moved, last_look, lost;
	bit is_in;                      /* the stream; from here on nothing may be missing */
	bit is_expected, goes_on, is_late;

	do
	:: lives == 0 -> break
	:: lives > 0 ->
		{
		d_step { lives--; alive[me] = 1; evictions[me] = 0 };
		if
#if MODE != 1
		:: wants_every = 0
#endif
#if MODE != 0
		:: wants_every = 1
#endif
		fi;
		/* take_lane() */
		d_step { lease[me] == 0 -> lease[me] = me + 1 };

		/* lookup_segment(): until there is one, and not the one it has already */
FIND:		skip;
		if
		:: producer_lease
		:: !producer_lease -> goto GONE
		fi;
		if
		:: d_step { id != NONE && id != g -> h = id }
		:: !producer_lease -> goto GONE
		fi;
		if
		:: skip                                 /* attached: somebody else may still have it */
		:: left[h] -> h = NONE; goto FIND       /* it is gone: there is another id by now */
		fi;

		/* pf_viewer_reattach(): leave the old one */
		if
		:: g == NONE
		:: g != NONE ->
			d_step { lane[IN(g, me)] = FREE; next[IN(g, me)] = 0 };
			ring(space[g])
		fi;

		/* join(), handoff_join() */
		d_step {
			if
			:: has_moved -> until = before[g] + seen; goes_on = 1; has_moved = 0
			:: else
			fi;
			g = h; h = NONE; seen = 0; last_look = 0; is_expected = 0; mode = (wants_every -> EVERY : LATEST)
		};
		if
		:: !wants_every -> d_step { lane[IN(g, me)] = LATEST; next[IN(g, me)] = 0 }
#ifdef BAD_FORGETS_THAT_IT_IS_EXPECTED
		:: wants_every -> m = newest[g];
#else
		:: wants_every ->
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
		ring(space[g]);
#endif
		/* settle(): where it was not expected, it may have come after the lanes were carried over */
		if
#ifndef BAD_DOES_NOT_SETTLE
#ifdef BAD_LEAVES_WHERE_IT_WAS_EXPECTED
		:: wants_every && state[g] == MOVED -> goto FIND
		:: !wants_every || state[g] != MOVED
#else
#ifdef BAD_SETTLES_ONLY_WHO_IS_NEW
		:: wants_every && !goes_on && state[g] == MOVED -> goto FIND
		:: !wants_every || goes_on || state[g] != MOVED
#else
		:: wants_every && !is_expected && state[g] == MOVED -> goto FIND
		:: !wants_every || is_expected || state[g] != MOVED
#endif
#endif
#else
		:: true
#endif
		fi;
SETTLED:	skip;
		d_step {
			if
			:: wants_every && !is_in -> is_in = 1; last = before[g] + seen
			:: wants_every && is_in && goes_on ->   /* in pf_viewer_reattach() */
#ifdef BAD_COUNTS_ONE_SEGMENT
				counted = counted + seen
#else
				counted = counted + before[g] + seen - until
#endif
			:: else
			fi;
			until = 0; goes_on = 0
		};

		/* pf_viewer_acquire() */
LOOK:		skip;
		drain(door[IN(g, me)]);
#ifdef LEAVE
		if
		:: goto CLOSE
		:: skip
		fi;
#endif
		if
		:: d_step { mode == EVERY && lane[IN(g, me)] == EVERY && newest[g] > seen ->
				assert(seen + 1 + S > newest[g]);       /* nobody has drawn over it */
				next[IN(g, me)] = next[IN(g, me)] + 1; take(seen + 1) }; goto RELEASE
		:: d_step { mode == LATEST && newest[g] > seen ->
				if
				:: seen > 0 -> counted = counted + newest[g] - seen - 1
				:: else
				fi;
				take(newest[g]) }; goto RELEASE
		:: d_step { mode == EVERY && lane[IN(g, me)] != EVERY ->
				/* count_loss(), and stay on */
				if
				:: newest[g] > seen + 1 -> counted = counted + newest[g] - 1 - seen; seen = newest[g] - 1
				:: else
				fi;
				mode = LATEST }; goto LOOK
		:: newest[g] <= seen && (mode != EVERY || lane[IN(g, me)] == EVERY)
		fi;
		if
		:: last_look && has_moved -> goto FIND
		:: last_look && !has_moved -> goto OVER
		:: !last_look
		fi;

		goto ASK;
RELEASE:	skip;
		ring(space[g]);
		goto LOOK;

		/* state_by_lease(), asked when the segment has something to say, else now and then */
ASK:		skip;
		if
#ifndef HOME
		:: state[g] == RUNNING -> goto SLEEP
#endif
		:: skip
		fi;
		if
		:: !producer_lease -> goto LAST_WORD
		:: producer_lease
		fi;
		if
		:: id == g -> goto SLEEP
		:: id == NONE                           /* taken away: END was said before that */
		:: id != g && id != NONE
		fi;
LAST_WORD:	skip;
		d_step { last_look = 1; has_moved = (state[g] == MOVED); lost = (state[g] == RUNNING) };
#ifdef BAD_ENDS_WITHOUT_A_LAST_LOOK
		if
		:: !has_moved -> goto OVER
		:: has_moved
		fi;
#endif
#ifdef BAD_LEAVES_BEFORE_THE_LAST_FRAME
		if
		:: has_moved -> goto FIND
		:: !has_moved
		fi;
#endif
		goto LOOK;
SLEEP:		if
		:: rung(door[IN(g, me)])
		:: TIMES_OUT
		fi;
		goto LOOK;

		/* No producer where it looks for one. Who has moved comes too late for the next segment only if the
		 * producer has died, or has stopped waiting for it. */
GONE:		skip;
		d_step {
			if
			:: has_moved && wants_every && !is_late && !evictions[me] -> assert(producer_killed || in_haste)
			:: else
			fi
		};
		if
		:: g != NONE && !has_moved -> is_late = 1; goto SETTLED /* settle(): it stays where it is */
		:: g == NONE || has_moved -> goto CLOSE
		fi;

		/* The end, seen after the last look: nothing is left unseen, and only a death is called one. */
OVER:		skip;
		d_step {
			assert(!lost || producer_killed);
			assert(seen == newest[g])
		};
CLOSE:		if
		:: g == NONE
		:: g != NONE ->
			d_step { lane[IN(g, me)] = FREE; next[IN(g, me)] = 0 };
			ring(space[g])
		fi;
		d_step { lease[me] = 0 }
		} unless { killed[me] };

		/* The process is gone; if it was killed, the kernel drops its lease one step later. */
		d_step {
			alive[me] = 0;
			g = NONE; h = NONE; seen = 0; last = 0; counted = 0; m = 0; until = 0; wants_every = 0; mode = FREE;
			has_moved = 0; last_look = 0; lost = 0; is_in = 0; is_expected = 0; goes_on = 0; is_late = 0
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

/* ---------------------------------------------------------------- what goes wrong */

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

/* ---------------------------------------------------------------- when nothing can move any more */

#ifdef AWAKE
active proctype referee()
{
	byte v;

	timeout ->
	d_step {
		assert(producer_done);
		do
		:: v < V -> assert(!alive[v]); v++              /* all have gone home */
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

/* Whoever dies or stays away: the producer gets all its frames out. */
#ifdef THROUGH
ltl through { <> producer_done }
#endif
/* However the producer goes, in the end every viewer goes home. */
#ifdef HOME
ltl home { <> [] (!alive[0]) }
#endif
