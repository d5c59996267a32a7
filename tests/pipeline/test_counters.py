# SPDX-License-Identifier: MIT
"""Sequence numbers that pass 2^31 and 2^32 in the middle of a stream, as after a year of 60 frames a second. A stamp has 32
bits of the number, the words in the segment more. late_producer starts shortly before the power of two."""
import csv
import os

from harness import *
from witness import start_with_viewers

LATE_PRODUCER = os.environ["PAGEFLIP_LATE_PRODUCER"]
FRAMES = 400
BEFORE = 100  # frames below the power of two


def passes(t, power):
    first = (1 << power) - BEFORE
    modes = {"latest": [], "every": ["--every-frame"]}
    viewers = {
        mode: t.viewer("--wait", "600", "--verify", "--json", f"{mode}.json", "--csv", f"{mode}.csv", *arguments)
        for mode, arguments in modes.items()
    }
    producer = start_with_viewers(t, len(viewers), LATE_PRODUCER, "-s", "320x240", "-r", "100", "--buffers", "3", "--frames",
                                  str(FRAMES), env={"PAGEFLIP_FIRST": str(first)})
    producer.ends_with(0)
    for mode, viewer in viewers.items():
        viewer.ends_with(0)
        frames = report_of(f"{t.path}/{mode}.json")["frames"]
        sequences = [int(row["sequence"]) for row in csv.DictReader(open(f"{t.path}/{mode}.csv"))]
        equal((frames["torn"], frames["lost"]), (0, 0), mode)
        equal(frames["verified"], frames["shown"], f"{mode}: stamps that agree with their frame")
        assert sequences[0] < 1 << power, f"{mode}: joined too late, at {sequences[0]}"
        equal(sequences[-1], first + FRAMES, f"{mode}: the last frame")
        if "--every-frame" in modes[mode]:
            equal(sequences, list(range(sequences[0], first + FRAMES + 1)), mode)
        else:
            equal(frames["shown"] + frames["skipped"], sequences[-1] - sequences[0] + 1, f"{mode}: counted")
            assert all(a < b for a, b in zip(sequences, sequences[1:])), f"{mode}: backwards"


@test
def sequences_pass_2_to_the_31(t):
    passes(t, 31)


@test
def sequences_pass_2_to_the_32(t):
    passes(t, 32)


if __name__ == "__main__":
    main()
