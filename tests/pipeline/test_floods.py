# SPDX-License-Identifier: MIT
"""More events of the window than SDL processes: while it waits for the server's answer to one event, the next arrives, so it
always finds another. Without a limit of its own the viewer would stay in one call of SDL. And keys that arrive in one piece."""
import signal
import struct
import threading
import time

from harness import *
from witness import Witness
from xproxy import Client, Proxy, stop

PRODUCER_OPTIONS = ["-s", "320x240", "-r", "100"]


class Events(Proxy):
    """`client` causes events of the window of a viewer. For each event SDL makes the request `request`; from start() on, the
    proxy calls on_answer() before it passes such a request."""

    def __init__(self, t, request, *arguments):
        self.request, self.count, self.is_started = request, 0, False
        display = Display(t)
        super().__init__(display)
        self.client, self.lock = Client(display), threading.Lock()
        self.state, self.type = self.atom(b"_NET_WM_STATE"), self.atom(b"ATOM")
        self.json = f"{self.name}.json"
        self.viewer = t.viewer("-q", "--json", self.json, *arguments, presenter="x11", env={"DISPLAY": self.name})
        self.window = int(display.window_of(self.viewer))
        until(lambda: self.own() and self.own().count("PresentPixmap") > 2 or not self.viewer.is_running(), "frames")

    def atom(self, name):
        self.client.send(16, 0, struct.pack("<Hxx", len(name)) + name + bytes(-len(name) % 4))
        return struct.unpack_from("<I", self.client.reply(), 8)[0]

    def cause(self, width=0, height=200):
        """Cause an event, which is on its way to SDL when this returns."""
        with self.lock:
            self.count += 1
            if self.request == "TranslateCoordinates":
                self.client.resize(self.window, width or 300 + self.count % 2, height)
            else:
                self.client.send(18, 0, struct.pack("<IIIB3xI", self.window, self.state, self.type, 32, 0))
            self.client.sync()

    def start(self):
        self.is_started = True
        self.cause()

    def on_request(self, connection, request, data):
        if self.is_started and request.name == self.request:
            self.on_answer(connection)
        return data

    def on_answer(self, connection):
        self.cause()

    def has_caused(self, count):
        until(lambda: self.count >= count or not self.viewer.is_running(), f"{count} events")
        assert self.viewer.is_running(), self.viewer.err


class Resizes(Events):
    """The window is resized until the test sets `is_last`."""

    is_last = False

    def on_answer(self, connection):
        if self.is_last:
            self.is_started = False
            self.cause(640, 480)
        else:
            self.cause()


@test
def a_window_that_is_resized_all_the_time_shows_frames(t):
    t.producer(*PRODUCER_OPTIONS)
    for arguments in [], ["--every-frame"]:
        proxy = Resizes(t, "TranslateCoordinates", *arguments)
        viewer = proxy.viewer
        before = t.counters(viewer, proxy.json)["acquired"]
        proxy.start()
        proxy.has_caused(30)

        def acquired():
            viewer.signal(signal.SIGUSR1)
            return report_of(f"{t.path}/{proxy.json}")["frames"]["acquired"]
        until(lambda: not viewer.is_running() or acquired() > before + 30, "frames while the window is resized")
        assert viewer.is_running(), viewer.err
        proxy.is_last = True
        until(lambda: has_size(proxy, 640, 480) or not viewer.is_running(), "a frame of the last size")
        viewer.signal(signal.SIGINT)
        viewer.ends_with(130)


def has_size(proxy, width, height):
    """Has the viewer created a pixmap of this size, to compose frames for the window?"""
    sizes = [(r.read("H", 12), r.read("H", 14)) for r in proxy.own().of("CreatePixmap")]
    return (width, height) in sizes[-2:]


class SlowEvents(Events):
    """The connection is slow, so that the viewer soon has processed the events of some seconds."""

    def on_answer(self, connection):
        time.sleep(0.01)
        self.cause()


@test
def a_display_that_sends_only_events_is_not_lost(t):
    """It does not hang, so the viewer continues, unless it was asked to exit: then the wait has its usual limit of 5 s. The
    first viewer shows to the test that this time has passed for the second one."""
    t.producer(*PRODUCER_OPTIONS)
    first, second = [SlowEvents(t, "GetProperty") for _ in range(2)]
    for proxy in second, first:
        proxy.start()
        proxy.has_caused(30)
    first.viewer.signal(signal.SIGINT)
    first.viewer.fails_with(12, "display", "no answer")
    let_run(2)
    assert second.viewer.is_running(), second.viewer.err
    second.is_started = False
    second.viewer.signal(signal.SIGINT)
    second.viewer.ends_with(130)


