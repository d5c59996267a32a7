# SPDX-License-Identifier: MIT
"""An Xvfb with a readable framebuffer, and the probe that reads it.

All processes on the path of a frame have real-time priority where that is allowed (root). Other work
on the machine may then delay a frame, but not a process that shows or detects it."""
import csv
import os
import re
import shutil
import signal
import subprocess

import harness

SURE_US = 100  # the time of a frame is exact if the previous poll was at most this long before


def real_time(priority, *more):
    """The words before a command that give it real-time priority; none if that is not allowed."""
    words = ["chrt", "-f", str(priority), *more]
    is_allowed = shutil.which("chrt") and subprocess.run(["chrt", "-f", "1", "true"], stderr=subprocess.DEVNULL).returncode == 0
    return words if is_allowed and os.cpu_count() > 1 else []


FIRST = real_time(20)
# The probe spins: it gets the last core, with a lower priority than the other processes there.
PROBE = real_time(10, "taskset", "-c", str(os.cpu_count() - 1))


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
        """The position of the process's window: "X,Y"."""
        window = self.display.window_of(process)
        place = self.scratch.run("xdotool", "getwindowgeometry", "--shell", window).decode()
        return ",".join(re.search(f"{axis}=(-?\\d+)", place).group(1) for axis in "XY")

    def watch(self, place, size):
        """Start a probe of the rectangle."""
        return self.scratch.start(*PROBE, os.path.join(self.programs, "pageflip-probe"), "-f", str(self.shmid),
                                  "-r", f"{place},{size}", "-o", "probe.csv")

    def all_seen(self, probe):
        """Stop the probe. Returns {sequence: when its last pixel was seen, in us}."""
        return {sequence: visible for _, sequence, visible in self.measured(probe)}

    def seen(self, probe):
        """The same for the frames with an exact time. If these are few because of other work on the machine:
        for the half with the most exact times."""
        seen = self.measured(probe)
        sure = [row for row in seen if row[0] < SURE_US]
        return {sequence: visible for _, sequence, visible in max(sure, seen[: len(seen) // 2], key=len)}

    def measured(self, probe):
        """(us since the previous poll, sequence, when the frame was seen in us), the most exact first."""
        probe.signal(signal.SIGINT)
        probe.wait()
        return sorted((float(row["uncertain_us"]), int(row["sequence"]), float(row["visible_us"]))
                      for row in rows(f"{self.scratch.path}/probe.csv"))


def rows(path):
    with open(path) as file:
        return list(csv.DictReader(file))
