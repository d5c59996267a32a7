# SPDX-License-Identifier: MIT
"""What one program observes when the other is stopped, crashes, is killed and stays a zombie, or forks; and signals at any
time. See "Kills and stops" in tests/FAULTS.md; kills at each step are in tests/deep/kill_matrix.py."""
import os
import random
import re
import resource
import signal
import subprocess
import time

from harness import *

SMALL = ["-s", "320x240"]
SEED = int(os.environ.get("PAGEFLIP_SEED", time.time_ns() % 1000000))


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def is_zombie(pid):
    return text_of(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1] == ["Z"]


@test
def signals_at_any_time_end_both_cleanly(t):
    """The signals arrive while the programs start, wait, run or stall. Before its handlers are installed, the signal terminates
    a program, which a shell shows as the same number."""
    dice = random.Random(SEED)
    print(f"# seed {SEED}", flush=True)
    for number in range(24 if not SANITIZED else 8):
        chosen = [dice.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP)) for _ in range(2)]
        producer = t.start(PRODUCER, *SMALL, "-q", "-r", dice.choice(("0", "60")))
        viewer = t.viewer("-q", "--follow", "--wait", "60", *dice.choice(([], ["--every-frame"])))
        both = [(producer, chosen[0]), (viewer, chosen[1])]
        dice.shuffle(both)
        for process, sent in both:
            time.sleep(dice.choice((0, 0.003, 0.01, 0.03, 0.1)))
            process.signal(sent)
        for process, sent in both:
            equal(process.wait(), 128 + sent, f"round {number}: {process.command}: {process.err}")
        pids = (producer.pid, viewer.pid)
        until(lambda: not [s for s in segments() if s["cpid"] in pids], f"round {number}: no segment")


@test
def a_producer_that_is_asked_to_end_leaves_its_last_frames(t):
    """An every-frame viewer that was stopped meanwhile still gets them: the segment exists as long as it is attached."""
    producer = t.producer(*SMALL, "-r", "0", "--buffers", "8", "--json", "p.json")
    viewer = t.viewer("--every-frame", "--verify", "--csv", "v.csv", "--json", "v.json")
    t.joined()
    until(lambda: t.counters(viewer, "v.json")["shown"] > 20, "frames")
    viewer.signal(signal.SIGSTOP)
    time.sleep(0.3)
    producer.signal(signal.SIGTERM)
    producer.ends_with(143)
    last = report_of(f"{t.path}/p.json")["frames"]["published"]
    viewer.signal(signal.SIGCONT)
    viewer.ends_with(0)
    rows = text_of(f"{t.path}/v.csv").splitlines()
    column = rows[0].split(",").index("sequence")
    seen = [int(row.split(",")[column]) for row in rows[1:]]
    equal(seen, list(range(seen[0], last + 1)))


@test
def a_crash_is_handled_like_a_kill(t):
    """The kernel cleans up; the programs have no handler for these signals."""
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS):
        producer = t.producer(*SMALL, "-r", "0", "--json", "p.json", preexec_fn=no_core)
        victim = t.viewer("-q", "--every-frame", "--wait", "60", preexec_fn=no_core)
        other = t.viewer("--verify", "--wait", "60", "--json", "v.json")
        until(lambda: t.counters(producer, "p.json")["published"] > 50, "frames")
        until(lambda: viewers_of(t) == 2, "two viewers")
        victim.signal(number)
        victim.popen.wait()
        until(lambda: viewers_of(t) == 1, "its lane")
        before = t.counters(producer, "p.json")["published"]
        until(lambda: t.counters(producer, "p.json")["published"] > before + 50, "frames after the crash")
        producer.signal(number)
        other.ends_with(10, f"pid {producer.pid}", "crashed")
        equal(report_of(f"{t.path}/v.json")["frames"]["torn"], 0)
        until(lambda: not [s for s in segments() if s["cpid"] == producer.pid], "no segment")


def viewers_of(t):
    rows = [line.split() for line in t.run(VIEWER, "--list").decode().splitlines()[1:]]
    return int(rows[0][-1]) if rows else 0


@test
def a_zombie_counts_as_crashed(t):
    """A killed process that its parent has not waited for still has its pid."""
    producer = t.producer(*SMALL)
    viewer = t.viewer("--every-frame")
    t.joined()
    time.sleep(0.3)
    os.kill(producer.pid, signal.SIGKILL)
    viewer.ends_with(10, f"pid {producer.pid}", "crashed")
    assert is_zombie(producer.pid), "it was not a zombie"
    second = t.producer(*SMALL, "-r", "0", "--json", "p.json")
    victim = t.viewer("--every-frame")
    t.joined()
    time.sleep(0.3)
    os.kill(victim.pid, signal.SIGKILL)
    until(lambda: viewers_of(t) == 0, "its lane")
    before = t.counters(second, "p.json")["published"]
    until(lambda: t.counters(second, "p.json")["published"] > before + 50, "frames")
    assert is_zombie(victim.pid) and is_zombie(producer.pid)


