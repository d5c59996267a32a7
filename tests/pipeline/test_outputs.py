# SPDX-License-Identifier: MIT
"""What both programs write: to which file, when they notice that they cannot, and that the figures add up."""
import array
import fcntl
import json
import os
import resource
import shutil
import signal
import termios

from harness import *

SMALL = ["-s", "320x240"]
OUTPUTS = ("--json", "--csv", "--trace", "--snapshot")


@test
def each_output_is_written_through_a_link(t):
    t.producer(*SMALL, "-r", "100")
    for option in OUTPUTS:
        os.symlink(f"target{option}", f"{t.path}/link{option}")
        open(f"{t.path}/target{option}", "w").write("old")
    t.viewer("-q", "--frames", "5", *(word for option in OUTPUTS for word in (option, f"link{option}"))).ends_with(0)
    for option in OUTPUTS:
        assert os.path.islink(f"{t.path}/link{option}"), f"{option} replaced the link"
        assert os.path.getsize(f"{t.path}/target{option}") > 100, option
    equal(report_of(f"{t.path}/target--json")["frames"]["shown"], 5)


@test
def an_open_descriptor_keeps_what_was_written_before(t):
    """As in `{ echo before; pageflip-viewer --json /dev/stdout; } > log`."""
    t.producer(*SMALL, "-r", "100")
    with open(f"{t.path}/log", "w") as log:
        log.write("before\n")
        log.flush()
        t.viewer("-q", "--frames", "5", "--json", "/proc/self/fd/1", stdout=log).ends_with(0)
        log.seek(0, os.SEEK_END)
        log.write("after\n")
    before, *report, after = open(f"{t.path}/log").read().splitlines()
    equal((before, after), ("before", "after"))
    equal(json.loads("".join(report))["frames"]["shown"], 5)


@test
def a_mount_point_is_written_in_place(t):
    """As with `docker run -v $PWD/report.json:/report.json`: nothing can be renamed over it."""
    need("unshare")
    if t.start("unshare", "-m", "true").wait():
        raise Skip("this machine does not permit a mount namespace")
    t.producer(*SMALL, "-r", "100")
    for name in ("outside", "report"):
        open(f"{t.path}/{name}", "w").close()
    t.start("unshare", "-m", "sh", "-c", 'mount --bind outside report && exec "$0" "$@"',
            VIEWER, "-q", "--presenter", "null", "--frames", "5", "--json", "report").ends_with(0)
    equal(report_of(f"{t.path}/outside")["frames"]["shown"], 5)


@test
def an_output_that_can_never_be_written_is_noticed_before_anything_else(t):
    """The viewer has no producer (code 4) and the producer no input (code 8), and neither gets that far."""
    open(f"{t.path}/file", "w").close()
    os.mkdir(f"{t.path}/folder")
    for path, reason in (("absent/report", "No such file"), ("file/report", "Not a directory"), ("folder", "Is a directory"),
                         ("/proc/self/fd/77", "Bad file descriptor"), ("", "No such file")):
        for option in OUTPUTS:
            t.viewer(option, path).fails_with(9, path, reason)
        for option in ("--json", "--trace"):
            t.start(PRODUCER, option, path, "absent.png").fails_with(9, path, reason)
    equal(sorted(os.listdir(t.path)).count("folder"), 1)
    equal(os.listdir(f"{t.path}/folder"), [])


@test
def a_run_that_fails_before_its_first_frame_leaves_no_output(t):
    for option in OUTPUTS:
        t.viewer(option, "new").fails_with(4, "no producer")
        equal(os.path.exists(f"{t.path}/new"), False, option)
    for option in ("--json", "--trace"):
        t.start(PRODUCER, option, "new", "absent.png").fails_with(8, "absent.png")
        equal(os.path.exists(f"{t.path}/new"), False, option)


@test
def an_output_without_permission_is_noticed_before_anything_else(t):
    if os.getuid() != 0:
        raise Skip("only root can start a program as another user")
    need("setpriv")
    os.mkdir(f"{t.path}/mine", 0o755)
    os.chmod(t.path, 0o755)
    shutil.copy(VIEWER, t.path)  # the user may have no access to the build directory
    open(f"{t.path}/mine/file", "w").close()
    for path in ("mine/new", "mine/file"):
        for option in OUTPUTS:
            viewer = t.start("setpriv", "--reuid", "1", "--regid", "1", "--clear-groups", f"{t.path}/pageflip-viewer",
                             "--presenter", "null", option, path)
            viewer.fails_with(9, path, "Permission denied")


@test
def a_limit_of_the_file_size_is_an_error(t):
    if COUNTED:
        raise Skip("a coverage build also writes its counters")

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (256, 256))

    t.producer(*SMALL, "-r", "100")
    runs = [(option, t.viewer("-q", "--frames", "20", option, f"v{option}", preexec_fn=limited)) for option in OUTPUTS]
    runs += [(option, t.start(PRODUCER, *SMALL, "-q", "-n", f"p{option}", "-r", "0", "--frames", "20", option, f"p{option}",
                              preexec_fn=limited)) for option in ("--json", "--trace")]
    for option, process in runs:
        process.fails_with(9, option, "File too large")


