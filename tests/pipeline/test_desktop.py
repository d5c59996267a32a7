# SPDX-License-Identifier: MIT
"""The viewer's window as a part of the desktop: fullscreen, screens, keys of any keyboard, pointer, screen saver. Keys are
pressed by their number, which names a place on the keyboard, where the layout matters."""
import ctypes
import os
import re

from harness import *

WAYS = ("x11", "x11-put")
# Places on the keyboard, by the label that a US keyboard has there.
KEY_1, KEY_A, KEY_Q, KEY_S, KEY_O, KEY_F = "10", "38", "24", "39", "32", "41"


def still(t, size):
    """Starts a producer of a frame that does not change; returns the frame's file."""
    os.makedirs(f"{t.path}/stills")
    path = f"{t.path}/stills/still.png"
    t.run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}", "-frames:v", "1", "-pix_fmt", "rgb24", path)
    t.producer(f"{t.path}/stills", "--loop")
    return path


def shows(display, window, expected, what):
    """Wait until the window, or with None the whole screen, shows this image."""
    until(lambda: display.grab(window).same_as(expected), what)


def centred(image, on_width, on_height):
    """The image in the middle of a black screen."""
    left, top = (on_width - image.width) // 2, (on_height - image.height) // 2
    rows = [bytes(4 * on_width)] * top
    for y in range(image.height):
        row = bytes(4 * left) + image.pixels[y * image.width * 4 :][: image.width * 4]
        rows.append(row.ljust(4 * on_width, b"\0"))
    rows += [bytes(4 * on_width)] * (on_height - len(rows))
    return Image(on_width, on_height, b"".join(rows))


# ---------------------------------------------------------------- fullscreen, screens


@test
def without_a_window_manager_the_window_covers_the_screen(t):
    """By the option and by the key, which also restores the window. A window manager that has crashed does not count."""
    display = Display(t, "1280x800x24")
    path = still(t, "320x200")
    frame, four = Image.from_file(t, path), Image.from_file(t, path, times=4)
    for presenter in WAYS:
        viewer = t.viewer("--fullscreen", presenter=presenter)
        window = display.window_of(viewer)
        shows(display, None, four, f"fullscreen by {presenter}")
        display.key(window, "f")
        shows(display, window, frame, f"the window by {presenter}")
        shows(display, None, centred(frame, 1280, 800), f"the window in the middle, by {presenter}")
        display.key(window, "f")
        shows(display, None, four, f"fullscreen by the key and {presenter}")
        viewer.kill()
        display.start_window_manager().kill()


@test
def the_window_is_on_the_screen_that_display_names(t):
    """And its size fits that screen."""
    display = Display(t, "320x240x24", "-screen", "1", "800x600x24")
    path = still(t, "800x600")
    frame = Image.from_file(t, path)
    name = display.name
    for presenter in WAYS:
        t.env["DISPLAY"] = f"{name}.1"
        viewer = t.viewer(presenter=presenter)
        shows(display, None, frame, f"the frame on the second screen by {presenter}")
        display.key(display.window_of(viewer), "f")
        t.env["DISPLAY"] = name
        assert not any(display.grab().pixels), "the first screen has something on it"
        viewer.kill()


OPENBOX = """<openbox_config xmlns="http://openbox.org/3.4/rc">
<keyboard><keybind key="F11"><action name="ToggleFullscreen"/></keybind></keyboard></openbox_config>"""


@test
def fullscreen_by_the_window_manager_counts_as_well(t):
    display = Display(t, "1280x800x24")
    os.makedirs(f"{t.path}/openbox")
    with open(f"{t.path}/openbox/rc.xml", "w") as file:
        file.write(OPENBOX)
    t.env["XDG_CONFIG_HOME"] = t.path
    display.start_window_manager()
    path = still(t, "320x200")
    frame, four = Image.from_file(t, path), Image.from_file(t, path, times=4)
    viewer = t.viewer(presenter="x11")
    window = display.window_of(viewer)
    shows(display, window, frame, "the window")
    for leave in "f", "F11":
        display.key(window, "F11")
        shows(display, None, four, "fullscreen by the window manager")
        until(lambda: not pointer_is_visible(display, window), "no pointer")
        display.key(window, leave)
        shows(display, window, frame, f"the window after {leave}")
        until(lambda: pointer_is_visible(display, window), "the pointer")


