# SPDX-License-Identifier: MIT
"""What may be between a viewer and its X server. Each function returns `through(command, env)`, which returns the command and
the environment with which the viewer is started instead."""
import os
import pwd
import secrets
import shlex
import shutil
import socket

from harness import Skip, need, until
from servers import SECONDS, start, xvfb

# What a viewer that is started by ssh needs of the environment here.
PASSED_ON = ("XDG_RUNTIME_DIR", "SDL_AUDIODRIVER", "ASAN_OPTIONS")


def answers(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def proxy(t, server, name="socat"):
    """A proxy from TCP to the server's socket. `name`: its argv[0]. An X server treats a client whose name begins with
    "ssh" as a remote one."""
    need("socat")
    number = server.env["DISPLAY"].strip(":").split(".")[0]
    for port in range(6100, 6200):
        if answers(port):
            continue
        process = t.start(name, f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork",
                          f"UNIX-CONNECT:/tmp/.X11-unix/X{number}", executable=shutil.which("socat"))
        process.is_server = True
        until(lambda: not process.is_running() or answers(port), "socat", SECONDS)
        if process.is_running():
            return lambda command, env: (command, {**env, "DISPLAY": f"localhost:{port - 6000}"})
    raise AssertionError(f"socat did not start: {process.err}")


def proxy_called_ssh(t, server):
    return proxy(t, server, "ssh")


def xvfb_with_cookie(t, before=()):
    """A server as ssh finds it on a desktop: a client needs the cookie."""
    need("xauth")
    path, cookie = f"{t.path}/authority", secrets.token_hex(16)
    t.run("xauth", "-f", path, "add", ":0", ".", cookie)
    server = xvfb(t, "-auth", path, before=before)
    t.run("xauth", "-f", path, "add", server.env["DISPLAY"], ".", cookie)
    server.env["XAUTHORITY"] = path
    return server


SSHD = """
ListenAddress 127.0.0.1:{port}
AddressFamily inet
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
SetEnv XAUTHORITY={folder}/remote_authority
StrictModes no
PermitRootLogin yes
UsePAM no
PidFile none
X11Forwarding yes
X11DisplayOffset 60
"""
# Options of ssh: those of the user and of the system do not count.
SSH = ["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o",
       "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]


def ssh(t, server, trusted):
    """An sshd of our own on the loopback interface. `trusted`: by ssh -Y, else by ssh -X."""
    need("ssh", "ssh-keygen")
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if not sshd:
        raise Skip("sshd is not installed")
    for key in ("host_key", "user_key"):
        t.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{t.path}/{key}")
    before = []
    if os.getuid() == 0:  # then sshd requires this directory
        before = ["unshare", "-m", "sh", "-c", 'test -d /run/sshd || { mount -t tmpfs none /run && mkdir -m 755 /run/sshd; } && '
                  'exec "$@"', "sh"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(f"{t.path}/sshd_config", "w") as file:
        file.write(SSHD.format(port=port, folder=t.path))
    process = start(t, sshd, "-D", "-e", "-f", f"{t.path}/sshd_config", before=before)
    process.prints("listening on", str(port), seconds=SECONDS)
    user = pwd.getpwuid(os.getuid()).pw_name

    def through(command, env):
        passed_on = [f"{name}={value}" for name, value in {**t.env, **env}.items() if name in PASSED_ON]
        kind = ["-Y"] if trusted else ["-X", "-o", "ForwardX11Trusted=no"]
        return ["ssh", *kind, *SSH, "-i", f"{t.path}/user_key", "-p", str(port), f"{user}@127.0.0.1",
                shlex.join(["env", *passed_on, *command])], env
    command, env = through(["true"], server.env)
    login = t.start(*command, env=env)
    if login.wait(SECONDS) != 0:
        if "account is locked" in process.err:
            raise Skip(f"sshd refuses {user}, whose account is locked")
        raise AssertionError(f"ssh: {login.err}{process.err}")
    return through
