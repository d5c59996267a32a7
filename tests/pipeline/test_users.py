# SPDX-License-Identifier: MIT
"""Channels and other users: what users may do with a channel that is shared with their group, what they may not do with any
other, and squatters in /tmp. Users and groups are invented numbers, new for each run. That needs root: only root can become
another user."""
import ctypes
import os
import shutil
import signal
import stat
import sys
import time

from harness import *

SMALL = ["-s", "320x240"]
IPC_RMID, IPC_SET = 0, 1
CHILD = sys.executable


class Users:
    """alice has a producer; bob is in her group; mallory is not."""

    def __init__(self, t):
        if os.getuid() != 0:
            raise Skip("only root can be several users")
        need("setpriv")
        self.t = t
        first = 100000 + 8 * os.getpid()
        self.alice, self.bob, self.mallory, self.group = first, first + 1, first + 2, first + 3
        os.chmod(t.path, 0o711)
        for program in (PRODUCER, VIEWER):  # they may have no access to the build directory
            shutil.copy(program, t.path)
        for uid in (self.alice, self.bob, self.mallory):
            os.mkdir(f"{t.path}/{uid}", 0o700)
            os.chown(f"{t.path}/{uid}", uid, uid)

    def be(self, uid, groups=(), gid=None):
        groups = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
        return ["setpriv", "--reuid", str(uid), "--regid", str(gid or uid), *groups]

    def start(self, identity, program, *arguments, env=None, **more):
        """Start a program as a user; `identity` comes from be()."""
        uid = identity[2]
        own = {"XDG_RUNTIME_DIR": f"{self.t.path}/{uid}", "HOME": f"{self.t.path}/{uid}"}
        return self.t.start(*identity, program, *arguments, env={**own, **(env or {})}, **more)

    def produce(self, *arguments, **more):
        """Start alice's shared producer and wait for its id file."""
        made = self.start(self.be(self.alice, [self.group]), f"{self.t.path}/pageflip-producer", *SMALL, "--group",
                          str(self.group), *arguments, **more)
        until(lambda: not made.is_running() or f"pid {made.pid}\n" in text_of(self.path("default.id")), "a segment")
        return made

    def view(self, identity, *arguments, presenter="null", **more):
        return self.start(identity, f"{self.t.path}/pageflip-viewer", "--presenter", presenter, "--user", str(self.alice),
                          *arguments, **more)

    def path(self, name=""):
        return f"/tmp/pageflip-{self.alice}-shared/{name}"

    def segment_of(self, process):
        return next(s for s in segments() if s["cpid"] == process.pid)

    def tries(self, identity, code):
        """Run Python code as this user; returns the words that it prints, one for each attempt."""
        process = self.start(identity, CHILD, "-c", PRELUDE + code)
        process.ends_with(0)
        return process.out.split()

    def finish(self):
        for name in (f"/tmp/pageflip-{self.alice}-shared", f"/tmp/pageflip-{self.alice}"):
            if os.path.islink(name):
                os.unlink(name)
            shutil.rmtree(name, ignore_errors=True)


PRELUDE = """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
def shm(call):
    answer = call()
    print("ok" if answer not in (-1, ctypes.c_void_p(-1).value) else errno.errorcode[ctypes.get_errno()])
def file(call):
    try:
        call()
        print("ok")
    except OSError as error:
        print(errno.errorcode[error.errno])
"""


def with_users(function):
    """A test with several users. Removes their files in /tmp afterwards."""
    def wrapped(t):
        them = Users(t)
        try:
            function(t, them)
        finally:
            for process in reversed(t.processes):
                process.signal(signal.SIGINT)  # cleanly: a keyed segment remains after a kill
                until(lambda: not process.is_running() or process.is_server, f"the exit of {process.command}")
            them.finish()
    wrapped.__name__ = function.__name__
    return test(wrapped)


@with_users
def a_member_of_the_group_sees_every_frame_whole(t, them):
    """Whatever the umask of the producer."""
    producer = them.produce(preexec_fn=lambda: os.umask(0o077))
    segment = them.segment_of(producer)
    equal((segment["perms"] % 1000, segment["uid"], segment["gid"]), (660, them.alice, them.group))
    equal(stat.S_IMODE(os.stat(them.path()).st_mode), 0o711)
    for name, mode in (("default.lock", 0o660), ("default.id", 0o640)):
        info = os.stat(them.path(name))
        equal((stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid), (mode, them.alice, them.group), name)
    # The group as bob's primary group, and as one of several.
    for identity in (them.be(them.bob, gid=them.group), them.be(them.bob, [them.group])):
        them.view(identity, "--every-frame", "--verify", "--frames", "50").ends_with(0)
    # The owner's own viewers must also name the user: a private channel of the same name is another channel.
    them.view(them.be(them.alice), "--frames", "5").ends_with(0)
    viewer = them.view(them.be(them.bob, [them.group]), "--every-frame")
    time.sleep(0.3)
    viewer.kill()
    producer.signal(signal.SIGINT)
    producer.ends_with(130)
    until(lambda: segment["shmid"] not in [s["shmid"] for s in segments()], "no segment")


