# SPDX-License-Identifier: MIT
"""Every exit code with its one line of error, for both programs."""
import ctypes
import os
import pwd
import re
import resource
import signal
import time

from harness import *

SMALL = ["-s", "320x240"]


@test
def code_0_help_and_version_are_on_standard_output(t):
    for program in (PRODUCER, VIEWER):
        for option, words in (("--help", "Usage:"), ("--version", "pageflip-")):
            process = t.start(program, option).ends_with(0)
            contains(process.out, words)
            equal(process.err, "")
    out = t.start(VIEWER, "--help").ends_with(0).out
    automatic = re.search(r"works here:(.*?)\n\n", out, re.S)[1]
    for name in automatic.split(","):
        assert re.search(rf"^ +{name.strip()}  ", out, re.M), f"no presenter {name.strip()}: {automatic}"


@test
def code_2_usage(t):
    for arguments, words in (
        (["--bogus"], ["unknown option", "--bogus"]),
        (["-qx"], ["unknown option", "-x"]),
        (["--matrix", "2020"], ["--matrix", "2020", "601", "709"]),
        (["--matrix", "709"], ["--matrix", "pattern"]),
        (["-r", "fast"], ["--rate", "fast"]),
        (["-s", "0x10"], ["--size", "0x10", "WIDTHxHEIGHT"]),
        (["-s", "16385x10"], ["--size", "16385x10", "16384"]),
        (["--buffers", "9"], ["--buffers", "9", "2", "8"]),
        (["--frames", "-1"], ["--frames", "-1"]),
        (["--pattern", "none such"], ["--pattern", "none such", "--help"]),
        (["-n", "../up"], ["channel", "../up"]),
        (["-n", "x" * 65], ["channel", "x" * 65, "64"]),
        (["-n", ""], ["channel", "64"]),
        (["--loop"], ["--loop", "input"]),
    ):
        t.start(PRODUCER, *arguments).fails_with(2, *words)
    for arguments, words in (
        (["--bogus"], ["unknown option", "--bogus"]),
        (["--presenter", "vga"], ["--presenter", "vga", "--help"]),
        (["--frames", "0"], ["--frames", "0"]),
        (["--seconds", "nan"], ["--seconds", "nan"]),
        (["--vsync", "maybe"], ["--vsync", "maybe", "on", "off"]),
        (["--scale", "17"], ["--scale", "17", "16"]),
        (["--snapshot"], ["--snapshot", "requires a value"]),
        (["stray"], ["stray", "not expected"]),
        (["-n", "a/b"], ["channel", "a/b"]),
    ):
        t.start(VIEWER, *arguments).fails_with(2, *words)


@test
def code_3_a_second_producer_and_a_seventeenth_viewer(t):
    first = t.producer(*SMALL)
    t.start(PRODUCER, *SMALL).fails_with(3, "default", f"pid {first.pid}", "--name")
    viewers = [t.viewer() for _ in range(16)]
    until(lambda: rows_of_list(t)[1][-1] == "16", "16 viewers")
    t.viewer().fails_with(3, "default", "16", "viewer")
    assert first.is_running() and all(viewer.is_running() for viewer in viewers)


def rows_of_list(t):
    return [line.split() for line in t.run(VIEWER, "--list").decode().splitlines()]


@test
def code_4_no_producer(t):
    t.viewer().fails_with(4, "default", "no producer", "--wait")
    started = time.monotonic()
    t.viewer("--wait", "1").fails_with(4, "default", "no producer")
    assert time.monotonic() - started >= 1
    listed = t.run(VIEWER, "--list").decode().splitlines()
    equal(len(listed), 1, listed)
    contains(listed[0], "no channels")


@test
def code_4_another_ipc_namespace(t):
    need("unshare")
    t.producer(*SMALL)
    try:
        t.run("unshare", "-i", "true")
    except Exception:
        raise Skip("this machine does not permit an IPC namespace") from None
    process = t.start("unshare", "-i", VIEWER, "--presenter", "null")
    process.fails_with(4, "default", "IPC namespace", "--ipc=host")


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
        t.viewer().fails_with(5, f"segment {shmid}", '"version"')
    finally:
        libc.shmdt(ctypes.c_void_p(address))

    key = f"{t.path}/key"
    open(key, "w").close()
    foreign = libc.shmget(libc.ftok(key.encode(), ord("p")), 4096, 0o1600)
    assert foreign >= 0
    try:
        t.start(PRODUCER, *SMALL, "-n", "other", "--key", key).fails_with(5, key, f"segment {foreign}", "another program")
        t.viewer("--key", key).fails_with(5, f"segment {foreign}")
    finally:
        libc.shmctl(foreign, 0, None)


@test
def code_6_system_limits(t):
    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))

    def little_memory():
        resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))

    if WRAPPER:
        raise Skip("the wrapper needs files and memory itself")
    t.start(PRODUCER, *SMALL, preexec_fn=few_files).fails_with(6, "Too many open files")
    if not SANITIZED:  # the sanitizer's own memory is larger than that
        t.start(PRODUCER, "-s", "8192x8192", "--buffers", "8", preexec_fn=little_memory).fails_with(
            6, "segment", "attach", "Cannot allocate memory")


