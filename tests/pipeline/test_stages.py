# SPDX-License-Identifier: MIT
"""A delay shows in the stage that it hits, and in no other. Every delay lasts 300 ms; a stage counts as delayed from 200 ms
on, far above the noise of a machine."""
import csv
import signal
import time

from harness import *

DELAY_S = 0.3
DELAYED_US = 200000
STAGES = ("render", "handoff", "present")


def stop_and_continue(process):
    time.sleep(0.5)
    process.signal(signal.SIGSTOP)
    time.sleep(DELAY_S)
    process.signal(signal.SIGCONT)
    time.sleep(0.5)


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


@test
def an_undisturbed_stream_has_no_late_stage(t):
    _, viewer = start(t)
    time.sleep(1)
    report, rows = ended(t, viewer)
    equal((delayed(report), late(rows), gaps(rows)), ([], [], []))


@test
def a_stopped_producer_shows_before_begin(t):
    """The stop delays the frame that was due, and the next frame, which replaces all ticks of the stop. Both are late before
    their begin, not afterwards. A stop while the producer draws or publishes shows there, rightly; then the test tries again.
    (A latest-frame viewer might skip the late frame.)"""
    for _ in range(5):
        producer, viewer = start(t, "--every-frame")
        stop_and_continue(producer)
        report, rows = ended(t, viewer)
        producer.kill()
        assert report["latency_us"]["total"]["max"] >= 280000, report
        if not delayed(report):
            break
    assert len(late(rows)) in (1, 2), f"{len(late(rows))} frames were begun 200 ms late"
    equal((delayed(report), gaps(rows)), ([], []))


@test
def a_stopped_every_frame_viewer_shows_in_the_handoff(t):
    producer, viewer = start(t, "--every-frame")
    stop_and_continue(viewer)
    report, rows = ended(t, viewer)
    equal((delayed(report), gaps(rows), report["frames"]["lost"]), (["handoff"], [], 0))
    assert producer.is_running()


@test
def a_stopped_latest_frame_viewer_shows_as_skipped_frames(t):
    """It skips frames, and none is late: after the stop it takes the latest frame."""
    _, viewer = start(t)
    stop_and_continue(viewer)
    report, rows = ended(t, viewer)
    equal((delayed(report), late(rows), len(gaps(rows))), ([], [], 1), report)
    skipped, = gaps(rows)
    assert 20 <= skipped <= report["frames"]["skipped"], (skipped, report["frames"])


@test
def a_slow_display_shows_in_present(t):
    """A stopped X server delays the one frame that it has received."""
    display = Display(t)
    _, viewer = start(t, "--vsync", "off", presenter="x11")
    display.window_of(viewer)
    stop_and_continue(display.server)
    report, rows = ended(t, viewer)
    equal((delayed(report), late(rows)), (["present"], []), report)
    held = [row for row in rows if float(row["done_us"]) - float(row["submit_us"]) >= DELAYED_US]
    equal(len(held), 1, "frames that the display held")
    equal(len(gaps(rows)), 1, "gaps of skipped frames")


if __name__ == "__main__":
    main()
