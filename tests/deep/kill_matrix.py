#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kill a process at every fault point of common/core/fault.h, and check that the other processes recover.

    tests/deep/kill_matrix.py [short|long] [POINT...]

Each case kills one process at one point: for 2, 3 and 8 slots, 1 and 4 viewers, latest-frame and every-frame viewers, and the
first, second and third visit. The process kills itself, so it has reached the point; a case that does not reach its point
fails. Afterwards:

    a viewer was killed      the producer continues and reclaims the lane, a new viewer gets frames, the other viewers lose
                             no frame
    the producer was killed  each viewer has every published frame (a latest-frame viewer the last one) and exits with 10; the
                             next producer starts immediately, and a new viewer gets its frames
    always                   no torn frame, no remaining segment, no hanging process

Half-written user data and events are those of interactive.c: no process reads them.

The short form, in the suite, combines each point with every number of slots once. The long form runs all combinations and ends
with a PROOF line. Where a process reaches a point only once, the second visit is in a second process."""
import itertools
import json
import os
import re
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from witness import *
from harness import PRODUCER, VIEWER

JOBS = int(os.environ.get("PAGEFLIP_JOBS", "6"))
SMALL = ["-q", "-s", "64x64"]
EVICT_MS = 2000  # longer than the other viewers ever sleep on a busy machine
KILLED, ENDED = (10,), (0,)
RING_LATE, KILLS_EXPECTED = 30, 1500  # seconds, much more than the poll interval; in the long form

STARTING = [
    "start_has_lease", "start_made_segment", "start_attached", "start_removed_id", "start_filled_segment",
    "start_wrote_id", "start_is_open",
]
PRODUCING = [
    "producer_scans_lanes", "producer_has_slot", "producer_drew_half", "producer_drew_all", "part_of_damage",
    "producer_wrote_meta", "producer_stored_newest", "producer_rang_one", "producer_leased_crashed_lane",
    "producer_freed_crashed_lane", "producer_evicts", "producer_evicted", "producer_sleeps", "producer_woke",
    "producer_marked_ended", "producer_dropped_lease", "producer_has_next_segment", "producer_marked_moved",
    "viewer_freed_lane of a reaper",
]
VIEWING = [
    "start_opened_channel", "start_has_next_segment", "viewer_has_lane", "viewer_attached", "viewer_stored_next",
    "viewer_joined", "viewer_polls", "viewer_loaded_newest", "viewer_stored_held", "viewer_found_slot",
    "viewer_claimed", "viewer_releases", "viewer_released", "viewer_drops_claim", "viewer_sleeps", "viewer_woke",
    "viewer_saw_end", "viewer_leaves", "viewer_freed_lane", "viewer_left", "viewer_saw_eviction",
    "viewer_checks_producer",
]
INTERACTIVE = os.environ.get("PAGEFLIP_INTERACTIVE", f"{BUILD}/tests/deep/interactive")
INTERACTING = ["part_of_event", "part_of_user_data"]
ONCE_A_PROCESS = [
    "start_opened_channel", "viewer_has_lane", "viewer_attached", "viewer_stored_next", "viewer_joined",
    "viewer_leaves", "viewer_freed_lane", "viewer_left", "viewer_saw_eviction",
]
# The exit codes of the viewers that block the producer in a case. Some of those to evict may already be evicted.
BLOCKERS_EXIT = {
    "producer_stored_newest": (10,), "producer_rang_one": (10,), "producer_leased_crashed_lane": (137,),
    "producer_freed_crashed_lane": (137,), "viewer_freed_lane": (137,), "producer_evicts": (10, 11), "producer_evicted": (10, 11),
    "producer_sleeps": (10,), "producer_woke": (10,),
}
FOR_LATEST = ["viewer_loaded_newest", "viewer_stored_held", "viewer_drops_claim"]
FOR_EVERY = ["viewer_stored_next", "viewer_found_slot", "viewer_saw_eviction"]


class Case:
    def __init__(self, point, slots, viewers, every, visit):
        self.point, self.slots, self.viewers, self.every, self.visit = point, slots, viewers, every, visit
        self.name = f"{point} visit {visit}, {slots} slots, {viewers} viewers of {'every' if every else 'the latest'} frame"
        self.number = 0
        self.kills = 0
        self.t = Scratch()

    # ------------------------------------------------------------ processes

    def producer(self, *arguments, fault="", rate="500", program=FAULTY_PRODUCER, source=SMALL):
        return self.t.start(program, *source, "-r", rate, "--buffers", str(self.slots), *arguments, env={"PAGEFLIP_FAULT": fault})

    def viewer(self, *arguments, fault="", every=None, program=None):
        self.number += 1
        mode = ["--every-frame"] if (self.every if every is None else every) else []
        made = self.t.start(program or (FAULTY_VIEWER if fault else VIEWER), "--presenter", "null", "-q", "--verify", *mode,
                            "--json", f"{self.number}.json", "--csv", f"{self.number}.csv", *arguments,
                            env={"PAGEFLIP_FAULT": fault})
        made.every, made.files = bool(mode), f"{self.t.path}/{self.number}"
        return made

    def go(self, producer, witness, count):
        """Continue a producer that is stopped at start_is_open after all viewers have joined, so that they get its first frame."""
        soon(lambda: witness.joined() == count, f"{count} viewers join: {[p.err for p in self.t.processes]}")
        producer.signal(signal.SIGCONT)

    def killed(self, process):
        if not wait_killed(process):
            raise Failure(f"not reached: {' '.join(process.command)}: exit {process.popen.poll()} {process.err}")
        self.kills = 1
        check("torn" not in process.err, process.err)

    # ------------------------------------------------------------ checks after a kill

    def all_whole(self, viewer):
        """Check that no frame is torn and all are verified. One more may be verified: the viewer was asked to end before it
        showed that frame. Returns the viewer's counters."""
        frames = json.load(open(f"{viewer.files}.json"))["frames"]
        check(frames["torn"] == 0 and frames["verified"] >= frames["shown"], f"torn frames, or some not verified: {frames}")
        return frames

    def has_all(self, viewer, newest, lossless=True):
        """Check that the viewer got each frame from the first to `newest`; or, latest-frame, frames in order, with `newest` last."""
        frames = self.all_whole(viewer)
        sequences = [sequence for sequence, _ in rows_of(f"{viewer.files}.csv")]
        if viewer.every and lossless:
            check(frames["lost"] == 0, f"lost frames: {frames}")
            check(sequences == list(range(1, len(sequences) + 1)), f"missing frames: {sequences}")
        else:
            check(sequences == sorted(set(sequences)), f"not in order: {sequences}")
        if newest is not None:
            check((sequences or [0])[-1] == newest,
                  f"the last published frame is {newest}, the last one that it got is {sequences[-1:]}; {viewer.err}")

    def gets_frames(self, viewer):
        """Check in the reports that a running viewer writes on SIGUSR1 that it gets frames."""
        def shown():
            path = f"{viewer.files}.json"
            if os.path.exists(path):
                os.unlink(path)
            viewer.signal(signal.SIGUSR1)
            return json.loads(soon(lambda: text_of(path), f"a report: {viewer.err}", RECOVERY))["frames"]["shown"]
        before = shown()
        soon(lambda: shown() > before, f"a frame for {viewer.command}", RECOVERY)

    def new_viewer_gets_frames(self):
        viewer = self.viewer("--frames", "3", "--wait", str(RECOVERY))
        wait_exit(viewer, ENDED, "a new viewer", RECOVERY)

    def next_producer_works(self):
        next_producer = self.producer(program=PRODUCER)
        self.new_viewer_gets_frames()
        next_producer.signal(signal.SIGTERM)
        wait_exit(next_producer, (143,), "the next producer")

    # ------------------------------------------------------------ the producer is killed

    def kill_while_starting(self):
        """The viewers start first, and follow from one producer to the next."""
        viewers = [self.viewer("--follow", "--wait", "60") for _ in range(self.viewers)]
        for _ in range(self.visit - 1):
            before = self.producer(program=PRODUCER)
            with Witness(self.t, before) as witness:
                soon(lambda: witness.joined() == self.viewers and witness.newest() > 2, "viewers join an earlier producer")
            before.kill()
        victim = self.producer(fault=f"{self.point}:1")
        self.killed(victim)
        orphans = [s for s in segments_of([victim]) if s["nattch"] == 0]
        if self.point in ("start_made_segment", "start_attached"):  # between these calls only the next start can remove it
            check(len(orphans) == 1 and (orphans[0]["key"] & 0xFFFFFFFF) >> 16 == 0x5046, f"no orphan: {orphans}")
            remove_segment(orphans[0]["shmid"])
        after = self.producer(program=PRODUCER)
        with Witness(self.t, after) as witness:
            soon(lambda: witness.joined() == self.viewers, "viewers join the next producer", RECOVERY)
            for viewer in viewers:
                self.gets_frames(viewer)
        soon(lambda: not segments_of([victim]), "no segment of the victim", RECOVERY)
        self.new_viewer_gets_frames()
        for viewer in viewers:
            viewer.signal(signal.SIGINT)
            wait_exit(viewer, (130,), "a follower")
            self.all_whole(viewer)
            check(after.pid in [pid for _, pid in rows_of(f"{viewer.files}.csv")], f"no frame of the next producer: {viewer.err}")
        after.signal(signal.SIGTERM)
        wait_exit(after, (143,), "the next producer")

    def kill_producer(self):
        point, visit = self.point.split()[0], self.visit
        fault = f"start_is_open:1:stop,{point}:{visit}"
        blockers, end = [], KILLED
        if self.point in ("producer_leased_crashed_lane", "producer_freed_crashed_lane", "viewer_freed_lane of a reaper"):
            # viewers that are killed with a frame
            victim = self.producer(fault=fault)
            blockers = [dict(fault="viewer_claimed:1") for _ in range(visit)]
        elif point in ("producer_evicts", "producer_evicted"):  # viewers that stop with a frame and still require the others
            victim = self.producer("--evict", str(EVICT_MS), fault=fault)
            blockers = [dict(fault="viewer_claimed:1:stop", every=True) for _ in range(visit)]
        elif point in ("producer_sleeps", "producer_woke"):
            victim = self.producer(fault=fault, rate="0")
            blockers = [dict(fault="viewer_claimed:1:stop", every=True)]
        elif point in ("producer_marked_ended", "producer_dropped_lease"):  # at the end of a stream of 1, 2 and 3 frames
            fault = f"start_is_open:1:stop,{point}:1"
            victim, end = self.producer("--frames", str(visit), fault=fault), ENDED
        elif point in ("producer_stored_newest", "producer_rang_one"):
            # a viewer that has found no frame and checks the producer's lease
            victim = self.producer(fault=fault)
            blockers = [dict(fault="viewer_checks_producer:1:stop", every=False)]
        elif point in ("producer_has_next_segment", "producer_marked_moved"):
            return self.kill_while_moving(fault)
        else:
            victim = self.producer(fault=fault)

        wait_stopped(victim)
        with Witness(self.t, victim) as witness:
            viewers = [self.viewer() for _ in range(self.viewers)]
            blockers = [self.viewer(**blocker) for blocker in blockers]
            if point in ("producer_stored_newest", "producer_rang_one"):
                wait_stopped(blockers[0])
            self.go(victim, witness, len(viewers) + len(blockers))
            self.killed(victim)
            newest = witness.newest()
        for blocker in blockers:
            soon(lambda: blocker.is_stopped() or not blocker.is_running(), f"{blocker.command} stops")
            blocker.signal(signal.SIGCONT)
        for viewer in viewers:
            wait_exit(viewer, end, "a viewer")
            self.has_all(viewer, newest)
        for blocker in blockers:
            wait_exit(blocker, BLOCKERS_EXIT[point], "a blocking viewer")
            if blocker.wait() == 10:
                self.has_all(blocker, newest)
        self.next_producer_works()

    def write_images(self):
        for name, width, height in (("a", 64, 48), ("b", 80, 50)):
            with open(f"{self.t.path}/{name}.png", "wb") as file:
                file.write(png(width, height, bytes([128] * 3)))

    def kill_while_moving(self, fault):
        """Two sizes alternate, so there is a new segment for every frame."""
        self.write_images()
        victim = self.producer("--stamp", "--loop", fault=fault, rate="100", source=["-q", "a.png", "b.png"])
        wait_stopped(victim)
        with Witness(self.t, victim) as witness:
            viewers = [self.viewer() for _ in range(self.viewers)]
            self.go(victim, witness, len(viewers))
        self.killed(victim)
        for viewer in viewers:
            wait_exit(viewer, KILLED, "a viewer")
            self.has_all_of_each_segment(viewer)
        self.next_producer_works()

    def has_all_of_each_segment(self, viewer):
        """Each segment has one frame, with media times at the rate. The kill is at the visit-th format change, so there are
        as many frames. The producer does not wait for latest-frame viewers, so they may miss the last segment."""
        frames = self.all_whole(viewer)
        check(frames["lost"] == 0, f"lost frames: {frames}")
        numbers = [round(float(row["pts_us"]) * 100 / 1e6) for row in table_of(f"{viewer.files}.csv") if row["again"] == "0"]
        if viewer.every:
            check(numbers == list(range(self.visit)), f"of {self.visit} frames it got these: {numbers}")
        else:
            check(numbers and numbers == sorted(set(numbers)), f"not in order: {numbers}")

    # ------------------------------------------------------------ a viewer is killed

    def kill_viewer(self):
        if self.point in ("viewer_saw_end", "start_has_next_segment"):
            return self.kill_follower()
        every = self.point in FOR_EVERY or (self.every and self.point not in FOR_LATEST)
        evict = ["--evict", str(EVICT_MS)] if self.point == "viewer_saw_eviction" else []
        producer = self.producer(*evict, fault="start_is_open:1:stop")
        wait_stopped(producer)
        with Witness(self.t, producer) as witness:
            others = [self.viewer() for _ in range(self.viewers - 1)]
            self.go(producer, witness, len(others))
            self.run_victim(witness, every, len(others))
            self.others_continue(witness, producer, others)

    def run_victim(self, witness, every, others):
        visit = self.visit
        more = ["--frames", "2"] if self.point in ("viewer_leaves", "viewer_freed_lane", "viewer_left") else []
        if self.point in ONCE_A_PROCESS:
            for _ in range(visit - 1):
                wait_exit(self.viewer("--frames", "2", every=every, program=FAULTY_VIEWER), ENDED, "an earlier viewer", SLOW)
            visit = 1
        fault = f"{self.point}:{visit}"
        if self.point == "viewer_drops_claim":
            fault = f"viewer_stored_held:{visit}:stop,viewer_drops_claim:1"
        if self.point == "viewer_saw_eviction":
            fault = "viewer_claimed:1:stop,viewer_saw_eviction:1"
        if self.point == "viewer_releases":
            fault = f"viewer_claimed:{visit}:stop,viewer_releases:{visit}"
        victim = self.viewer(*more, fault=fault, every=every)
        if self.point == "viewer_releases":  # before it reads the frame, the producer may draw in all other slots
            wait_stopped(victim)
            self.all_slots_are_drawn_in(witness)
            victim.signal(signal.SIGCONT)
        if self.point == "viewer_drops_claim":
            wait_stopped(victim)
            soon(lambda: not witness.held(victim) >> witness.newest_slot() & 1, "a newer frame is published while one is claimed", RECOVERY)
            victim.signal(signal.SIGCONT)
        if self.point == "viewer_saw_eviction":
            wait_stopped(victim)
            soon(lambda: LATEST in witness.modes() if self.every else witness.modes().count(LATEST) > others, "the victim is evicted")
            self.all_slots_are_drawn_in(witness)  # except for the slot that it still holds
            victim.signal(signal.SIGCONT)
        self.killed(victim)

    def all_slots_are_drawn_in(self, witness):
        """Wait until the producer has drawn in all slots, or stalls."""
        now, later = witness.newest(), time.monotonic() + 0.1
        soon(lambda: witness.newest() > now + 2 * self.slots or time.monotonic() > later, "")

    def others_continue(self, witness, producer, others):
        now = witness.newest()
        soon(lambda: witness.newest() > now + 3, "the producer continues", RECOVERY)
        soon(lambda: witness.joined() == len(others), f"the victim's lane is reclaimed: {witness.modes()}", RECOVERY)
        self.new_viewer_gets_frames()
        for other in others:
            check(other.is_running(), f"another viewer has exited: exit {other.popen.poll()}: {other.err}")
            other.signal(signal.SIGINT)
        for other in others:
            wait_exit(other, (130,), "another viewer")
            self.has_all(other, None)
        producer.signal(signal.SIGTERM)
        wait_exit(producer, (143,), "the producer")

    def kill_follower(self):
        """Several producers end one after the other. With viewer_saw_end the victim is killed at the end of the visit-th stream,
        with start_has_next_segment when it joins the next producer."""
        last = self.visit if self.point == "viewer_saw_end" else self.visit + 1
        victim = self.viewer("--follow", "--wait", "60", fault=f"{self.point}:{self.visit}")
        others = [self.viewer("--follow", "--wait", "60") for _ in range(self.viewers - 1)]
        producers = []
        for number in range(1, last + 1):
            producer = self.producer("--frames", "5", fault="start_is_open:1:stop")
            producers.append(producer)
            wait_stopped(producer)
            if number == last and self.point == "start_has_next_segment":
                self.killed(victim)
            with Witness(self.t, producer) as witness:
                self.go(producer, witness, len(others) + victim.is_running())
                wait_exit(producer, ENDED, "a producer", SLOW)
        self.killed(victim)
        producer = self.producer(program=PRODUCER)
        with Witness(self.t, producer) as witness:
            soon(lambda: witness.joined() == len(others), "the others follow", RECOVERY)
            now = witness.newest()
            soon(lambda: witness.newest() > now + 5, "the producer continues", RECOVERY)
            self.new_viewer_gets_frames()
        for other in others:
            other.signal(signal.SIGINT)
            wait_exit(other, (130,), "a follower")
            rows = rows_of(f"{other.files}.csv")
            for ended in producers:
                got = [sequence for sequence, pid in rows if pid == ended.pid]
                check(got[-1:] == [5] and (not other.every or got == [1, 2, 3, 4, 5]), f"frames of one producer: {got}")
            self.all_whole(other)
        producer.signal(signal.SIGTERM)
        wait_exit(producer, (143,), "the last producer")

    # ------------------------------------------------------------ user data and events

    def interactive(self, kind, *arguments, fault=""):
        return self.t.start(INTERACTIVE, kind, *arguments, env={"PAGEFLIP_FAULT": fault})

    def interactive_viewer(self, *arguments, fault=""):
        return self.interactive("viewer", "every" if self.every else "latest", *arguments, fault=fault)

    def kill_interactive(self):
        """Each process checks what it reads, and exits with 1 if it is torn or not in order."""
        point_is_the_viewers = self.point == "part_of_event"
        fault = "start_is_open:1:stop" + ("" if point_is_the_viewers else f",{self.point}:{self.visit}")
        producer = self.interactive("producer", str(self.slots), fault=fault)
        wait_stopped(producer)
        with Witness(self.t, producer) as witness:
            viewers = [self.interactive_viewer() for _ in range(self.viewers)]
            self.go(producer, witness, len(viewers))
            if point_is_the_viewers:
                self.killed(self.interactive_viewer(fault=f"{self.point}:{self.visit}"))
                soon(lambda: witness.joined() == len(viewers), "the victim's lane is reclaimed", RECOVERY)
            else:
                self.killed(producer)
            newest = witness.newest()
        if not point_is_the_viewers:
            for viewer in viewers:
                wait_exit(viewer, KILLED, "a viewer")
                check(f"last {newest}\n" in viewer.err, f"the last frame is {newest}: {viewer.err}")
            producer, viewers = self.interactive("producer", str(self.slots)), []
        wait_exit(self.interactive_viewer("20"), ENDED, "a new viewer")  # on the victim's lane; it sends 20 events
        for viewer in viewers:
            viewer.signal(signal.SIGINT)
            wait_exit(viewer, ENDED, "another viewer")
        producer.signal(signal.SIGTERM)
        wait_exit(producer, ENDED, "the producer")
        taken = int(re.search(r"^events (\d+)$", producer.err, re.M)[1])
        check(taken >= 20, f"{taken} events")

    def run(self):
        """Returns None, or a Failure."""
        problem = None
        try:
            if self.point in INTERACTING:
                self.kill_interactive()
            elif self.point in STARTING:
                self.kill_while_starting()
            elif self.point in PRODUCING:
                self.kill_producer()
            else:
                self.kill_viewer()
        except Failure as failure:
            problem = failure
        except Exception:
            problem = Failure(traceback.format_exc())
        for process in self.t.processes:
            if not is_sane(process):
                problem = problem or Failure(process.err)
        try:
            self.t.finish()
        except AssertionError as failure:
            problem = problem or Failure(str(failure))
        return problem


