# SPDX-License-Identifier: MIT
"""Shared by the pipeline tests: a runtime directory for each test, the real programs, a private display, and the pixels
on it. Uses only the standard library.

A test is a function with @test; its docstring describes what the name cannot. `main()` runs all of them and prints TAP.
After a test, each process that it started has exited, and each segment that one of them created is removed; a test fails if
one of these processes crashed."""
import fcntl
import os
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback

PRODUCER = os.environ["PAGEFLIP_PRODUCER"]
VIEWER = os.environ["PAGEFLIP_VIEWER"]
# The producer with the fault points of common/core/fault.h: the same objects, linked with another build of the library.
FAULTY_PRODUCER = os.environ.get("PAGEFLIP_FAULTY_PRODUCER",
                                 os.path.join(os.path.dirname(os.path.dirname(PRODUCER)), "tests", "faulty-producer"))
PROGRAMS = (PRODUCER, VIEWER, FAULTY_PRODUCER)
SANITIZED = "PAGEFLIP_SANITIZED" in os.environ
COUNTED = "PAGEFLIP_COUNTED" in os.environ
# Command words before the producer's and the viewer's own, for example "valgrind -q": see tests/tools/valgrind.
WRAPPER = shlex.split(os.environ.get("PAGEFLIP_WRAPPER", ""))
SLOWER = 5 if WRAPPER else 1  # factor for the seconds in a test, which are for programs without a wrapper
# Seconds after which something counts as hanging, on a machine that may run much else at the same time.
HANG_SECONDS = int(os.environ.get("PAGEFLIP_HANG_SECONDS", 400 if WRAPPER else 240 if SANITIZED else 120))

# A process exits by one of these signals only because of a fault, or because a test sent it.
CRASHES = {signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV, signal.SIGSYS}

# The programs inherit ignored signals: nohup ignores SIGHUP, a shell ignores SIGINT in what it starts in the background.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

tests = []


class Skip(Exception):
    pass


def test(function):
    tests.append(function)
    return function


def equal(got, expected, what=""):
    if got != expected:
        raise AssertionError(f"{what}: got {got!r}, expected {expected!r}")


def contains(text, part):
    if part not in text:
        raise AssertionError(f"{part!r} is not in {text!r}")


def line_with(text, words):
    """The first line that contains all of these words, or None. Case does not matter, and "a|b" is either of them. A test
    names what any good message must contain and leaves its sentence free. The program's name does not count."""
    def has(line, word):
        text = re.sub("^(pageflip|faulty)-(producer|viewer): ", "", line)
        return any(either.lower() in text.lower() for either in word.split("|"))
    return next((line for line in text.splitlines(True) if all(has(line, word) for word in words)), None)


def at_least(seconds):
    """A time limit of a test. None is shorter than HANG_SECONDS: on a busy machine everything may take that long."""
    return max(seconds, HANG_SECONDS)


def until(question, what, seconds=HANG_SECONDS):
    """Repeat the question until the answer is true; returns the answer."""
    seconds = at_least(seconds)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = question()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s for: {what}")


def let_run(seconds):
    """Let the programs run for this time."""
    time.sleep(seconds * SLOWER)


# ---------------------------------------------------------------- processes