@with_users
def after_a_size_change_the_group_still_sees_frames(t, them):
    for name, size in (("1", "64x48"), ("2", "80x50")):
        t.run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}", "-frames:v", "1", "-pix_fmt",
              "rgb24", f"{t.path}/{them.alice}/{name}.png")
        os.chown(f"{t.path}/{them.alice}/{name}.png", them.alice, them.alice)
    folder = f"{t.path}/{them.alice}"
    them.start(them.be(them.alice, [them.group]), f"{t.path}/pageflip-producer", f"{folder}/1.png", f"{folder}/2.png",
               "--group", str(them.group), "-r", "2", "--loop")
    viewer = them.view(them.be(them.bob, [them.group]), "--every-frame", "--wait", "600", "--frames", "3", "-v")
    viewer.ends_with(0, "80x50").prints("64x48")


@with_users
def a_user_outside_the_group_gets_the_group_named(t, them):
    them.produce()
    for identity in (them.be(them.mallory), them.be(65534, gid=65534)):
        viewer = them.view(identity, env={"XDG_RUNTIME_DIR": ""})
        viewer.fails_with(7, "default", str(them.alice), f"group {them.group}", "0660")
    assert not os.path.exists(f"/tmp/pageflip-{them.mallory}"), "a viewer of another user's channel created a directory"


@with_users
def a_user_outside_the_group_can_access_nothing(t, them):
    producer = them.produce()
    shmid = them.segment_of(producer)["shmid"]
    done = them.tries(them.be(them.mallory), f"""
shm(lambda: libc.shmat({shmid}, None, 0))
shm(lambda: libc.shmat({shmid}, None, 0o10000))
shm(lambda: libc.shmctl({shmid}, {IPC_RMID}, None))
file(lambda: os.listdir("{them.path()}"))
file(lambda: open("{them.path('default.lock')}"))
file(lambda: open("{them.path('default.id')}"))
file(lambda: open("{them.path('x')}", "w"))
file(lambda: os.unlink("{them.path('default.id')}"))
print(" {shmid} " in open("/proc/sysvipc/shm").read())  # every user may see that the segment exists
""")
    equal(done, ["EACCES", "EACCES", "EPERM", "EACCES", "EACCES", "EACCES", "EACCES", "EACCES", "True"])
    assert producer.is_running()


@with_users
def a_viewer_waits_for_a_lock_file_that_is_not_shared_yet(t, them):
    """A producer creates the lock file for itself, then gives it to the group: a viewer may come in between."""
    os.mkdir(them.path(), 0o711)
    open(them.path("default.lock"), "w").close()
    os.chmod(them.path("default.lock"), 0o600)
    for name in ("", "default.lock"):
        os.chown(them.path(name), them.alice, them.alice)
    viewer = them.view(them.be(them.bob, [them.group]), "--wait", "60", "--frames", "3").is_ready()
    time.sleep(0.3)
    assert viewer.is_running(), viewer.err
    them.produce()
    viewer.ends_with(0)


@with_users
def a_member_can_read_and_scribble_but_not_remove(t, them):
    """See TRUST in pageflip(7)."""
    producer = them.produce()
    shmid = them.segment_of(producer)["shmid"]
    private = them.start(them.be(them.alice, [them.group]), f"{t.path}/pageflip-producer", *SMALL, "-n", "private")
    own = f"{t.path}/{them.alice}/pageflip"
    until(lambda: os.path.exists(f"{own}/private.id"), f"another channel: {private.err}")
    other = them.segment_of(private)["shmid"]
    done = them.tries(them.be(them.bob, [them.group]), f"""
shm(lambda: libc.shmctl({shmid}, {IPC_SET}, bytes(256)))
shm(lambda: libc.shmat({other}, None, 0o10000))
file(lambda: open("{own}/private.id"))
file(lambda: open("{own}/private.lock"))
import fcntl, struct
lease = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 1, 0)  # byte 0: the producer's
file(lambda: fcntl.fcntl(open("{them.path('default.lock')}", "r+b"), 37, lease))  # F_OFD_SETLK
""")
    equal(done, ["EPERM", "EACCES", "EACCES", "EACCES", "EAGAIN"])
    assert private.is_running()
    done = them.tries(them.be(them.bob, [them.group]), f"""
shm(lambda: libc.shmat({shmid}, None, 0))
shm(lambda: libc.shmctl({shmid}, {IPC_RMID}, None))
file(lambda: open("{them.path('default.id')}"))
file(lambda: open("{them.path('default.id')}", "w"))
file(lambda: open("{them.path('x')}", "w"))
file(lambda: os.unlink("{them.path('default.lock')}"))
file(lambda: os.listdir("{them.path()}"))
""")
    equal(done, ["ok", "EPERM", "ok", "EACCES", "EACCES", "EACCES", "EACCES"])
    assert producer.is_running()