def an_orphan_is_swept():
    """A kill at start_made_segment leaves a segment. For 5 s it stays, since it might belong to a producer that has just
    started, and it stays as long as a process has it attached. Then the next start, perhaps that of another test, removes it."""
    t, base = Scratch(), None

    def left_after_a_start():
        start = t.start(PRODUCER, *SMALL, "-n", "other", "--frames", "1")
        wait_exit(start, ENDED, "a start", SLOW)
        return [s["shmid"] for s in segments_of(victims)]
    try:
        began = time.monotonic()
        victims = [t.start(FAULTY_PRODUCER, *SMALL, "-n", name, env={"PAGEFLIP_FAULT": "start_made_segment:1"}) for name in ("one", "two")]
        for victim in victims:
            check(wait_killed(victim), f"start_made_segment is not reached: {victim.err}")
        idle, used = (segments_of([victim])[0]["shmid"] for victim in victims)
        left = sorted(left_after_a_start())
        check(left == sorted([idle, used]) or time.monotonic() - began > 4, "a young orphan stays")
        base = libc.shmat(used, None, SHM_RDONLY)
        time.sleep(6)
        check(left_after_a_start() == [used], "only the orphan without an attach is swept")
        libc.shmdt(base)
        base = None
        check(left_after_a_start() == [], "the attached orphan is swept after its detach")
        return None
    except Failure as failure:
        return failure
    finally:
        if base:
            libc.shmdt(base)
        for segment in segments_of(t.processes):
            remove_segment(segment["shmid"])
        t.finish()


