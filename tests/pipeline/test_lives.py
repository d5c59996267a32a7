# SPDX-License-Identifier: MIT
"""Producers and viewers come, go and die in every order. No display: what is on the screen is
test_screen.py's."""
import ctypes
import signal
import time

from harness import *

SMALL = ["-s", "320x240"]


def frames_of(path):
    return report_of(path)["frames"]


@test
def shows_frames_whole_and_in_time(t):
    t.producer(*SMALL, "-r", "200")
    t.viewer("--verify", "--frames", "200", "--json", "v.json").ends_with(0)
    report = report_of(f"{t.path}/v.json")
    equal(report["frames"]["shown"], 200)
    equal(report["frames"]["torn"], 0)
    equal(report["frames"]["verified"], 200, "stamps read")
    equal(report["user_copies_per_frame"], 0)
    for stage in ("render", "handoff", "present", "total"):
        equal(report["latency_us"][stage]["count"], 200, stage)
        assert report["latency_us"][stage]["p50"] <= report["latency_us"][stage]["max"], stage


@test
def the_viewer_may_come_first(t):
    viewer = t.viewer("--wait", "10", "--frames", "20")
    time.sleep(0.3)
    assert viewer.is_running(), viewer.err
    t.producer(*SMALL)
    viewer.ends_with(0)


@test
def two_viewers_at_once_and_one_late(t):
    t.producer(*SMALL, "-r", "100", "--frames", "300")
    early = [t.viewer("--verify", "--json", f"early{i}.json") for i in range(2)]
    time.sleep(1)
    late = t.viewer("--verify", "--frames", "50", "--json", "late.json")
    for viewer in early + [late]:
        viewer.ends_with(0)
    equal(frames_of(f"{t.path}/late.json")["shown"], 50, "the late one")
    for i in range(2):
        frames = frames_of(f"{t.path}/early{i}.json")
        equal(frames["torn"], 0)
        assert frames["shown"] > 200, frames


@test
def every_frame_means_every_frame(t):
    """Unpaced: the producer is held back, and nothing is left out."""
    producer = t.producer(*SMALL, "-r", "0", "--frames", "2000")
    viewer = t.viewer("--every-frame", "--verify", "--json", "v.json")
    viewer.ends_with(0)
    producer.ends_with(0)
    frames = frames_of(f"{t.path}/v.json")
    equal((frames["lost"], frames["skipped"], frames["torn"]), (0, 0, 0))
    # From the frame after its join to the last.
    assert 0 < frames["shown"] <= 2000, frames


@test
def a_producers_death_is_told_after_its_last_frame(t):
    producer = t.producer(*SMALL)
    viewer = t.viewer("--every-frame", "--verify")
    time.sleep(0.5)
    producer.kill()
    viewer.ends_with(10, f"its producer (pid {producer.pid}) died after", "--follow", seconds=2)


@test
def a_producers_end_is_no_error(t):
    producer = t.producer(*SMALL, "-r", "100", "--frames", "50")
    viewer = t.viewer()
    producer.ends_with(0)
    viewer.ends_with(0, seconds=2)


@test
def a_follower_sees_a_restart(t):
    first = t.producer(*SMALL)
    viewer = t.viewer("--follow", "--verify", "--frames", "100", "-v")
    viewer.says("showing frames")
    time.sleep(0.3)
    first.kill()
    viewer.says("has died; waiting for the next")
    second = t.producer("-s", "400x300")
    viewer.ends_with(0, "400x300")
    second.signal(signal.SIGTERM)
    second.ends_with(128 + signal.SIGTERM)


@test
def a_follower_sees_an_end_and_the_next(t):
    t.producer(*SMALL, "-r", "100", "--frames", "20")
    viewer = t.viewer("--follow", "--frames", "60", "--wait", "10")
    time.sleep(0.5)
    t.producer(*SMALL)
    viewer.ends_with(0)


