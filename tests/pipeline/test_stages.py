# SPDX-License-Identifier: MIT
"""What is done to a frame on its way shows in the stage where it was done, and in no other. Every
fault lasts 300 ms; a stage counts as touched from 200 ms on, far beyond this machine's own noise."""
import csv
import signal
import time

from harness import *

FAULT_S = 0.3
TOUCHED_US = 200000
STAGES = ("render", "handoff", "present")


def stop_and_go_on(process):
    time.sleep(0.5)
    process.signal(signal.SIGSTOP)
    time.sleep(FAULT_S)
    process.signal(signal.SIGCONT)
    time.sleep(0.5)


def ended(t, viewer):
    """Its report, and its rows without redraws."""
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)
    rows = [row for row in csv.DictReader(open(f"{t.path}/v.csv")) if row["again"] == "0"]
    return report_of(f"{t.path}/v.json"), rows


def touched(report):
    return [stage for stage in STAGES if report["latency_us"][stage]["max"] >= TOUCHED_US]


def late(rows):
    return [row for row in rows if float(row["begin_us"]) - float(row["due_us"]) >= TOUCHED_US]


def gaps(rows):
    numbers = [int(row["sequence"]) for row in rows]
    return [after - before - 1 for before, after in zip(numbers, numbers[1:]) if after - before > 10]


def start(t, *more, presenter="null"):
    """100 frames a second, and a viewer that keeps a row for each."""
    producer = t.producer("-s", "320x240", "-r", "100", "--buffers", "3")
    viewer = t.viewer("-q", "--csv", "v.csv", "--json", "v.json", *more, presenter=presenter)
    return producer, viewer


@test
def nothing_is_touched_when_nothing_is_done(t):
    _, viewer = start(t)
    time.sleep(1)
    report, rows = ended(t, viewer)
    equal((touched(report), late(rows), gaps(rows)), ([], [], []))


@test
def a_stopped_producer_shows_before_begin(t):
    """The frame that it hit was due so long before, and the next, which stands for all the ticks that
    passed meanwhile. They were late before they were begun, and not on their way. A stop that hits it
    while it draws or publishes shows there, rightly: then once more. (A viewer of the latest frame
    might pass over the late one.)"""
    for _ in range(5):
        producer, viewer = start(t, "--every-frame")
        stop_and_go_on(producer)
        report, rows = ended(t, viewer)
        producer.kill()
        assert report["latency_us"]["total"]["max"] >= 280000, report
        if not touched(report):
            break
    assert len(late(rows)) in (1, 2), f"{len(late(rows))} frames were begun 200 ms late"
    equal((touched(report), gaps(rows)), ([], []))


@test
def a_stopped_viewer_of_every_frame_shows_in_the_handoff(t):
    producer, viewer = start(t, "--every-frame")
    stop_and_go_on(viewer)
    report, rows = ended(t, viewer)
    equal((touched(report), gaps(rows), report["frames"]["lost"]), (["handoff"], [], 0))
    assert producer.is_running()


@test
def a_stopped_viewer_of_the_latest_frame_shows_as_skipped_frames(t):
    """Frames were dropped, and none was late: it took the newest when it woke."""
    _, viewer = start(t)
    stop_and_go_on(viewer)
    report, rows = ended(t, viewer)
    equal((touched(report), late(rows), len(gaps(rows))), ([], [], 1), report)
    dropped, = gaps(rows)
    assert 20 <= dropped <= report["frames"]["skipped"], (dropped, report["frames"])


@test
def a_slow_display_shows_in_present(t):
    """An X server that does not answer for so long holds the one frame that it has been sent."""
    display = Display(t)
    _, viewer = start(t, "--vsync", "off", presenter="x11")
    display.window_of(viewer)
    stop_and_go_on(display.server)
    report, rows = ended(t, viewer)
    equal((touched(report), late(rows)), (["present"], []), report)
    held = [row for row in rows if float(row["done_us"]) - float(row["submit_us"]) >= TOUCHED_US]
    equal(len(held), 1, "frames that the display held")
    equal(len(gaps(rows)), 1, "places where frames were passed over meanwhile")


if __name__ == "__main__":
    main()