SCRIBBLE = """
import random, time
random.seed(42)
page, line = 4096, 64
base = libc.shmat({shmid}, None, 0)
until = time.monotonic() + 4
while time.monotonic() < until:
    # Header and producer's words, often `newest`, and lane words. The unit tests damage doorbells.
    lines = (random.randrange(2 * page // line), page // line, 2 * page // line + 2 * random.randrange(16))
    ctypes.memmove(base + line * random.choice(lines) + 8 * random.randrange(8), random.randbytes(8), 8)
"""


@with_users
def a_hostile_member_crashes_no_process(t, them):
    """It writes random bytes over the control pages. The stream may stall and frames may be wrong, but no program crashes,
    and after the scribbler has exited a new producer works as usual."""
    # With this size a slot that does not exist is outside the mapping.
    producer = them.produce("-s", "1920x1080", "-r", "0", "--evict", "300")
    viewers = [them.view(them.be(them.bob, [them.group]), *more) for more in (["--verify"], ["--every-frame"])]
    time.sleep(0.5)
    shmid = them.segment_of(producer)["shmid"]
    them.tries(them.be(them.bob, [them.group]), SCRIBBLE.format(shmid=shmid))
    for process in (producer, *viewers):
        process.signal(signal.SIGINT)
        code = process.wait()
        assert code in (0, 5, 10, 11, 13, 130), f"{process.command} ended with {code}: {process.err}"
    them.produce("--frames", "200")
    them.view(them.be(them.bob, [them.group]), "--verify", "--frames", "20").ends_with(0)


HOLD = """
import fcntl, struct, time
lock = open("{lock}", "r+b")
fcntl.fcntl(lock, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 16 + 7, 1, 0))  # F_OFD_SETLK
base = libc.shmat({shmid}, None, 0)
word = ctypes.c_uint64.from_address(base + 2 * 4096 + 7 * 128)
word.value = 0xff << 2 | 1  # LATEST, and holds every slot
print("holding", flush=True)
time.sleep(60)
"""


@with_users
def a_member_that_holds_every_slot_stalls_the_stream_until_it_exits(t, them):
    """Eviction never frees a slot that a viewer reads, and reading cannot be distinguished from malice. The producer reports
    the lane, never blocks, and continues immediately after the member's exit."""
    producer = them.produce("--json", f"{t.path}/{them.alice}/p.json", "--evict", "200")
    report = f"{t.path}/{them.alice}/p.json"
    shmid = them.segment_of(producer)["shmid"]
    hostile = them.start(them.be(them.bob, [them.group]), CHILD, "-c",
                         PRELUDE + HOLD.format(lock=them.path("default.lock"), shmid=shmid))
    until(lambda: "holding" in hostile.out, hostile.err)

    def published():
        before = text_of(report)
        producer.signal(signal.SIGUSR1)
        until(lambda: text_of(report) != before, "a report")
        return report_of(report)["frames"]
    producer.prints("stalled", "lane 7")
    before = published()
    time.sleep(0.5)
    equal(published()["published"], before["published"], "frames while every slot is held")
    until(lambda: published()["no_slot"] > 0, "ticks without a slot")
    hostile.kill()
    until(lambda: published()["published"] > before["published"] + 10, "frames after its exit")


