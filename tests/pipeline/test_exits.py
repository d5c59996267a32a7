# SPDX-License-Identifier: MIT
"""Every exit code with its one line of words, on both programs."""
import ctypes
import os
import resource
import signal
import time

from harness import *

SMALL = ["-s", "320x240"]


def one_line(process, code, *words):
    """It ends with that code and one line: who, error, what, why, and what to do."""
    process.ends_with(code, *words)
    lines = process.err.splitlines()
    equal(len(lines), 1, f"lines of {process.err!r}")
    name = os.path.basename(process.command[0])
    contains(lines[0], f"{name}: error: ")
    contains(lines[0], "; ")


@test
def code_0_help_and_version_are_on_standard_output(t):
    for program in (PRODUCER, VIEWER):
        for option, words in (("--help", "Usage:"), ("--version", "pageflip-")):
            process = t.start(program, option).ends_with(0)
            contains(process.out, words)
            equal(process.err, "")


@test
def code_2_usage(t):
    for arguments, words in (
        (["--bogus"], "option --bogus: there is no such option"),
        (["-qx"], "option -x: there is no such option"),
        (["--matrix", "2020"], "give 601 or 709"),
        (["--matrix", "709"], "only Y4M has one"),
        (["-r", "fast"], 'option --rate "fast"'),
        (["-s", "0x10"], "WIDTHxHEIGHT"),
        (["-s", "16385x10"], "16384"),
        (["--buffers", "9"], "2 to 8"),
        (["--frames", "-1"], "--frames"),
        (["--pattern", "none such"], "--help lists"),
        (["-n", "../up"], "channel name"),
        (["-n", "x" * 65], "channel name"),
        (["-n", ""], "channel name"),
        (["--loop"], "nothing to loop"),
    ):
        one_line(t.start(PRODUCER, *arguments), 2, words)
    for arguments, words in (
        (["--bogus"], "there is no such option"),
        (["--presenter", "vga"], "--help lists"),
        (["--frames", "0"], "--frames"),
        (["--seconds", "nan"], "--seconds"),
        (["--vsync", "maybe"], "on (tear-free)"),
        (["--scale", "17"], "1 to 16"),
        (["--snapshot"], "needs a value"),
        (["stray"], "not expected"),
        (["-n", "a/b"], "channel name"),
    ):
        one_line(t.start(VIEWER, *arguments), 2, words)


@test
def code_3_a_second_producer_and_a_seventeenth_viewer(t):
    first = t.producer(*SMALL)
    one_line(t.start(PRODUCER, *SMALL), 3, f"already has a producer (pid {first.pid})")
    viewers = [t.viewer() for _ in range(16)]
    until(lambda: rows_of_list(t)[1][-1] == "16", "16 viewers")
    one_line(t.viewer(), 3, "all 16 viewer lanes")
    assert first.is_running() and all(viewer.is_running() for viewer in viewers)


def rows_of_list(t):
    return [line.split() for line in t.run(VIEWER, "--list").decode().splitlines()]


@test
def code_4_no_producer(t):
    one_line(t.viewer(), 4, "it has no producer", "--wait")
    started = time.monotonic()
    one_line(t.viewer("--wait", "1"), 4, "it has no producer")
    assert time.monotonic() - started >= 1
    equal(t.run(VIEWER, "--list").decode(), "no channels; start one: pageflip-producer\n")


@test
def code_4_another_ipc_namespace(t):
    need("unshare")
    t.producer(*SMALL)
    try:
        t.run("unshare", "-i", "true")
    except Exception:
        raise Skip("this machine lets nobody make an IPC namespace") from None
    process = t.start("unshare", "-i", VIEWER, "--presenter", "null")
    process.ends_with(4, "is in IPC namespace", "--ipc=host")


def attach(libc, shmid):
    libc.shmat.restype = ctypes.c_void_p
    address = libc.shmat(shmid, None, 0)
    assert address and address != ctypes.c_void_p(-1).value, "shmat"
    return address


@test
def code_5_a_damaged_segment_and_a_foreign_key(t):
    libc = ctypes.CDLL(None, use_errno=True)
    producer = t.producer(*SMALL)
    shmid = next(s["shmid"] for s in segments() if s["cpid"] == producer.pid)
    address = attach(libc, shmid)
    try:
        ctypes.memset(address + 4, 0xFF, 4)  # the layout's version
        one_line(t.viewer(), 5, f"segment {shmid}", "is wrong")
    finally:
        libc.shmdt(ctypes.c_void_p(address))

    key = f"{t.path}/key"
    open(key, "w").close()
    foreign = libc.shmget(libc.ftok(key.encode(), ord("p")), 4096, 0o1600)
    assert foreign >= 0
    try:
        one_line(t.start(PRODUCER, *SMALL, "-n", "other", "--key", key), 5, "is not pageflip's")
        one_line(t.viewer("--key", key), 5, f"segment {foreign}")
    finally:
        libc.shmctl(foreign, 0, None)


@test
def code_6_system_limits(t):
    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))

    def little_memory():
        resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))

    if WRAPPER:
        raise Skip("the wrapper needs files and memory of its own")
    one_line(t.start(PRODUCER, *SMALL, preexec_fn=few_files), 6, "Too many open files")
    if not SANITIZED:  # the sanitizer's own memory is larger than that
        one_line(t.start(PRODUCER, "-s", "8192x8192", "--buffers", "8", preexec_fn=little_memory), 6,
                 "cannot attach it: Cannot allocate memory")


