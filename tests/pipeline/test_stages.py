# SPDX-License-Identifier: MIT
"""A delay shows in the stage that it hits, and in no other. Every delay lasts 300 ms; a stage counts as delayed from 200 ms
on, far above the noise of a machine."""
import csv
import os
import signal
import time

from harness import *

DELAY_S = 0.3
DELAYED_US = 200000
STAGES = ("render", "handoff", "present")
TRIES = 8


def measures(function):
    """A test that measures time. Other programs on the machine may disturb a measurement, so it has several tries; a wrong
    stage is wrong in each of them."""
    def tries(t):
        for number in range(1, TRIES + 1):
            try:
                return function(t)
            except AssertionError as problem:
                if number == TRIES:
                    raise
                print(f"# {function.__name__}, try {number}: {problem}", flush=True)
                for process in reversed(t.processes):
                    process.signal(signal.SIGCONT)
                    if process.is_server:
                        process.signal(signal.SIGTERM)  # so that it removes its socket
                        process.wait()
                    process.kill()
                for name in ("v.csv", "v.json"):
                    if os.path.exists(f"{t.path}/{name}"):
                        os.unlink(f"{t.path}/{name}")
    tries.__name__ = function.__name__
    return test(tries)


def rows_so_far(t):
    return text_of(f"{t.path}/v.csv").count("\n")


def let_rows_come(t):
    before = rows_so_far(t)
    until(lambda: rows_so_far(t) > before + 30, "rows of frames")


def stop_and_continue(t, process):
    let_rows_come(t)
    process.signal(signal.SIGSTOP)
    time.sleep(DELAY_S)
    process.signal(signal.SIGCONT)
    let_rows_come(t)


def ended(t, viewer):
    """End the viewer; returns its report, and its rows without redraws."""
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)
    rows = [row for row in csv.DictReader(open(f"{t.path}/v.csv")) if row["again"] == "0"]
    return report_of(f"{t.path}/v.json"), rows


def delayed(report):
    return [stage for stage in STAGES if report["latency_us"][stage]["max"] >= DELAYED_US]


def late(rows):
    return [row for row in rows if float(row["begin_us"]) - float(row["due_us"]) >= DELAYED_US]


def gaps(rows):
    numbers = [int(row["sequence"]) for row in rows]
    return [after - before - 1 for before, after in zip(numbers, numbers[1:]) if after - before > 10]


def start(t, *more, presenter="null"):
    """Start a producer at 100 frames a second, and a viewer that writes a row for each frame."""
    producer = t.producer("-s", "320x240", "-r", "100", "--buffers", "3")
    viewer = t.viewer("-q", "--csv", "v.csv", "--json", "v.json", *more, presenter=presenter)
    return producer, viewer


@measures
def an_undisturbed_stream_has_no_late_stage(t):
    _, viewer = start(t)
    let_rows_come(t)
    let_rows_come(t)
    report, rows = ended(t, viewer)
    equal((delayed(report), late(rows), gaps(rows)), ([], [], []))


@measures
def a_stopped_producer_shows_before_begin(t):
    """The stop delays the frame that was due, and the next frame, which replaces all ticks of the stop. Both are late before
    their begin, not afterwards. A stop while the producer draws or publishes shows there, rightly; then the test tries again.
    (A latest-frame viewer might skip the late frame.)"""
    producer, viewer = start(t, "--every-frame")
    stop_and_continue(t, producer)
    report, rows = ended(t, viewer)
    assert report["latency_us"]["total"]["max"] >= 280000, report
    assert len(late(rows)) in (1, 2), f"{len(late(rows))} frames were begun 200 ms late"
    equal((delayed(report), gaps(rows)), ([], []))


@measures
def a_stopped_every_frame_viewer_shows_in_the_handoff(t):
    producer, viewer = start(t, "--every-frame")
    stop_and_continue(t, viewer)
    report, rows = ended(t, viewer)
    equal((delayed(report), gaps(rows), report["frames"]["lost"]), (["handoff"], [], 0))
    assert producer.is_running()


@measures
def a_stopped_latest_frame_viewer_shows_as_skipped_frames(t):
    """It skips frames, and none is late: after the stop it takes the latest frame."""
    _, viewer = start(t)
    stop_and_continue(t, viewer)
    report, rows = ended(t, viewer)
    equal((delayed(report), late(rows), len(gaps(rows))), ([], [], 1), report)
    skipped, = gaps(rows)
    assert 20 <= skipped <= report["frames"]["skipped"], (skipped, report["frames"])


@measures
def a_slow_display_shows_in_present(t):
    """A stopped X server delays the one frame that it has received."""
    display = Display(t)
    _, viewer = start(t, "--vsync", "off", presenter="x11")
    display.window_of(viewer)
    stop_and_continue(t, display.server)
    report, rows = ended(t, viewer)
    equal((delayed(report), late(rows)), (["present"], []), report)
    held = [row for row in rows if float(row["done_us"]) - float(row["submit_us"]) >= DELAYED_US]
    equal(len(held), 1, "frames that the display held")
    equal(len(gaps(rows)), 1, "gaps of skipped frames")


if __name__ == "__main__":
    main()