@test
def code_7_the_runtime_directory_belongs_to_another_user(t):
    if os.getuid() != 0:
        raise Skip("only root can give a directory away")
    os.mkdir(f"{t.path}/pageflip")
    owner = pwd.getpwnam("daemon")
    os.chown(f"{t.path}/pageflip", owner.pw_uid, owner.pw_gid)
    for program in (PRODUCER, VIEWER):
        t.start(program).fails_with(7, f"{t.path}/pageflip", owner.pw_name)


@test
def code_7_the_runtime_directory_is_a_file(t):
    open(f"{t.path}/pageflip", "w").close()
    for program in (PRODUCER, VIEWER):
        t.start(program).fails_with(7, f"{t.path}/pageflip", "Not a directory")


@test
def code_7_the_runtime_directory_is_a_link(t):
    os.symlink("/tmp", f"{t.path}/pageflip")
    t.start(PRODUCER).fails_with(7, f"{t.path}/pageflip", "Not a directory")


@test
def code_8_bad_input(t):
    with open(f"{t.path}/cut.png", "wb") as file:
        file.write(open(sample(), "rb").read()[:2000])
    with open(f"{t.path}/not.png", "wb") as file:
        file.write(b"GIF89a, or like it")
    with open(f"{t.path}/not.y4m", "wb") as file:
        file.write(b"YUV4MPEG3 W4 H4\n")
    open(f"{t.path}/empty.png", "wb").close()
    os.mkdir(f"{t.path}/nothing")
    for name in ("cut.png", "not.png", "not.y4m", "empty.png", "nothing", "absent.png"):
        t.start(PRODUCER, f"{t.path}/{name}").fails_with(8, name)
    t.start(PRODUCER, "-").fails_with(8, "standard input")  # it is empty
    open(f"{t.path}/t.mp4", "w").close()
    for inputs, words in ((["t.mp4"], ["t.mp4", "ffmpeg -i"]), (["absent"], ["absent", "No such file"]),
                          (["not.png", "not.y4m"], ["not.y4m", "Y4M"]), (["cut.png", "-"], [" -", "Y4M"])):
        t.start(PRODUCER, *inputs).fails_with(8, *words)


def sample():
    return os.path.join(os.environ["PAGEFLIP_SOURCE"], "assets", "frames", "frame1.png")


@test
def code_9_output_failed(t):
    t.producer(*SMALL)
    full, nowhere = "No space left on device", "No such file or directory"
    for option, path, reason in (("--json", "/dev/full", full), ("--snapshot", "/dev/full", full),
                                 ("--snapshot", "/nowhere/x.png", nowhere)):
        t.viewer("-q", "--frames", "5", option, path).fails_with(9, path, reason)
    t.start(PRODUCER, "-q", "-n", "x", "--frames", "3", "--json", "/dev/full").fails_with(9, "/dev/full", full)


@test
def code_12_no_display(t):
    t.producer(*SMALL)
    t.viewer(presenter="auto").fails_with(12, "--presenter null")
    t.viewer(presenter="x11").fails_with(12, "x11", "DISPLAY", "not set")
    t.viewer(presenter="x11", env={"DISPLAY": ":987"}).fails_with(12, "x11", ":987")
    t.viewer(presenter="sdl", env={"SDL_VIDEODRIVER": "none-such"}).fails_with(12, "sdl", "none-such not available")


def tear_a_frame(t):
    """As another process of this user, overwrite a frame that the viewer has not verified yet; its stamp is then wrong. Returns
    the producer, which is stopped, and the viewer, which has reported the frame."""
    producer = t.producer(*SMALL, "-r", "50", "--json", "p.json")
    libc = ctypes.CDLL(None, use_errno=True)
    segment = next(s for s in segments() if s["cpid"] == producer.pid)
    viewer = t.viewer("--verify", "-q", "--csv", "v.csv")
    until(lambda: text_of(f"{t.path}/v.csv").count("\n") > 2, "frames")
    viewer.signal(signal.SIGSTOP)
    published = t.counters(producer, "p.json")["published"]
    # Frames that the viewer has not acquired.
    until(lambda: t.counters(producer, "p.json")["published"] > published + 2, "frames")
    producer.signal(signal.SIGSTOP)
    address = attach(libc, segment["shmid"])
    ctypes.memset(address + 35 * 4096, 0x55, segment["size"] - 35 * 4096)
    libc.shmdt(ctypes.c_void_p(address))
    viewer.signal(signal.SIGCONT)
    viewer.prints("torn")
    return producer, viewer


@test
def code_13_a_torn_frame(t):
    producer, viewer = tear_a_frame(t)
    producer.signal(signal.SIGCONT)
    producer.signal(signal.SIGTERM)
    viewer.ends_with(13, "torn")


@test
def code_10_a_crash_also_after_a_torn_frame(t):
    producer, viewer = tear_a_frame(t)
    producer.kill()
    viewer.ends_with(10, "crashed", f"pid {producer.pid}")


@test
def code_128_signals(t):
    """The programs exit cleanly, with 128 + N, and are not terminated by the signal itself, which the kernel would show as -N."""
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
        raise Skip("the wrapper does not start without standard error")
    t.producer(*SMALL, preexec_fn=lambda: os.close(2))
    t.viewer("--frames", "20", preexec_fn=lambda: os.close(2)).ends_with(0)


if __name__ == "__main__":
    main()