@test
def code_7_the_runtime_directory_is_somebody_elses(t):
    if os.getuid() != 0:
        raise Skip("only root can give a directory away")
    os.mkdir(f"{t.path}/pageflip")
    os.chown(f"{t.path}/pageflip", 65534, 65534)
    for program in (PRODUCER, VIEWER):
        one_line(t.start(program), 7, "runtime directory", "XDG_RUNTIME_DIR")


@test
def code_7_the_runtime_directory_is_a_link(t):
    os.symlink("/tmp", f"{t.path}/pageflip")
    one_line(t.start(PRODUCER), 7, "runtime directory", "XDG_RUNTIME_DIR")


@test
def code_8_bad_input(t):
    with open(f"{t.path}/cut.png", "wb") as file:
        file.write(open(sample(), "rb").read()[:2000])
    with open(f"{t.path}/not.png", "wb") as file:
        file.write(b"GIF89a, or so it says")
    with open(f"{t.path}/not.y4m", "wb") as file:
        file.write(b"YUV4MPEG3 W4 H4\n")
    open(f"{t.path}/empty.png", "wb").close()
    os.mkdir(f"{t.path}/nothing")
    os.mkfifo(f"{t.path}/fifo.png")
    for name in ("cut.png", "not.png", "not.y4m", "empty.png", "nothing", "absent.png", "fifo.png"):
        one_line(t.start(PRODUCER, f"{t.path}/{name}"), 8, name)
    one_line(t.start(PRODUCER, "-"), 8, "standard input")  # it is empty
    open(f"{t.path}/t.mp4", "w").close()
    for inputs, words in ((["t.mp4"], "convert it: ffmpeg -i t.mp4"), (["absent"], "absent: No such file"),
                          (["not.png", "not.y4m"], "not.y4m: Y4M stands alone"), (["cut.png", "-"], "-: Y4M stands alone")):
        one_line(t.start(PRODUCER, *inputs), 8, words)


def sample():
    return os.path.join(os.environ["PAGEFLIP_SOURCE"], "assets", "frames", "frame1.png")


@test
def code_9_output_failed(t):
    t.producer(*SMALL)
    for arguments in (["--json", "/dev/full"], ["--snapshot", "/dev/full"],
                      ["--snapshot", "/nowhere/x.png"]):
        process = t.viewer("-q", "--frames", "5", *arguments)
        one_line(process, 9, arguments[1], "cannot write it")
    one_line(t.start(PRODUCER, "-q", "-n", "x", "--frames", "3", "--json", "/dev/full"), 9, "/dev/full")


@test
def code_12_no_display(t):
    t.producer(*SMALL)
    one_line(t.viewer(presenter="auto"), 12, "--presenter null")
    one_line(t.viewer(presenter="x11"), 12, "DISPLAY is not set")
    one_line(t.viewer(presenter="x11", env={"DISPLAY": ":987"}), 12, "no X server answers at DISPLAY=:987")
    one_line(t.viewer(presenter="sdl", env={"SDL_VIDEODRIVER": "none-such"}), 12,
             "SDL opens no window: none-such not available")


@test
def code_13_a_torn_frame(t):
    """Somebody with our uid scribbles over a frame that the viewer has not looked at yet: the stamp
    tells."""
    producer = t.producer(*SMALL, "-r", "50")
    libc = ctypes.CDLL(None, use_errno=True)
    segment = next(s for s in segments() if s["cpid"] == producer.pid)
    viewer = t.viewer("--verify", "--seconds", "2", "-q", "--csv", "v.csv")
    until(lambda: text_of(f"{t.path}/v.csv").count("\n") > 2, "frames")
    viewer.signal(signal.SIGSTOP)
    time.sleep(0.2)  # frames come that it has not seen
    producer.signal(signal.SIGSTOP)
    address = attach(libc, segment["shmid"])
    ctypes.memset(address + 3 * 4096, 0x55, segment["size"] - 3 * 4096)
    libc.shmdt(ctypes.c_void_p(address))
    viewer.signal(signal.SIGCONT)
    viewer.ends_with(13, "torn")


@test
def code_128_signals(t):
    """By exit(), in order, and not of the signal itself, which the kernel would show as -N."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        producer = t.producer(*SMALL)
        viewer = t.viewer("--json", "v.json")
        until(lambda: rows_of_list(t)[1][-1] == "1", "a viewer")
        viewer.signal(number)
        viewer.ends_with(128 + number)
        equal(viewer.popen.returncode, 128 + number)
        assert report_of(f"{t.path}/v.json")["role"] == "viewer"
        os.unlink(f"{t.path}/v.json")
        producer.signal(number)
        producer.ends_with(128 + number)
        equal(producer.popen.returncode, 128 + number)


@test
def a_closed_standard_error_changes_nothing(t):
    if WRAPPER:
        raise Skip("the wrapper does not start without one")
    t.producer(*SMALL, preexec_fn=lambda: os.close(2))
    t.viewer("--frames", "20", preexec_fn=lambda: os.close(2)).ends_with(0)


if __name__ == "__main__":
    main()