def size_of(display, window):
    geometry = display.xdotool("getwindowgeometry", "--shell", window)
    return tuple(int(re.search(rf"{name}=(\d+)", geometry).group(1)) for name in ("WIDTH", "HEIGHT"))


def place_of(display, window):
    geometry = display.xdotool("getwindowgeometry", "--shell", window)
    return tuple(int(re.search(rf"\b{name}=(-?\d+)", geometry).group(1)) for name in ("X", "Y"))


@test
def properties_of_the_window_manager_set_fullscreen_and_size(t):
    """The test is the window manager: it sets the properties of a window as large as the screen. With borders of 10, 20, 30 and
    40 pixels, 1250x730 are left; a frame of 1280x800 fits there as 1168x730, in the middle."""
    display = Display(t, "1280x800x24")
    still(t, "1280x800")
    viewer = t.viewer("--json", "v.json", presenter="x11")
    window = display.window_of(viewer)
    with XClient(display) as x:
        full, other = x.atom("_NET_WM_STATE_FULLSCREEN"), x.atom("ANOTHER_STATE")
        for atoms, is_visible in ((full,), False), ((), True), ((other, full), False), ((other,), True):
            x.set_property(window, "_NET_WM_STATE", "ATOM", *atoms)
            until(lambda v=is_visible: pointer_is_visible(display, window) == v, f"a pointer that is visible: {is_visible}")
        equal(size_of(display, window), (1280, 800), "without borders")
        x.set_property(window, "_NET_FRAME_EXTENTS", "CARDINAL", 10, 20, 30, 40)
        until(lambda: size_of(display, window) != (1280, 800), "another size")
        equal((size_of(display, window), place_of(display, window)), ((1168, 730), (41, 0)), "inside of the borders")
        x.set_property(window, "_NET_FRAME_EXTENTS", "CARDINAL", 100, 100, 100, 100)
        shows_more(t, viewer)
        equal(size_of(display, window), (1168, 730), "the size is that of the user afterwards")


def is_whole(display, window, frame):
    """Does the window show the whole frame, a little smaller, inside of the screen?"""
    size = size_of(display, window)
    image = display.grab(window)  # without what is outside of the screen
    right, bottom = image.width - 3, image.height - 3
    return (size == (image.width, image.height) and image.height < 800 and abs(right * 797 - bottom * 1277) < 1280
            and [image.at(3, bottom), image.at(right, bottom)] == [frame.at(3, 796), frame.at(1276, 796)])


@test
def a_frame_as_large_as_the_screen_hides_no_row(t):
    """With the borders of a window manager the window is smaller, after fullscreen as well; without them it fits exactly."""
    frame = Image.from_file(t, still(t, "1280x800"))
    display = Display(t, "1280x800x24")
    t.viewer(presenter="x11")
    shows(display, None, frame, "the frame, without borders")
    for options in [], ["--fullscreen"]:
        display = Display(t, "1280x800x24")
        display.start_window_manager()
        viewer = t.viewer(*options, presenter="x11")
        window = display.window_of(viewer)
        if options:
            shows(display, None, frame, "fullscreen")
            display.key(window, "f")
        until(lambda d=display, w=window: is_whole(d, w, frame), f"the whole frame inside of borders {options}")


def shows_more(t, viewer, frames=20):
    """Let the viewer handle what has happened, and then some more frames."""
    before = t.counters(viewer, "v.json")["shown"]
    until(lambda: t.counters(viewer, "v.json")["shown"] > before + frames, "frames")


@test
def a_window_of_scale_has_exactly_that_size(t):
    """Even if the window with its borders does not fit the screen. It gets the borders when it becomes visible."""
    display = Display(t, "640x480x24")
    display.start_window_manager()
    still(t, "320x240")
    viewer = t.viewer("--scale", "2", "--json", "v.json", presenter="x11")
    window = display.window_of(viewer)
    shows_more(t, viewer)
    equal(size_of(display, window), (640, 480), "the window")


@test
def fullscreen_is_above_other_windows(t):
    """Without a window manager."""
    display = Display(t, "640x480x24")
    path = still(t, "320x240")
    viewer = t.viewer(presenter="x11")
    window = display.window_of(viewer)
    t.producer("-s", "400x300", "-n", "other")
    above = t.viewer("-n", "other", presenter="x11")
    display.window_of(above)
    until(lambda: not display.grab().crop(160, 120, 320, 240).same_as(Image.from_file(t, path)), "the other window")
    display.key(window, "f")
    shows(display, None, Image.from_file(t, path, times=2), "fullscreen")