class Process:
    """A process that the test started. Its output goes to files, so that it never waits for the test to read it."""

    is_server = False

    def __init__(self, scratch, command, env, **popen):
        scratch.started += 1
        number = scratch.started
        self.command = command
        self.sent = set()  # the signals that the test sent to it
        self.out_path = f"{scratch.path}/out{number}"
        self.err_path = f"{scratch.path}/err{number}"
        popen.setdefault("stdin", subprocess.DEVNULL)
        out, err = open(self.out_path, "wb"), open(self.err_path, "wb")
        popen.setdefault("stdout", out)
        wrapper = WRAPPER if command[0] in PROGRAMS else []
        self.popen = subprocess.Popen(wrapper + command, stderr=err, env=env, cwd=scratch.path, **popen)
        out.close()
        err.close()
        self.pid = self.popen.pid
        scratch.processes.append(self)

    @property
    def err(self):
        return open(self.err_path, errors="replace").read()

    @property
    def out(self):
        return open(self.out_path, errors="replace").read()

    def wait(self, seconds=HANG_SECONDS):
        """Its exit code, 128 + N for signal N."""
        try:
            code = self.popen.wait(at_least(seconds))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command} did not exit within {at_least(seconds)} s: {self.err}") from None
        return code if code >= 0 else 128 - code

    def ends_with(self, code, *words, seconds=HANG_SECONDS):
        """Check that it exits with this code, and that one of the lines that it printed has all of these words."""
        got = self.wait(seconds)
        if got != code:
            raise AssertionError(f"{self.command}: exit {got}, expected {code}: {self.err}")
        if line_with(self.err, words) is None and words:
            raise AssertionError(f"{self.command}: no line with {words}: {self.err}")
        return self

    def fails_with(self, code, *words, seconds=HANG_SECONDS):
        """Check that it exits with this code and printed exactly one line, "program: error: ...", with all of these words."""
        self.ends_with(code, *words, seconds=seconds)
        equal(len(self.err.splitlines()), 1, f"lines of {self.err!r}")
        names = [os.path.basename(word) for word in self.command]
        program = next(name for name in names if name in map(os.path.basename, PROGRAMS))
        if not self.err.startswith(f"{program}: error: "):
            raise AssertionError(f"not an error of {program}: {self.err!r}")
        return self

    def is_running(self):
        return self.popen.poll() is None

    def is_ready(self):
        """Wait until it has installed its signal handlers, which both programs do before they open the channel."""
        def has_handler():
            caught = re.search(r"SigCgt:\s*(\w+)", text_of(f"/proc/{self.pid}/status"))
            return not self.is_running() or caught and int(caught[1], 16) >> (signal.SIGUSR1 - 1) & 1
        until(has_handler, f"signal handlers of {self.command}")
        return self

    def signal(self, number):
        if self.is_running():
            self.sent.add(number)
            self.popen.send_signal(number)

    def is_stopped(self):
        """Have all of its threads stopped?"""
        try:
            return os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return False  # it has exited

    def stop(self):
        """Stop it and wait until it is stopped, so that it cannot react to what follows."""
        self.signal(signal.SIGSTOP)
        until(lambda: self.is_stopped() or not self.is_running(), f"{self.command} stops")
        if not self.is_running():
            raise AssertionError(f"{self.command} exited: {self.err}")

    def sleeps(self):
        """The number of times that its first thread went to sleep by itself; 0 after its exit."""
        found = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", text_of(f"/proc/{self.pid}/status"), re.M)
        return int(found[1]) if found else 0

    def kill(self):
        self.signal(signal.SIGKILL)
        self.popen.wait()

    def crash(self):
        """Describes a crash, or None. A crash is an exit by a signal that the test did not send, here or in a shell around
        it, or a sanitizer's report. Call it after the exit. Servers are not checked: they are not under test."""
        code = self.popen.returncode
        number = -code if code < 0 else code - 128
        if self.is_server or self.sent & CRASHES:
            return None
        if number in CRASHES:
            return f"{self.command} crashed by {signal.Signals(number).name}: {self.err}"
        if "Sanitizer" in self.err or "runtime error:" in self.err:
            return f"{self.command} has a sanitizer's report: {self.err}"
        return None

    def prints(self, *words, seconds=HANG_SECONDS):
        """Wait until one of the lines that it printed has all of these words."""
        until(lambda: line_with(self.err, words) or not self.is_running(), f"{words} from {self.command}", seconds)
        if line_with(self.err, words) is None:
            raise AssertionError(f"{self.command}: no line with {words}: {self.err}")