@test
def a_size_change_in_mid_stream_is_followed(t):
    """PNGs of two sizes: a new segment in between, and no frame of either is left out."""
    for name, size in (("1", "64x48"), ("2", "64x48"), ("3", "80x50"), ("4", "80x50")):
        t.run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}", "-frames:v",
              "1", "-pix_fmt", "rgb24", f"{t.path}/{name}.png")
    viewer = t.viewer("--every-frame", "--wait", "10", "-v", "--json", "v.json", "--snapshot", "last.png")
    time.sleep(0.3)
    t.producer(t.path + "/1.png", t.path + "/2.png", t.path + "/3.png", t.path + "/4.png", "-r", "20").ends_with(0)
    viewer.ends_with(0, "80x50")
    frames = frames_of(f"{t.path}/v.json")
    equal(frames["lost"], 0)
    assert Picture.from_file(t, f"{t.path}/last.png").same_as(Picture.from_file(t, f"{t.path}/4.png"))


@test
def every_frame_means_every_frame_of_every_size(t):
    """A new segment for every frame, as fast as it goes: the producer waits until they have come over."""
    for name, size in (("a", "64x48"), ("b", "80x50")):
        t.run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}", "-frames:v",
              "1", "-pix_fmt", "rgb24", f"{t.path}/{name}.png")
    viewers = [t.viewer("--every-frame", "--verify", "--wait", "10", "--csv", f"v{i}.csv", "--json", f"v{i}.json") for i in range(2)]
    time.sleep(0.3)
    t.producer("a.png", "b.png", "--loop", "--stamp", "-r", "500", "--frames", "100").ends_with(0)
    for i, viewer in enumerate(viewers):
        viewer.ends_with(0)
        equal(frames_of(f"{t.path}/v{i}.json")["torn"], 0)
        # It comes while the first segment is there, or a little later; from then on it has each.
        numbers = [round(float(row.split(",")[2]) * 30 / 1e6) for row in text_of(f"{t.path}/v{i}.csv").splitlines()[1:]]
        equal(numbers, list(range(numbers[0], 100)), "pictures, by their media time at 30 a second")


@test
def a_viewer_killed_with_a_slot_does_not_stop_the_producer(t):
    """It is stopped while it holds a slot (it holds one almost always: --every-frame, unpaced)."""
    producer = t.producer(*SMALL, "-r", "0", "--json", "p.json")
    other = t.viewer("--verify", "--json", "v.json")
    for _ in range(5):
        victim = t.viewer("--every-frame")
        time.sleep(0.2)
        victim.kill()
    before = published(t, producer)
    time.sleep(0.5)
    assert published(t, producer) > before + 100, "the producer stands still"
    other.signal(signal.SIGINT)
    other.ends_with(128 + signal.SIGINT)
    equal(frames_of(f"{t.path}/v.json")["torn"], 0)


def published(t, producer):
    """Frames so far, from the report that SIGUSR1 asks for."""
    path = f"{t.path}/p.json"
    before = text_of(path)
    producer.signal(signal.SIGUSR1)
    until(lambda: text_of(path) != before, "a report on SIGUSR1")
    return report_of(path)["frames"]["published"]


@test
def a_stopped_every_frame_viewer_holds_the_producer_up(t):
    producer = t.producer(*SMALL, "-r", "0", "--json", "p.json")
    viewer = t.viewer("--every-frame", "--verify", "--json", "v.json")
    time.sleep(0.5)
    viewer.signal(signal.SIGSTOP)
    producer.says(f"(pid {viewer.pid})")
    contains(producer.err, "stalled by lane 0")
    before = published(t, producer)
    time.sleep(0.5)
    equal(published(t, producer), before, "frames while it is stopped")
    viewer.signal(signal.SIGCONT)
    until(lambda: published(t, producer) > before + 10, "frames after it goes on")
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)
    frames = frames_of(f"{t.path}/v.json")
    equal((frames["lost"], frames["torn"]), (0, 0))


@test
def with_eviction_the_producer_goes_on(t):
    producer = t.producer(*SMALL, "-r", "0", "--json", "p.json", "--evict", "300")
    viewer = t.viewer("--every-frame", "--verify", "--json", "v.json")
    time.sleep(0.5)
    viewer.signal(signal.SIGSTOP)
    producer.says("evicted after")
    before = published(t, producer)
    until(lambda: published(t, producer) > before + 100, "frames after the eviction")
    viewer.signal(signal.SIGCONT)
    viewer.ends_with(11, "evicted after", "lost; be quicker")
    frames = frames_of(f"{t.path}/v.json")
    assert frames["lost"] > 0, frames
    equal(frames["torn"], 0, "the slot that it held was safe")


