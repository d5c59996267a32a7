# SPDX-License-Identifier: MIT
"""The lock and id files: what happens when another program removes or changes them, who creates them, and in which directory
they are searched for."""
import fcntl
import os
import shutil
import signal

from harness import *

SMALL = ["-s", "64x48"]


def lock_path(t, name="default"):
    return f"{t.path}/pageflip/{name}.lock"


def id_path(t, name="default"):
    return f"{t.path}/pageflip/{name}.id"


def frames_of(t, viewer, path="v.json"):
    """The viewer's report now."""
    full = f"{t.path}/{path}"
    if os.path.exists(full):
        os.unlink(full)
    viewer.signal(signal.SIGUSR1)
    until(lambda: os.path.exists(full) or not viewer.is_running(), "a report")
    return report_of(full)["frames"]


def continues(t, viewer, path="v.json"):
    """Wait until the viewer has shown more frames."""
    before = frames_of(t, viewer, path)["shown"]
    until(lambda: frames_of(t, viewer, path)["shown"] > before, f"frames of {viewer.command}")


def end(process, code=130):
    process.signal(signal.SIGINT)
    process.ends_with(code)


def remove(t):
    os.unlink(lock_path(t))


def replace(t):
    os.unlink(lock_path(t))
    open(lock_path(t), "w").close()


def remove_both(t):
    os.unlink(lock_path(t))
    os.unlink(id_path(t))


def remove_directory(t):
    shutil.rmtree(f"{t.path}/pageflip")


@test
def without_its_files_a_channel_still_has_one_producer(t):
    """The first producer is stopped, so that it cannot create the files again before the second starts."""
    key = f"{t.path}/key"
    open(key, "w").close()
    for damage in (remove, replace, remove_both, remove_directory):
        first = t.producer(*SMALL, "--key", key)
        viewer = t.viewer("--follow", "--every-frame", "--verify", "--json", "v.json")
        t.joined()
        first.stop()
        damage(t)
        t.start(PRODUCER, *SMALL).fails_with(3, "default", "producer")
        first.signal(signal.SIGCONT)
        first.prints("warning", "lock file", f"{t.path}/pageflip")
        # The channel is whole again: by its name, by its key, and in the list.
        until(lambda: f"pid {first.pid}\n" in text_of(id_path(t)), "the id file")
        t.viewer("--frames", "3", "--verify").ends_with(0)
        t.viewer("--key", key, "--frames", "3", "--verify").ends_with(0)
        row = t.run(VIEWER, "--list").decode().splitlines()[1].split()
        equal(row[:2], ["default", str(first.pid)], damage.__name__)
        t.start(PRODUCER, *SMALL).fails_with(3, "default", f"pid {first.pid}")
        continues(t, viewer)
        equal(first.err.count("lock file"), 1, "warnings")
        end(first)
        assert not os.path.exists(id_path(t)), "the id of a producer that has ended"
        second = t.producer(*SMALL)
        continues(t, viewer)
        end(viewer)
        frames = report_of(f"{t.path}/v.json")["frames"]
        equal((frames["lost"], frames["torn"]), (0, 0), damage.__name__)
        end(second)


@test
def viewers_of_the_removed_lock_file_keep_their_lanes(t):
    """Sixteen viewers, eight through each file: none shares a lane with another one."""
    producer = t.producer(*SMALL, "-r", "200")
    old = [t.viewer("--every-frame", "--verify", "--json", f"old{i}.json") for i in range(8)]
    t.joined(8)
    remove(t)
    producer.prints("warning", "lock file")
    new = [t.viewer("--every-frame", "--verify", "--json", f"new{i}.json", "--wait", "20") for i in range(8)]
    t.joined(16)
    t.viewer().fails_with(3, "default", "16")
    for i in range(8):
        continues(t, old[i], f"old{i}.json")
        continues(t, new[i], f"new{i}.json")
    for i in range(8):
        end(old[i])
        end(new[i])
        for name in ("old", "new"):
            frames = report_of(f"{t.path}/{name}{i}.json")["frames"]
            equal((frames["lost"], frames["torn"]), (0, 0), f"{name}{i}")
    # Their lanes are free again.
    t.joined(0)
    last = [t.viewer("-q") for _ in range(16)]
    t.joined(16)
    for viewer in last:
        end(viewer)


@test
def a_follower_joins_through_a_lock_file_that_is_not_its_own(t):
    """The producer crashes before it has created the file again, so the next producer does it, and expects no viewer."""
    for damage in (remove, remove_directory):
        first = t.producer(*SMALL)
        follower = t.viewer("--follow", "--json", "v.json", "-v")
        other = t.viewer("--follow", "--json", "w.json")
        t.joined(2)
        first.stop()
        damage(t)
        first.kill()
        follower.prints("crashed")
        second = t.producer("-s", "80x50")
        follower.prints("80x50")
        continues(t, follower)
        continues(t, other, "w.json")
        t.joined(2)
        end(follower)
        end(other)
        end(second)


