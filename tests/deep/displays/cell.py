# SPDX-License-Identifier: MIT
"""A cell of the matrix: one presenter on one display.

The producer publishes one frame and then no second one for a long time, so already the first frame that the viewer shows has to
be right. The result is one of

    E WAY     exact: the witness saw the frame, every pixel of it, and the viewer reports one shown frame, by this way
    R         refused: the viewer exited with an error and a message, and reports no frame as shown
    FAIL ...  anything else, and what was seen"""
import glob
import os
import re
import signal
import subprocess
import time

from harness import report_of, text_of
from screen import Picture
from servers import SECONDS

WAYS = {"x11-present": "present", "x11-putimage": "put", "x11-send": "send", "sdl-texture": "texture"}
DOUBT_SECONDS = 20  # after which a frame that was reported as shown must be on the screen


class Stopped(Exception):
    """The user stops the run."""


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it has exited


class Cell:
    def __init__(self, room, presenter, number, stop):
        self.room, self.presenter, self.stop = room, presenter, stop
        self.folder = f"{room.t.path}/cell{number}"
        self.report = f"{self.folder}/report.json"
        self.picture = Picture(f"{room.display.name} {presenter}")
        self.notes = ""  # what the viewer printed
        self.saw_foreign_memory = False

    def run(self):
        """Returns the result."""
        os.makedirs(f"{self.folder}/stills")
        self.picture.write_png(f"{self.folder}/stills/1.png")
        user = self.room.display.user
        if user:
            os.chown(self.folder, user, user)
        os.chmod(self.folder, 0o700)
        producer = self.room.start_producer(self.folder, "-q", f"{self.folder}/stills", "--loop", "--rate", "0.01")
        self.viewer = self.room.start_viewer(self.folder, producer, "--presenter", self.presenter, "--wait", "60", "--json",
                                             self.report, "-v")
        try:
            result = self.judge()
        finally:
            self.signal(signal.SIGKILL)
            self.notes = self.viewer.err
            self.viewer.kill()
            producer.kill()
        crash = self.viewer.crash() or producer.crash()
        return f"FAIL {crash}" if crash else result

    def judge(self):
        seen = self.watch()
        if seen:
            self.signal(signal.SIGINT)
        elif self.viewer.is_running():
            return f"FAIL {self.shown()} shown, on the screen: {self.what_is_there()}"
        code, shown = self.viewer.wait(SECONDS), self.shown()
        if self.saw_foreign_memory:
            return f"FAIL {shown} shown, exit {code}, foreign memory on the screen"
        if seen and code == 130 and shown == 1:
            way = report_of(self.report)["presenter"]
            return f"E {WAYS.get(way, way)}"
        if not seen and code not in (0, 130) and not shown and "pageflip-viewer: error: " in self.viewer.err:
            return "R"
        return f"FAIL {shown} shown, exit {code}, {'exact' if seen else 'never exact'}"

    def watch(self):
        """Wait until the screen has the frame and the viewer reports it as shown; returns whether the screen had it."""
        end, seen, asked = time.monotonic() + SECONDS, False, 0
        while self.viewer.is_running() and time.monotonic() < end:
            if self.stop.is_set():
                raise Stopped
            seen = seen or self.is_on_screen()
            if time.monotonic() > asked + 0.15:
                if self.shown():
                    if seen:
                        return True
                    end = min(end, time.monotonic() + DOUBT_SECONDS)
                self.ask()
                asked = time.monotonic()
            time.sleep(0.05)
        return seen

    def viewer_pids(self):
        """The viewer itself, as seen from here: the process that was started may be ssh or nsenter."""
        pids = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            words = text_of(path).split("\0")
            if words[0] == self.room.programs[1] and self.report in words:
                pids.append(int(path.split("/")[2]))
        return pids

    def signal(self, number):
        for pid in self.viewer_pids():
            send(pid, number)

    def ask(self):
        """Request the report by SIGUSR1, if the viewer already handles that signal."""
        for pid in self.viewer_pids():
            caught = re.search(r"^SigCgt:\s(\w+)$", text_of(f"/proc/{pid}/status"), re.M)
            if caught and int(caught[1], 16) >> signal.SIGUSR1 - 1 & 1:
                send(pid, signal.SIGUSR1)

    def shown(self):
        """The frames that the viewer reports as shown."""
        return report_of(self.report)["frames"]["shown"] if os.path.exists(self.report) else 0

    def is_on_screen(self):
        """Read the screen. It cannot be read at some moments while windows change."""
        try:
            self.screen = self.room.server.read()
        except subprocess.CalledProcessError:
            return False
        if self.screen.shows(self.picture):
            return True
        self.saw_foreign_memory |= self.screen.shows_foreign_memory()
        return False

    def what_is_there(self):
        if self.saw_foreign_memory:
            return "foreign memory"
        return "black" if self.screen.is_black() else "something else"