@test
def a_stopped_latest_frame_viewer_never_holds_the_producer_up(t):
    """With three buffers: one held, the newest, and one to draw in."""
    producer = t.producer(*SMALL, "-r", "500", "--buffers", "3", "--json", "p.json")
    viewer = t.viewer("--verify")
    time.sleep(0.3)
    viewer.signal(signal.SIGSTOP)
    before = published(t, producer)
    time.sleep(1)
    after = published(t, producer)
    report = report_of(f"{t.path}/p.json")
    equal(report["frames"]["no_slot"], 0, "ticks without a free slot")
    assert after > before, "no frames"
    viewer.signal(signal.SIGCONT)
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)


@test
def a_silent_producer_is_told_apart_from_a_dead_one(t):
    producer = t.producer(*SMALL)
    viewer = t.viewer()
    time.sleep(0.3)
    producer.signal(signal.SIGSTOP)
    viewer.says("no new frame for 5 s", seconds=10)
    assert viewer.is_running()
    producer.signal(signal.SIGCONT)
    viewer.signal(signal.SIGTERM)
    viewer.ends_with(128 + signal.SIGTERM)


@test
def a_key_file_leads_to_the_segment(t):
    key = f"{t.path}/key"
    open(key, "w").close()
    producer = t.start(PRODUCER, *SMALL, "--key", key)
    t.viewer("--key", key, "--wait", "5", "--verify", "--frames", "30").ends_with(0)
    # Another System V program finds it the same way.
    libc = ctypes.CDLL(None, use_errno=True)
    shmid = libc.shmget(libc.ftok(key.encode(), ord("p")), 0, 0)
    assert shmid >= 0, "ftok and shmget do not find it"
    producer.signal(signal.SIGTERM)
    producer.ends_with(128 + signal.SIGTERM)
    equal([s for s in segments() if s["shmid"] == shmid], [], "removed on the way out")


@test
def a_killed_producers_key_is_reclaimed(t):
    key = f"{t.path}/key"
    open(key, "w").close()
    first = t.start(PRODUCER, *SMALL, "--key", key)
    t.viewer("--key", key, "--wait", "5", "--frames", "3").ends_with(0)
    first.kill()
    equal(len([s for s in segments() if s["cpid"] == first.pid]), 1, "a keyed segment stays")
    second = t.start(PRODUCER, *SMALL, "--key", key)
    t.viewer("--key", key, "--wait", "5", "--frames", "3").ends_with(0)
    equal([s for s in segments() if s["cpid"] == first.pid], [], "the stale one")
    second.signal(signal.SIGINT)
    second.ends_with(128 + signal.SIGINT)


@test
def the_list_names_channels_and_their_producers(t):
    one = t.producer("-n", "cam.one", *SMALL, "-r", "25")
    two = t.producer("-n", "cam.two", "-s", "640x480")
    viewer = t.viewer("-n", "cam.one", "--follow")
    time.sleep(0.5)
    rows = [line.split() for line in t.run(VIEWER, "--list").decode().splitlines()]
    equal(rows[0], ["CHANNEL", "PRODUCER", "FORMAT", "SIZE", "FPS", "BUFFERS", "FRAMES", "VIEWERS"])
    equal(rows[1][:6] + rows[1][7:], ["cam.one", str(one.pid), "XR24", "320x240", "25", "2", "1"])
    equal(rows[2][:6] + rows[2][7:], ["cam.two", str(two.pid), "XR24", "640x480", "60", "2", "0"])
    two.kill()
    rows = [line.split() for line in t.run(VIEWER, "--list").decode().splitlines()]
    equal([row[0] for row in rows[1:]], ["cam.one"], "nothing is left of cam.two")
    one.kill()  # the viewer keeps its frames
    rows = [line.split() for line in t.run(VIEWER, "--list").decode().splitlines()]
    equal(rows[1][:4], ["cam.one", "none", "XR24", "320x240"], "a dead producer")
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)


if __name__ == "__main__":
    main()
