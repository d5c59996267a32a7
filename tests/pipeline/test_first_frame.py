# SPDX-License-Identifier: MIT
"""Viewers that wait for a stream get its first frame, however short the stream is."""
import os
import signal
import time

from harness import *

SHORT = ["-s", "64x48", "-r", "0", "--frames", "10", "--stamp"]
RUNS = 20 if not SANITIZED else 5


def waiting(t, name, *arguments):
    """A viewer that waits for a stream, and writes each frame into NAME.csv."""
    viewer = t.viewer("--wait", "60", "-v", "--csv", f"{name}.csv", *arguments)
    viewer.prints("waiting")
    return viewer


def sequences(t, name):
    return [int(line.split(",")[0]) for line in text_of(f"{t.path}/{name}.csv").splitlines()[1:]]


@test
def waiting_viewers_see_a_stream_of_ten_frames(t):
    for run in range(RUNS):
        every, latest = waiting(t, "every", "--every-frame"), waiting(t, "latest")
        t.start(PRODUCER, "-q", *SHORT).ends_with(0)
        for viewer in (every, latest):
            viewer.ends_with(0)
        equal(sequences(t, "every"), list(range(1, 11)), f"run {run}, every frame")
        equal(sequences(t, "latest")[0], 1, f"run {run}, latest frame")


@test
def waiting_viewers_see_a_single_image(t):
    need("ffmpeg")
    t.run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1", f"{t.path}/photo.png")
    for _ in range(RUNS // 5):
        every, latest = waiting(t, "every", "--every-frame"), waiting(t, "latest")
        t.start(PRODUCER, "-q", "photo.png").ends_with(0)
        for viewer, name in ((every, "every"), (latest, "latest")):
            viewer.ends_with(0)
            equal(sequences(t, name), [1])


@test
def a_viewer_that_waits_by_a_key_file_sees_the_first_frame(t):
    key = f"{t.path}/key"
    open(key, "w").close()
    for name in ("a", "b"):  # the name of the channel is not known before
        every, latest = waiting(t, "every", "--every-frame", "--key", key), waiting(t, "latest", "--key", key)
        t.start(PRODUCER, "-q", *SHORT, "-n", name, "--key", key).ends_with(0)
        for viewer in (every, latest):
            viewer.ends_with(0)
        equal(sequences(t, "every"), list(range(1, 11)))
        equal(sequences(t, "latest")[0], 1)


@test
def a_viewer_that_waits_for_a_shared_channel_sees_the_first_frame(t):
    name = f"test-{os.getpid()}"
    see = ["-n", name, "--user", str(os.geteuid())]
    try:
        for _ in range(2):  # without a lock file, and with one
            every, latest = waiting(t, "every", "--every-frame", *see), waiting(t, "latest", *see)
            t.start(PRODUCER, "-q", *SHORT, "-n", name, "--group", str(os.getegid())).ends_with(0)
            for viewer in (every, latest):
                viewer.ends_with(0)
            equal(sequences(t, "every"), list(range(1, 11)))
            equal(sequences(t, "latest")[0], 1)
    finally:
        lock = f"/tmp/pageflip-{os.geteuid()}-shared/{name}.lock"
        if os.path.exists(lock):
            os.unlink(lock)


@test
def a_follower_sees_all_of_the_next_stream(t):
    first = t.producer("-s", "64x48")
    viewers = [t.viewer("--follow", "-v", "--csv", "every.csv", "--every-frame"), t.viewer("--follow", "-v", "--csv", "latest.csv")]
    t.joined(2)
    first.signal(signal.SIGINT)
    first.ends_with(130)
    for number in range(1, 4):
        for viewer in viewers:
            until(lambda: viewer.err.count("waiting for a producer") == number, f"wait {number}: {viewer.err}")
        t.start(PRODUCER, "-q", *SHORT).ends_with(0)
    for viewer in viewers:
        until(lambda: viewer.err.count("waiting for a producer") == 4, f"the last wait: {viewer.err}")
        viewer.signal(signal.SIGINT)
        viewer.ends_with(130)
    equal(sequences(t, "every")[-30:], 3 * list(range(1, 11)))
    latest = sequences(t, "latest")
    starts = [now for before, now in zip(latest, latest[1:]) if now <= before]
    equal(starts, [1, 1, 1], f"the first frames of three streams in {latest}")


@test
def a_stopped_viewer_that_waits_does_not_stop_the_producer(t):
    viewer = waiting(t, "v", "--every-frame")
    viewer.signal(signal.SIGSTOP)
    until(lambda: text_of(f"/proc/{viewer.pid}/stat").rsplit(")", 1)[-1].split()[:1] == ["T"], "a stopped viewer")
    started = time.monotonic()
    t.start(PRODUCER, "-q", *SHORT).ends_with(0)
    assert time.monotonic() - started > 0.4, "the producer did not give the viewer time"


if __name__ == "__main__":
    main()
