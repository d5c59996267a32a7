# SPDX-License-Identifier: MIT
"""An Xvfb whose framebuffer can be read as it is written, and the probe that reads it."""
import csv
import os
import re
import signal
import subprocess

import harness

SURE_US = 100  # where the probe had not looked for longer before, it cannot say when the frame came


class Screen:
    def __init__(self, scratch, programs, size="3840x2160x24"):
        self.scratch, self.programs = scratch, programs
        self.display = harness.Display(scratch, size, "-shmem")
        server = self.display.server
        self.shmid = int(harness.until(lambda: re.search(r"shmid (\d+)", server.err + server.out),
                                       "the framebuffer's id").group(1))

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
        return self.scratch.start(os.path.join(self.programs, "pageflip-probe"), "-f", str(self.shmid),
                                  "-r", f"{place},{size}", "-o", "probe.csv")

    def all_seen(self, probe):
        """End the probe: {sequence: when its last pixel was seen, in us}."""
        return {sequence: visible for _, sequence, visible in self.looked(probe)}

    def looked(self, probe):
        probe.signal(signal.SIGINT)
        probe.wait()
        return sorted((float(row["uncertain_us"]), int(row["sequence"]), float(row["visible_us"]))
                      for row in rows(f"{self.scratch.path}/probe.csv"))

    def seen(self, probe):
        """The same of the frames that it is sure of. On a machine with other work, where these are few:
        of the half that it is surest of."""
        seen = self.looked(probe)
        sure = [row for row in seen if row[0] < SURE_US]
        return {sequence: visible for _, sequence, visible in max(sure, seen[: len(seen) // 2], key=len)}


def rows(path):
    with open(path) as file:
        return list(csv.DictReader(file))