@test
def a_removed_or_changed_id_file_is_written_again(t):
    """Between two frames a viewer has nothing but the files to see that the producer runs."""
    producer = t.producer(*SMALL, "-r", "4")
    viewer = t.viewer("--every-frame", "--json", "v.json")
    follower = t.viewer("--follow", "--json", "w.json", "-v")
    t.joined(2)
    good = text_of(id_path(t))
    nonce = good.split("nonce ")[1].split()[0]
    for i, bad in enumerate((None, "", "x" * 100, good.replace(nonce, "0" * 32), good.replace("shmid ", "shmid 7"))):
        if bad is None:
            os.unlink(id_path(t))
        else:
            with open(id_path(t) + ".test", "w") as file:
                file.write(bad)
            os.rename(id_path(t) + ".test", id_path(t))
        until(lambda: producer.err.count("id file") == i + 1, f"warning {i + 1}: {producer.err}")
        equal(text_of(id_path(t)), good)
    continues(t, viewer)
    continues(t, follower, "w.json")
    assert "crashed" not in follower.err, follower.err
    end(viewer)
    end(follower)
    end(producer)


@test
def a_shared_channel_has_one_producer_without_its_lock_file(t):
    """As root, a group of this user is 0."""
    name = f"test-{os.getpid()}"
    directory = f"/tmp/pageflip-{os.geteuid()}-shared"
    share = ["-n", name, "--group", str(os.getegid())]

    def clean():
        for suffix in (".lock", ".id"):
            if os.path.exists(f"{directory}/{name}{suffix}"):
                os.unlink(f"{directory}/{name}{suffix}")
    try:
        first = t.start(PRODUCER, *SMALL, *share)
        until(lambda: text_of(f"{directory}/{name}.id"), "a segment")
        see = ["-n", name, "--user", str(os.geteuid())]
        viewer = t.viewer(*see, "--follow", "--json", "v.json", "--csv", "v.csv")
        until(lambda: text_of(f"{t.path}/v.csv").count("\n") > 1, "the first frame")
        first.stop()
        os.unlink(f"{directory}/{name}.lock")
        t.start(PRODUCER, *SMALL, *share).fails_with(3, name, "producer")
        first.signal(signal.SIGCONT)
        first.prints("warning", "lock file", directory)
        t.viewer(*see, "--frames", "3").ends_with(0)
        equal(os.stat(f"{directory}/{name}.lock").st_mode & 0o777, 0o660)
        end(first)
        second = t.start(PRODUCER, *SMALL, *share)
        continues(t, viewer)
        end(viewer)
        end(second)
    finally:
        clean()


@test
def files_that_cannot_be_created_again_are_reported_once(t):
    producer = t.producer(*SMALL, "-r", "100")
    viewer = t.viewer("--json", "v.json")
    t.joined()
    producer.stop()
    os.rename(f"{t.path}/pageflip", f"{t.path}/moved")
    os.symlink("nowhere", f"{t.path}/pageflip")
    producer.signal(signal.SIGCONT)
    producer.prints("warning", "lock file", f"{t.path}/pageflip")
    before = frames_of(t, viewer)["shown"]
    until(lambda: frames_of(t, viewer)["shown"] > before + 250, "frames of more than two checks")
    equal(producer.err.count("lock file"), 1, producer.err)
    t.start(PRODUCER, *SMALL).fails_with(7, f"{t.path}/pageflip")
    end(viewer)
    end(producer)