@test
def every_acquired_frame_is_shown_or_skipped_at_every_end(t):
    """Of a window with frames in flight."""
    display = Display(t)
    common = ("-q", "--wait", "100", "--json")

    def frames(name):
        counts = report_of(f"{t.path}/{name}")["frames"]
        equal(counts["acquired"], counts["shown"] + counts["display_skipped"], f"acquired frames of {name}")
        assert counts["shown"] > 0, counts
        return counts

    def sequences(name):
        lines = [line.split(",") for line in open(f"{t.path}/{name}.csv").read().splitlines()[1:]]
        return [int(line[0]) for line in lines if line[11] == "0"]

    endless = t.producer(*SMALL, "-r", "250", "--buffers", "4")
    ends = {"signal": 130, "quit": 0, "seconds": 0, "frames": 0}
    more = {"seconds": ("--seconds", "3"), "frames": ("--frames", "30")}
    viewers = {end: t.viewer(*common, end, "--csv", f"{end}.csv", *more.get(end, ()), presenter="x11") for end in ends}
    producer = t.producer(*SMALL, "-n", "film", "-r", "250", "--buffers", "4", "--json", "film")
    for end, every in (("latest", ()), ("every", ("--every-frame",))):
        viewers[end] = t.viewer(*common, end, "--csv", f"{end}.csv", "-n", "film", *every, presenter="x11")
    for end in ("signal", "quit", "latest", "every"):
        until(lambda: text_of(f"{t.path}/{end}.csv").count("\n") > 30, f"frames of {end}")
    producer.signal(signal.SIGTERM)
    producer.ends_with(143)
    published = report_of(f"{t.path}/film")["frames"]["published"]
    viewers["signal"].signal(signal.SIGINT)
    display.key(display.window_of(viewers["quit"]), "q")
    for end, code in ends.items():
        viewers[end].ends_with(code)
        counts, seen = frames(end), sequences(end)
        equal(counts["shown"] + counts["skipped"], max(seen) - min(seen) + 1, f"published frames of {end}")

    for end in ("latest", "every"):
        viewers[end].ends_with(0)
        counts = frames(end)
        equal(counts["shown"] + counts["skipped"], published - min(sequences(end)) + 1, f"published frames of {end}")

    lost = t.viewer(*common, "lost", "--csv", "lost.csv", presenter="x11")
    until(lambda: text_of(f"{t.path}/lost.csv").count("\n") > 30, "frames")
    display.server.kill()
    lost.ends_with(12)
    frames("lost")
    assert endless.is_running()


@test
def seconds_also_limit_a_wait(t):
    for viewer in [t.viewer("--follow", "--seconds", "0.5"), t.viewer("--wait", "1000", "--seconds", "0.5")]:
        viewer.fails_with(4, "no producer")


def trace_of(t):
    t.start(PRODUCER, "-q", "-s", "64x48", "-r", "0", "--frames", "2000", "--trace", "whole.json").ends_with(0)
    return open(f"{t.path}/whole.json").read()


def merging(t, **popen):
    """A merge that reads from a pipe, and the writing end of that."""
    read_end, write_end = os.pipe()
    process = t.start(VIEWER, "--merge-trace", f"/dev/fd/{read_end}", pass_fds=[read_end], **popen)
    os.close(read_end)
    return process, write_end


def waits(process, pipe):
    """Wait until the process has read everything, and is back in read()."""
    until(lambda: unread(pipe) == 0 and text_of(f"/proc/{process.pid}/stat").split()[2] == "S", "the reader")


def unread(descriptor):
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]


@test
def a_signal_during_a_merge_ends_it_without_output(t):
    whole = trace_of(t)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        process, pipe = merging(t)
        os.write(pipe, whole[:1000].encode())
        waits(process, pipe)
        process.signal(number)
        process.ends_with(128 + number)
        equal((process.out, process.err), ("", ""))
        os.close(pipe)


@test
def a_report_requested_during_a_merge_changes_nothing(t):
    whole = trace_of(t)
    process, pipe = merging(t)
    os.write(pipe, whole[:1000].encode())
    waits(process, pipe)
    process.signal(signal.SIGUSR1)
    waits(process, pipe)
    with os.fdopen(pipe, "w") as file:
        file.write(whole[1000:])
    process.ends_with(0)
    equal(len(json.loads(process.out)["traceEvents"]), len(json.loads(whole)["traceEvents"]))


@test
def a_signal_during_the_output_of_a_merge_has_its_own_code(t):
    trace_of(t)
    read_end, write_end = os.pipe()
    process = t.start(VIEWER, "--merge-trace", "whole.json", stdout=write_end)
    os.close(write_end)
    until(lambda: unread(read_end) >= 65536, "a full pipe")
    process.signal(signal.SIGTERM)
    process.ends_with(128 + signal.SIGTERM)
    equal(process.err, "")
    os.close(read_end)


@test
def a_stream_without_a_whole_frame_is_an_error(t):
    head = b"YUV4MPEG2 W64 H48 F25:1 C420jpeg\n"
    for name, data in (("cut", b"FRAME\n" + bytes(1000)), ("line", b"FRA")):
        path = f"{t.path}/{name}.y4m"
        open(path, "wb").write(head + data)
        t.start(PRODUCER, path).fails_with(8, path, "no whole frame")
        t.start(PRODUCER, "-", stdin=open(path, "rb")).fails_with(8, "standard input", "no whole frame")


@test
def an_option_without_effect_is_reported_once(t):
    open(f"{t.path}/key", "w").close()
    producer = t.producer(*SMALL, "--key", "key")
    given = ["--scale", "2", "--fullscreen", "--vsync", "on", "-n", "other", "--key", "key"]
    viewer = t.viewer("--frames", "20", *given).ends_with(0)
    for option in ("--scale", "--fullscreen", "--vsync", "--name"):
        lines = [line for line in viewer.err.splitlines() if option in line and "no effect" in line]
        equal(len(lines), 1, f"lines about {option} in {viewer.err!r}")
    equal(t.viewer("-q", "--frames", "20", *given).ends_with(0).err, "")
    assert "no effect" not in t.viewer("--frames", "20").ends_with(0).err
    producer.signal(signal.SIGINT)
    producer.ends_with(130)


if __name__ == "__main__":
    main()