class Scratch:
    """A runtime directory and the processes of one test."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="pageflip-test-")
        self.processes = []
        self.to_close = []  # called after the processes have ended: they close sockets of the test, which also ends its threads
        self.older = {s["shmid"] for s in segments()}  # of other programs, whose process ids may be used again
        self.started = 0  # processes, in total
        self.wrap_server = []  # command words before the X server's own: unshare, ...
        self.env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
        self.env["XDG_RUNTIME_DIR"] = self.path
        # SDL, Xlib and their drivers do not free some memory, by design.
        self.env["LSAN_OPTIONS"] = f"suppressions={os.path.dirname(os.path.abspath(__file__))}/leaks.supp:print_suppressions=0"

    def start(self, *command, env=None, **popen):
        return Process(self, list(command), {**self.env, **(env or {})}, **popen)

    def producer(self, *arguments, **more):
        """Start a producer and wait until viewers can find its segment, or until it has exited."""
        made = self.start(PRODUCER, *arguments, **more)
        name = arguments[arguments.index("-n") + 1] if "-n" in arguments else "default"
        path = f"{self.path}/pageflip/{name}.id"
        until(lambda: not made.is_running() or f"{made.pid}" in text_of(path), "a segment")
        return made

    def viewer(self, *arguments, presenter="null", **more):
        return self.start(VIEWER, "--presenter", presenter, *arguments, **more)

    def joined(self, viewers=1, channel="default"):
        """Wait until the channel has this number of viewers."""
        def rows():
            return [line.split() for line in self.run(VIEWER, "--list").decode().splitlines()]
        until(lambda: [row for row in rows() if row[0] == channel and row[-1] == str(viewers)],
              f"{viewers} viewers of {channel}")

    def counters(self, process, file):
        """The counters of frames so far, from the report that the process writes to its --json file on SIGUSR1."""
        path = f"{self.path}/{file}"
        before = os.stat(path).st_ino if os.path.exists(path) else None
        process.signal(signal.SIGUSR1)
        until(lambda: os.path.exists(path) and os.stat(path).st_ino != before, f"a report of {process.command}: {process.err}")
        return report_of(path)["frames"]

    def run(self, *command, **popen):
        """Run another program until it exits; returns its standard output. Without the program, the test is skipped."""
        if "/" not in command[0]:
            need(command[0])
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env=self.env, timeout=HANG_SECONDS, **popen).stdout

    def finish(self):
        pids = {process.pid for process in self.processes}
        for process in reversed(self.processes):
            process.signal(signal.SIGCONT)
            if process.is_server or COUNTED:
                process.signal(signal.SIGTERM)  # so that a server removes its socket, and a coverage build writes its counters
                try:
                    process.wait(HANG_SECONDS if process.is_server else 10)
                except AssertionError:
                    if process.is_server:
                        raise
            process.kill()
        for close in self.to_close:
            close()
        crashes = [words for words in (process.crash() for process in self.processes) if words]
        shutil.rmtree(self.path, ignore_errors=True)
        until(lambda: not [s for s in segments() if s["cpid"] in pids and s["shmid"] not in self.older],
              f"no segment left of {pids}")
        if crashes:
            raise AssertionError("\n".join(crashes))


def text_of(path):
    try:
        return open(path, errors="replace").read()
    except OSError:
        return ""


def segments():
    """The rows of /proc/sysvipc/shm."""
    with open("/proc/sysvipc/shm") as file:
        names = file.readline().split()
        return [dict(zip(names, map(int, line.split()))) for line in file]


def mapped_by(pid):
    """The ids of the segments that this process has mapped; each id once, even if mprotect() split the mapping."""
    return {int(line.split()[4]) for line in text_of(f"/proc/{pid}/maps").splitlines() if "/SYSV" in line}


def report_of(path):
    import json

    return json.loads(open(path).read())


# ---------------------------------------------------------------- a display


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")


class Display:
    """A private X server."""

    def __init__(self, scratch, screen="1280x800x24", *arguments):
        need("Xvfb", "xwd", "xdotool")
        self.scratch = scratch
        # Two servers that start at the same time may both take the same number, so start them one after the other.
        with open(f"{tempfile.gettempdir()}/pageflip-test-display.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.start_server(screen, arguments)

    @classmethod
    def of(cls, scratch, name):
        """A server that another program has started."""
        display = cls.__new__(cls)
        display.scratch, display.name = scratch, name
        scratch.env["DISPLAY"] = name
        return display

    def start_server(self, screen, arguments):
        read_end, write_end = os.pipe()
        scratch = self.scratch
        self.server = scratch.start(*self.scratch.wrap_server, "Xvfb", "-displayfd", str(write_end), "-screen", "0", screen,
                                    "-nolisten", "tcp", "-noreset", *arguments, pass_fds=[write_end])
        self.server.is_server = True
        os.close(write_end)
        with os.fdopen(read_end) as file:
            number = file.readline().strip()
        if not number:
            raise AssertionError(f"Xvfb did not start: {self.server.err}")
        self.name = f":{number}"
        scratch.env["DISPLAY"] = self.name
        scratch.env["SDL_AUDIODRIVER"] = "dummy"

    def start_window_manager(self):
        """Start a window manager and wait for it: a window that is mapped while it starts may stay unmapped."""
        need("openbox")
        scratch = self.scratch
        ready = f"{scratch.path}/openbox{scratch.started}"
        manager = scratch.start("openbox", "--startup", f"touch {ready}")  # its last step before it processes events
        until(lambda: os.path.exists(ready), "a window manager")
        return manager

    def window_of(self, process):
        """Wait for the process's window to be on the screen; returns its id."""
        def search():
            done = subprocess.run(["xdotool", "search", "--onlyvisible", "--pid", str(process.pid)],
                                  env=self.scratch.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            return done.stdout.split()[-1:] if done.returncode == 0 else []
        return until(search, f"a window of {process.command}: {process.err}")[0].decode()

    def focus(self, window):
        """Wait for the window to have the keyboard's focus."""
        def has_focus():
            self.xdotool("windowfocus", window)
            return self.xdotool("getwindowfocus", "-f") == window
        until(has_focus, f"the focus on {window}")

    def key(self, window, *keys):
        """Press and release keys, as a user does: the server sends them to the window that has the focus. With --window,
        xdotool would not release a key that closes the window, and the next window with the focus would get it, repeated."""
        self.focus(window)
        self.xdotool("key", *keys)

    def xdotool(self, *arguments):
        """Returns what it printed. It fails when a window closes meanwhile."""
        return subprocess.run(["xdotool", *arguments], env=self.scratch.env, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=HANG_SECONDS).stdout.decode().strip()

    def pause(self, window):
        """Pause the viewer by its key, and wait until the title contains that."""
        def is_paused():  # a key that is pressed too early has no effect
            self.key(window, "space")
            for _ in range(100):
                title = subprocess.run(["xdotool", "getwindowname", window], env=self.scratch.env, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL).stdout  # it fails for a moment while the title changes
                if b"paused" in title:
                    return True
                time.sleep(0.1)
            return False
        until(is_paused, "a paused frame")

    def grab(self, window=None):
        """What the server shows in the window, or on the screen, as an Image. While windows change, xwd may write an invalid
        dump; then this tries once more."""
        try:
            return Image.from_xwd(self.dump(window))
        except AssertionError:
            time.sleep(0.1)
            return Image.from_xwd(self.dump(window))

    def grab_still(self, window):
        """Wait until the window has shown the same for a moment: the last frames may still be on their way to the display."""
        def same_twice():
            first = self.grab(window)
            time.sleep(0.4)
            return self.grab(window).same_as(first) and first
        return until(same_twice, "a frame that stays")

    def dump(self, window=None):
        """xwd fails when the window changes its size during the dump; then this tries once more."""
        where = ["-id", window] if window else ["-root"]
        try:
            return self.scratch.run("xwd", "-silent", *where)
        except subprocess.CalledProcessError:
            time.sleep(0.1)
            return self.scratch.run("xwd", "-silent", *where)

    def colours(self, window, y):
        """The colours of one row of the window as 0xRRGGBB, for any depth of the screen."""
        data = self.dump(window)
        head = struct.unpack(">25I", data[:100])
        size, width, bits, stride, masks, colors = head[0], head[4], head[11], head[12], head[14:17], head[19]
        row = data[size + colors * 12 + y * stride :][: width * bits // 8]
        pixels = {int.from_bytes(row[i : i + bits // 8], "little") for i in range(0, len(row), bits // 8)}

        def channel(pixel, mask):
            low = (mask & -mask).bit_length() - 1
            return (pixel & mask) * 255 // mask if low == 0 else ((pixel & mask) >> low) * 255 // (mask >> low)
        return {sum(channel(p, m) << s for m, s in zip(masks, (16, 8, 0))) for p in pixels}


class Image:
    """Pixels in rows, 4 bytes each: blue, green, red, unused."""

    def __init__(self, width, height, pixels):
        self.width, self.height, self.pixels = width, height, pixels

    @classmethod
    def from_xwd(cls, data):
        # X11/XWDFile.h: 25 words, big endian.
        head = struct.unpack(">25I", data[:100])
        size, width, height, order, bits, stride, colors = (
            head[0], head[4], head[5], head[7], head[11], head[12], head[19])
        equal(order, 0, "byte order of the screen")
        start = size + colors * 12
        rows = [data[start + y * stride : start + y * stride + width * bits // 8] for y in range(height)]
        pixels = b"".join(rows)
        equal(len(pixels), width * height * bits // 8, "bytes of the dump")
        if bits == 24:  # so xwd writes a screen whose windows have several visuals or colour maps
            packed, pixels = pixels, bytearray(4 * width * height)
            for channel in range(3):
                pixels[channel::4] = packed[channel::3]
        else:
            equal(bits, 32, "bits per pixel of the screen")
        return cls(width, height, bytes(pixels))

    @classmethod
    def from_file(cls, scratch, path, *filters, times=1):
        """Decoded by FFmpeg, so by none of the code under test. `times`: enlarged by this factor, without smoothing."""
        need("ffmpeg")
        size = scratch.run("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries",
                           "stream=width,height", "-of", "csv=p=0", path).decode()
        width, height = (times * int(n) for n in size.strip().split(",")[:2])
        if times > 1:
            filters = ("-vf", f"scale={width}:{height}:flags=neighbor")
        pixels = scratch.run("ffmpeg", "-v", "error", "-i", path, *filters, "-frames:v", "1",
                             "-pix_fmt", "bgr0", "-f", "rawvideo", "-")
        return cls(width, height, pixels)

    def at(self, x, y):
        """0xRRGGBB"""
        offset = (y * self.width + x) * 4
        return int.from_bytes(self.pixels[offset : offset + 3], "little")

    def crop(self, x, y, width, height):
        rows = [self.pixels[((y + row) * self.width + x) * 4 :][: width * 4] for row in range(height)]
        return Image(width, height, b"".join(rows))

    def same_as(self, other):
        """Are all pixels equal? The unused byte does not count."""
        if (self.width, self.height) != (other.width, other.height):
            return False
        return all(self.pixels[c::4] == other.pixels[c::4] for c in range(3))

    def psnr(self, other):
        """The difference from another image of the same size, in dB."""
        import math

        equal((self.width, self.height), (other.width, other.height), "sizes")
        total = 0
        for c in range(3):
            total += sum((a - b) ** 2 for a, b in zip(self.pixels[c::4], other.pixels[c::4]))
        mean = total / (3 * self.width * self.height)
        return 10 * math.log10(255 * 255 / mean) if mean else math.inf


# ---------------------------------------------------------------- running them


def main():
    selected = sys.argv[1:]
    unknown = set(selected) - {t.__name__ for t in tests}
    if unknown:
        sys.exit(f"no such test: {', '.join(sorted(unknown))}")
    chosen = [t for t in tests if not selected or t.__name__ in selected]
    failed = 0
    print("TAP version 13", flush=True)
    print(f"1..{len(chosen)}", flush=True)
    for number, function in enumerate(chosen, 1):
        name = function.__name__
        scratch = Scratch()
        result, notes = "ok", []
        try:
            function(scratch)
        except Skip as reason:
            name += f" # SKIP {reason}"
        except Exception:
            result = "not ok"
            notes = traceback.format_exc().splitlines()
            notes += [f"{p.command}: {p.err}" for p in scratch.processes if p.err]
        # Lines of the wrapper itself: after a kill by the test there is no exit code to check.
        reports = [p.err for p in scratch.processes if WRAPPER and re.search(r"^==\d+==", p.err, re.M)]
        if reports:
            result = "not ok"
            notes += reports
        try:
            scratch.finish()
        except AssertionError as problem:
            result = "not ok"
            notes.append(str(problem))
        failed += result != "ok"
        print(f"{result} {number} - {name}", flush=True)
        for line in "\n".join(notes).splitlines():
            print(f"# {line}", flush=True)
    sys.exit(failed > 0)