@test
def killing_every_process_leaves_only_the_lock_file(t):
    """All are killed before any of them is waited for. The kernel removes the segment with its last user. The lock file stays,
    so that a lease is always on the same file, and the next programs start as usual."""
    lock = f"{t.path}/pageflip/default.lock"
    for _ in range(5 if not SANITIZED else 2):
        producer = t.producer(*SMALL, "-r", "0", "--json", "p.json")
        viewers = [t.viewer("-q", *mode) for mode in ([], ["--every-frame"], [], ["--every-frame"])]
        until(lambda: viewers_of(t) == 4, "four viewers")
        until(lambda: t.counters(producer, "p.json")["published"] > 50, "frames")
        inode = os.stat(lock).st_ino
        processes = [producer, *viewers]
        assert all(process.is_running() for process in processes)
        for process in processes:
            os.kill(process.pid, signal.SIGKILL)
        pids = [process.pid for process in processes]
        until(lambda: not [s for s in segments() if s["cpid"] in pids], "no segment")
        for process in processes:
            process.ends_with(137)
        equal(os.stat(lock).st_ino, inode, "the lock file")
        t.start(PRODUCER, *SMALL, "--frames", "2").ends_with(0)
        following = t.producer(*SMALL, "-r", "0")
        t.viewer("--verify", "--frames", "20", "--json", "v.json").ends_with(0)
        frames = report_of(f"{t.path}/v.json")["frames"]
        assert frames["torn"] == 0 and frames["verified"] >= frames["shown"] == 20, frames
        following.signal(signal.SIGTERM)
        following.ends_with(143)


@test
def a_stopped_latest_frame_viewer_continues_with_the_latest_frame(t):
    """It counts the skipped frames. It holds one slot of three, so the producer does not wait for it."""
    producer = t.producer(*SMALL, "-r", "200", "--buffers", "3", "--json", "p.json")
    viewer = t.viewer("--verify", "--json", "v.json").is_ready()
    until(lambda: viewers_of(t) == 1, "a viewer")
    until(lambda: t.counters(viewer, "v.json")["shown"], "a frame")
    viewer.signal(signal.SIGSTOP)
    before = t.counters(producer, "p.json")["published"]
    meanwhile = until(lambda: max(0, t.counters(producer, "p.json")["published"] - before - 100), "frames") + 100
    viewer.signal(signal.SIGCONT)
    until(lambda: t.counters(viewer, "v.json")["skipped"] >= meanwhile - 3, "skipped frames")
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)
    frames = report_of(f"{t.path}/v.json")["frames"]
    equal((frames["lost"], frames["torn"]), (0, 0))


@test
def with_a_stopped_producer_the_window_still_responds(t):
    display = Display(t)
    producer = t.producer(*SMALL)
    viewer = t.viewer("-v", presenter="x11")
    window = display.window_of(viewer)
    until(lambda: any(display.grab(window).pixels), "a frame")
    producer.signal(signal.SIGSTOP)
    before = display.grab_still(window)
    t.run("xdotool", "windowsize", "--sync", window, "640", "480")
    until(lambda: display.grab(window).width == 640 and any(display.grab(window).pixels[-640 * 4:]),
          "the frame, scaled, while the producer is stopped")
    t.run("xdotool", "windowsize", "--sync", window, "320", "240")
    until(lambda: display.grab(window).same_as(before), "the same frame")
    viewer.prints(f"pid {producer.pid}", "5 s")
    assert line_with(viewer.err, ["crashed"]) is None, viewer.err
    display.key(window, "q")
    viewer.ends_with(0)


@test
def a_stalled_producer_names_the_viewer_every_two_seconds(t):
    producer = t.producer(*SMALL, "-r", "0")
    viewer = t.viewer("--every-frame")
    until(lambda: viewers_of(t) == 1, "a viewer")
    time.sleep(0.2)
    viewer.signal(signal.SIGSTOP)

    def seconds():
        lines = [line for line in producer.err.splitlines() if line_with(line, ["lane 0", f"pid {viewer.pid}"])]
        return [float(re.search(r"\b(\d+\.\d) s\b", line).group(1)) for line in lines]
    first, second = until(lambda: seconds()[:2] if len(seconds()) > 1 else None, "two warnings")
    assert first >= 2 and second - first >= 1.9, seconds()  # later on a busy machine
    viewer.signal(signal.SIGCONT)


def forker(t, role):
    made = t.start(os.environ["PAGEFLIP_FORKER"], role)
    until(lambda: made.out.count("\n") == 2 or not made.is_running(), f"two processes: {made.err}")
    return made, int(re.search(r"child (\d+)", made.out).group(1))


