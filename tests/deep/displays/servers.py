# SPDX-License-Identifier: MIT
"""The servers of the matrix. Each function starts one and returns a Server; the scratch directory `t` owns the processes.

The witness of the pixels is not the server under test if that is a window of another server: then it is the framebuffer file
of the Xvfb around it."""
import fcntl
import os
import re
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from typing import Callable

from harness import Process, need, text_of, until
from screen import Picture, Screen

SECONDS = 60  # a limit for what must happen, on a busy machine
SIZE = (640, 480)
INNER_SIZE = (560, 420)  # of a server that is a window
OTHER_USER = 65534  # a user of every Debian; Xwayland admits only users that have a name


@dataclass
class Server:
    process: Process
    env: dict  # with which a client finds it
    read: Callable[[], Screen]  # the witness


def start(t, program, *arguments, before=(), env=None, **popen):
    need(program)
    process = t.start(*before, program, *arguments, env=env, **popen)
    process.is_server = True
    return process


def one_at_a_time():
    """Two X servers that start at the same time may both take the same number."""
    lock = open(f"{tempfile.gettempdir()}/pageflip-test-display.lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def start_x(t, program, *arguments, before=(), env=None):
    """Start an X server that chooses its number. Returns its process and the name of its display."""
    read_end, write_end = os.pipe()
    with one_at_a_time():
        process = start(t, program, *arguments, "-displayfd", str(write_end), before=before, env=env, pass_fds=[write_end])
        os.close(write_end)
        with os.fdopen(read_end) as file:
            number = file.readline().strip()
    if not number:
        raise AssertionError(f"{program} did not start: {process.err}")
    return process, f":{number}"


def xvfb(t, *arguments, depth=24, screen=0, before=(), user=None):
    """`screen`: the one that clients get, the last. `user`: who runs it, by the words `before`."""
    folder = tempfile.mkdtemp(dir=t.path)
    if user:
        os.chown(folder, user, user)
    screens = [word for number in range(screen + 1) for word in ("-screen", str(number), "{}x{}x{}".format(*SIZE, depth))]
    process, name = start_x(t, "Xvfb", *screens, "-fbdir", folder, "-nocursor", "-nolisten", "tcp", "-noreset", *arguments,
                            before=before)

    def read():
        with open(f"{folder}/Xvfb_screen{screen}", "rb") as file:
            return Screen.from_xwd(file.read())
    return Server(process, {"DISPLAY": f"{name}.{screen}"}, read)


def nested(t, program, *arguments):
    """An X server that is a window of an Xvfb."""
    outer = xvfb(t)
    process, name = start_x(t, program, *arguments, "-ac", "-nolisten", "tcp", "-noreset", env=outer.env)
    return Server(process, {"DISPLAY": name}, outer.read)


def xephyr(t, *arguments):
    return nested(t, "Xephyr", "-screen", "{}x{}".format(*INNER_SIZE), "-nocursor", *arguments)


def sized(t, program):
    """Xnest and nxagent."""
    return nested(t, program, "-geometry", "{}x{}+0+0".format(*INNER_SIZE))


VNC = ["-geometry", "{}x{}".format(*SIZE), "-depth", "24", "-nocursor", "-ac", "-nolisten", "tcp"]


def vnc(t, process, name):
    return Server(process, {"DISPLAY": name}, lambda: Screen.from_xwd(t.run("xwd", "-silent", "-root", "-display", name)))


def tigervnc(t):
    return vnc(t, *start_x(t, "Xtigervnc", *VNC, "-SecurityTypes", "None", "-rfbport", "-1", "-rfbunixpath", f"{t.path}/rfb"))


def tightvnc(t):
    """It cannot choose its number."""
    with one_at_a_time():
        for number in range(40, 100):
            path = f"/tmp/.X11-unix/X{number}"
            if os.path.exists(path):
                continue
            process = start(t, "Xtightvnc", f":{number}", *VNC, "-localhost")

            def answers():
                with socket.socket(socket.AF_UNIX) as client:
                    return client.connect_ex(path) == 0
            until(lambda: not process.is_running() or answers(), "Xtightvnc", SECONDS)
            if process.is_running():
                return vnc(t, process, f":{number}")
    raise AssertionError(f"Xtightvnc did not start: {process.err}")


def managed(t, ready, *command):
    """An Xvfb with a window manager, which is there as soon as `xdotool READY...` succeeds."""
    need("xdotool")
    server = xvfb(t)
    manager = start(t, *command, env=server.env)

    def is_there():
        if not manager.is_running():
            raise AssertionError(f"{command} exited: {manager.err}")
        return subprocess.run(["xdotool", *ready], env={**t.env, **server.env}, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0
    until(is_there, command[0], SECONDS)
    return server


def i3(t):
    """Windows float, so that they keep the size of the frame."""
    with open(f"{t.path}/i3.conf", "w") as file:
        file.write('# i3 config file (v4)\nfor_window [class=".*"] floating enable\n')
    return managed(t, ["get_desktop"], "i3", "-c", f"{t.path}/i3.conf")


def weston(t, size, pointer, *arguments):
    """Weston as a window of an Xvfb, in whose top left corner it is."""
    need("xdotool")
    outer = xvfb(t)
    subprocess.run(["xdotool", "mousemove", *map(str, pointer)], env={**t.env, **outer.env}, check=True)
    compositor = start(t, "weston", "--socket=wayland", "--no-config", "--idle-time=0", "--backend=x11-backend.so",
                       "--use-pixman", f"--width={size[0]}", f"--height={size[1]}", *arguments, env=outer.env)
    until(lambda: os.path.exists(f"{t.path}/wayland") or not compositor.is_running(), "weston", SECONDS)
    return Server(compositor, {"WAYLAND_DISPLAY": f"{t.path}/wayland"}, outer.read)


def weston_native(t):
    """The window fills the screen, which is as wide as the frame. The pointer is in the bar above the frame."""
    return weston(t, (Picture.width, Picture.height + 100), (1, 1), "--shell=kiosk-shell.so")


def weston_xwayland(t):
    server = weston(t, INNER_SIZE, SIZE, "--xwayland")
    process = server.process
    number = until(lambda: re.search(r"listening on display (:\d+)", process.err + process.out), "Xwayland", SECONDS)[1]
    return Server(process, {"DISPLAY": number}, server.read)


SWAY = """
xwayland force
default_border none
for_window [app_id=".*"] floating enable
for_window [class=".*"] floating enable
exec sh -c 'echo $DISPLAY >started.tmp && mv started.tmp started'
"""


def sway(t, before=(), user=None, xwayland=False):
    """Sway without a device, which refuses to run as root."""
    need("grim")
    folder = tempfile.mkdtemp(dir=t.path)
    with open(f"{folder}/config", "w") as file:
        file.write(SWAY)
    if user:
        os.chown(folder, user, user)
        os.chown(f"{folder}/config", user, user)
    env = {"XDG_RUNTIME_DIR": folder, "HOME": folder, "WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman",
           "WLR_LIBINPUT_NO_DEVICES": "1"}
    compositor = start(t, "env", "-C", folder, "sway", "-c", f"{folder}/config", before=before, env=env)
    until(lambda: os.path.exists(f"{folder}/started") or not compositor.is_running(), "sway", SECONDS)
    if not compositor.is_running():
        raise AssertionError(f"sway exited: {compositor.err}")
    wayland = {"WAYLAND_DISPLAY": f"{folder}/wayland-1"}

    def read():
        return Screen.from_ppm(subprocess.run(["grim", "-t", "ppm", "-"], env={**t.env, **wayland}, check=True,
                                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    return Server(compositor, {"DISPLAY": text_of(f"{folder}/started").strip()} if xwayland else wayland, read)
