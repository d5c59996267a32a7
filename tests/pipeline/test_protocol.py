# SPDX-License-Identifier: MIT
"""What the viewer and the X server send each other, through a proxy that holds, changes and counts it (lib/xproxy.py). The proxy
records when each request and each answer passed. The viewer's records are compared with these times and with its lane."""
import os
import re
import signal
import socket
import struct
import threading
import time

from harness import *
from witness import Witness, png, soon, table_of
from xproxy import ERROR, Client, Proxy, stop

ASYNC, COPY = 1, 2  # options of PresentPixmap
FLIP, SKIP = 1, 2  # modes of CompleteNotify; 0: copy
HOLD_S = 0.1  # how long a message is held: a viewer that does not wait for it continues in this time


class SlotProxy(Proxy):
    """Knows which slot a request reads. While `watched` is not 0, it holds each such request and each answer to it for a moment:
    the viewer's lane must hold the slot all the time. `early` has those that it did not hold."""

    def __init__(self, display):
        super().__init__(display)
        self.offsets = {}  # pixmap or picture -> offset of its slot in the segment
        self.slots = set()  # all of these offsets
        self.watched = 0
        self.early = []
        self.reads = []  # (request, slot), in order; without those by which the server reads all slots for the first time
        self.has_begun = False
        self.viewer = self.witness = None

    def offset_of(self, request):
        """The offset that the request reads, or None."""
        if request.name == "ShmPutImage" and request.read("B", 28) == 24:  # the depth; the nonce is drawn with depth 1
            return request.read("I", 36)
        position = {"CopyArea": 4, "RenderComposite": 8, "PresentPixmap": 8}.get(request.name)
        return position and self.offsets.get(request.read("I", position))

    def on_request(self, connection, request, data):
        if request.name == "ShmCreatePixmap":
            self.offsets[request.read("I", 4)] = request.read("I", 24)
        elif request.name == "CreatePicture" and request.read("I", 8) in self.offsets:
            self.offsets[request.read("I", 4)] = self.offsets[request.read("I", 8)]
        offset = self.offset_of(request)
        if offset:
            self.slots.add(offset)
            slot = sorted(self.slots).index(offset)
            is_put = request.name == "ShmPutImage" and request.read("B", 30)  # 30: an event is requested
            self.has_begun = self.has_begun or is_put or request.name in ("PresentPixmap", "RenderComposite")
            if self.has_begun:
                self.reads.append((request, slot))
                if self.watched > 0:
                    self.check_held(request.name, slot)
        return data

    def on_message(self, connection, message):
        if self.watched > 0 and message.name in ("IdleNotify", "ShmCompletion", "GetInputFocus"):
            read = self.read_of(connection, message)
            if read and answers_slot(read[0], message):
                self.check_held(f"{message.name} for {read[0].name}", read[1])
                self.watched -= 1
        return True

    def read_of(self, connection, message):
        """The read that the message answers."""
        sequence = origin_of(connection, message)
        return next((read for read in self.reads[::-1] if read[0].sequence <= sequence), None)

    def check_held(self, what, slot):
        deadline = time.monotonic() + HOLD_S
        while time.monotonic() < deadline:
            if not self.witness.held(self.viewer) >> slot & 1:
                self.early.append(f"{what}: slot {slot}")
                self.watched = 0
                return
            time.sleep(0.005)

    def watch(self, count, action=lambda: None):
        """Watch the next reads and their answers, which the action may cause, until they have passed."""
        self.watched = count
        action()
        until(lambda: self.watched <= 0 or self.early or not self.viewer.is_running(), "requests that read a slot")
        equal(self.early, [], "slots that were released while the server could read them")


def origin_of(connection, message):
    """The sequence number of the request that the message answers."""
    if message.name == "IdleNotify":
        return next(r.sequence for r in connection.of("PresentPixmap") if r.read("I", 12) == message.read("I", 20))
    return next(r.sequence for r in reversed(connection.requests) if r.sequence & 0xFFFF == message.sequence)


def answers_slot(read, message):
    return message.name == {"PresentPixmap": "IdleNotify", "ShmPutImage": "ShmCompletion"}.get(read.name, "GetInputFocus")


def us(nanoseconds):
    return nanoseconds / 1000


def through(t, proxy, *arguments, presenter="x11"):
    if os.path.exists(f"{t.path}/v.csv"):
        os.unlink(f"{t.path}/v.csv")
    return t.viewer(*arguments, presenter=presenter, env={"DISPLAY": proxy.name})