class CutWithEvents(Events):
    """Cuts the connection when SDL has processed 2000 events, and none is left."""

    def on_answer(self, connection):
        if self.count > 2000:
            stop(connection.client)
        else:
            self.cause()


class CutBeforeEvents(Events):
    """Cuts the connection when Xlib has read 2000 events, and SDL has processed one of them."""

    def on_answer(self, connection):
        if self.count > 2000:
            stop(connection.client)
        while self.count <= 2000:
            self.cause()


@test
def a_display_lost_with_many_events_ends_the_viewer(t):
    """Xlib collects the requests that are made after the loss, and crashes when its buffer for them is full. So neither SDL nor
    the viewer may process these events."""
    t.producer(*PRODUCER_OPTIONS)
    for kind in CutWithEvents, CutBeforeEvents:
        proxy = kind(t, "GetProperty")
        proxy.start()
        proxy.viewer.fails_with(12, "display", "connection")


KEY_PRESS, KEY_RELEASE = 2, 3  # events
KEY_INTERVAL_MS = 20  # SDL takes a press for a repetition if it is directly after a release
SENT_MAX = 16  # frames that wait for an answer of the display: X11_SENT_MAX


class Keys(Proxy):
    """Delivers what the user presses in one piece. Without `answers`, the viewer's own connection gets no answers."""

    def __init__(self, t):
        self.screen = Display(t, "1280x800x24", "-r")  # -r: a key that is held down on a busy machine is not repeated
        super().__init__(self.screen)
        self.kept, self.answers = [], threading.Event()
        self.answers.set()
        self.viewer = t.viewer("-q", presenter="x11", env={"DISPLAY": self.name})
        self.window = self.screen.window_of(self.viewer)
        until(lambda: self.own() and self.own().count("PresentPixmap") > 2 or not self.viewer.is_running(), "frames")

    def on_message(self, connection, message):
        if message.kind in (KEY_PRESS, KEY_RELEASE):
            self.kept.append((connection, message))
            return False
        while connection is self.own() and not self.answers.wait(0.1) and not self.is_closed:
            pass
        return True

    def keep(self, *keys):
        self.screen.key(self.window, *keys)
        until(lambda: len(self.kept) == 2 * len(keys) or not self.viewer.is_running(), "keys")

    def deliver(self):
        first_ms = self.kept[0][1].read("I", 4)
        for i, (_, message) in enumerate(self.kept):
            time_ms = first_ms + i * KEY_INTERVAL_MS & 0xFFFFFFFF
            message.data = message.data[:4] + struct.pack("<I", time_ms) + message.data[8:]
        self.kept[0][0].send_client(*(message for _, message in self.kept))
        self.kept = []

    def titles(self):
        """What the viewer has written into the two properties of the title so far."""
        changes = [request for connection in list(self.connections) for request in connection.of("ChangeProperty")]
        return [change.data[24:] for change in changes if change.data[24:].startswith(b"pageflip ")]

    def has_title(self, is_paused):
        def is_as_expected():
            return any(b"paused" in title for title in self.titles()[-1:]) == is_paused
        until(lambda: is_as_expected() or not self.viewer.is_running(), "a title")


@test
def keys_that_arrive_together_are_handled_in_one_turn(t):
    """A pause that ends with the second of two keys is over before the viewer writes its title."""
    t.producer(*PRODUCER_OPTIONS)
    proxy = Keys(t)
    for is_paused in True, False:
        proxy.keep("space")
        proxy.deliver()
        proxy.has_title(is_paused)
    count = len(proxy.titles())
    proxy.keep("space", "space", "q")
    proxy.deliver()
    proxy.viewer.ends_with(0)
    equal([title for title in proxy.titles()[count:] if b"paused" in title], [], "titles between the keys")


@test
def more_pauses_than_answers_leave_no_slot_held(t):
    """While the display does not answer, the viewer pauses more often than it can send frames."""
    producer = t.producer(*PRODUCER_OPTIONS)
    proxy = Keys(t)
    proxy.keep(*["space"] * (2 * SENT_MAX + 3))
    proxy.answers.clear()
    proxy.deliver()
    proxy.has_title(True)
    with Witness(t, producer) as witness:
        assert witness.held(proxy.viewer) != 0, "the frames without an answer hold no slot"
        proxy.answers.set()
        until(lambda: witness.held(proxy.viewer) == 0, "slots that are free")
    assert proxy.viewer.is_running(), proxy.viewer.err


if __name__ == "__main__":
    main()
