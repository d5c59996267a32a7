/* SPDX-License-Identifier: MIT */
/*
 * A claim on a machine whose stores are late. Four accesses of handoff.c, marked [dekker] there, are
 * memory_order_seq_cst; here each can be made weaker, and each must then be missed.
 *
 * Every process has a buffer of stores that the other does not see yet; its own loads see them. The
 * process `memory` lets them out, at any time:
 *
 *   -DTSO   x86: one by one, in order. A seq_cst store, and each locked instruction, waits until the
 *           buffer is empty. Loads are in order, so a weaker load is the same load.
 *   -DARM   ARMv8: plain stores in any order (but for those to one place); a release store after all
 *           before it. Nothing waits at a store; but a seq_cst load (LDAR) waits for the seq_cst
 *           stores before it (STLR), and an acquire load (LDAPR) does not: it may be early.
 *
 * Left out: early loads among each other (every load here is acquire, and none passes another), and
 * more than one viewer. sem_post() orders nothing but itself here, as with a bell that is full: a
 * real one hides a weak store of `newest` on x86.
 *
 *   -DEVERY_FRAME   the viewer joins for every frame, takes one, leaves and joins again; else: latest
 *   -DWEAK_*    one access weakened; each is where it is used
 */
#define N 4          /* frames */
#define JOINS 2
#define QUEUE 4

/* Places in memory. A picture is one of them: it holds the number of its frame. */
#define NEWEST 0     /* sequence << 1 | slot */
#define LANE 1       /* NEXT << 4 | HELD << 2 | MODE */
#define DOOR 2
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
	byte seq_cst;                    /* how many of them are */
	byte place[QUEUE];
	byte value[QUEUE];
	byte order[QUEUE];
}
byte memory_of[PLACES];
buffer late[2];

inline store(me, where, what, how)
{
	atomic {
		late[me].used < QUEUE ->
		late[me].place[late[me].used] = where;
		late[me].value[late[me].used] = what;
		late[me].order[late[me].used] = how;
		late[me].seq_cst = late[me].seq_cst + (how == SEQ_CST -> 1 : 0);
		late[me].used++
	}
#ifdef TSO
	if
	:: how == SEQ_CST -> late[me].used == 0
	:: how != SEQ_CST
	fi
#endif
}

/* The youngest of one's own, or what is in memory. */
inline load(me, where, what, how)
{
	atomic {
		how != SEQ_CST || late[me].seq_cst == 0 ->
		d_step {
			what = memory_of[where];
			at = 0;
			do
			:: at < late[me].used ->
				if
				:: late[me].place[at] == where -> what = late[me].value[at]
				:: else
				fi;
				at++
			:: else -> break
			od;
			at = 0
		}
	}
}

/* fetch_or, fetch_and and a compare_exchange on one's own lane; nobody else writes it here. */
#ifdef TSO
#define LOCKED(how) SEQ_CST              /* x86 has no other */
#else
#define LOCKED(how) how
#endif
inline change(me, where, was, becomes, how)
{
	load(me, where, was, how);
	store(me, where, becomes, how)
}

#define SAME(p, i, j) (late[p].place[i] == late[p].place[j])
#ifdef TSO
#define MAY_LEAVE(p, i) (i == 0)
#else
#define MAY_LEAVE(p, i) (i == 0 || (late[p].order[i] == PLAIN && !SAME(p, i, 0) && \
	(i < 2 || !SAME(p, i, 1)) && (i < 3 || !SAME(p, i, 2))))
#endif
#define LETS(p, i) late[p].used > i && MAY_LEAVE(p, i) -> let_out(p, i)

inline let_out(p, i)
{
	memory_of[late[p].place[i]] = late[p].value[i];
	late[p].seq_cst = late[p].seq_cst - (late[p].order[i] == SEQ_CST -> 1 : 0);
	late[p].used--;
	at = i;
	do
	:: at < late[p].used ->
		late[p].place[at] = late[p].place[at + 1];
		late[p].value[at] = late[p].value[at + 1];
		late[p].order[at] = late[p].order[at + 1];
		at++
	:: else -> break
	od;
	late[p].place[at] = 0; late[p].value[at] = 0; late[p].order[at] = 0;
	at = 0
}

active proctype memory()
{
	byte at;

end:	do
	:: d_step { LETS(PRODUCER, 0) }
	:: d_step { LETS(VIEWER, 0) }
#ifdef ARM
	:: d_step { LETS(PRODUCER, 1) }
	:: d_step { LETS(PRODUCER, 2) }
	:: d_step { LETS(PRODUCER, 3) }
	:: d_step { LETS(VIEWER, 1) }
	:: d_step { LETS(VIEWER, 2) }
	:: d_step { LETS(VIEWER, 3) }
#endif
	od
}

/* ---------------------------------------------------------------- handoff.c */

#ifdef WEAK_PUBLISH                      /* handoff_publish(): the store of `newest` */
#define PUBLISH ORDERED
#else
#define PUBLISH SEQ_CST
#endif
#ifdef WEAK_RING                         /* handoff_ring_doors(): the load of a lane */
#define RING ORDERED
#else
#define RING SEQ_CST
#endif
#ifdef WEAK_LANES                        /* handoff_free_slot(): the load of a lane */
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
#ifdef WEAK_LOOK                         /* both: the second load of `newest` */
#define LOOK ORDERED
#else
#define LOOK SEQ_CST
#endif
#ifdef WEAK_FIRST                        /* handoff_claim_newest(): the first load of `newest` */
#define FIRST ORDERED
#else
#define FIRST SEQ_CST
#endif

#ifdef LOOK_AGAIN
#define RUNG true
#else
#define RUNG memory_of[DOOR] == 1
#endif

active proctype producer()
{
	byte n, slot, k, lane, at;
	byte in_slot[2];

	do
	:: n == N -> break
	:: n < N ->
		/* handoff_free_slot(), until there is one */
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
			/* handoff_ring_doors() */
			load(PRODUCER, LANE, lane, RING);
			if
			:: MODE(lane) != FREE -> store(PRODUCER, DOOR, 1, ORDERED)
			:: else
			fi;
			lane = 0
		fi
	od
}

inline look_at(slot, frame)
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
		memory_of[DOOR] = 0;                 /* drain, look, then sleep */
		load(VIEWER, NEWEST, newest, FIRST);
		if
		:: newest >> 1 <= seen -> RUNG
		:: else ->
			slot = newest & 1;
			change(VIEWER, LANE, lane, lane | HELD(slot), CLAIM);
			load(VIEWER, NEWEST, again, LOOK);
			if
			:: again == newest -> look_at(slot, newest >> 1); seen = newest >> 1
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
			load(VIEWER, NEWEST, again, LOOK);
			if
			:: again == newest -> break
			:: else
			fi
		od;
		seen = next - 1;
		/* handoff_claim_next(), until there is one */
		do
		:: memory_of[DOOR] = 0;
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
		look_at(slot, next);
		store(VIEWER, LANE, FREE, ORDERED);
		newest = 0; again = 0; lane = 0; next = 0; slot = 0; seen = 0
	od
}

#endif
