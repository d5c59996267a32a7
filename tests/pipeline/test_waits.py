# SPDX-License-Identifier: MIT
"""Each wait of both programs under each signal that they handle. Nothing but a request to exit ends a wait: SIGUSR1 writes a
report where there is one to write, and a stop changes nothing. SIGINT, SIGTERM and SIGHUP end each wait with 128 + N."""
import glob
import json
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from harness import *

SMALL = ["-s", "64x48"]
HEADER = b"YUV4MPEG2 W64 H48 F100:1\n"
FRAME = b"FRAME\n" + bytes(64 * 48 * 3 // 2)
QUITS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Each wait is a generator: it yields the process when that waits, or will do so without another step of the test; what follows
# ends the wait and checks the result.
waits = []


def wait(function):
    waits.append(function)
    return function


def fifo(t, name):
    os.mkfifo(f"{t.path}/{name}")
    return f"{t.path}/{name}"


def content(path):
    """What the next writer of a FIFO writes. The reader gives up if there is none."""
    return subprocess.run(["cat", path], stdout=subprocess.PIPE, timeout=HANG_SECONDS).stdout


def slices(trace):
    return sum(event["ph"] == "X" for event in json.loads(trace)["traceEvents"])


def rows(t):
    return text_of(f"{t.path}/v.csv").count("\n") - 1


def images(t):
    """Two images of different size, so that each frame has a segment of its own."""
    paths = []
    for size in ("64x48", "80x50"):
        paths.append(f"{t.path}/{size}.png")
        t.run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}", "-frames:v", "1", paths[-1])
    return paths


@wait
def a_viewer_without_a_producer(t):
    viewer = t.viewer("--wait", "600", "--frames", "3").is_ready()
    yield viewer
    t.producer(*SMALL)
    viewer.ends_with(0)


@wait
def a_viewer_without_a_key(t):
    key = f"{t.path}/key"
    open(key, "w").close()
    viewer = t.viewer("--key", key, "--wait", "600", "--frames", "3").is_ready()
    yield viewer
    producer = t.producer(*SMALL, "--key", key)
    viewer.ends_with(0)
    producer.signal(signal.SIGTERM)  # a kill would leave the segment
    producer.wait()


@wait
def a_follower_without_a_producer(t):
    first = t.producer(*SMALL)
    viewer = t.viewer("--follow", "--csv", "v.csv", "--json", "v.json", "-v")
    until(lambda: rows(t) > 0, "a frame")
    first.kill()
    viewer.prints("waiting for the next producer")
    yield viewer
    before = t.counters(viewer, "v.json")["shown"]
    t.producer(*SMALL)
    until(lambda: t.counters(viewer, "v.json")["shown"] > before, "a frame of the next producer")


@wait
def a_viewer_without_frames(t):
    producer = t.producer(*SMALL)
    viewer = t.viewer("--every-frame", "--csv", "v.csv", "--json", "v.json")
    until(lambda: rows(t) > 0, "a frame")
    producer.signal(signal.SIGSTOP)
    yield viewer
    before = t.counters(viewer, "v.json")["shown"]
    producer.signal(signal.SIGCONT)
    until(lambda: t.counters(viewer, "v.json")["shown"] > before, "a frame")


@wait
def a_viewer_in_a_format_change(t):
    """The producer is stopped after the new segment was announced, or before it."""
    producer = t.producer(*images(t), "--loop", "-r", "0")
    viewer = t.viewer("--every-frame", "--csv", "v.csv", "--json", "v.json")
    until(lambda: rows(t) > 5, "frames")
    producer.signal(signal.SIGSTOP)
    yield viewer
    before = t.counters(viewer, "v.json")["shown"]
    producer.signal(signal.SIGCONT)
    until(lambda: t.counters(viewer, "v.json")["shown"] > before + 2, "frames")


@wait
def a_producer_that_opens_a_fifo(t):
    producer = t.start(PRODUCER, fifo(t, "in.y4m"), "-r", "0", "--json", "p.json").is_ready()
    yield producer
    with open(f"{t.path}/in.y4m", "wb") as film:
        film.write(HEADER + 3 * FRAME)
    producer.ends_with(0)
    equal(report_of(f"{t.path}/p.json")["frames"]["published"], 3)


def fed(t, data, *arguments):
    process = t.start(PRODUCER, "-", "-r", "0", "--json", "p.json", *arguments, stdin=subprocess.PIPE, bufsize=0)
    process.popen.stdin.write(data)
    return process.is_ready()


@wait
def a_producer_without_a_header(t):
    producer = fed(t, HEADER[:9])
    yield producer
    with producer.popen.stdin as film:
        film.write(HEADER[9:] + 3 * FRAME)
    producer.ends_with(0)
    equal(report_of(f"{t.path}/p.json")["frames"]["published"], 3)


