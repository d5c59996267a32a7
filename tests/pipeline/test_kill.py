# SPDX-License-Identifier: MIT
"""SIGKILL of the producer, of a viewer, of both, at random moments. The long form:

    meson test -C BUILD kill-storm --suite long        200 rounds

The seed of a run is in its output; give it again by PAGEFLIP_SEED."""
import os
import random
import time

from harness import *

ROUNDS = int(os.environ.get("PAGEFLIP_ROUNDS", "20"))
SEED = int(os.environ.get("PAGEFLIP_SEED", time.time_ns() % 1000000))


@test
def nothing_is_left_and_nobody_hangs(t):
    dice = random.Random(SEED)
    print(f"# {ROUNDS} rounds, seed {SEED}", flush=True)
    for number in range(ROUNDS):
        modes = [dice.choice([[], ["--every-frame"]]) for _ in range(2)]
        rate = dice.choice(["0", "60", "1000"])
        buffers = dice.choice(["2", "3", "8"])
        producer = t.start(PRODUCER, "-s", "320x240", "-r", rate, "--buffers", buffers)
        viewers = [t.viewer("--wait", "5", "--verify", *mode) for mode in modes]
        victims = dice.choice(["producer", "viewer", "both"])
        time.sleep(dice.uniform(0, 0.25))
        if victims != "viewer":
            producer.kill()
        if victims != "producer":
            viewers[0].kill()
        what = f"round {number}: {victims} killed, rate {rate}, {buffers} buffers, {modes}"
        if victims == "viewer":
            survivor_still_gets_frames(t, producer, viewers[1], what)
        else:
            survivors_know(viewers[victims == "both":], what)
        pids = [process.pid for process in (producer, *viewers)]
        until(lambda: not [s for s in segments() if s["cpid"] in pids], f"no segment left; {what}", 2)


def survivor_still_gets_frames(t, producer, viewer, what):
    time.sleep(0.1)
    assert producer.is_running() and viewer.is_running(), f"{what}: {producer.err} {viewer.err}"
    # A newcomer gets frames: the producer was not held up by the dead.
    t.viewer("--wait", "2", "--frames", "3", "--verify").ends_with(0, seconds=5)
    viewer.signal(signal.SIGINT)
    equal(viewer.wait(2), 130, what)
    producer.kill()


def survivors_know(viewers, what):
    """10: it had joined. Else it still waits for a producer, and must end when asked to."""
    deadline = time.monotonic() + 2
    while any(v.is_running() for v in viewers) and time.monotonic() < deadline:
        time.sleep(0.02)
    for viewer in viewers:
        if viewer.is_running():
            assert "died" not in viewer.err, f"{what}: {viewer.err}"
            viewer.signal(signal.SIGINT)
            equal(viewer.wait(2), 130, f"{what}: {viewer.err}")
        else:
            equal(viewer.wait(), 10, f"{what}: {viewer.err}")
        assert "torn: its stamp" not in viewer.err, f"{what}: {viewer.err}"


if __name__ == "__main__":
    main()
