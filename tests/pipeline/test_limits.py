# SPDX-License-Identifier: MIT
"""Limits of the system, memory, files and clocks: see "Limits, memory, clocks" in tests/FAULTS.md. Limits of the whole machine
are set in a private namespace or control group."""
import os
import re
import resource
import signal
import subprocess
import time

from harness import *

SMALL = ["-s", "320x240"]


def need_root_and(*options):
    need("unshare")
    if os.getuid() != 0 or subprocess.run(["unshare", *options, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        raise Skip(f"needs root and namespaces ({' '.join(options)})")


def in_namespace(t, option, setting, *command, **more):
    """Run a command after this shell command, in a private namespace."""
    return t.start("unshare", option, "sh", "-c", f'{setting} && exec "$0" "$@"', *command, **more)


@test
def a_segment_over_shmmax_names_the_limit(t):
    need_root_and("-i")
    process = in_namespace(t, "-i", "echo 1000000 > /proc/sys/kernel/shmmax", PRODUCER, "-s", "1920x1080")
    process.fails_with(6, "16.7 MB", "kernel.shmmax", "1.0 MB", "sysctl kernel.shmmax=16")
    # The advised value works.
    advised = re.search(r"sysctl kernel.shmmax=(\d+)", process.err).group(1)
    in_namespace(t, "-i", f"echo {advised} > /proc/sys/kernel/shmmax", PRODUCER, "-s", "1920x1080", "--frames",
                 "1").ends_with(0)


@test
def too_many_segments_names_shmmni_and_too_many_pages_shmall(t):
    need_root_and("-i")
    setting = "echo 2 > /proc/sys/kernel/shmmni && ipcmk -M 4096 >&2 && ipcmk -M 4096 >&2"
    process = in_namespace(t, "-i", setting, PRODUCER, *SMALL)
    process.ends_with(6, "error: ", "kernel.shmmni", " 2 ", "ipcs -m")
    assert "shmall" not in process.err, process.err
    setting = "echo 10 > /proc/sys/kernel/shmall && ipcmk -M 16384 >&2"
    process = in_namespace(t, "-i", setting, PRODUCER, *SMALL)
    process.ends_with(6, "error: ", "kernel.shmall", "4 ", "10", "ipcs -m")
    assert "shmmni" not in process.err, process.err


class ControlGroup:
    """A control group with this memory limit."""

    def __init__(self, t, most_bytes):
        self.t = t
        if os.getuid() != 0:
            raise Skip("only root can create control groups")
        for root, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
            self.path = f"{root}/pageflip-test-{os.getpid()}"
            try:
                os.mkdir(self.path)
            except OSError:
                continue
            try:
                with open(f"{self.path}/{limit}", "w") as file:
                    file.write(str(most_bytes))
                return
            except OSError:
                os.rmdir(self.path)
        raise Skip("this machine does not permit a control group for memory")

    def __enter__(self):
        return self

    def join(self):
        self.join_as(self.path)

    def join_child(self):
        """A group in this one, without a limit of its own."""
        self.join_as(f"{self.path}/child")

    def join_as(self, path):
        os.makedirs(path, exist_ok=True)
        with open(f"{path}/cgroup.procs", "w") as file:
            file.write(str(os.getpid()))

    def __exit__(self, *_):
        for process in self.t.processes:
            process.kill()
        for path in f"{self.path}/child", self.path:
            if os.path.exists(path):
                until(lambda p=path: not text_of(f"{p}/cgroup.procs"), "an empty control group")
                os.rmdir(path)


@test
def a_segment_over_the_container_limit_is_refused_before_a_kill(t):
    with ControlGroup(t, 64 << 20) as group:
        process = t.start(PRODUCER, "-s", "3840x2160", "--buffers", "8", preexec_fn=group.join)
        process.fails_with(6, "265.6 MB", "67.1 MB", "control group")
        process = t.start(PRODUCER, "-s", "3840x2160", "--buffers", "8", preexec_fn=group.join_child)
        process.fails_with(6, "265.6 MB", "67.1 MB", "control group")
        t.start(PRODUCER, *SMALL, "--frames", "2", preexec_fn=group.join).ends_with(0)


@test
def a_producer_killed_for_memory_leaves_no_segment(t):
    """The kernel kills a producer while it works, as by SIGKILL."""
    if SANITIZED:
        raise Skip("the sanitizer's own memory is larger than that")
    segment = 4 * 2048 * 1352 * 4 + 35 * 4096
    with ControlGroup(t, segment + 4096) as group:
        # The segment passes the check, but together with the rest of the program it does not fit.
        process = t.start(PRODUCER, "-s", "2048x1352", "--buffers", "4", preexec_fn=group.join)
        viewer = t.viewer("--wait", "60", "--follow")
        process.ends_with(137)
        until(lambda: not [s for s in segments() if s["cpid"] == process.pid], "no segment")
        viewer.signal(signal.SIGINT)
        viewer.ends_with(130)
    t.start(PRODUCER, *SMALL, "--frames", "2").ends_with(0)


def limit(which, most):
    return lambda: resource.setrlimit(which, (most, most))


@test
def too_little_address_space_is_code_6_for_a_viewer(t):
    if SANITIZED:
        raise Skip("the sanitizer's own memory is larger than that")
    producer = t.producer("-s", "7680x4320", "-r", "5")
    viewer = t.viewer(preexec_fn=limit(resource.RLIMIT_AS, 200 << 20))
    viewer.fails_with(6, "segment", "attach", "Cannot allocate memory")
    t.viewer("--frames", "2").ends_with(0)
    assert producer.is_running()


@test
def too_few_files_are_code_6_for_a_viewer(t):
    t.producer(*SMALL)
    t.viewer(preexec_fn=limit(resource.RLIMIT_NOFILE, 4)).fails_with(6, "Too many open files")


def in_small_tmpfs(t, options, *command):
    """Run `command` with a runtime directory on a private file system."""
    os.makedirs(f"{t.path}/mounted", exist_ok=True)
    setting = f"mount -t tmpfs -o size=64k tmpfs {t.path}/mounted && {options}"
    return in_namespace(t, "-m", setting, *command, env={"XDG_RUNTIME_DIR": f"{t.path}/mounted"})


@test
def a_runtime_directory_that_is_read_only_is_named(t):
    need_root_and("-m")
    where = f"{t.path}/mounted"
    for make in ("", f"mkdir -m 700 {where}/pageflip && "):
        prepare = f"{make}mount -o remount,ro {where}"
        in_small_tmpfs(t, prepare, PRODUCER).fails_with(7, f"{where}/pageflip", "Read-only file system")
        in_small_tmpfs(t, prepare, VIEWER).fails_with(4, f"{where}/pageflip", "no producer")  # which creates nothing


@test
def a_full_runtime_directory_is_named(t):
    need_root_and("-m")
    where = f"{t.path}/mounted"
    fill = f"mkdir -m 700 {where}/pageflip && touch {where}/pageflip/default.lock && (cat /dev/zero > {where}/x; true) 2>&-"
    in_small_tmpfs(t, fill, PRODUCER, *SMALL).fails_with(6, f"{where}/pageflip", "No space left on device")
    equal(segments_of_dead(), [], "segments of a failed start")


def segments_of_dead():
    return [s for s in segments() if s["key"] >> 16 == 0x5046 and s["nattch"] == 0]


@test
def a_missing_runtime_directory_is_named(t):
    for program in (PRODUCER, VIEWER):
        t.start(program, env={"XDG_RUNTIME_DIR": f"{t.path}/nowhere"}).fails_with(
            7, f"{t.path}/nowhere/pageflip", "No such file or directory")


@test
def without_a_runtime_directory_there_is_one_in_tmp(t):
    """The user id is invented, so that the directory belongs to no real user."""
    need_root_and("-m")
    need("setpriv")
    # The build may be in /tmp, which the mount hides: copy the program elsewhere first.
    script = f"""
here=$(mktemp -d /var/tmp/pageflip-test-XXXXXX) || exit 2
cp {PRODUCER} $here && chmod -R a+rX $here && mount -t tmpfs -o mode=1777 tmpfs /tmp || exit 2
cd $here
setpriv --reuid 12345 --regid 12345 --clear-groups env -u XDG_RUNTIME_DIR \\
    ./pageflip-producer -q -s 64x48 --frames 1
status=$?
cd / && rm -r $here
stat -c '%a %u %F' /tmp/pageflip-12345
exit $status
"""
    process = t.start("unshare", "-m", "sh", "-c", script)
    process.ends_with(0)
    equal(process.out.strip(), "700 12345 directory")


@test
def another_clock_does_not_stop_the_stream(t):
    """A viewer whose CLOCK_MONOTONIC is a year ahead of the producer's, or behind it, gets every frame, and its waits stay the
    same. Only its latencies are wrong."""
    need_root_and("-T")
    t.producer(*SMALL, "-r", "100")
    for offset in (365 * 86400, -int(time.monotonic()) + 5):
        viewer = t.start("unshare", "-T", "--monotonic", str(offset), "--", "sh", "-c", 'exec "$0" "$@"', VIEWER,
                         "--presenter", "null", "--every-frame", "--verify", "--frames", "50", "--json", "v.json")
        viewer.ends_with(0)
        frames = report_of(f"{t.path}/v.json")["frames"]
        equal((frames["shown"], frames["torn"]), (50, 0))


@test
def no_wait_uses_the_wall_clock(t):
    """So a change of the wall clock, by an hour or ten years, does not change a wait. Checked in the system calls."""
    need("strace")
    if SANITIZED:
        raise Skip("the leak check does not work under strace")
    skew = time.time() - time.monotonic()
    calls = "trace=futex,clock_nanosleep,clock_gettime,timerfd_settime,ppoll,pselect6,epoll_wait"

    def traced(name, *command):
        return t.start("strace", "-f", "-ttt", "-o", f"{t.path}/{name}.trace", "-e", calls, *command)

    def interrupt(channel):
        """The producer itself, not strace."""
        os.kill(int(re.search(r"^pid (\d+)", text_of(f"{t.path}/pageflip/{channel}.id"), re.M).group(1)), signal.SIGINT)
    viewer = traced("v", VIEWER, "--presenter", "null", "--wait", "600", "--every-frame", "--frames", "100")
    until(lambda: "nanosleep" in text_of(f"{t.path}/v.trace") or not viewer.is_running(), "a viewer that waits")
    producer = traced("p", PRODUCER, *SMALL, "-r", "50")
    viewer.ends_with(0)
    interrupt("default")
    producer.ends_with(130)
    # A producer that waits for a stopped viewer: the case with the longest waits.
    held = traced("h", PRODUCER, *SMALL, "-r", "0", "-n", "held")
    viewer = t.viewer("-n", "held", "--every-frame", "--wait", "600")
    t.joined(channel="held")
    viewer.signal(signal.SIGSTOP)
    time.sleep(1)
    interrupt("held")
    held.ends_with(130)
    waits = "".join(text_of(f"{t.path}/{name}.trace") for name in "pvh")
    assert len(re.findall(r"FUTEX_WAIT_BITSET", waits)) > 10, "no waits were seen"
    absolute = [line for line in waits.splitlines() if "CLOCK_REALTIME" in line and
                ("FUTEX" in line or "TIMER_ABSTIME" in line)]
    equal(absolute, [])
    # No wait is longer than 100 ms: compare its deadline with the clock at its start. A slow program waits less.
    skew = min(skew, time.time() - time.monotonic())
    began = re.findall(r" (\d+\.\d+) futex\(\w+, FUTEX_WAIT_BITSET, \d+, (NULL|\{tv_sec=(\d+), tv_nsec=(\d+)\})", waits)
    assert len(began) > 10, "no deadlines were seen"
    for moment, until_when, seconds, rest in began:
        assert until_when != "NULL", "a wait without a deadline"
        most = int(seconds) + int(rest) / 1e9 - (float(moment) - skew)
        assert most <= 0.101, f"a wait of up to {most} s"


if __name__ == "__main__":
    main()