def has_rows(t, count, name="v.csv"):
    viewer = t.processes[-1]
    until(lambda: text_of(f"{t.path}/{name}").count("\n") > count or not viewer.is_running(), "rows of frames")
    assert viewer.is_running(), viewer.err


def ended(t, viewer):
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)
    return table_of(f"{t.path}/v.csv")


# ---------------------------------------------------------------- results of Present


class ScriptedResults(Proxy):
    """Keeps CompleteNotify until five in a row have come, and delivers these youngest first, with times and modes of its own.
    After each it adds one of another kind, which concerns no pixmap."""

    def __init__(self, display):
        super().__init__(display)
        self.kept = []
        self.delivered_ns = {}  # serial -> when

    def on_message(self, connection, message):
        if message.name != "CompleteNotify":
            return True
        self.kept.append(message)
        serials = range(len(self.delivered_ns) + 1, len(self.delivered_ns) + 6)
        if {kept.read("I", 20) for kept in self.kept}.issuperset(serials):
            events = []
            batch = sorted((kept for kept in self.kept if kept.read("I", 20) in serials), key=lambda kept: -kept.read("I", 20))
            for kept in batch:
                serial = kept.read("I", 20)
                self.delivered_ns[serial] = time.monotonic_ns()
                other = type(kept)(**vars(kept))
                kept.data = kept.data[:11] + bytes([mode_of(serial)]) + kept.data[12:24] + ust_of(serial) + kept.data[32:]
                other.data = kept.data[:10] + bytes([1, SKIP]) + kept.data[12:24] + bytes(8) + kept.data[32:]
                events += [kept, other]
                self.kept.remove(kept)
            connection.send_client(*events)
        return False


def mode_of(serial):
    return (0, FLIP, SKIP, 0)[serial % 4]


def ust_us(serial):
    return 5_000_000_000 + 7919 * serial


def ust_of(serial):
    return ust_us(serial).to_bytes(8, "little")


@test
def frames_have_the_time_and_the_result_that_present_reports(t):
    """In microseconds, oldest first though the results come youngest first. What the display skipped is not shown. A frame is
    done before its result, with vsync: the results are held until two more frames were sent."""
    display = Display(t)
    t.producer("-s", "64x48", "-r", "100", "--buffers", "4")
    proxy = ScriptedResults(display)
    viewer = through(t, proxy, "--csv", "v.csv", "--json", "v.json")
    has_rows(t, 40)
    rows = ended(t, viewer)
    connection = proxy.own()
    serials = [request.read("I", 12) for request in connection.of("PresentPixmap")]
    equal(serials, list(range(1, len(serials) + 1)), "serials")
    equal(len(rows), len(serials), "rows")
    numbers = [int(row["sequence"]) for row in rows]
    equal(numbers, sorted(numbers), "the order of the rows")
    for row, serial in zip(rows, serials):
        has_result = serial in proxy.delivered_ns
        equal(float(row["display_start_us"]), ust_us(serial) if has_result else 0, f"time of frame {serial}")
        equal(row["skipped"], str(int(not has_result or mode_of(serial) == SKIP)), f"result of frame {serial}")
        equal(row["user_copies"], "0")
        if has_result and serial % 5 in (1, 2, 3):
            assert float(row["done_us"]) < us(proxy.delivered_ns[serial]), f"frame {serial} was done only with its result"
    rows = [row for row in rows if row["again"] == "0"]
    shown = sum(row["skipped"] == "0" for row in rows)
    report = report_of(f"{t.path}/v.json")
    equal((report["frames"]["shown"], report["frames"]["display_skipped"]), (shown, len(rows) - shown))
    equal(report["display_start_us"]["count"], shown)
    equal(int(re.search(r"(\d+) frames of 64x48 shown", viewer.err)[1]), shown)
    equal(int(re.search(r"(\d+) skipped", viewer.err)[1]), report["frames"]["skipped"])
    for request in connection.of("PresentPixmap"):
        equal(request.read("I", 40), COPY, "options with vsync")
        equal((request.read("Q", 48), request.read("Q", 56), request.read("Q", 64)), (0, 0, 0), "the next vblank")


# ---------------------------------------------------------------- slots