@test
def the_pointer_is_hidden_in_fullscreen(t):
    display = Display(t, "640x480x24")
    still(t, "320x240")
    viewer = t.viewer("--fullscreen", presenter="x11")
    window = display.window_of(viewer)
    until(lambda: not pointer_is_visible(display, window), "no pointer")
    display.key(window, "f")
    until(lambda: pointer_is_visible(display, window), "the pointer")
    display.key(window, "f")
    until(lambda: not pointer_is_visible(display, window), "no pointer again")


@test
def the_screen_saver_waits_while_the_viewer_is_fullscreen(t):
    """It starts after one second; in fullscreen it has not started after three."""
    display = Display(t, "640x480x24")
    still(t, "320x240")
    viewer = t.viewer(presenter="x11")
    window = display.window_of(viewer)
    with XClient(display) as x:
        x.set_screen_saver(1)
        until(lambda: x.screen_saver() == "on", "the screen saver of a window")
        display.key(window, "f")
        until(lambda: not pointer_is_visible(display, window), "fullscreen")
        x.reset_screen_saver()
        until(lambda: x.screen_saver() == "on" or x.idle_ms() > 3000, "three seconds")
        equal(x.screen_saver(), "off", "in fullscreen")
        display.key(window, "f")
        until(lambda: x.screen_saver() == "on", "the screen saver after fullscreen")


# ---------------------------------------------------------------- keys


class Keys:
    """A viewer in fullscreen, and what each key does to it."""

    def __init__(self, t, display, presenter="x11", **more):
        self.t, self.display = t, display
        self.frame, self.double = self.images(t)
        self.viewer = t.viewer(presenter=presenter, **more)
        self.window = display.window_of(self.viewer)
        shows(display, self.window, self.frame, "the frame")

    @staticmethod
    def images(t):
        path = f"{t.path}/stills/still.png"
        if not os.path.exists(path):
            still(t, "320x240")
        return Image.from_file(t, path), Image.from_file(t, path, times=2)

    def press(self, *keys):
        """Keys by number are pressed without xdotool, which selects the first layout for them."""
        if not all(key.isdigit() for key in keys):
            self.display.key(self.window, *keys)
            return
        self.display.focus(self.window)
        with XClient(self.display) as x:
            x.press(*map(int, keys))

    def snapshots(self):
        return [name for name in os.listdir(self.t.path) if re.fullmatch("pageflip-default-.*[.]png", name)]

    def saves(self, key):
        self.press(key)
        for name in until(self.snapshots, f"a snapshot by {key}"):
            os.unlink(f"{self.t.path}/{name}")

    def fills_the_screen(self, key):
        self.press(key)
        shows(self.display, None, self.double, f"fullscreen by {key}")

    def is_one_to_one(self, key):
        self.press(key)
        shows(self.display, None, centred(self.frame, 640, 480), f"one-to-one by {key}")

    def fits(self, key):
        self.press(key)
        shows(self.display, None, self.double, f"in the size of the screen by {key}")

    def shows_the_overlay(self, key):
        self.press(key)
        until(lambda: not self.display.grab().same_as(self.double), f"the overlay by {key}")
        self.fits(key)

    def quits(self, key):
        self.press(key)
        self.viewer.ends_with(0)

    def all_work(self, quit=KEY_Q, save=KEY_S, overlay=KEY_O, full=KEY_F, one=KEY_1):
        self.saves(save)
        self.fills_the_screen(full)
        self.shows_the_overlay(overlay)
        self.is_one_to_one(one)
        self.fits(one)
        self.quits(quit)


def small(t):
    return Display(t, "640x480x24")


@test
def keys_work_by_their_place_where_the_layout_has_no_such_label(t):
    """Russian, Greek, Hebrew and Arabic layouts, alone and as the second of two."""
    need("setxkbmap")
    display = small(t)
    for layout in "ru", "il":
        t.run("setxkbmap", layout)
        Keys(t, display).all_work()
    for layout in "gr", "ara", "us,ru":
        t.run("setxkbmap", layout)
        if "," in layout:
            lock_group(display, 1)
        keys = Keys(t, display)
        keys.saves(KEY_S)
        keys.quits(KEY_Q)


@test
def keys_work_by_their_label_where_the_layout_has_it(t):
    """A French keyboard has q where a US one has a, and the 1 on the upper half of its key."""
    need("setxkbmap")
    display = small(t)
    t.run("setxkbmap", "fr")
    keys = Keys(t, display)
    keys.press(KEY_Q)  # the label is a
    keys.all_work(quit=KEY_A)