@wait
def a_producer_with_half_a_frame(t):
    producer = fed(t, HEADER + FRAME + FRAME[:1000])
    until(lambda: t.counters(producer, "p.json")["published"] == 1, "a frame")
    yield producer
    equal(t.counters(producer, "p.json")["published"], 1)
    with producer.popen.stdin as film:
        film.write(FRAME[1000:] + FRAME)
    producer.ends_with(0)
    equal(report_of(f"{t.path}/p.json")["frames"]["published"], 3)


@wait
def a_producer_without_a_slot(t):
    producer = t.producer(*SMALL, "-r", "0", "--json", "p.json")
    viewer = t.viewer("--every-frame", "--csv", "v.csv")
    until(lambda: rows(t) > 0, "a frame")
    viewer.signal(signal.SIGSTOP)
    producer.prints("stalled", f"pid {viewer.pid}")
    yield producer
    before = t.counters(producer, "p.json")["published"]
    viewer.signal(signal.SIGCONT)
    until(lambda: t.counters(producer, "p.json")["published"] > before, "a frame")


@wait
def a_producer_in_a_format_change(t):
    """It waits for a stopped viewer that has not joined the present segment yet."""
    producer = t.producer(*images(t), "--loop", "-r", "0", "--json", "p.json")
    viewer = t.viewer("--every-frame", "--csv", "v.csv")
    until(lambda: rows(t) > 0, "a frame")
    viewer.signal(signal.SIGSTOP)
    producer.prints("stalled", f"pid {viewer.pid}")
    yield producer
    before = t.counters(producer, "p.json")["published"]
    viewer.signal(signal.SIGCONT)
    until(lambda: t.counters(producer, "p.json")["published"] > before, "a frame")


@wait
def a_producer_with_a_trace_that_is_not_read(t):
    producer = t.start(PRODUCER, *SMALL, "-r", "0", "--frames", "3", "--trace", fifo(t, "trace")).is_ready()
    yield producer
    equal(slices(content(f"{t.path}/trace")), 3)
    producer.ends_with(0)


@wait
def a_viewer_with_a_trace_that_is_not_read(t):
    t.producer(*SMALL)
    viewer = t.viewer("--frames", "3", "--trace", fifo(t, "trace")).is_ready()
    yield viewer
    equal(slices(content(f"{t.path}/trace")), 9)  # each frame has three stages
    viewer.ends_with(0)


@wait
def a_viewer_with_a_table_that_is_not_read(t):
    t.producer(*SMALL)
    viewer = t.viewer("--frames", "3", "--csv", fifo(t, "table")).is_ready()
    yield viewer
    equal(content(f"{t.path}/table").count(b"\n"), 4)
    viewer.ends_with(0)


@wait
def a_viewer_with_a_report_that_is_not_read(t):
    t.producer(*SMALL)
    viewer = t.viewer("--frames", "3", "--csv", "v.csv", "--json", fifo(t, "report"))
    until(lambda: rows(t) == 3, "the last frame")
    yield viewer
    assert b'"shown":3' in content(f"{t.path}/report")
    viewer.ends_with(0)


@wait
def a_viewer_with_a_snapshot_that_is_not_read(t):
    t.producer(*SMALL)
    viewer = t.viewer("--frames", "3", "--csv", "v.csv", "--snapshot", fifo(t, "shot.png"))
    until(lambda: rows(t) == 3, "the last frame")
    yield viewer
    equal(content(f"{t.path}/shot.png")[-8:-4], b"IEND")
    viewer.ends_with(0)


@wait
def a_merge_of_a_trace_that_is_not_written(t):
    t.start(PRODUCER, *SMALL, "-r", "0", "--frames", "3", "--trace", "p.json").ends_with(0)
    viewer = t.start(VIEWER, "--merge-trace", f"{t.path}/p.json", fifo(t, "trace")).is_ready()
    yield viewer
    t.run("cp", f"{t.path}/p.json", f"{t.path}/trace")
    viewer.ends_with(0)
    equal(slices(viewer.out), 6)


# ---------------------------------------------------------------- under signals


def is_asleep(process):
    return text_of(f"/proc/{process.pid}/stat").rpartition(")")[2].split()[:1] == ["S"]


def under(t, waits, signals, check):
    """Check each of the waits under each of the signals, many at the same time. `check(wait, number)` has its own scratch."""
    def one(case):
        function, number = case
        scratch = Scratch()
        try:
            steps = function(scratch)
            process = next(steps)
            until(lambda: is_asleep(process) or not process.is_running(), "a wait")
            time.sleep(0.1)
            check(process, number)
            if process.is_running():
                next(steps, None)
            return None
        except Exception as problem:
            errors = [f"{p.command}: {p.err}" for p in scratch.processes if p.err]
            return "\n".join([f"{function.__name__}, {signal.Signals(number).name}: {problem!r}", *errors])
        finally:
            scratch.finish()
    with ThreadPoolExecutor(24) as pool:
        problems = list(filter(None, pool.map(one, [(function, number) for function in waits for number in signals])))
    assert not problems, "\n".join(problems)


