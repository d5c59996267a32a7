#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a viewer with --follow does when its producer ends, for each kind of --wait."""
import signal
import time

from harness import main, need, test, text_of, until

SMALL = ("-s", "64x48", "-r", "100", "--stamp")


def follower(t, *arguments):
    """A running producer, and a viewer that follows it and has shown a frame."""
    producer = t.producer(*SMALL)
    viewer = t.viewer("--follow", "--csv", "v.csv", "-v", *arguments)
    until(lambda: text_of(f"{t.path}/v.csv").count("\n") > 1, "the first frame")
    return producer, viewer


def end(producer):
    """Shut the producer down cleanly."""
    producer.signal(signal.SIGTERM)
    producer.ends_with(128 + signal.SIGTERM)


@test
def follow_with_wait_0_ends_when_the_producer_ends(t):
    producer, viewer = follower(t, "--wait", "0")
    end(producer)
    viewer.ends_with(0)


@test
def follow_with_wait_0_reports_a_crash(t):
    producer, viewer = follower(t, "--wait", "0")
    producer.kill()
    viewer.ends_with(10, f"(pid {producer.pid})")


@test
def follow_with_wait_0_follows_a_format_change(t):
    """--wait limits the wait for another producer; the next segment of the same producer is not another producer."""
    need("ffmpeg")
    for i, size in enumerate(("64x48", "80x50")):
        t.run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}", "-frames:v", "1", f"{t.path}/{i}.png")
    t.producer(f"{t.path}/0.png", f"{t.path}/1.png", "--loop", "-r", "5")
    t.viewer("--follow", "--wait", "0", "--frames", "6", "--every-frame", "-v").ends_with(0, "80x50").prints("64x48")


@test
def follow_with_wait_3_waits_3_s_for_each_producer(t):
    """The first wait ends with another producer."""
    producer, viewer = follower(t, "--wait", "3")
    end(producer)
    viewer.prints("waiting for the next producer")
    producer = t.producer("-s", "80x50")
    until(lambda: "80x50" in viewer.err, "the next producer's frames")
    time.sleep(1)  # a wait that had begun with the first one would end that much earlier
    started = time.monotonic()
    end(producer)
    waited = ended_after(viewer, started)
    assert waited >= 3, f"{waited} s after the producer"
    viewer.ends_with(0)


def ended_after(process, started):
    """The seconds until it exits, or a failure after many times as long as it should take."""
    while process.is_running() and time.monotonic() - started < 25:
        time.sleep(0.05)
    assert not process.is_running(), "it does not end"
    return time.monotonic() - started


@test
def follow_without_wait_waits_for_the_next_producer(t):
    producer, viewer = follower(t)
    end(producer)
    time.sleep(1.5)
    assert viewer.is_running(), viewer.err
    t.producer("-s", "80x50")
    until(lambda: "80x50" in viewer.err, "the next producer's frames")
    viewer.signal(signal.SIGINT)
    viewer.ends_with(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
