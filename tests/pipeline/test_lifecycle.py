# SPDX-License-Identifier: MIT
"""Producers and viewers start, end and crash in every order, without a display. What is on the screen is checked in
test_screen.py."""
import csv
import ctypes
import os
import re
import signal

from harness import *
from witness import start_with_viewers

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
def a_viewer_that_starts_first_waits_for_the_producer(t):
    viewer = t.viewer("--wait", "600", "--frames", "20").is_ready()
    let_run(0.3)
    assert viewer.is_running(), viewer.err
    t.producer(*SMALL)
    viewer.ends_with(0)


@test
def two_early_viewers_and_a_late_one_get_their_frames(t):
    producer = t.producer(*SMALL, "-r", "100")
    early = [t.viewer("--verify", "--json", f"early{i}.json") for i in range(2)]
    t.joined(2)
    late = t.viewer("--verify", "--frames", "50", "--json", "late.json")
    late.ends_with(0)
    for i, viewer in enumerate(early):  # more than the late viewer
        until(lambda: t.counters(viewer, f"early{i}.json")["shown"] > 60, "frames of an early viewer")
    producer.signal(signal.SIGINT)
    for viewer in early:
        viewer.ends_with(0)
    equal(frames_of(f"{t.path}/late.json")["shown"], 50, "the late viewer")
    for i in range(2):
        frames = frames_of(f"{t.path}/early{i}.json")
        equal(frames["torn"], 0)


@test
def an_every_frame_viewer_gets_every_frame(t):
    """The producer is unpaced: it waits for the viewer, and no frame is skipped."""
    producer = t.producer(*SMALL, "-r", "0", "--json", "p.json")
    viewer = t.viewer("--every-frame", "--verify", "--json", "v.json", "--csv", "v.csv")
    until(lambda: text_of(f"{t.path}/v.csv").count("\n") > 1000, "frames")
    producer.signal(signal.SIGTERM)
    producer.ends_with(143)
    viewer.ends_with(0)
    frames = frames_of(f"{t.path}/v.json")
    equal((frames["lost"], frames["skipped"], frames["torn"]), (0, 0, 0))
    # From the frame after its join to the last.
    sequences = [int(row["sequence"]) for row in csv.DictReader(open(f"{t.path}/v.csv"))]
    equal(sequences, list(range(sequences[0], frames_of(f"{t.path}/p.json")["published"] + 1)))


@test
def a_killed_producer_is_reported_after_its_last_frame(t):
    producer = t.producer(*SMALL)
    viewer = t.viewer("--every-frame", "--verify", "--csv", "v.csv")
    until(lambda: text_of(f"{t.path}/v.csv").count("\n") > 20, "frames")
    producer.kill()
    viewer.ends_with(10, f"pid {producer.pid}", "crashed", "--follow")
    last = list(csv.DictReader(open(f"{t.path}/v.csv")))[-1]
    assert re.search(rf"\bframe {last['sequence']}\b", viewer.err), viewer.err