@test
def keys_work_by_their_label_where_all_are_elsewhere(t):
    """On a Dvorak keyboard for programmers, which has the 1 on the upper half of the key of another digit."""
    need("setxkbmap")
    display = small(t)
    t.run("setxkbmap", "us", "dvp")
    Keys(t, display).all_work(quit="53", save="47", overlay="39", full="29", one="14")


@test
def keys_follow_a_switch_of_the_layout(t):
    """While the viewer runs: another group, and back; another layout. A French keyboard keeps its labels in the Russian
    group, and has them when it is the second."""
    need("setxkbmap")
    display = small(t)
    t.run("setxkbmap", "us,fr")
    lock_group(display, 1)
    keys = Keys(t, display)
    keys.press(KEY_Q)  # the label is a
    keys.saves(KEY_S)
    keys.quits(KEY_A)
    t.run("setxkbmap", "fr,ru")
    lock_group(display, 1)
    keys = Keys(t, display)
    for group in 1, 0, 1:
        lock_group(display, group)
        keys.saves(KEY_S)
        keys.press(KEY_Q)  # the label is a
    t.run("setxkbmap", "us")
    keys.saves(KEY_S)
    keys.press(KEY_A)
    t.run("setxkbmap", "fr")
    keys.saves(KEY_S)
    keys.press(KEY_Q)
    keys.quits(KEY_A)


@test
def keys_with_ctrl_alt_or_super_do_nothing(t):
    display = small(t)
    keys = Keys(t, display)
    for modifier in "ctrl", "alt", "super":
        keys.press(*(f"{modifier}+{key}" for key in "sqof1"), f"{modifier}+Escape")
    equal(keys.snapshots(), [], "snapshots")
    shows(display, keys.window, keys.frame, "the frame alone")
    keys.press("shift+s")
    until(keys.snapshots, "a snapshot with shift")
    keys.quits("Escape")


@test
def keys_work_with_num_lock_and_caps_lock(t):
    display = small(t)
    keys = Keys(t, display)
    display.xdotool("key", "Num_Lock", "Caps_Lock")
    keys.saves(KEY_S)
    keys.quits("Escape")


@test
def the_1_of_the_keypad_works(t):
    display = small(t)
    keys = Keys(t, display)
    display.xdotool("windowmove", keys.window, "0", "0", "windowsize", keys.window, "640", "480")
    shows(display, keys.window, keys.double, "the window")
    keys.is_one_to_one("KP_1")
    keys.fits("KP_End")  # the same key without Num Lock


@test
def keys_work_without_xkeyboard(t):
    """Today's servers always have XKEYBOARD, but Xlib does not use it if this variable is set. Keys also work by their label: a
    and q are swapped."""
    without = {"env": {"XKB_DISABLE": "1"}}
    display = small(t)
    Keys(t, display, **without).all_work()
    with XClient(display) as x:
        x.label_key(int(KEY_Q), "a")
        x.label_key(int(KEY_A), "q")
    keys = Keys(t, display, **without)
    keys.press(KEY_Q)  # the label is a
    keys.saves(KEY_S)
    keys.quits(KEY_A)


# ---------------------------------------------------------------- Wayland


# SDL unloads the drivers that leak memory here, so the suppressions cannot match them.
NATIVE = {"WAYLAND_DISPLAY": "test", "DISPLAY": "", "ASAN_OPTIONS": "detect_leaks=0"}


@test
def on_a_wayland_screen_of_scale_two_the_frame_has_the_screens_pixels(t):
    """Enlarged by two when it fills the screen, and exact after the key 1. The compositor is a window on an Xvfb."""
    need("weston")
    display = small(t)
    keys_frame, double = Keys.images(t)
    compositor = t.start("weston", "--socket=test", "--no-config", "--idle-time=0", "--backend=x11-backend.so",
                         "--shell=kiosk-shell.so", "--width=320", "--height=240", "--scale=2", "--use-pixman")
    compositor.is_server = True
    until(lambda: os.path.exists(f"{t.path}/test") or not compositor.is_running(), f"a compositor: {compositor.err}")
    screen = until(lambda: display.xdotool("search", "--onlyvisible", "--class", "weston"), "the compositor's window").split()[-1]
    display.focus(screen)
    t.viewer(presenter="sdl", env=NATIVE)
    shows(display, None, double, "fullscreen, without the pointer")
    display.key(screen, "ctrl+1")
    display.key(screen, "1")
    shows(display, None, centred(keys_frame, 640, 480), "one-to-one")
    display.key(screen, "1")
    shows(display, None, double, "fullscreen again")