def a_stop_is_no_crash():
    """A producer that is stopped at any step of a format change is running: viewers wait for it and lose no frame."""
    for where in ("producer_has_next_segment:1", "start_filled_segment:2", "start_wrote_id:2", "producer_marked_moved:1"):
        case = Case("producer_has_next_segment", 2, 2, False, 1)
        try:
            case.write_images()
            producer = case.producer("--stamp", "--loop", fault=f"start_is_open:1:stop,{where}:stop", rate="50", source=["-q", "a.png", "b.png"])
            wait_stopped(producer)
            viewers = [case.viewer(every=every) for every in (False, True)]
            with Witness(case.t, producer) as witness:
                case.go(producer, witness, len(viewers))
            time.sleep(0.1)
            wait_stopped(producer)
            time.sleep(0.3)  # they check the lease every 50 ms
            for viewer in viewers:
                check(viewer.is_running(), f"stopped at {where}: {viewer.err}")
            producer.signal(signal.SIGCONT)
            for viewer in viewers:
                case.gets_frames(viewer)
                viewer.signal(signal.SIGINT)
                wait_exit(viewer, (130,), "a viewer")
        except Failure as failure:
            return failure
        finally:
            case.t.finish()
    return None


def a_lost_ring_delays_only_briefly():
    """One program stops directly before its ring: the sleep of the other one ends after the poll interval of 100 ms."""
    for slots in (2, 8):
        case = Case("producer_stored_newest", slots, 2, False, 1)
        try:
            producer = case.producer(fault="start_is_open:1:stop,producer_stored_newest:5:stop", rate="20")
            wait_stopped(producer)
            viewers = [case.viewer(every=every) for every in (False, True)]
            with Witness(case.t, producer) as witness:
                case.go(producer, witness, len(viewers))
                soon(lambda: witness.newest() == 5 and producer.is_stopped(), "five frames")
            for viewer in viewers:
                soon(lambda: rows_of(f"{viewer.files}.csv")[-1:] == [(5, producer.pid)], "a frame without a ring", RING_LATE)
            producer.signal(signal.SIGTERM)
            producer.signal(signal.SIGCONT)
            for viewer in viewers:
                wait_exit(viewer, ENDED, "a viewer")
            producer = case.producer(rate="0")
            viewer = case.viewer(fault="viewer_releases:5:stop,viewer_released:5:stop", every=True)
            wait_stopped(viewer)
            with Witness(case.t, producer) as witness:
                soon(lambda: witness.newest() == witness.next_of(viewer) - 2 + slots, "no slot is free")
                time.sleep(0.03)  # the producer sleeps
                viewer.signal(signal.SIGCONT)
                wait_stopped(viewer)
                soon(lambda: witness.newest() == witness.next_of(viewer) - 1 + slots, "the released slot is drawn in", RING_LATE)
        except Failure as failure:
            return failure
        finally:
            case.t.finish()
    return None


