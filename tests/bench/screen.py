# SPDX-License-Identifier: MIT
"""An Xvfb whose framebuffer can be read as it is written, and the probe that reads it.

Whoever has to do with the way of a frame has real-time priority where that is allowed (root): what
else runs on the machine may then make frames late, but nobody late in showing or noticing them."""
import csv
import os
import re
import shutil
import signal
import subprocess

import harness

SURE_US = 100  # where the probe had not looked for longer before, it cannot say when the frame came


def real_time(priority, *more):
    """The words before a command that give it a priority above everybody else's, if we may."""
    words = ["chrt", "-f", str(priority), *more]
    may = shutil.which("chrt") and subprocess.run(["chrt", "-f", "1", "true"], stderr=subprocess.DEVNULL).returncode == 0
    return words if may and os.cpu_count() > 1 else []


FIRST = real_time(20)
# The witness spins: it gets a core of its own, and gives way to the others there.
WITNESS = real_time(10, "taskset", "-c", str(os.cpu_count() - 1))


class Screen:
    def __init__(self, scratch, programs, size="3840x2160x24"):
        self.scratch, self.programs = scratch, programs
        self.display = harness.Display(scratch, size, "-shmem")
        server = self.display.server
        self.shmid = int(harness.until(lambda: re.search(r"shmid (\d+)", server.err + server.out),
                                       "the framebuffer's id").group(1))
        if FIRST:
            subprocess.run(["chrt", "-f", "-p", FIRST[2], str(server.pid)], check=True)

    def close(self):
        self.display.server.signal(signal.SIGTERM)
        self.display.server.wait()
        subprocess.run(["ipcrm", "-m", str(self.shmid)], stderr=subprocess.DEVNULL)  # Xvfb leaves it behind

    def place_of(self, process):
        """Where its window is: "X,Y"."""
        window = self.display.window_of(process)
        place = self.scratch.run("xdotool", "getwindowgeometry", "--shell", window).decode()
        return ",".join(re.search(f"{axis}=(-?\\d+)", place).group(1) for axis in "XY")

    def watch(self, place, size):
        """A probe of the rectangle, watching."""
        return self.scratch.start(*WITNESS, os.path.join(self.programs, "pageflip-probe"), "-f", str(self.shmid),
                                  "-r", f"{place},{size}", "-o", "probe.csv")

    def all_seen(self, probe):
        """End the probe: {sequence: when its last pixel was seen, in us}."""
        return {sequence: visible for _, sequence, visible in self.looked(probe)}

    def seen(self, probe):
        """The same of the frames that it is sure of. On a machine with other work, where these are few:
        of the half that it is surest of."""
        seen = self.looked(probe)
        sure = [row for row in seen if row[0] < SURE_US]
        return {sequence: visible for _, sequence, visible in max(sure, seen[: len(seen) // 2], key=len)}

    def looked(self, probe):
        """(how long before it had looked last, sequence, when it was seen), the surest first."""
        probe.signal(signal.SIGINT)
        probe.wait()
        return sorted((float(row["uncertain_us"]), int(row["sequence"]), float(row["visible_us"]))
                      for row in rows(f"{self.scratch.path}/probe.csv"))


def rows(path):
    with open(path) as file:
        return list(csv.DictReader(file))