# ---------------------------------------------------------------- the X server's own state


class XClient:
    """A connection of the test's own, for what no program of the packages can query."""

    class ScreenSaver(ctypes.Structure):
        _fields_ = [("window", ctypes.c_ulong), ("state", ctypes.c_int), ("kind", ctypes.c_int),
                    ("til_or_since", ctypes.c_ulong), ("idle", ctypes.c_ulong), ("event_mask", ctypes.c_ulong)]

    class CursorImage(ctypes.Structure):
        _fields_ = [("x", ctypes.c_short), ("y", ctypes.c_short), ("width", ctypes.c_ushort), ("height", ctypes.c_ushort),
                    ("xhot", ctypes.c_ushort), ("yhot", ctypes.c_ushort), ("serial", ctypes.c_ulong),
                    ("pixels", ctypes.POINTER(ctypes.c_ulong))]

    def __init__(self, display):
        self.x11, self.xss, self.xfixes = (ctypes.CDLL(name) for name in ("libX11.so.6", "libXss.so.1", "libXfixes.so.3"))
        for function in self.x11.XOpenDisplay, self.x11.XDefaultRootWindow, self.xfixes.XFixesGetCursorImage:
            function.restype = ctypes.c_void_p
        self.xfixes.XFixesGetCursorImage.restype = ctypes.POINTER(self.CursorImage)
        self.display = ctypes.c_void_p(self.x11.XOpenDisplay(display.name.encode()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.x11.XCloseDisplay(self.display)

    def set_screen_saver(self, seconds):
        self.x11.XSetScreenSaver(self.display, seconds, 0, 1, 1)

    def reset_screen_saver(self):
        self.x11.XForceScreenSaver(self.display, 0)
        self.x11.XSync(self.display, 0)

    def atom(self, name):
        return self.x11.XInternAtom(self.display, name.encode(), 0)

    def set_property(self, window, name, type_name, *values):
        """Set a property of a window to these numbers, as a window manager does."""
        items = (ctypes.c_long * len(values))(*values)
        self.x11.XChangeProperty(self.display, ctypes.c_ulong(int(window)), self.atom(name), self.atom(type_name), 32, 0, items,
                                 len(values))
        self.x11.XSync(self.display, 0)

    def press(self, *keycodes):
        """Press and release keys, as a user does."""
        xtst = ctypes.CDLL("libXtst.so.6")
        for keycode in keycodes:
            for is_pressed in True, False:
                xtst.XTestFakeKeyEvent(self.display, keycode, is_pressed, 0)
        self.x11.XSync(self.display, 0)

    def label_key(self, keycode, label):
        """Change what is printed on a key, without XKEYBOARD."""
        keysyms = (ctypes.c_ulong * 2)(ord(label), ord(label.upper()))
        self.x11.XChangeKeyboardMapping(self.display, keycode, 2, keysyms, 1)
        self.x11.XSync(self.display, 0)

    def lock_group(self, group):
        self.x11.XkbLockGroup(self.display, 0x100, group)  # of the core keyboard
        self.x11.XSync(self.display, 0)

    def query_screen_saver(self):
        info = self.ScreenSaver()
        root = ctypes.c_ulong(self.x11.XDefaultRootWindow(self.display))
        assert self.xss.XScreenSaverQueryInfo(self.display, root, ctypes.byref(info)), "no MIT-SCREEN-SAVER"
        return info

    def screen_saver(self):
        return ("off", "on", "", "disabled")[self.query_screen_saver().state]

    def idle_ms(self):
        return self.query_screen_saver().idle

    def pointer_is_visible(self):
        self.xfixes.XFixesQueryExtension(self.display, ctypes.byref(ctypes.c_int()), ctypes.byref(ctypes.c_int()))
        image = self.xfixes.XFixesGetCursorImage(self.display).contents
        return any(image.pixels[i] >> 24 & 255 for i in range(image.width * image.height))


def lock_group(display, group):
    """Select a layout, the first is 0, as a panel of a desktop does."""
    with XClient(display) as x:
        x.lock_group(group)


def pointer_is_visible(display, window):
    display.xdotool("mousemove", "--window", window, "100", "100")
    with XClient(display) as x:
        return x.pointer_is_visible()


if __name__ == "__main__":
    main()