@test
def the_end_of_a_stream_is_no_error(t):
    producer = t.start(PRODUCER, "-", stdin=subprocess.PIPE)
    viewer = t.viewer("--wait", "600", "--csv", "v.csv")
    with producer.popen.stdin as film:
        frame = b"FRAME\n" + bytes(64 * 48 * 3 // 2)
        film.write(b"YUV4MPEG2 W64 H48 F25:1\n" + frame)
        film.flush()
        t.joined()
        film.write(frame)
        film.flush()
        until(lambda: text_of(f"{t.path}/v.csv").count("\n") > 1, "a frame")
    producer.ends_with(0)
    viewer.ends_with(0)


@test
def a_follower_joins_a_restarted_producer(t):
    first = t.producer(*SMALL)
    viewer = t.viewer("--follow", "--verify", "--frames", str(100 * SLOWER), "-v")
    viewer.prints("presenter null")
    let_run(0.3)
    first.kill()
    viewer.prints(f"pid {first.pid}", "crashed")
    second = t.producer("-s", "400x300")
    viewer.ends_with(0, "400x300")
    second.signal(signal.SIGTERM)
    second.ends_with(128 + signal.SIGTERM)


@test
def a_follower_joins_the_next_producer_after_an_end(t):
    viewer = t.viewer("--follow", "--frames", "60", "--csv", "v.csv")
    first = start_with_viewers(t, 1, FAULTY_PRODUCER, *SMALL, "-r", "100", "--frames", "20").ends_with(0)
    second = t.producer(*SMALL)
    viewer.ends_with(0)
    producers = [int(row["producer_pid"]) for row in csv.DictReader(open(f"{t.path}/v.csv"))]
    equal((producers[0], producers[-1]), (first.pid, second.pid), "the producers of the first and the last frame")


@test
def a_size_change_in_mid_stream_is_followed(t):
    """PNGs of two sizes, so there is a new segment between them, and no frame is lost."""
    for name, size in (("1", "64x48"), ("2", "64x48"), ("3", "80x50"), ("4", "80x50")):
        t.run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}", "-frames:v",
              "1", "-pix_fmt", "rgb24", f"{t.path}/{name}.png")
    viewer = t.viewer("--every-frame", "--wait", "600", "-v", "--json", "v.json", "--snapshot", "last.png")
    start_with_viewers(t, 1, FAULTY_PRODUCER, "1.png", "2.png", "3.png", "4.png", "-r", "4").ends_with(0)
    viewer.ends_with(0, "80x50")
    frames = frames_of(f"{t.path}/v.json")
    equal((frames["shown"], frames["lost"]), (4, 0))
    assert Image.from_file(t, f"{t.path}/last.png").same_as(Image.from_file(t, f"{t.path}/4.png"))


@test
def an_every_frame_viewer_gets_frames_of_many_sizes(t):
    """There is a new segment for each image, and the producer is fast."""
    paths = []
    for i in range(12):
        paths.append(f"{t.path}/{i}.png")
        t.run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={64 + i}x48", "-frames:v", "1", paths[-1])
    viewer = t.viewer("--every-frame", "--wait", "600", "--json", "v.json", "--csv", "v.csv")
    start_with_viewers(t, 1, FAULTY_PRODUCER, *paths, "-r", "1000", "--loop", "--frames", "600").ends_with(0)
    viewer.ends_with(0)
    # The media time of an image is its number, at the rate.
    numbers = [round(float(row["pts_us"]) * 1000 / 1e6) for row in csv.DictReader(open(f"{t.path}/v.csv"))]
    equal(numbers, list(range(600)), "the images")
    equal(frames_of(f"{t.path}/v.json")["lost"], 0)


@test
def an_end_soon_after_a_change_of_size_is_noticed(t):
    """The viewer is stopped during both. There is no next segment that it could join."""
    for i, size in enumerate(("64x48", "80x50")):
        t.run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}", "-frames:v", "1", f"{t.path}/{i}.png")
    viewer = t.viewer("--wait", "600", "--csv", "v.csv")
    producer = start_with_viewers(t, 1, FAULTY_PRODUCER, "0.png", "1.png", "-r", "1")
    until(lambda: text_of(f"{t.path}/v.csv").count("\n") > 1, "the first frame")
    viewer.signal(signal.SIGSTOP)
    producer.ends_with(0)
    viewer.signal(signal.SIGCONT)
    viewer.ends_with(0)


@test
def a_crash_soon_after_a_change_of_size_is_noticed(t):
    """The viewer is stopped during both. It later detects the crash, since the producer has not removed its id file."""
    for i, size in enumerate(("64x48", "80x50")):
        t.run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}", "-frames:v", "1", f"{t.path}/{i}.png")
    viewer = t.viewer("--wait", "600", "--csv", "v.csv").is_ready()
    producer = t.producer(f"{t.path}/0.png", f"{t.path}/1.png", "--loop", "-r", "1")
    until(lambda: text_of(f"{t.path}/v.csv").count("\n") > 1, "the first frame")
    viewer.signal(signal.SIGSTOP)
    before = text_of(f"{t.path}/pageflip/default.id")
    until(lambda: text_of(f"{t.path}/pageflip/default.id") != before, "the next segment")
    producer.kill()
    viewer.signal(signal.SIGCONT)
    viewer.ends_with(10, f"pid {producer.pid}")