@test
def a_child_of_a_producer_keeps_neither_lease_nor_segment(t):
    parent, child = forker(t, "producer")
    try:
        equal([s["cpid"] for s in segments() if s["cpid"] == parent.pid], [parent.pid])
        equal(mapped_by(child), set(), "segments of the child")
        parent.kill()
        until(lambda: not [s for s in segments() if s["cpid"] == parent.pid], "no segment")
        second = t.start(PRODUCER, *SMALL, "--frames", "2")
        second.ends_with(0)
        os.kill(child, 0)  # it is running
    finally:
        os.kill(child, signal.SIGKILL)


@test
def a_child_of_a_viewer_keeps_neither_lane_nor_slot(t):
    producer = t.producer(*SMALL, "-r", "0", "--json", "p.json")
    parent, child = forker(t, "viewer")
    try:
        equal(mapped_by(child), set(), "segments of the child")
        parent.kill()
        until(lambda: viewers_of(t) == 0, "its lane")
        before = t.counters(producer, "p.json")["published"]
        until(lambda: t.counters(producer, "p.json")["published"] > before + 50, "frames")
        os.kill(child, 0)  # it is running
        producer.kill()
        until(lambda: not [s for s in segments() if s["cpid"] == producer.pid], "no segment")
    finally:
        os.kill(child, signal.SIGKILL)


O_CLOEXEC = 0o2000000


def files_of(process):
    """{descriptor: file}, without those that the process closes meanwhile."""
    found = {}
    for fd in os.listdir(f"/proc/{process.pid}/fd"):
        try:
            found[int(fd)] = os.readlink(f"/proc/{process.pid}/fd/{fd}")
        except FileNotFoundError:
            pass
    return found


def inherited(process):
    """The files that a program which this process starts would inherit, without standard input, output and error."""
    found = []
    for fd, file in files_of(process).items():
        flags = re.search(r"flags:\s*(\d+)", text_of(f"/proc/{process.pid}/fdinfo/{fd}"))
        if fd > 2 and flags and not int(flags[1], 8) & O_CLOEXEC:
            found.append(file)
    return found


# The calls that make a descriptor. The older half of them does not exist on every processor.
CALLS = ("?open,openat,?creat,socket,accept4,eventfd2,epoll_create1,timerfd_create,signalfd4,inotify_init1,?pipe,pipe2,"
         "memfd_create,dup,?dup2,dup3")


def whole_calls(text):
    """The lines of strace's output, with the two halves of a call that another thread interrupted in one line."""
    begun, lines = {}, []
    for line in text.splitlines():
        thread = line.split()[0]
        if line.endswith("<unfinished ...>"):
            begun[thread] = line.removesuffix("<unfinished ...>")
        elif " resumed>" in line:
            lines.append(begun.pop(thread, "") + line.partition(" resumed>")[2])
        else:
            lines.append(line)
    return lines


def opened(t, path):
    """The calls in strace's output that made a descriptor, without those of libraries for files of the system."""
    lines = [line for line in whole_calls(text_of(path)) if re.search(r"= ([3-9]|\d\d+)$|\bpipe2?\(.*= 0$", line)]
    return [line for line in lines if t.path in line or '"/' not in line]


def need_strace():
    need("strace")
    if subprocess.run(["strace", "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL).returncode:
        raise Skip("strace is not permitted")


@test
def a_started_program_inherits_no_file(t):
    """A user of the library may start other programs. Each call is checked, since some files are open for a moment only."""
    need_strace()
    Display(t)
    os.mkfifo(f"{t.path}/in.y4m")
    waiting = t.viewer("-n", "none", "--wait", "600").is_ready()
    film = os.open(f"{t.path}/in.y4m", os.O_RDWR | os.O_CLOEXEC)
    reader = t.start(PRODUCER, f"{t.path}/in.y4m", "-n", "fifo").is_ready()
    until(lambda: f"{t.path}/in.y4m" in files_of(reader).values(), "an open input")
    producer = t.producer(*SMALL, "--trace", "p.trace", "--json", "p.json")
    windows = [t.viewer("--csv", f"{way}.csv", "--trace", f"{way}.trace", presenter=way) for way in ("x11", "x11-put")]
    for window in windows:
        until(lambda w=window: text_of(f"{t.path}/{w.command[2]}.csv").count("\n") > 1, f"a frame of {window.command}")
    for process in (waiting, reader, producer, *windows):
        equal(inherited(process), [], f"{process.command}")
    os.close(film)
    traced = ["strace", "-f", "-e", f"trace={CALLS}", "-o"]
    t.start(*traced, "p.calls", PRODUCER, *SMALL, "-n", "traced", "--frames", "2", "--json", "once.json", "--trace",
            "once.trace").ends_with(0)
    t.start(*traced, "v.calls", VIEWER, "--presenter", "null", "--frames", "2", "--json", "v.json", "--csv", "v.csv",
            "--snapshot", "v.png", "--wait", "600").ends_with(0)
    for path, least in ("p.calls", 8), ("v.calls", 6):
        lines = opened(t, f"{t.path}/{path}")
        assert len(lines) >= least, lines
        equal([line for line in lines if "CLOEXEC" not in line], [], path)


if __name__ == "__main__":
    main()