@test
def programs_that_clean_directories_keep_off(t):
    """systemd-tmpfiles skips a directory that it cannot lock: tmpfiles.d(5)."""
    top = f"{t.path}/runtime"
    os.mkdir(top, 0o700)
    t.env["XDG_RUNTIME_DIR"] = top
    producer = t.start(PRODUCER, *SMALL)
    until(lambda: text_of(f"{top}/pageflip/default.id"), "a segment")
    directory = os.open(f"{top}/pageflip", os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        raise AssertionError("the directory has no lock")
    except BlockingIOError:
        pass
    if shutil.which("systemd-tmpfiles"):
        shutil.copytree(f"{top}/pageflip", f"{top}/unused")
        with open(f"{t.path}/clean.conf", "w") as file:
            file.write(f"d {top} - - - 0\n")
        t.run("systemd-tmpfiles", "--clean", f"{t.path}/clean.conf")
        equal(os.listdir(top), ["pageflip"], "a directory without a lock is removed")
        equal(sorted(os.listdir(f"{top}/pageflip")), ["default.id", "default.lock"])
    t.viewer("--frames", "3").ends_with(0)
    end(producer)
    fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(directory)


@test
def a_viewer_creates_no_file(t):
    def files():
        return sorted(name for name in os.listdir(t.path) if not name.startswith(("out", "err")))
    t.viewer("-n", "typo").fails_with(4, "typo", f"{t.path}/pageflip")
    t.run(VIEWER, "--list")
    for how in (signal.SIGINT, signal.SIGKILL):
        waiting = t.viewer("-n", "typo", "--wait", "60", "-v")
        waiting.prints("waiting")
        waiting.signal(how)
        waiting.ends_with(128 + how)
    equal(files(), [])
    producer = t.producer(*SMALL)
    t.viewer("-n", "typo").fails_with(4, "typo", f"{t.path}/pageflip")
    t.viewer("--frames", "1").ends_with(0)
    equal(sorted(os.listdir(f"{t.path}/pageflip")), ["default.id", "default.lock"])
    end(producer)


@test
def the_runtime_directory_of_another_user_gets_no_file(t):
    """As left by su, or sudo -E."""
    if os.getuid() != 0:
        raise Skip("only root can give a directory to another user")
    theirs, all_users = f"{t.path}/theirs", f"{t.path}/all"
    for path, mode in ((theirs, 0o700), (all_users, 0o1777)):
        os.mkdir(path)
        os.chmod(path, mode)
        os.chown(path, 12345, 12345)
    env = {"XDG_RUNTIME_DIR": theirs}
    for command in ([PRODUCER, *SMALL], [VIEWER, "--presenter", "null"], [VIEWER, "--presenter", "null", "--wait", "9"]):
        t.start(*command, env=env).fails_with(7, theirs, "12345", "XDG_RUNTIME_DIR")
    equal(os.listdir(theirs), [])
    # What an earlier version left there.
    os.mkdir(f"{theirs}/pageflip", 0o700)
    t.start(VIEWER, "--presenter", "null", env=env).fails_with(7, theirs, "12345", "XDG_RUNTIME_DIR")
    producer = t.start(PRODUCER, *SMALL, env={"XDG_RUNTIME_DIR": all_users})
    until(lambda: text_of(f"{all_users}/pageflip/default.id"), "a segment")
    t.viewer("--frames", "1", env={"XDG_RUNTIME_DIR": all_users}).ends_with(0)
    end(producer)


def found_elsewhere(t, wrap, here, there, env_here, env_there):
    name = "default"
    produce, view = [*wrap, f"{t.path}/pageflip-producer"], [*wrap, f"{t.path}/pageflip-viewer"]
    producer = t.start(*produce, *SMALL, env=env_there)
    until(lambda: text_of(f"{there}/{name}.id") or not producer.is_running(), "a segment")
    waiting = t.start(*view, "--presenter", "null", "--wait", "60", env=env_here)
    follower = t.start(*view, "--presenter", "null", "--follow", env=env_here)
    t.start(*view, "--presenter", "null", env=env_here).fails_with(4, name, here, there)
    for viewer in (waiting, follower):
        viewer.prints("warning", name, here, there)
        end(viewer)
    process = t.start(*view, "--list", env=env_here)
    process.ends_with(0)
    contains(process.out, here)
    contains(process.out, there)
    end(producer)
    # A lock file alone is no channel.
    process = t.start(*view, "--presenter", "null", env=env_here).fails_with(4, name, here)
    assert there not in process.err, process.err


@test
def a_producer_in_another_usual_directory_is_named(t):
    """XDG_RUNTIME_DIR is not set for one of them, as for cron, or it is that of a login session for one of them."""
    if os.getuid() != 0:
        raise Skip("only root can create a directory in /run/user")
    need("setpriv")
    uid = 100000 + 8 * os.getpid() + 7
    wrap = ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
    login, own, fallback = f"/run/user/{uid}", f"{t.path}/own", f"/tmp/pageflip-{uid}"
    os.chmod(t.path, 0o711)
    had_run_user = os.path.isdir("/run/user")
    try:
        os.makedirs(login, 0o700)
        os.mkdir(own, 0o700)
        for path in (login, own):
            os.chown(path, uid, uid)
        for program in (PRODUCER, VIEWER):  # the user may have no access to the build directory
            shutil.copy(program, t.path)
        unset = {"XDG_RUNTIME_DIR": ""}
        places = {f"{login}/pageflip": {"XDG_RUNTIME_DIR": login}, fallback: unset}
        for there, env_there in places.items():
            for here, env_here in {f"{own}/pageflip": {"XDG_RUNTIME_DIR": own}, **places}.items():
                if here != there:
                    found_elsewhere(t, wrap, here, there, env_here, env_there)
    finally:
        for process in t.processes:
            process.kill()
        shutil.rmtree(login, ignore_errors=True)
        shutil.rmtree(fallback, ignore_errors=True)
        if not had_run_user:
            os.rmdir("/run/user")


if __name__ == "__main__":
    main()