@test
def no_program_keeps_an_old_segment(t):
    """After a format change, and after a restart of the producer, the viewers and the producer have exactly one segment mapped:
    the producer's current one."""
    for i, size in enumerate(("64x48", "80x50")):
        t.run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}", "-frames:v", "1", f"{t.path}/{i}.png")

    def shared(producer, viewers, before=None):
        """The one segment that all of them have mapped, if it is not the one from before."""
        has = mapped_by(producer.pid)
        same = all(mapped_by(viewer.pid) == has for viewer in viewers)
        return len(has) == 1 and has != before and same and has
    producer = t.producer(f"{t.path}/0.png", f"{t.path}/1.png", "--loop", "-r", "1")
    viewers = [t.viewer("--follow", "-v", *more) for more in ([], ["--every-frame"])]
    first = until(lambda: shared(producer, viewers), "one segment")
    for _ in range(2):
        first = until(lambda: shared(producer, viewers, first), "one segment after a format change")
    producer.kill()
    for viewer in viewers:
        viewer.prints(f"pid {producer.pid}", "crashed")
    producer = t.producer(*SMALL)
    last = until(lambda: shared(producer, viewers, first), "one segment after a restart")
    let_run(0.5)
    equal([mapped_by(process.pid) for process in (producer, *viewers)], [last] * 3)


@test
def verifying_frames_without_stamps_warns(t):
    t.producer(f"{os.environ['PAGEFLIP_SOURCE']}/assets/frames", "--loop")
    t.viewer("--verify", "--frames", "3").ends_with(0, "--verify", "--stamp")


@test
def a_viewer_killed_with_a_slot_does_not_stop_the_producer(t):
    """An unpaced every-frame viewer holds a slot almost always, so also when it is killed."""
    producer = t.producer(*SMALL, "-r", "0", "--json", "p.json")
    other = t.viewer("--verify", "--json", "v.json")
    for _ in range(5):
        victim = t.viewer("--every-frame")
        t.joined(2)
        let_run(0.1)
        victim.kill()
    before = published(t, producer)
    until(lambda: published(t, producer) > before + 100, "frames after the kills")
    other.signal(signal.SIGINT)
    other.ends_with(128 + signal.SIGINT)
    equal(frames_of(f"{t.path}/v.json")["torn"], 0)


def published(t, producer):
    return t.counters(producer, "p.json")["published"]


@test
def a_stopped_every_frame_viewer_stalls_the_producer(t):
    producer = t.producer(*SMALL, "-r", "0", "--json", "p.json")
    viewer = t.viewer("--every-frame", "--verify", "--json", "v.json")
    t.joined()
    let_run(0.5)
    viewer.signal(signal.SIGSTOP)
    producer.prints("lane 0", f"pid {viewer.pid}")
    before = published(t, producer)
    let_run(0.5)
    equal(published(t, producer), before, "frames while it is stopped")
    viewer.signal(signal.SIGCONT)
    until(lambda: published(t, producer) > before + 10, "frames after it continues")
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)
    frames = frames_of(f"{t.path}/v.json")
    equal((frames["lost"], frames["torn"]), (0, 0))


@test
def with_eviction_the_producer_continues(t):
    producer = t.producer(*SMALL, "-r", "0", "--buffers", "3", "--json", "p.json", "--evict", "300")
    viewer = t.viewer("--every-frame", "--verify", "--json", "v.json")
    t.joined()
    let_run(0.5)
    viewer.signal(signal.SIGSTOP)
    producer.prints(f"pid {viewer.pid}", "evicted")
    before = published(t, producer)
    until(lambda: published(t, producer) > before + 100, "frames after the eviction")
    viewer.signal(signal.SIGCONT)
    viewer.ends_with(11, "error: ", "evicted", "--every-frame")
    frames = frames_of(f"{t.path}/v.json")
    assert frames["lost"] > 0, frames
    equal(frames["torn"], 0, "its held slot was overwritten")


