# SPDX-License-Identifier: MIT
"""More events of the window than SDL processes: while it waits for the server's answer to one event, the next arrives, so it
always finds another. Without a limit of its own the viewer would stay in one call of SDL."""
import signal
import struct
import threading
import time

from harness import *
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


if __name__ == "__main__":
    main()