def every_point_is_listed():
    """Compares with the table in fault.h, which a test of the model compares with the code."""
    table = set(re.findall(r"^ \*     ((?:start|producer|viewer|part)_\w+) ", open(f"{ROOT}/common/core/fault.h").read().split("#ifndef")[0], re.M))
    listed = {point.split()[0] for point in STARTING + PRODUCING + VIEWING + INTERACTING}
    return Failure(f"only in one of the two lists: {sorted(listed ^ table)}") if listed != table else None


def all_cases():
    points = STARTING + PRODUCING + VIEWING + INTERACTING
    return [Case(*case) for case in itertools.product(points, (2, 3, 8), (1, 4), (False, True), (1, 2, 3))]


def a_few_cases():
    """Each point three times, once with every number of slots; the other parameters alternate."""
    chosen = []
    for number, point in enumerate(STARTING + PRODUCING + VIEWING + INTERACTING):
        for turn, slots in enumerate((2, 3, 8)):
            mix = number + turn
            chosen.append(Case(point, slots, (1, 4)[mix % 2], bool(mix // 2 % 2), 1 + mix % 3))
    return chosen


def main():
    form = sys.argv[1] if sys.argv[1:2] in (["short"], ["long"]) else "short"
    selected = [word for word in sys.argv[1:] if word not in ("short", "long")]
    cases = [case for case in (all_cases() if form == "long" else a_few_cases()) if not selected or case.point.split()[0] in selected]
    points = list(dict.fromkeys(case.point for case in cases))
    began = time.monotonic()
    with ThreadPoolExecutor(JOBS) as pool:
        problems = list(pool.map(Case.run, cases))
    alone = {"every point of fault.h has its cases": every_point_is_listed(),
             "the segment of a kill between shmget and IPC_RMID is swept": an_orphan_is_swept(),
             "a producer that is stopped during a format change does not count as crashed": a_stop_is_no_crash(),
             "a lost ring delays the other side only briefly": a_lost_ring_delays_only_briefly()}
    print(f"1..{len(points) + len(alone)}")
    for number, point in enumerate(points, 1):
        mine = [(case, problem) for case, problem in zip(cases, problems) if case.point == point]
        bad = [(case, problem) for case, problem in mine if problem]
        print(f"{'not ok' if bad else 'ok'} {number} - {point}: {len(mine)} kills, {len(bad)} findings")
        for case, problem in bad[:3]:
            for line in f"{case.name}: {problem}".splitlines():
                print(f"# {line}")
    for number, (what, problem) in enumerate(alone.items(), len(points) + 1):
        print(f"{'not ok' if problem else 'ok'} {number} - {what} {problem or ''}")
    findings = sum(problem is not None for problem in [*problems, *alone.values()])
    reached = sum(case.kills for case in cases)
    if form == "long" and not selected and reached < KILLS_EXPECTED:
        findings += 1
        print(f"# only {reached} kills, not {KILLS_EXPECTED}")
    print(f"# {reached} of {len(cases)} kills at {len(points)} points in {time.monotonic() - began:.0f} s")
    if form == "long":
        print(f'PROOF name="kill matrix" runs={reached} findings={findings} seed=-')
    sys.exit(findings > 0)


if __name__ == "__main__":
    main()
