# SPDX-License-Identifier: MIT
"""The presenters and the displays of the matrix."""
from functools import partial

import links
import servers
from room import Display
from servers import OTHER_USER, xvfb

PRESENTERS = ["x11", "x11-put", "x11-send", "sdl", "auto"]
SIZES = {"4 KiB": 4 << 10, "1 MiB": 1 << 20, "64 MiB": 64 << 20}  # less than a frame, less than all slots, more
SSH_X, SSH_Y = partial(links.ssh, trusted=False), partial(links.ssh, trusted=True)


def with_foreign(name, short=(), **more):
    """A display with foreign segments of each size; the programs are in other namespaces."""
    return [Display(f"{name}, foreign segments of {size}", foreign=bytes_of, short=size in short, **more)
            for size, bytes_of in SIZES.items()]


DISPLAYS = [
    Display("Xvfb", xvfb),
    Display("Xvfb with depth 16", partial(xvfb, depth=16), short=True),
    Display("Xvfb with depth 15", partial(xvfb, depth=15)),
    Display("Xvfb with depth 30", partial(xvfb, depth=30)),
    Display("second screen of Xvfb", partial(xvfb, screen=1)),
    Display("Xvfb without COMPOSITE", lambda t: xvfb(t, "-extension", "COMPOSITE")),
    Display("Xvfb without MIT-SHM", lambda t: xvfb(t, "-extension", "MIT-SHM")),
    Display("Xvfb without RENDER", lambda t: xvfb(t, "-extension", "RENDER")),
    Display("Xephyr", servers.xephyr, short=True),
    Display("Xephyr with glamor", lambda t: servers.xephyr(t, "-glamor")),
    Display("Xnest", lambda t: servers.sized(t, "Xnest")),
    Display("nxagent", lambda t: servers.sized(t, "nxagent")),
    Display("Xtigervnc", servers.tigervnc),
    Display("Xtightvnc", servers.tightvnc),
    Display("openbox", lambda t: servers.managed(t, ["get_desktop"], "openbox")),
    Display("i3", servers.i3),
    Display("picom", lambda t: servers.managed(t, ["search", "--name", "^picom$"], "picom", "--config", "/dev/null",
                                               "--backend", "xrender")),
    Display("Xwayland in weston", servers.weston_xwayland),
    Display("Xwayland in sway", partial(servers.sway, xwayland=True), server_user=OTHER_USER, user=OTHER_USER),
    Display("weston", servers.weston_native),
    Display("sway", servers.sway, server_user=OTHER_USER, user=OTHER_USER),
    Display("another user's viewer", xvfb, user=OTHER_USER),
    Display("another user's server", lambda t, **more: xvfb(t, "-ac", **more), server_user=OTHER_USER),
    Display("two other users", lambda t, **more: xvfb(t, "-ac", **more), server_user=OTHER_USER, user=OTHER_USER - 1),
    Display("proxy", xvfb, links.proxy),
    Display("proxy called ssh", xvfb, links.proxy_called_ssh, short=True),
    Display("other IPC namespace", xvfb, namespaces="ipc"),
    *with_foreign("other IPC namespace", server=xvfb, namespaces="ipc", short=["1 MiB"]),
    Display("other IPC and PID namespace", xvfb, namespaces="ipc and pid"),
    *with_foreign("other IPC and PID namespace", server=xvfb, namespaces="ipc and pid", short=["64 MiB"]),
    *with_foreign("proxy, other IPC and PID namespace", server=xvfb, link=links.proxy, namespaces="ipc and pid"),
    *with_foreign("ssh -X", server=links.xvfb_with_cookie, link=SSH_X, namespaces="ipc and pid", short=["1 MiB"]),
    *with_foreign("ssh -Y", server=links.xvfb_with_cookie, link=SSH_Y, namespaces="ipc and pid", short=["1 MiB"]),
]
