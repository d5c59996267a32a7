# SPDX-License-Identifier: MIT
"""A display of the matrix: its server, what is between the server and the viewer, and where the programs run."""
import os
import shutil
import sys
from dataclasses import dataclass
from typing import Callable, Optional

from harness import PRODUCER, VIEWER, Skip, until
from servers import SECONDS, start

FOREIGN_SEGMENTS = 4
NAMESPACES = {"ipc": ["-i"], "ipc and pid": ["-i", "-p", "-f", "--kill-child", "--mount-proc"]}


@dataclass(frozen=True)
class Display:
    name: str
    server: Callable  # see servers.py
    link: Optional[Callable] = None  # see links.py
    namespaces: str = ""  # the programs have these, apart from the server's: see NAMESPACES
    foreign: int = 0  # bytes of segments in the server's IPC namespace, which is new as well
    server_user: int = 0  # 0: the user who runs this
    user: int = 0  # of the programs
    short: bool = False  # also in the short form


def setpriv(user):
    return ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups"]


class Room:
    """A started display."""

    def __init__(self, t, display):
        self.t, self.display = t, display
        # The leak check is off: the drivers of SDL have leaks, and the check fails in a PID namespace.
        t.env.update(HOME=t.path, SDL_AUDIODRIVER="dummy", ASAN_OPTIONS="detect_leaks=0")
        self.check_permissions()
        more = {}
        if display.server_user:
            more = {"before": setpriv(display.server_user), "user": display.server_user}
        if display.foreign:
            more = {"before": ["unshare", "-i"]}
        if display.user or display.server_user:  # they may have no access to the build directory
            os.chmod(t.path, 0o711)
            self.programs = [shutil.copy(program, t.path) for program in (PRODUCER, VIEWER)]
        else:
            self.programs = [PRODUCER, VIEWER]
        self.server = display.server(t, **more)
        if display.foreign:
            self.make_foreign_segments()
        self.through = display.link(t, self.server) if display.link else lambda command, env: (command, env)

    def check_permissions(self):
        display = self.display
        if (display.user or display.server_user or display.namespaces) and os.getuid() != 0:
            raise Skip("only root can be several users and make namespaces")
        if display.namespaces and self.t.start("unshare", *NAMESPACES[display.namespaces], "true").wait() != 0:
            raise Skip("this machine does not permit such namespaces")

    def make_foreign_segments(self):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "foreign.py")
        stranger = start(self.t, sys.executable, script, str(self.display.foreign), str(FOREIGN_SEGMENTS),
                         before=["nsenter", "-i", "-t", str(self.server.process.pid)])
        until(lambda: stranger.out or not stranger.is_running(), "foreign segments", SECONDS)
        if not stranger.out:
            raise AssertionError(stranger.err)

    def start_producer(self, folder, *arguments):
        """`folder`: the XDG_RUNTIME_DIR, which belongs to the user of the programs."""
        before = setpriv(self.display.user) if self.display.user else []
        if self.display.namespaces:
            before = ["unshare", *NAMESPACES[self.display.namespaces]]
        producer = self.t.start(*before, self.programs[0], *arguments, env={"XDG_RUNTIME_DIR": folder})
        until(lambda: os.path.exists(f"{folder}/pageflip/default.id") or not producer.is_running(), "a segment", SECONDS)
        return producer

    def start_viewer(self, folder, producer, *arguments):
        before = setpriv(self.display.user) if self.display.user else []
        if self.display.namespaces == "ipc":
            before = ["nsenter", "-i", "-t", str(producer.pid)]
        elif self.display.namespaces:
            with open(f"/proc/{producer.pid}/task/{producer.pid}/children") as children:
                before = ["nsenter", "-i", "-p", "-m", "-t", children.read().split()[0]]
        command, env = self.through([*before, self.programs[1], *arguments], {**self.server.env, "XDG_RUNTIME_DIR": folder})
        return self.t.start(*command, env=env)