@with_users
def without_a_group_nothing_is_shared(t, them):
    key = f"{t.path}/key"
    open(key, "w").close()
    producer = them.start(them.be(them.alice), f"{t.path}/pageflip-producer", *SMALL, "--key", key)
    segment = until(lambda: [s for s in segments() if s["cpid"] == producer.pid], "a segment")[0]
    until(lambda: os.path.exists(f"{t.path}/{them.alice}/pageflip/default.id"), "its id")
    equal(segment["perms"] % 1000, 600)
    equal(stat.S_IMODE(os.stat(f"{t.path}/{them.alice}/pageflip").st_mode), 0o700)
    done = them.tries(them.be(them.bob), f"""
shm(lambda: libc.shmat({segment['shmid']}, None, 0o10000))
file(lambda: os.listdir("{t.path}/{them.alice}/pageflip"))
""")
    equal(done, ["EACCES", "EACCES"])
    # bob finds the segment by the key; the error names the owner and the mode.
    viewer = them.start(them.be(them.bob), f"{t.path}/pageflip-viewer", "--key", key, "--presenter", "null")
    viewer.fails_with(7, f"segment {segment['shmid']}", str(them.alice), "0600")
    # bob's producer cannot take that key.
    other = them.start(them.be(them.bob), f"{t.path}/pageflip-producer", *SMALL, "--key", key)
    other.fails_with(7, key, f"segment {segment['shmid']}")
    # There is no shared channel.
    them.view(them.be(them.bob)).fails_with(4, "shared channel", "default", "no producer", "--group")


@with_users
def a_shared_key_leads_members_to_the_segment(t, them):
    key = f"{t.path}/key"
    open(key, "w").close()
    them.produce("--key", key)
    them.view(them.be(them.bob, [them.group]), "--key", key, "--verify", "--frames", "20").ends_with(0)


@with_users
def a_squatted_directory_is_refused(t, them):
    """Another user created it first in /tmp, where every user may: neither program uses it."""
    for name, group in ((f"/tmp/pageflip-{them.alice}", []),
                        (f"/tmp/pageflip-{them.alice}-shared", ["--group", str(them.group)])):
        os.mkdir(name, 0o777)
        os.chown(name, them.mallory, them.mallory)
        owner = str(them.mallory)
        produce = [f"{t.path}/pageflip-producer", *SMALL, *group]
        alice = them.be(them.alice, [them.group])
        them.start(alice, *produce, env={"XDG_RUNTIME_DIR": ""}).fails_with(7, name, owner)
        if group:
            them.view(them.be(them.bob, [them.group])).fails_with(7, name, owner)
        else:
            them.start(alice, f"{t.path}/pageflip-viewer", env={"XDG_RUNTIME_DIR": ""}).fails_with(7, name, owner)
        os.rmdir(name)
        # A link, even to a directory of alice's own.
        os.symlink(f"{t.path}/{them.alice}", name)
        them.start(alice, *produce, env={"XDG_RUNTIME_DIR": ""}).fails_with(7, name)
        os.unlink(name)


@with_users
def a_lock_file_that_is_a_link_is_refused(t, them):
    os.mkdir(them.path(), 0o711)
    os.chown(them.path(), them.alice, them.alice)
    target = f"{t.path}/{them.alice}/precious"
    os.symlink(target, them.path("default.lock"))
    them.start(them.be(them.alice, [them.group]), f"{t.path}/pageflip-producer", "--group",
               str(them.group)).fails_with(7, "default", "lock file")
    assert not os.path.exists(target), "a file was created through the link"
    them.view(them.be(them.bob, [them.group])).fails_with(7, "default", "lock file")


@with_users
def a_foreign_group_is_refused(t, them):
    producer = them.start(them.be(them.alice), f"{t.path}/pageflip-producer", *SMALL, "--group", str(them.group))
    producer.fails_with(7, "default", f"group {them.group}", "Operation not permitted")
    equal([s for s in segments() if s["uid"] == them.alice], [])


@test
def an_unknown_group_or_user_is_a_usage_error(t):
    t.start(PRODUCER, "--group", "none such").fails_with(2, "group", "none such")
    t.start(VIEWER, "--user", "none such").fails_with(2, "user", "none such")


@with_users
def the_display_shows_a_channel_shared_with_its_group(t, them):
    """The X server checks whether its client may attach, and considers only the client's primary group."""
    display = Display(t, "1280x800x24", "-ac")
    them.produce()
    viewer = them.view(them.be(them.bob, gid=them.group), "-v", presenter="auto")
    viewer.prints("x11-present")
    until(lambda: any(display.grab(display.window_of(viewer)).pixels), "a frame")
    viewer.kill()
    viewer = them.view(them.be(them.bob, [them.group]), "-v", presenter="auto")
    viewer.prints("x11", "attach", "segment")
    viewer.prints("x11-send")
    until(lambda: any(display.grab(display.window_of(viewer)).pixels), "a frame")


if __name__ == "__main__":
    main()
