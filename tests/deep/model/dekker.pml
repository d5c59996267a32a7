/* SPDX-License-Identifier: MIT */
/*
 * A claim on a machine that delays stores. Four accesses of handoff.c, marked [dekker] there, are
 * memory_order_seq_cst. Here each of them can be made weaker; the search must then find a fault.
 *
 * Each process has a buffer of stores that the other process cannot read yet; its own loads read
 * them. The process `memory` commits them at any time:
 *
 *   -DTSO   x86: one by one, in order. A seq_cst store, and each locked instruction, waits until the
 *           buffer is empty. Loads are in order, so that a weaker load is the same load.
 *   -DARM   ARMv8: plain stores in any order, except two to the same place; a release store after
 *           all earlier stores. No store waits. A seq_cst load (LDAR) waits for the earlier seq_cst
 *           stores (STLR); an acquire load (LDAPR) does not wait, so that it may be early.
 *
 * Not modelled: the reordering of loads (every load here is an acquire, and none passes another),
 * and more than one viewer. A ring orders no other access here: on x86 a real ring hides a weak
 * store of `newest`.
 *
 *   -DEVERY_FRAME    an every-frame viewer: it joins, claims one frame, leaves, and joins again;
 *                    else a latest-frame viewer
 *   -DSPURIOUS_WAKE  a sleep may end without a ring
 *   -DWEAK_*         one access is weaker; each name is defined below
 */
#define N 4          /* frames */
#define JOINS 2
#define QUEUE 4

/* Places in memory. The pixels of a slot are one place, which contains the frame's number. */
#define NEWEST 0     /* sequence << 1 | slot */
#define LANE 1       /* NEXT << 4 | HELD << 2 | MODE */
#define DOORBELL 2
#define META 3       /* of slot 0 and 1 */
#define PIXELS 5     /* of slot 0 and 1 */
#define PLACES 7

#define FREE 0
#define LATEST 1
#define EVERY 2
#define MODE(word) ((word) & 3)
#define HELD(slot) (4 << (slot))
#define NEXT(word) ((word) >> 4)

#define PLAIN 0
#define ORDERED 1    /* release or acquire */
#define SEQ_CST 2

/* ---------------------------------------------------------------- the machine */

#define PRODUCER 0
#define VIEWER 1

typedef buffer {
	byte used;
	byte seq_cst;                    /* number of seq_cst stores in it */
	byte place[QUEUE];
	byte value[QUEUE];
	byte order[QUEUE];
}
byte memory_of[PLACES];
buffer pending[2];

inline store(me, where, what, how)
{
	atomic {
		pending[me].used < QUEUE ->
		pending[me].place[pending[me].used] = where;
		pending[me].value[pending[me].used] = what;
		pending[me].order[pending[me].used] = how;
		pending[me].seq_cst = pending[me].seq_cst + (how == SEQ_CST -> 1 : 0);
		pending[me].used++
	}
#ifdef TSO
	if
	:: how == SEQ_CST -> pending[me].used == 0
	:: how != SEQ_CST
	fi
#endif
}

/* The latest of the process's own pending stores, or the word in memory. */
inline load(me, where, what, how)
{
	atomic {
		how != SEQ_CST || pending[me].seq_cst == 0 ->
		d_step {
			what = memory_of[where];
			at = 0;
			do
			:: at < pending[me].used ->
				if
				:: pending[me].place[at] == where -> what = pending[me].value[at]
				:: else
				fi;
				at++
			:: else -> break
			od;
			at = 0
		}
	}
}

/* fetch_or, fetch_and and compare_exchange on the viewer's own lane; here no other process writes
 * the lane. */
#ifdef TSO
#define LOCKED(how) SEQ_CST              /* every locked instruction on x86 is seq_cst */
#else
#define LOCKED(how) how
#endif
inline change(me, where, was, becomes, how)
{
	load(me, where, was, how);
	store(me, where, becomes, how)
}

#define SAME(p, i, j) (pending[p].place[i] == pending[p].place[j])
#ifdef TSO
#define MAY_LEAVE(p, i) (i == 0)
#else
#define MAY_LEAVE(p, i) (i == 0 || (pending[p].order[i] == PLAIN && !SAME(p, i, 0) && \
	(i < 2 || !SAME(p, i, 1)) && (i < 3 || !SAME(p, i, 2))))
#endif
#define COMMITS(p, i) pending[p].used > i && MAY_LEAVE(p, i) -> commit(p, i)

inline commit(p, i)
{
	memory_of[pending[p].place[i]] = pending[p].value[i];
	pending[p].seq_cst = pending[p].seq_cst - (pending[p].order[i] == SEQ_CST -> 1 : 0);
	pending[p].used--;
	at = i;
	do
	:: at < pending[p].used ->
		pending[p].place[at] = pending[p].place[at + 1];
		pending[p].value[at] = pending[p].value[at + 1];
		pending[p].order[at] = pending[p].order[at + 1];
		at++
	:: else -> break
	od;
	pending[p].place[at] = 0; pending[p].value[at] = 0; pending[p].order[at] = 0;
	at = 0
}

active proctype memory()
{
	byte at;

end:	do
	:: d_step { COMMITS(PRODUCER, 0) }
	:: d_step { COMMITS(VIEWER, 0) }
#ifdef ARM
	:: d_step { COMMITS(PRODUCER, 1) }
	:: d_step { COMMITS(PRODUCER, 2) }
	:: d_step { COMMITS(PRODUCER, 3) }
	:: d_step { COMMITS(VIEWER, 1) }
	:: d_step { COMMITS(VIEWER, 2) }
	:: d_step { COMMITS(VIEWER, 3) }
#endif
	od
}