@test
def a_stopped_latest_frame_viewer_never_stalls_the_producer(t):
    """Of three slots one is held, one has the latest frame, and one is free to draw in."""
    producer = t.producer(*SMALL, "-r", "500", "--buffers", "3", "--json", "p.json")
    viewer = t.viewer("--verify")
    t.joined()
    for number in (signal.SIGCONT, signal.SIGSTOP) * 3:
        viewer.signal(number)
        before = published(t, producer)
        until(lambda: published(t, producer) > before + 100, f"frames after {number}")
    report = report_of(f"{t.path}/p.json")
    equal(report["frames"]["no_slot"], 0, "ticks without a free slot")
    viewer.signal(signal.SIGCONT)
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)


@test
def a_stopped_producer_is_reported_as_running(t):
    producer = t.producer(*SMALL)
    viewer = t.viewer()
    let_run(0.3)
    producer.signal(signal.SIGSTOP)
    viewer.prints(f"pid {producer.pid}", "5 s")
    assert viewer.is_running()
    producer.signal(signal.SIGCONT)
    viewer.signal(signal.SIGTERM)
    viewer.ends_with(128 + signal.SIGTERM)


@test
def a_viewer_with_spin_does_not_sleep(t):
    """While a stopped producer sends no frames."""
    producer = t.producer(*SMALL)
    spinning = t.viewer("--spin", "1000000", "--json", "v.json")
    sleeping = t.viewer()
    t.joined(2)
    until(lambda: t.counters(spinning, "v.json")["shown"], "a frame")
    producer.signal(signal.SIGSTOP)
    until(lambda: t.counters(spinning, "v.json") == t.counters(spinning, "v.json"), "no more frames")
    before = sleeping.sleeps()
    until(lambda: sleeping.sleeps() >= before + 3, "no more work")
    before = spinning.sleeps(), sleeping.sleeps()
    until(lambda: sleeping.sleeps() >= before[1] + 10, "both wait for a while")
    equal(spinning.sleeps(), before[0], "sleeps of the viewer that spins")


@test
def a_key_file_leads_to_the_segment(t):
    key = f"{t.path}/key"
    open(key, "w").close()
    producer = t.start(PRODUCER, *SMALL, "--key", key)
    t.viewer("--key", key, "--wait", "600", "--verify", "--frames", "30").ends_with(0)
    # Another System V program finds it the same way.
    libc = ctypes.CDLL(None, use_errno=True)
    shmid = libc.shmget(libc.ftok(key.encode(), ord("p")), 0, 0)
    assert shmid >= 0, "ftok and shmget did not find it"
    producer.signal(signal.SIGTERM)
    producer.ends_with(128 + signal.SIGTERM)
    equal([s for s in segments() if s["shmid"] == shmid], [], "segments after the exit")


@test
def a_viewer_waits_for_a_key(t):
    """The viewer finds the segment while the producer still allocates its pages: 100 MB take a while."""
    key = f"{t.path}/key"
    open(key, "w").close()
    viewer = t.viewer("--key", key, "--wait", "600", "--frames", "3", "--json", "v.json")
    viewer.is_ready()
    producer = t.start(PRODUCER, "-n", "by-key", "-s", "3840x2160", "--buffers", "3", "--key", key)
    viewer.ends_with(0)
    producer.signal(signal.SIGTERM)  # a kill would leave the segment
    producer.ends_with(128 + signal.SIGTERM)
    equal(report_of(f"{t.path}/v.json")["channel"], "by-key")