def stays(process, number):
    for _ in range(3):
        process.signal(number)
        time.sleep(0.05)
    if number == signal.SIGTSTP:
        process.signal(signal.SIGSTOP)  # without job control SIGTSTP may have no effect
        time.sleep(0.1)
        process.signal(signal.SIGCONT)
        time.sleep(0.1)
    assert process.is_running(), f"it has exited: {process.popen.returncode}"


def ends(process, number):
    process.signal(number)
    process.ends_with(128 + number)
    equal(process.popen.returncode, 128 + number, "not terminated by the signal itself")
    assert line_with(process.err, ["error: "]) is None, process.err


@test
def a_wait_continues_after_a_report_signal(t):
    under(t, waits, [signal.SIGUSR1], stays)


@test
def a_request_for_a_report_does_not_lengthen_a_wait(t):
    """A request late in a wait of 2 s. If the wait began again, it would end after 3.5 s, in each try.
    (The time to start the viewer belongs to the wait.)"""
    def ends_in_time():
        viewer = t.viewer("--wait", "2").is_ready()
        began = time.monotonic()
        time.sleep(1.5)
        viewer.signal(signal.SIGUSR1)
        viewer.ends_with(4, "no producer")
        return time.monotonic() - began < 2.8
    assert any(ends_in_time() for _ in range(5)), "a wait of more than 2 s"


@test
def a_wait_continues_after_a_stop(t):
    under(t, waits, [signal.SIGTSTP], stays)


@test
def a_request_to_exit_ends_each_wait(t):
    under(t, waits, QUITS, ends)


@test
def a_paused_viewer_reports_and_ends(t):
    display = Display(t)
    t.producer(*SMALL)
    for number in QUITS:
        viewer = t.viewer("--json", "v.json", presenter="x11")
        display.pause(display.window_of(viewer))
        t.counters(viewer, "v.json")
        stays(viewer, signal.SIGTSTP)
        ends(viewer, number)


@test
def a_reader_that_has_stopped_keeps_no_program_that_is_asked_to_exit(t):
    """The pipe is full, so a write waits for the reader. A message reports what is lost."""
    for program, more in ((PRODUCER, []), (VIEWER, ["--presenter", "null"])):
        if program == VIEWER:
            t.producer(*SMALL, "-r", "0")
        path = fifo(t, f"trace of {os.path.basename(program)}")
        process = t.start(program, *more, *(SMALL + ["-r", "0"] if program == PRODUCER else []), "--trace", path)
        reader = os.open(path, os.O_RDONLY)
        until(lambda: "pipe_write" in "".join(text_of(f"/proc/{process.pid}/task/{task}/wchan")
                                              for task in os.listdir(f"/proc/{process.pid}/task"))
              or int.from_bytes(unread(reader), "little") >= 60000, "a full pipe")
        time.sleep(0.2)
        process.signal(signal.SIGINT)
        process.ends_with(130, path, "not written")
        assert line_with(process.err, ["error: "]) is None, process.err
        os.close(reader)


def unread(reader):
    """The number of bytes in the pipe, as the kernel stores it."""
    import fcntl
    import termios
    return fcntl.ioctl(reader, termios.FIONREAD, b"\0\0\0\0")


@test
def a_failed_report_during_a_wait_for_input_is_no_bad_input(t):
    """The reader of the first report goes away while the pipe is full. The report at the end has another reader."""
    path = fifo(t, "p.json")
    producer = fed(t, HEADER + FRAME + FRAME[:1000], "--trace", "trace.json")
    until(lambda: slices_so_far(t) == 1, "a frame")
    pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    fill(pipe)
    producer.signal(signal.SIGUSR1)
    until(lambda: path in map(link_of, glob.glob(f"/proc/{producer.pid}/fd/*")), "an open report")
    os.close(pipe)
    producer.prints("p.json", "Broken pipe")
    equal(json.loads(content(path))["frames"]["published"], 1)
    producer.ends_with(9)


def slices_so_far(t):
    return text_of(f"{t.path}/trace.json").count('"ph":"X"')


def fill(pipe):
    try:
        while os.write(pipe, bytes(4096)):
            pass
    except BlockingIOError:
        pass


def link_of(path):
    try:
        return os.readlink(path)
    except FileNotFoundError:
        return None


@test
def a_slow_reader_gets_all_after_a_request_to_exit(t):
    """The snapshot is larger than the pipe, and the reader begins to read later."""
    t.producer("-s", "640x480", "--pattern", "plasma")
    path = fifo(t, "shot.png")
    viewer = t.viewer("--snapshot", path, "--csv", "v.csv")
    until(lambda: rows(t) > 0, "a frame")
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    viewer.signal(signal.SIGINT)
    data = b""
    until(lambda: int.from_bytes(unread(reader), "little") > 0, "the beginning")
    os.set_blocking(reader, True)
    while True:
        time.sleep(0.15)  # longer than the time between two signals to a waiting program
        more = os.read(reader, 1 << 18)
        if not more:
            break
        data += more
    os.close(reader)
    viewer.ends_with(130)
    equal(data[-8:-4], b"IEND")


if __name__ == "__main__":
    main()
