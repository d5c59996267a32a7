# SPDX-License-Identifier: MIT
"""How two programs find each other by a name, and what may prevent it: stale and foreign ids, restarts, namespaces, removed
files. See "Finding each other" in tests/FAULTS.md; other users are in test_users.py."""
import ctypes
import fcntl
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time

from harness import *

SMALL = ["-s", "320x240"]
F_OFD_SETLK = 37
IPC_CREAT, IPC_RMID, SHM_RDONLY = 0o1000, 0, 0o10000
SEED = int(os.environ.get("PAGEFLIP_SEED", time.time_ns() % 1000000))
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p


def need_namespace(*options):
    need("unshare")
    if subprocess.run(["unshare", *options, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        raise Skip(f"this machine does not permit a namespace ({' '.join(options)})")


def id_path(t):
    return f"{t.path}/pageflip/default.id"


class Lease:
    """This process holds the lease, like a producer that has written no id, or a wrong one."""

    def __init__(self, t):
        os.makedirs(f"{t.path}/pageflip", 0o700, exist_ok=True)
        self.file = open(f"{t.path}/pageflip/default.lock", "a+b")
        fcntl.fcntl(self.file, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 1, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


def write_id(t, **changes):
    """Write the id file again with these fields changed."""
    lines = [line.split() for line in text_of(id_path(t)).splitlines()]
    with open(id_path(t) + ".test", "w") as file:
        for name, value in lines:
            file.write(f"{name} {changes.get(name.replace('-', '_'), value)}\n")
    os.rename(id_path(t) + ".test", id_path(t))


class Foreign:
    """A segment of this process: not pageflip's, or an imitation of one."""

    def __init__(self, content):
        self.id = libc.shmget(0, len(content), IPC_CREAT | 0o600)
        self.bytes = len(content)
        address = libc.shmat(self.id, None, 0)
        ctypes.memmove(address, content, len(content))
        libc.shmdt(ctypes.c_void_p(address))

    def content(self):
        address = libc.shmat(self.id, None, SHM_RDONLY)
        content = ctypes.string_at(address, self.bytes)
        libc.shmdt(ctypes.c_void_p(address))
        return content

    def __enter__(self):
        return self

    def __exit__(self, *_):
        libc.shmctl(self.id, IPC_RMID, None)


@test
def a_second_producer_does_not_disturb_the_first(t):
    first = t.producer(*SMALL, "-r", "0")
    viewer = t.viewer("--every-frame", "--verify", "--json", "v.json")
    before = text_of(id_path(t))
    for _ in range(10):
        t.start(PRODUCER, *SMALL).fails_with(3, "default", f"pid {first.pid}")
    equal(text_of(id_path(t)), before, "the id file")
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)
    frames = report_of(f"{t.path}/v.json")["frames"]
    equal((frames["lost"], frames["torn"]), (0, 0))


@test
def a_storm_of_restarts_tears_no_id_and_mixes_no_frames(t):
    """Some producers exit cleanly, some are killed, some while they start. A follower compares the number in each stamp with
    the frame's; a reader finds the id file complete, or does not find it."""
    dice = random.Random(SEED)
    print(f"# seed {SEED}", flush=True)
    rounds = 100 if not SANITIZED else 15
    follower = t.viewer("-q", "--follow", "--every-frame", "--verify", "--json", "v.json")
    torn, whole, stop = [], set(), threading.Event()

    def read():
        while not stop.is_set():
            try:
                text = open(id_path(t)).read()
            except FileNotFoundError:
                continue
            match = re.fullmatch(r"pageflip \d+\nshmid \d+\nnonce ([0-9a-f]{32})\nbytes \d+\npid \d+\nuid \d+\n"
                                 r"ipc-namespace \d+\n", text)
            if match:
                whole.add(match.group(1))
            else:
                torn.append(text)
    reader = threading.Thread(target=read)
    reader.start()
    started = time.monotonic()
    for number in range(rounds):
        producer = t.start(PRODUCER, "-q", "-s", dice.choice(("64x48", "320x240")), "-r", "0")
        if number % 2:
            until(lambda: f"pid {producer.pid}\n" in text_of(id_path(t)), "an id")
        time.sleep(dice.uniform(0, 0.08))
        how = dice.choice((signal.SIGKILL, signal.SIGTERM))
        producer.signal(how)
        equal(producer.wait(), 128 + how, producer.err)
    print(f"# {rounds} restarts in {time.monotonic() - started:.1f} s", flush=True)
    t.producer("-q", *SMALL)
    until(lambda: t.counters(follower, "v.json")["shown"], "a frame")
    stop.set()
    reader.join()
    follower.signal(signal.SIGINT)
    follower.ends_with(130)
    frames = report_of(f"{t.path}/v.json")["frames"]
    equal(torn, [], "incomplete id files")
    equal((frames["torn"], frames["lost"]), (0, 0))
    assert len(whole) > rounds // 4, len(whole)


@test
def a_stale_id_means_no_producer(t):
    producer = t.producer(*SMALL)
    producer.kill()
    assert text_of(id_path(t)), "a kill leaves the id behind"
    t.viewer().fails_with(4, "default", "no producer")
    # A slow start: another process has the lease, and the id still names the removed segment.
    with Lease(t):
        started = time.monotonic()
        t.viewer().fails_with(4, "default", "no producer")
        assert time.monotonic() - started > 1, "the viewer did not wait for a producer that is starting"


@test
def a_reused_segment_number_is_refused_and_not_written_to(t):
    producer = t.producer(*SMALL)
    own = next(s for s in segments() if s["cpid"] == producer.pid)
    address = libc.shmat(own["shmid"], None, SHM_RDONLY)
    good = ctypes.string_at(address, own["size"])
    libc.shmdt(ctypes.c_void_p(address))
    producer.kill()
    # Each is refused for a different reason. The last one is a valid segment of another run.
    other_run = good[:16] + bytes(16) + good[32:]
    for content, word in ((b"\xab" * 64 * 4096, "magic"), (b"\xab" * 100, "size"), (bytes(len(good)), "magic"),
                          (other_run, "nonce")):
        with Foreign(content) as foreign, Lease(t):
            write_id(t, shmid=foreign.id)
            viewer = t.viewer()
            viewer.fails_with(5, word)
            assert foreign.content() == content, "the viewer wrote to a foreign segment"


@test
def a_wrong_pid_in_the_id_changes_nothing(t):
    producer = t.producer(*SMALL)
    for pid in (1, producer.pid + 1, 4194304, 0):
        write_id(t, pid=pid)
        t.viewer("--frames", "3").ends_with(0)
    t.start(PRODUCER, *SMALL).fails_with(3, "default", "pid 0")
    producer.kill()
    write_id(t, pid=os.getpid())  # a process that is running
    t.viewer().fails_with(4, "default", "no producer")


@test
def another_pid_namespace_changes_nothing(t):
    need_namespace("-p", "-f")
    inside = ["unshare", "-p", "-f", "--kill-child"]
    producer = t.start(*inside, PRODUCER, *SMALL, "-r", "0")
    until(lambda: text_of(id_path(t)), producer.err)
    contains(text_of(id_path(t)), "pid 1\n")
    t.viewer("--every-frame", "--verify", "--frames", "50").ends_with(0)
    viewer = t.start(*inside, VIEWER, "--presenter", "null", "--every-frame")
    time.sleep(0.3)
    viewer.kill()  # and --kill-child kills its child: the lease frees the lane, whatever the pid
    t.viewer("--every-frame", "--frames", "50").ends_with(0)
    producer.kill()
    t.viewer("--wait", "0").fails_with(4, "default", "no producer")


@test
def another_ipc_namespace_is_reported_with_both_numbers(t):
    need_namespace("-i")
    producer = t.start("unshare", "-i", PRODUCER, *SMALL)
    until(lambda: text_of(id_path(t)), producer.err)
    theirs = re.search(r"ipc-namespace (\d+)", text_of(id_path(t))).group(1)
    mine = os.stat("/proc/self/ns/ipc").st_ino
    t.viewer().fails_with(4, "default", "IPC namespace", theirs, str(mine), "--ipc=host")
    # In the producer's namespace a viewer finds it.
    t.start("nsenter", "-t", str(producer.pid), "-i", VIEWER, "--presenter", "null", "--frames", "5").ends_with(0)


TAKE_KEYS = """
import ctypes, random, subprocess, sys
libc = ctypes.CDLL(None)
open("/proc/sys/kernel/shmmni", "w").write("32768")
keys = random.Random(1).sample(range(65536), 32767)
assert all(libc.shmget(0x5046 << 16 | key, 1, 0o3600) >= 0 for key in keys)
failed = sum(subprocess.run([sys.argv[1], "-q", "-s", "64x48", "--frames", "1", "-n", f"c{i}"]).returncode != 0 for i in range(12))
print(failed)
"""


@test
def a_taken_key_is_retried_with_another(t):
    """Half of all keys with pageflip's prefix are taken by another program: a producer tries up to 64 keys."""
    need_namespace("-i")
    if os.getuid() != 0:
        raise Skip("only root can raise kernel.shmmni in a namespace")
    process = t.start("unshare", "-i", sys.executable, "-c", TAKE_KEYS, PRODUCER)
    process.ends_with(0)
    equal(process.out.strip(), "0", f"starts that failed: {process.err}")


@test
def a_key_in_use_is_refused_with_its_producer(t):
    key = f"{t.path}/key"
    open(key, "w").close()
    producer = t.producer(*SMALL, "--key", key)
    t.viewer()
    t.joined()
    t.start(PRODUCER, *SMALL, "-n", "other", "--key", key).fails_with(3, key, f"pid {producer.pid}")
    producer.signal(signal.SIGTERM)
    producer.ends_with(143)


@test
def a_hostile_name_is_a_usage_error(t):
    for name in ("../x", "a/b", "x" * 300, "x" * 65, "", ".", "..", ".hidden", "two\nlines", "a b", "\x1b[2J", "caf\u00e9",
                 "a\\b", "*"):
        for program in (PRODUCER, VIEWER):
            process = t.start(program, "-n", name).fails_with(2, "channel", "64")
            assert "\x1b" not in process.err
    equal([name for name in os.listdir(t.path) if not name.startswith(("out", "err"))], [], "files created for invalid names")


@test
def a_list_has_all_channels_beside_a_bad_one(t):
    t.producer(*SMALL, "-n", "first")
    t.producer(*SMALL, "-n", "last")
    for name in ("first", "last"):
        until(lambda: text_of(f"{t.path}/pageflip/{name}.id"), "an id")
    os.mkdir(f"{t.path}/pageflip/folder.lock")
    os.symlink("first.lock", f"{t.path}/pageflip/link.lock")
    viewer = t.start(VIEWER, "--list").ends_with(0)
    equal([line.split()[0] for line in viewer.out.splitlines()[1:]], ["first", "last"])
    equal([name for name in ("folder", "link", "first", "last") if f'"{name}"' in viewer.err], ["folder", "link"])


@test
def a_removed_runtime_directory_stops_no_stream(t):
    """As logind removes it at the end of a session. The producer creates it again, so that new viewers find it."""
    producer = t.producer(*SMALL, "-r", "0")
    viewer = t.viewer("--every-frame", "--verify", "--json", "v.json")
    t.joined()
    shutil.rmtree(f"{t.path}/pageflip")
    before = t.counters(viewer, "v.json")
    t.viewer("--wait", "60", "--frames", "3").ends_with(0)
    until(lambda: t.counters(viewer, "v.json")["shown"] > before["shown"] + 50, "frames")
    assert viewer.is_running() and producer.is_running(), viewer.err
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)
    frames = report_of(f"{t.path}/v.json")["frames"]
    equal((frames["lost"], frames["torn"]), (0, 0))
    producer.signal(signal.SIGINT)
    producer.ends_with(130)


@test
def a_segment_removed_by_ipcrm_stays_usable(t):
    """A private segment is already marked as removed; a keyed one only loses its key."""
    key = f"{t.path}/key"
    open(key, "w").close()
    for more in ([], ["--key", key]):
        producer = t.start(PRODUCER, *SMALL, *more, "-r", "0")
        viewer = t.viewer("--wait", "60", "--verify", "--json", "v.json")
        segment = until(lambda: [s for s in segments() if s["cpid"] == producer.pid], "a segment")[0]
        time.sleep(0.3)
        equal(libc.shmctl(segment["shmid"], IPC_RMID, None), 0)
        t.viewer("--frames", "30", "--verify").ends_with(0)
        assert viewer.is_running() and producer.is_running()
        for process in (viewer, producer):
            process.signal(signal.SIGINT)
            process.ends_with(130)
        equal([s for s in segments() if s["shmid"] == segment["shmid"]], [])


@test
def the_lane_of_a_killed_viewer_is_free_for_the_next(t):
    t.producer(*SMALL)
    viewers = [t.viewer("-q", "--every-frame") for _ in range(16)]
    until(lambda: t.run(VIEWER, "--list").decode().split()[-1] == "16", "16 viewers")
    t.viewer().fails_with(3, "default", "16", "viewer")
    for viewer in viewers[3:12:4]:
        viewer.kill()
        t.viewer("--frames", "3").ends_with(0)


if __name__ == "__main__":
    main()