/* ---------------------------------------------------------------- handoff.c */

#ifdef WEAK_PUBLISH                      /* handoff_publish(): the store of `newest` */
#define PUBLISH ORDERED
#else
#define PUBLISH SEQ_CST
#endif
#ifdef WEAK_RING                         /* handoff_ring_viewers(): the load of a lane */
#define RING ORDERED
#else
#define RING SEQ_CST
#endif
#ifdef WEAK_LANES                        /* handoff_find_free_slot(): the load of a lane */
#define LANES ORDERED
#else
#define LANES SEQ_CST
#endif
#ifdef WEAK_CLAIM                        /* handoff_claim_newest(): HELD, by a plain store */
#define CLAIM ORDERED
#else
#define CLAIM LOCKED(SEQ_CST)
#endif
#ifdef WEAK_JOIN                         /* handoff_join(): the store of the lane */
#define JOIN ORDERED
#else
#define JOIN SEQ_CST
#endif
#ifdef WEAK_SECOND_LOAD                  /* both: the second load of `newest` */
#define SECOND_LOAD ORDERED
#else
#define SECOND_LOAD SEQ_CST
#endif
#ifdef WEAK_FIRST                        /* handoff_claim_newest(): the first load of `newest` */
#define FIRST ORDERED
#else
#define FIRST SEQ_CST
#endif

#ifdef SPURIOUS_WAKE
#define RUNG true
#else
#define RUNG memory_of[DOORBELL] == 1
#endif

active proctype producer()
{
	byte n, slot, k, lane, at;
	byte in_slot[2];

	do
	:: n == N -> break
	:: n < N ->
		/* handoff_find_free_slot(), until it finds one */
		load(PRODUCER, LANE, lane, LANES);
		k = (n == 0 -> 0 : 1 - slot);
		if
		:: (lane & HELD(k)) ||
		   (MODE(lane) == EVERY && in_slot[k] && NEXT(lane) <= in_slot[k]) -> lane = 0
		:: else ->
			lane = 0;
			n++; slot = k; in_slot[k] = n;
			store(PRODUCER, PIXELS + k, n, PLAIN);
			store(PRODUCER, META + k, n, PLAIN);
			store(PRODUCER, NEWEST, n << 1 | k, PUBLISH);
			/* handoff_ring_viewers() */
			load(PRODUCER, LANE, lane, RING);
			if
			:: MODE(lane) != FREE -> store(PRODUCER, DOORBELL, 1, ORDERED)
			:: else
			fi;
			lane = 0
		fi
	od
}

/* The slot is held: its pixels must not change. */
inline read_claimed(slot, frame)
{
	load(VIEWER, PIXELS + slot, pixel, ORDERED);
	assert(pixel == frame);
	load(VIEWER, PIXELS + slot, pixel, ORDERED);
	assert(pixel == frame);
	pixel = 0
}

#ifndef EVERY_FRAME

active proctype viewer()
{
	byte seen, newest, again, lane, pixel, slot, at;

	store(VIEWER, LANE, LATEST, SEQ_CST);
	do
	:: seen == N -> break
	:: seen < N ->
		memory_of[DOORBELL] = 0;             /* clear, poll, then sleep */
		load(VIEWER, NEWEST, newest, FIRST);
		if
		:: newest >> 1 <= seen -> RUNG
		:: else ->
			slot = newest & 1;
			change(VIEWER, LANE, lane, lane | HELD(slot), CLAIM);
			load(VIEWER, NEWEST, again, SECOND_LOAD);
			if
			:: again == newest -> read_claimed(slot, newest >> 1); seen = newest >> 1
			:: else
			fi;
			change(VIEWER, LANE, lane, LATEST, LOCKED(ORDERED))
		fi;
		newest = 0; again = 0; lane = 0; slot = 0
	od
}

#else

active proctype viewer()
{
	byte joins, seen, newest, again, lane, next, pixel, slot, at;

	do
	:: joins == JOINS -> break
	:: joins < JOINS ->
		joins++;
		load(VIEWER, NEWEST, again, ORDERED);
		do
		:: newest = again; next = (newest >> 1 -> newest >> 1 : 1);
			store(VIEWER, LANE, next << 4 | EVERY, JOIN);
			load(VIEWER, NEWEST, again, SECOND_LOAD);
			if
			:: again == newest -> break
			:: else
			fi
		od;
		seen = next - 1;
		/* handoff_claim_next(), until there is a frame */
		do
		:: memory_of[DOORBELL] = 0;
			load(VIEWER, NEWEST, newest, ORDERED);
			if
			:: newest >> 1 <= seen -> RUNG
			:: else -> break
			fi
		od;
		load(VIEWER, META, slot, ORDERED);
		if
		:: slot == next -> slot = 0
		:: else -> load(VIEWER, META + 1, slot, ORDERED); assert(slot == next); slot = 1
		fi;
		change(VIEWER, LANE, lane, (next + 1) << 4 | HELD(slot) | EVERY, LOCKED(SEQ_CST));
		read_claimed(slot, next);
		store(VIEWER, LANE, FREE, ORDERED);
		newest = 0; again = 0; lane = 0; next = 0; slot = 0; seen = 0
	od
}

#endif