def compare_scales(connection, frame, window):
    """Each picture that was drawn has the factors of this window. The aspect ratios are the same."""
    factors = {r.read("I", 4): (r.read("i", 8), r.read("i", 24)) for r in connection.of("SetPictureTransform")}
    drawn = {r.read("I", 8) for r in connection.of("RenderComposite")}
    for picture in drawn:
        equal(factors[picture], tuple(frame[i] * 65536 // window[i] for i in (0, 1)), "factors of a picture")


def compare_fills(connection):
    """Each pixmap that frames are drawn into is filled whole with black before, so that nothing else is around the frame."""
    sizes = {r.read("I", 4): (r.read("H", 12), r.read("H", 14)) for r in connection.of("CreatePixmap")}
    pictures = pictures_of(connection)
    black = {r.read("I", 4) for r in connection.of("CreateGC") if r.read("I", 12) == 0x10004 and r.read("I", 16) == 0}
    fills = {r.read("I", 4): r for r in connection.of("PolyFillRectangle")}
    targets = {pictures[r.read("I", 16)] for r in connection.of("RenderComposite")}
    assert targets, "no frame was composed"
    equal([m.name for m in connection.messages if m.name == "event 14"], [], "NoExposure events")
    for pixmap in targets:
        fill = fills[pixmap]
        equal(struct.unpack_from("<hhHH", fill.data, 12), (0, 0, *sizes[pixmap]), "the rectangle that is filled")
        assert fill.read("I", 8) in black, "not filled with black"


DRAW = ("RenderComposite", "CopyArea", "PresentPixmap")


def compare_times(rows, proxy, connection):
    """Each row's submit and done, with the request that read its slot and the answers to it. Only one frame is in flight."""
    reads = [request for request, _ in proxy.reads]
    rows = sorted(rows, key=lambda row: float(row["submit_us"]))
    equal(len(rows), len(reads), "rows and requests that read a slot")
    answers = [(origin_of(connection, m), m.passed_ns) for m in connection.messages
               if m.passed_ns and m.name in ("IdleNotify", "ShmCompletion", "GetInputFocus")]
    late_us = []  # how long it takes to process the last answer
    for row, next_row, read, after in zip(rows, rows[1:], reads, reads[1:]):
        submit, done = float(row["submit_us"]), float(row["done_us"])
        assert float(row["acquire_us"]) <= submit <= us(read.at_ns), f"submit {submit} of {row}, read {read}"
        origin, last = max(answer for answer in answers if read.sequence <= answer[0] < after.sequence)
        assert us(last) <= done, f"frame {row['sequence']} was done before {read.name} was answered"
        late_us.append(done - us(last))
        if row["again"] == next_row["again"] == "0":  # nothing is drawn for a pause in between
            assert done <= us(after.at_ns), f"frame {row['sequence']} was done after the next was sent"
            late = [r.name for r in connection.requests[origin : after.sequence - 1] if r.name in DRAW]
            equal(late, [], "requests that draw after the one that is answered")
    assert sorted(late_us)[len(late_us) // 2] < 90000, "most answers wait for the next turn of the loop"


@test
def no_slot_is_released_before_the_server_has_read_it(t):
    """Unscaled, scaled, paused and drawn again, each way. The times of the records are within those of the requests."""
    display = Display(t)
    client = Client(display)
    producer = t.producer("-s", "64x48", "-r", "100", "--buffers", "3")
    for presenter, way in (("x11", "x11-present"), ("x11-put", "x11-putimage")):
        proxy = SlotProxy(display)
        viewer = proxy.viewer = through(t, proxy, "--csv", "v.csv", "--json", "v.json", "--vsync", "off", presenter=presenter)
        window = display.window_of(viewer)
        has_rows(t, 3)
        with Witness(t, producer) as proxy.witness:
            proxy.watch(2)
            client.resize(int(window), 200, 150)
            until(lambda: proxy.own().count("RenderComposite"), "scaled frames")
            proxy.watch(2)
            proxy.watch(1, lambda: display.pause(window))
            proxy.watch(2, lambda: display.key(window, "space"))
        rows = ended(t, viewer)
        assert "1" in [row["again"] for row in rows], "no row of the frame that is drawn again for the pause"
        compare_times(rows, proxy, proxy.own())
        compare_fills(proxy.own())
        compare_scales(proxy.own(), (64, 48), (200, 150))
        equal(report_of(f"{t.path}/v.json")["presenter"], way)
        equal([m.name for m in proxy.own().errors()], [], "errors of the server")
        proxy.close()
        for request in proxy.own().of("PresentPixmap"):
            equal(request.read("I", 40), COPY | ASYNC, "options without vsync")


class HeldEvents(SlotProxy):
    """Keeps the events of these names until release()."""

    def __init__(self, display, *names):
        super().__init__(display)
        self.names, self.kept = names, []

    def on_message(self, connection, message):
        is_kept = message.name in self.names
        if is_kept:
            self.kept.append((connection, message))
        return not is_kept

    def release(self):
        self.names = ()
        for connection, message in self.kept:
            connection.send_client(message)


@test
def a_slot_is_free_after_its_own_answer(t):
    """A slot that is shown directly is free after IdleNotify, not after CompleteNotify. A slot that is scaled, or one of two
    slots with vsync, is free when the server has composed it. The next frame uses the other pixmap, and a third one waits."""
    display = Display(t)
    producer = t.producer("-s", "64x48", "-r", "100", "--buffers", "3", "-n", "three")
    proxy = HeldEvents(display, "IdleNotify")
    viewer = through(t, proxy, "-n", "three", "--csv", "v.csv", "--vsync", "off")
    with Witness(t, producer, "three") as witness:
        until(lambda: proxy.own() and proxy.own().seen("CompleteNotify"), "a frame that is shown")
        let_run(HOLD_S)
        (read, slot), = proxy.reads
        equal(read.name, "PresentPixmap", "how a frame of the window's size is shown")
        assert witness.held(viewer) >> slot & 1, "released before IdleNotify"
        producer.signal(signal.SIGSTOP)
        proxy.release()
        has_rows(t, 1)
        until(lambda: witness.held(viewer) == 0, "slots that are free")
    ended(t, viewer)
    proxy.close()
    producer = t.producer("-s", "64x48", "-r", "100", "--buffers", "2")
    proxy = HeldEvents(display, "IdleNotify", "CompleteNotify")
    viewer = through(t, proxy, "--csv", "v.csv", "--json", "v.json")
    with Witness(t, producer) as witness:
        until(lambda: proxy.own() and proxy.own().count("PresentPixmap") >= 2, "two frames")
        until(lambda: witness.held(viewer) == 0, "slots that are free")
    let_run(HOLD_S)
    equal([r.name for r, _ in proxy.reads], ["RenderComposite"] * 2)
    first, second = proxy.own().of("PresentPixmap")
    drawn = [pictures_of(proxy.own())[r.read("I", 16)] for r, _ in proxy.reads]
    equal(drawn, [first.read("I", 8), second.read("I", 8)], "pixmaps that are drawn and shown")
    assert drawn[0] != drawn[1], "a pixmap was drawn again before it was shown"
    equal(t.counters(viewer, "v.json")["shown"], 0, "frames that are shown")
    proxy.release()
    has_rows(t, 8)
    ended(t, viewer)


def pictures_of(connection):
    """picture -> its drawable"""
    return {r.read("I", 4): r.read("I", 8) for r in connection.of("CreatePicture")}


def need_small_buffers():
    """A frame of 640x480 must not fit into a socket."""
    if int(text_of("/proc/sys/net/core/wmem_default") or 0) > 500000:
        raise Skip("net.core.wmem_default exceeds 500000 bytes")


class SentProxy(Proxy):
    """Stops reading at the first piece of some frames, so that the other pieces do not fit into the socket."""
    viewer = witness = None
    to_watch = early = 0

    def __init__(self, display):
        super().__init__(display)
        self.pieces = {}  # the first pixels of each y
        self.answers = threading.Event()
        self.answers.set()

    def on_request(self, connection, request, data):
        if request.name == "PutImage" and request.read("H", 12) == 640:
            self.pieces.setdefault(request.read("h", 18), data[28:])
        if self.to_watch and request.name == "PutImage" and request.read("h", 18) == 0:
            deadline = time.monotonic() + HOLD_S
            while time.monotonic() < deadline and not self.early:
                self.early += self.witness.held(self.viewer) == 0
                time.sleep(0.005)
            self.to_watch -= 1
        return data

    def on_message(self, connection, message):
        while not self.answers.wait(0.1) and not self.is_closed:
            pass
        return True


@test
def a_sent_slot_is_held_until_its_pixels_are_written(t):
    """And it is free then, though the server has answered nothing yet. The pieces cover the frame."""
    need_small_buffers()
    display = Display(t)
    producer = t.producer("-s", "640x480", "-r", "30")
    proxy = SentProxy(display)
    viewer = proxy.viewer = through(t, proxy, "--csv", "v.csv", presenter="x11-send")
    has_rows(t, 2)
    with Witness(t, producer) as proxy.witness:
        proxy.to_watch = 2
        until(lambda: not proxy.to_watch or not viewer.is_running(), "frames that are sent")
        equal(proxy.early, 0, "released before its pixels were sent")
        proxy.answers.clear()
        until(lambda: proxy.witness.held(viewer) == 0, "a slot that is free")
        proxy.answers.set()
    ended(t, viewer)
    equal(len(set(proxy.pieces.values())), 5, "pieces of different pixels")
    pieces = [(r.read("h", 18), r.read("H", 14)) for r in proxy.own().of("PutImage") if r.read("H", 12) == 640]
    rows_sent = 0
    for y, height in pieces:
        equal(y, rows_sent % 480, "the first row of a piece")
        rows_sent += height


@test
def a_signal_during_the_sending_of_a_frame_skips_it(t):
    """The signal arrives while the other pieces wait for the connection. They are not sent, and the frame is not shown, though
    the server answers immediately."""
    need_small_buffers()
    display = Display(t)
    t.producer("-s", "640x480", "-r", "30")

    class SignalProxy(Proxy):
        is_due = False

        def on_request(self, connection, request, data):
            if self.is_due and request.name == "PutImage" and request.read("h", 18) == 0:
                self.is_due = False
                viewer.signal(signal.SIGINT)
            return data
    proxy = SignalProxy(display)
    viewer = through(t, proxy, "--csv", "v.csv", "--json", "v.json", presenter="x11-send")
    has_rows(t, 2)
    proxy.is_due = True
    viewer.ends_with(130)
    pieces = [r.read("h", 18) for r in proxy.own().of("PutImage") if r.read("H", 12) == 640]
    assert 1 <= len(pieces) - max(i for i, y in enumerate(pieces) if y == 0) < 5, "the frame was sent to its end"
    rows = table_of(f"{t.path}/v.csv")
    equal([(row["skipped"], row["user_copies"]) for row in rows], [("0", "1")] * (len(rows) - 1) + [("1", "0")], "results")
    frames = report_of(f"{t.path}/v.json")["frames"]
    equal((frames["shown"], frames["display_skipped"]), (sum(row["again"] == "0" for row in rows) - 1, 1))


# ---------------------------------------------------------------- refusals


class Refusals(Proxy):
    """Changes a value of the n-th request of a name, so that the server refuses it."""

    def __init__(self, display, name, number, offset, value):
        super().__init__(display)
        self.name_of_refused, self.number, self.offset, self.value = name, number, offset, value
        self.refused = None

    def on_request(self, connection, request, data):
        if request.name == self.name_of_refused and connection.count(request.name) == self.number:
            self.refused = request
            data = data[: self.offset] + self.value + data[self.offset + len(self.value) :]
        return data


NO_ID = bytes([1, 0, 0, 0])


@test
def a_frame_that_the_server_refuses_is_skipped(t):
    """With the error of a window that has been destroyed. Any other error ends the viewer."""
    display = Display(t)
    t.producer("-s", "64x48", "-r", "60")
    proxy = Refusals(display, "PutImage", 5, 4, NO_ID)
    viewer = through(t, proxy, "--csv", "v.csv", "--json", "v.json", presenter="x11-send")
    has_rows(t, 12)
    rows = ended(t, viewer)[:-1]  # the signal may cut the last frame
    frames = [r.sequence for r in proxy.own().of("PutImage")]
    equal([i for i, row in enumerate(rows) if row["skipped"] == "1"], [frames.index(proxy.refused.sequence)])
    equal([row["user_copies"] for row in rows], [str(1 - int(row["skipped"])) for row in rows], "copies")
    proxy.close()
    proxy = Refusals(display, "PresentPixmap", 5, 4, NO_ID)
    viewer = through(t, proxy, "--csv", "v.csv", "--every-frame", "--vsync", "off")
    until(lambda: proxy.own() and proxy.own().errors(), "an error")
    rows = ended(t, viewer)
    equal([row["skipped"] for row in rows], ["0"] * 4 + ["1"], "results")
    proxy.close()
    proxy = Refusals(display, "PresentPixmap", 5, 8, NO_ID)
    viewer = through(t, proxy)
    viewer.ends_with(12, "display lost", "1", "error 4")  # BadPixmap
    opcode = proxy.refused.data[0]
    assert line_with(viewer.err, [f"{opcode}.1"]), viewer.err


@test
def pixmaps_that_the_server_refuses_are_replaced_by_put(t):
    """None of the others remains."""
    display = Display(t)
    t.producer("-s", "64x48", "--buffers", "4")
    proxy = Refusals(display, "ShmCreatePixmap", 3, 16, b"\x63")
    viewer = through(t, proxy, "-v")
    viewer.prints("x11-putimage")
    display.window_of(viewer)
    own = proxy.own()
    created = {r.read("I", 4) for r in own.of("ShmCreatePixmap")}
    freed = [r.read("I", 4) for r in own.of("FreePixmap") if r.read("I", 4) in created]
    equal(sorted(freed), sorted(created - {proxy.refused.read("I", 4)}), "pixmaps that are freed")
    equal([error.name for error in own.errors()], ["ShmCreatePixmap"], "errors")
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)


@test
def another_segment_of_the_same_number_is_detached(t):
    """The server attaches the segment of another channel, in both modes."""
    display = Display(t)
    other = t.producer("-s", "64x48", "-n", "other")
    t.producer("-s", "64x48")
    shmid = next(s["shmid"] for s in segments() if s["cpid"] == other.pid)

    class OtherSegment(Proxy):
        def on_request(self, connection, request, data):
            return data[:8] + shmid.to_bytes(4, "little") + data[12:] if request.name == "ShmAttach" else data
    for presenter, ends in (("x11", 12), ("auto", 130)):
        proxy = OtherSegment(display)
        viewer = through(t, proxy, "-v", presenter=presenter)
        if ends == 12:
            viewer.ends_with(12, "another segment")
        else:
            viewer.prints("x11-send")
            display.window_of(viewer)
            viewer.signal(signal.SIGINT)
            viewer.ends_with(130)
        own = proxy.own()
        equal([r.read("B", 12) for r in own.of("ShmAttach")], [0, 1], "read-only")
        detached = [r.read("I", 4) for r in own.of("ShmDetach")]  # the viewer may close the connection instead
        equal(detached, [r.read("I", 4) for r in own.of("ShmAttach")][: len(detached)], "segments that are detached")
        equal(len(detached), 2 if ends == 130 else 1)
        proxy.close()


@test
def the_server_reads_all_of_each_slot_before_the_first_frame(t):
    """In bands, so that it can answer other clients in between."""
    display = Display(t)
    t.producer("-s", "2000x1100", "-r", "5", "--buffers", "3")
    for presenter, name, y, width in (("x11", "CopyArea", 18, 24), ("x11-put", "ShmPutImage", 18, 20)):
        proxy = SlotProxy(display)
        viewer = through(t, proxy, "--frames", "1", presenter=presenter)
        viewer.ends_with(0)
        own = proxy.own()
        first = proxy.reads[0][0].sequence
        bands = [r for r in own.of(name) if r.sequence < first and proxy.offset_of(r)]
        equal({r.read("H", width) for r in bands}, {2000}, "columns")
        offsets = sorted(proxy.slots)
        equal(len(offsets), 3, "slots")
        for offset in offsets:
            rows = [(r.read("H", y), r.read("H", width + 2)) for r in bands if proxy.offset_of(r) == offset]
            equal(rows, [(0, 1024), (1024, 76)], "bands")  # 2 Mi pixels of the slot's 2048 columns
        for band in bands:
            following, later = own.requests[band.sequence : band.sequence + 2]
            equal(following.name, "GetInputFocus", "the request after a band")
            answer = next(m for m in own.seen("GetInputFocus") if m.sequence == following.sequence & 0xFFFF)
            assert answer.passed_ns < later.at_ns, "the next band was sent before the answer to this one"
        proxy.close()


@test
def a_refused_cookie_is_reported(t):
    """Of a server whose socket has no file, and of one that listens on a TCP port."""
    need("xauth")
    for number, cookie in (("1", "11" * 16), ("2", "22" * 16)):
        t.run("xauth", "-f", f"{t.path}/cookies{number}", "add", ":0", ".", cookie)
    proxy = Proxy(Display(t, "640x480x24", "-auth", f"{t.path}/cookies1"))
    listener = port_of_a_display()
    t.to_close.append(lambda: stop(listener))
    threading.Thread(target=refuse_all, args=(listener,), daemon=True).start()
    t.producer("-s", "64x48")
    for name in proxy.name, f"127.0.0.1:{listener.getsockname()[1] - 6000}":
        for presenter in ("x11", "auto"):
            viewer = t.viewer("--frames", "3", presenter=presenter, env={"DISPLAY": name, "XAUTHORITY": f"{t.path}/cookies2"})
            viewer.ends_with(12, "cookie", name)


def port_of_a_display():
    for number in range(300, 2000):
        try:
            return socket.create_server(("127.0.0.1", 6000 + number))
        except OSError:
            continue
    raise Skip("no free port")


def refuse_all(listener):
    try:
        while True:
            listener.accept()[0].close()
    except OSError:
        pass


class Silent(Proxy):
    """From the first message or request of a name on it holds everything in this direction."""

    def __init__(self, display, name):
        super().__init__(display)
        self.silent_name, self.since_ns = name, 0

    def hold(self, item):
        while not self.is_closed and (item.name == self.silent_name or self.since_ns and item.at_ns > self.since_ns):
            self.since_ns = self.since_ns or time.monotonic_ns()
            time.sleep(0.1)

    def on_message(self, connection, message):
        if connection is self.own():
            self.hold(message)
        return True

    def on_request(self, connection, request, data):
        if connection is self.own():
            self.hold(request)
        return data


@test
def a_display_that_does_not_answer_is_lost_after_5_s(t):
    """While the viewer attaches the segment, while it waits for a frame that it has sent, and while it sends one. The report is
    written."""
    display = Display(t)
    t.producer("-s", "640x480", "-r", "30")
    all_of = []
    for presenter, name, is_open in (("x11", "GetImage", False), ("x11", "IdleNotify", True), ("x11-send", "PutImage", True)):
        proxy = Silent(display, name)
        all_of.append((proxy, through(t, proxy, "-q", "--json", f"{name}.json", presenter=presenter), name, is_open))
    ends_ns = {}

    def have_ended():
        for _, viewer, name, _ in all_of:
            if name not in ends_ns and not viewer.is_running():
                ends_ns[name] = time.monotonic_ns()
        return len(ends_ns) == len(all_of)
    soon(have_ended, "the exits of all viewers", HANG_SECONDS)
    for proxy, viewer, name, is_open in all_of:
        # The proxy holds the request a moment after the viewer sent it.
        assert proxy.since_ns and ends_ns[name] - proxy.since_ns > 4.5e9, f"{name}: lost too early"
        viewer.fails_with(12, "no answer for 5 s")
        equal(os.path.exists(f"{t.path}/{name}.json"), is_open, f"{name}: report")
        proxy.close()


# ---------------------------------------------------------------- waking up


@test
def the_viewer_does_not_poll_the_display(t):
    """Without a new frame it sleeps for 100 ms at a time. The window's size changes as soon as the previous change is drawn; most
    changes must be drawn sooner than that, also while paused, and without vsync. On a busy machine this takes some tries."""
    display = Display(t)
    client = Client(display)
    producer = t.producer("-s", "64x48", "-r", "100")
    for arguments in [], ["--vsync", "off"]:
        proxy = Proxy(display)
        producer.signal(signal.SIGCONT)
        viewer = through(t, proxy, "--csv", "v.csv", *arguments)
        window = display.window_of(viewer)
        has_rows(t, 3)
        own = proxy.own()
        producer.signal(signal.SIGSTOP)

        def is_quick():
            quick = 0
            for width in range(100, 114):
                count = own.count("CreatePicture")
                began = time.monotonic()
                client.resize(int(window), width, 80)
                soon(lambda: own.count("CreatePicture") > count or not viewer.is_running(), "a size that is followed")
                quick += time.monotonic() - began < 0.05
            return quick >= 8
        assert any(is_quick() for _ in range(8)), "changes of the size wait for the next turn"
        display.pause(window)
        assert any(is_quick() for _ in range(8)), "changes of the size wait for the next turn while paused"
        display.key(window, "space")

        def is_done_soon():
            """Is a frame done soon after the answer to it? The last row may be incomplete."""
            for width in range(120, 126):
                count = len(own.seen("IdleNotify"))
                client.resize(int(window), width, 80)
                soon(lambda: len(own.seen("IdleNotify")) > count or not viewer.is_running(), "an answer")
                let_run(0.15)
            answers = [us(message.passed_ns) for message in own.seen("IdleNotify")]
            done = [float(row["done_us"]) for row in table_of(f"{t.path}/v.csv")[-5:-1]]
            late = [time_us - max(answer for answer in answers if answer <= time_us) for time_us in done]
            return sorted(late)[len(late) // 2] < 50000
        assert any(is_done_soon() for _ in range(8)), "answers wait for the next turn"
        ended(t, viewer)
        proxy.close()


# ---------------------------------------------------------------- resources

MORE = int(os.environ.get("PAGEFLIP_REPEAT", 50))  # of each


def both_counts(own, client, any_id):
    """What exists by the requests, and by the server's own count; None while the two differ, since the viewer is at work."""
    by_requests, in_server = own.resources(), client.resources(any_id)
    kinds = {"pixmap": "PIXMAP", "picture": "PICTURE", "gc": "GC", "window": "WINDOW", "segment": "ShmSeg"}
    return all(by_requests[kind] == in_server[kinds[kind]] for kind in kinds) and (by_requests, in_server)


@test
def nothing_is_left_in_the_server(t):
    """After overlays, sizes, pauses, changes of the format and of the producer there is as much as before, by the requests of
    the viewer and by the server's own count. The server has detached what the viewer has left."""
    display = Display(t)
    client = Client(display)
    os.makedirs(f"{t.path}/stills")
    for name, size in (("1.png", (64, 48)), ("2.png", (48, 64))):
        with open(f"{t.path}/stills/{name}", "wb") as file:
            file.write(png(*size, bytes([200] * 3)))
    for presenter in ("x11", "x11-put"):
        producer = t.producer("-s", "64x48", "-r", "100")
        proxy = Proxy(display)
        viewer = through(t, proxy, "--follow", "--csv", "v.csv", "--scale", "2", presenter=presenter)
        window = display.window_of(viewer)
        number = int(window)
        has_rows(t, 3)
        display.key(window, "o", "o")
        own = proxy.own()
        until(lambda: own.count("UnmapWindow"), "an overlay that is hidden")
        client.resize(number, 130, 98)
        has_rows(t, 20)
        any_id = own.of("CreateGC")[0].read("I", 4)  # names the viewer's connection
        before, in_server = until(lambda: both_counts(own, client, any_id), "the same resources by both counts")

        def repeat(name, count, action):
            """Repeat the action until the viewer has sent as many more of these requests; nothing has accumulated then."""
            end, deadline = own.count(name) + count, time.monotonic() + HANG_SECONDS + count / 10
            while own.count(name) < end and viewer.is_running() and time.monotonic() < deadline:
                action()
            assert own.count(name) >= end, f"{own.count(name) - end + count} of {count} {name}: {viewer.err}"
            now = own.resources()
            more = {kind: now[kind] - before[kind] for kind in now if now[kind] > before[kind] + 8}
            equal(more, {}, f"more than before, after {count} {name}")

        def resize():
            count = own.count("CreatePicture")
            client.resize(number, 96 + count % 50, 98)
            soon(lambda: own.count("CreatePicture") > count or not viewer.is_running(), "a size that is followed")
        display.focus(window)
        repeat("ClearArea", MORE, lambda: display.xdotool("key", "--delay", "1", *["o"] * 40))
        repeat("CreatePicture", MORE, resize)
        # SDL takes a key for a repetition within 2 ms of its release; an even number of presses ends a pause.
        repeat("CreatePicture", MORE, lambda: display.xdotool("key", "--delay", "5", *["space"] * 10))
        sizes = [(r.read("H", 12), r.read("H", 14)) for r in own.of("CreatePixmap") if r.read("H", 12) > 320]
        equal({(r.read("I", 12), r.read("I", 16)) for r in own.of("ConfigureWindow")}, set(sizes), "sizes of the overlay")
        display.pause(window)
        repeat("CreatePicture", MORE, resize)
        display.key(window, "space")
        producer.signal(signal.SIGINT)
        producer.ends_with(130)
        producer = t.producer(f"{t.path}/stills", "-r", "100", "--loop")
        repeat("ShmAttach", MORE // 4, lambda: time.sleep(0.02))
        assert len([s for s in segments() if s["cpid"] == producer.pid]) < 5, "segments that the server has not detached"
        producer.signal(signal.SIGINT)
        producer.ends_with(130)
        attaches = own.count("ShmAttach")
        producer = t.producer("-s", "64x48", "-r", "100")
        until(lambda: own.count("ShmAttach") > attaches, "the next producer")
        until(lambda: client.resources(any_id) == in_server, "as much in the server as before")
        ended(t, viewer)
        proxy.close()
        producer.kill()


if __name__ == "__main__":
    main()