@test
def a_follower_by_key_joins_a_restarted_producer(t):
    """The viewer is still attached to the crashed producer's segment, which must not keep the key."""
    key = f"{t.path}/key"
    open(key, "w").close()
    first = t.producer(*SMALL, "--key", key)
    viewer = t.viewer("--key", key, "--follow", "--frames", "100", "-v")
    viewer.prints("presenter null")
    first.kill()
    viewer.prints(f"pid {first.pid}", "crashed")
    second = t.producer("-s", "400x300", "--key", key)
    viewer.ends_with(0, "400x300")
    second.signal(signal.SIGTERM)  # a kill would leave the segment
    second.ends_with(128 + signal.SIGTERM)


@test
def a_key_is_not_taken_from_a_channel_of_the_same_name(t):
    """Another runtime directory has another channel of this name: the lease of that channel does not cover the key."""
    key = f"{t.path}/key"
    open(key, "w").close()
    first = t.producer(*SMALL, "--key", key)
    os.mkdir(f"{t.path}/other", 0o700)
    t.start(PRODUCER, *SMALL, "--key", key, env={"XDG_RUNTIME_DIR": f"{t.path}/other"}).fails_with(3, key)
    t.viewer("--frames", "3").ends_with(0)
    first.signal(signal.SIGTERM)
    first.ends_with(128 + signal.SIGTERM)


@test
def a_killed_producers_key_is_reclaimed(t):
    key = f"{t.path}/key"
    open(key, "w").close()
    first = t.start(PRODUCER, *SMALL, "--key", key)
    t.viewer("--key", key, "--wait", "600", "--frames", "3").ends_with(0)
    first.kill()
    equal(len([s for s in segments() if s["cpid"] == first.pid]), 1, "keyed segments after a kill")
    second = t.start(PRODUCER, *SMALL, "--key", key)
    t.viewer("--key", key, "--wait", "600", "--frames", "3").ends_with(0)
    equal([s for s in segments() if s["cpid"] == first.pid], [], "stale segments")
    second.kill()
    t.start(PRODUCER, *SMALL, "--frames", "1").ends_with(0)  # without the key, but by the id file
    equal([s for s in segments() if s["cpid"] == second.pid], [], "stale segments")


@test
def a_key_is_reclaimed_from_a_producer_killed_before_it_wrote_the_header(t):
    """As after a SIGKILL between shmget() and the magic number: the segment is empty, its creator has exited."""
    key = f"{t.path}/key"
    open(key, "w").close()
    libc = ctypes.CDLL(None, use_errno=True)
    value = libc.ftok(key.encode(), ord("p"))
    child = os.fork()
    if child == 0:
        os._exit(libc.shmget(value, 1 << 20, 0o1600) < 0)
    equal(os.waitpid(child, 0)[1], 0, "shmget")
    left = [s["shmid"] for s in segments() if s["cpid"] == child]
    try:
        equal(len(left), 1, "segments of the child")
        t.start(PRODUCER, *SMALL, "--key", key, "--frames", "3").ends_with(0)
        equal([s for s in segments() if s["shmid"] == left[0]], [], "stale segments")
    finally:
        libc.shmctl(left[0], 0, None)


@test
def a_report_signal_does_not_end_a_waiting_viewer(t):
    viewer = t.viewer("-v", "--wait", "600", "--frames", "3")
    viewer.is_ready()
    for _ in range(3):
        viewer.signal(signal.SIGUSR1)
        time.sleep(0.1)
    assert viewer.is_running(), viewer.err
    t.producer(*SMALL)
    viewer.ends_with(0)


@test
def a_crashed_producer_is_listed_only_while_it_has_viewers(t):
    """Then it has no pid, and its viewers are counted."""
    one = t.producer("-n", "cam.one", *SMALL)
    two = t.producer("-n", "cam.two", *SMALL)
    viewer = t.viewer("-n", "cam.one", "--follow")
    t.joined(channel="cam.one")
    two.kill()
    one.kill()  # the viewer keeps its frames
    rows = [line.split() for line in t.run(VIEWER, "--list").decode().splitlines()[1:]]
    equal([row[:4] + row[-1:] for row in rows], [["cam.one", "none", "XR24", "320x240", "1"]])
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)


if __name__ == "__main__":
    main()
