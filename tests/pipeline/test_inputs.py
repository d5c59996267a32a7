# SPDX-License-Identifier: MIT
"""Bad inputs and bad outputs: the right exit code, one line that names the file, no partial file, and no more memory and time
than an image needs. These faults cannot be produced here:

    a read error of a disk    needs a device-mapper target; tests/deep/faults makes fread() and read() fail instead
    a disk quota              needs a file system with quotas; the code handles EDQUOT like a full disk
"""
import itertools
import os
import resource
import signal
import struct
import time
import zlib

from harness import *
from witness import start_with_viewers

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MB = 1 << 20


def chunk(kind, data, length=None, crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data) if length is None else length) + kind + data + struct.pack(">I", crc)


def header(width, height, depth=8, color=2, interlace=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace))


def zeros(megabytes):
    """This number of megabytes of zeros, compressed in pieces: a child's memory is counted from its parent's."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(MB)) for _ in range(megabytes)) + packer.flush()


def png(width, height, color=2, depth=8, interlace=0, before=b"", packed=None):
    """A PNG whose pixels are computed from their positions. `before`: chunks before the pixels. `packed`: compressed pixels to
    use instead."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    passes = [(0, 0, 1, 1)]
    if interlace:  # PNG specification, 8.2: Adam7
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    if packed is None:
        rows = b""
        for x, y, across, down in passes:
            columns, lines = (width - x + across - 1) // across, (height - y + down - 1) // down
            if columns > 0 and lines > 0:
                stride = (columns * channels * depth + 7) // 8
                rows += b"".join(b"\0" + bytes((i * 29 + line * 17) % 256 for i in range(stride)) for line in range(lines))
        packed = zlib.compress(rows, 9)
    return (SIGNATURE + header(width, height, depth, color, interlace) + before
            + chunk(b"IDAT", packed) + chunk(b"IEND", b""))


def y4m(width=4, height=4, frames=2, head="YUV4MPEG2 W{} H{} F25:1 C420jpeg\n"):
    size = width * height + 2 * ((width + 1) // 2) * ((height + 1) // 2)
    return head.format(width, height).encode() + (b"FRAME\n" + bytes(range(size))) * frames


def write(t, name, data):
    path = f"{t.path}/{name}"
    with open(path, "wb") as file:
        file.write(data)
    return path


def quick(t, *arguments, **more):
    """Start a producer without pacing that prints only errors."""
    return t.start(PRODUCER, "-q", "-r", "0", *arguments, **more)


def cost(process):
    """Wait for the process; returns its exit code, seconds of processor time and MB of memory."""
    _, status, usage = os.wait4(process.pid, 0)
    process.popen.returncode = os.waitstatus_to_exitcode(status)
    return process.popen.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


# ---------------------------------------------------------------- images


@test
def an_impossible_size_is_refused_by_its_header(t):
    for width, height in ((1000000, 1000000), (32768, 32768), (23171, 23171), (65535, 65537), (16385, 1),
                          (0, 5), (5, 0), (0x7fffffff, 1), (0xffffffff, 0xffffffff)):
        path = write(t, "bomb.png", SIGNATURE + header(width, height) + chunk(b"IDAT", zlib.compress(b"\0" * 99)))
        process = quick(t, path)
        code, seconds, mb = cost(process)
        equal(code, 8, f"{width}x{height}: {process.err}")
        process.fails_with(8, "bomb.png", "exceeds user limit|is zero|out of range")  # libpng's words
        if not SANITIZED:
            assert seconds <= 1 and mb <= 64, f"{width}x{height}: {seconds} s, {mb} MB"
    for width, height in ((16385, 4), (4, 1 << 32), (0, 4)):
        path = write(t, "bomb.y4m", y4m(4, 4, head=f"YUV4MPEG2 W{width} H{height} F25:1\n"))
        quick(t, path).fails_with(8, "bomb.y4m", *(["16385", "16384"] if width == 16385 else [str(width)]))


@test
def a_decompression_bomb_costs_little(t):
    """100 MB of zeros in texts and in a colour profile; chunks with a length of 1 GB."""
    packed = zeros(100)
    for name, before, code in (
        ("zTXt", chunk(b"zTXt", b"Title\0\0" + packed), 0),
        ("iCCP", chunk(b"iCCP", b"profile\0\0" + packed), 0),
        ("iTXt", chunk(b"iTXt", b"Title\0\1\0en\0t\0" + packed), 0),
        ("many", chunk(b"zTXt", b"Title\0\0" + packed[:1000]) * 2000, 0),
        *((kind, chunk(kind.encode(), b"Title\0\0", length=0x40000000), 8)
          for kind in ("tEXt", "zTXt", "iTXt", "iCCP", "sPLT", "eXIf", "pCAL", "sCAL", "tRNS", "PLTE", "unKn")),
    ):
        process = quick(t, write(t, f"{name}.png", png(16, 16, before=before)))
        got, seconds, mb = cost(process)
        equal(got, code, f"{name}: {process.err}")
        if code:
            contains(process.err, f"{name}.png")
        if not SANITIZED:
            assert seconds <= 1 and mb <= 64, f"{name}: {seconds} s, {mb} MB"


@test
def more_pixels_than_the_size_cost_little(t):
    path = write(t, "long.png", png(4, 4, packed=zeros(50)))
    process = quick(t, path)
    code, seconds, mb = cost(process)
    assert code in (0, 8), process.err  # libpng only warns about them
    if not SANITIZED:
        assert seconds <= 1 and mb <= 64, f"{seconds} s, {mb} MB"


@test
def a_png_cut_at_any_byte_is_bad_input_and_not_published(t):
    whole = png(7, 5)
    report = f"{t.path}/report.json"
    for length in range(len(whole)):
        quick(t, write(t, "cut.png", whole[:length]), "--json", report).fails_with(8, "cut.png", "truncated|empty")
        if os.path.exists(report):  # the producer had opened the channel
            equal(report_of(report)["frames"]["published"], 0, f"cut at {length}")
            os.unlink(report)
    quick(t, write(t, "cut.png", whole)).ends_with(0)


@test
def a_y4m_cut_at_any_byte_ends_with_its_last_whole_frame(t):
    whole = y4m(frames=2)
    head = whole.index(b"\n") + 1
    frame = (len(whole) - head) // 2
    report = f"{t.path}/report.json"
    for length in range(len(whole) + 1):
        path = write(t, "cut.y4m", whole[:length])
        process = t.start(PRODUCER, "-r", "0", path, "--json", report)
        if length < head + frame:
            process.fails_with(8, "cut.y4m")
            continue
        process.ends_with(0)
        published = (length - head) // frame
        equal(report_of(report)["frames"]["published"], published, f"cut at {length}")
        warning = line_with(process.err, ["warning", "cut.y4m", f"frame {published + 1}"])
        equal(warning is not None, (length - head) % frame != 0, f"cut at {length}: {process.err}")


@test
def a_file_that_is_not_an_image_is_named(t):
    good = png(7, 5)
    at = good.index(b"IDAT")
    for name, data in (
        ("empty", b""), ("zeros", bytes(100)), ("gif", b"GIF89a" + bytes(50)), ("text", b"hello\n"),
        ("signature", b"\x88" + good[1:]), ("textmode", good.replace(b"\r\n", b"\n", 1)),
        ("crc-ihdr", good[:29] + bytes([good[29] ^ 1]) + good[30:]),
        ("crc-idat", good[: at + 6] + bytes([good[at + 6] ^ 1]) + good[at + 7 :]),
        ("crc-iend", good[:-1] + bytes([good[-1] ^ 1])),
        ("no-idat", SIGNATURE + header(3, 3) + chunk(b"IEND", b"")),
        ("no-plte", png(3, 3, color=3)),
        ("depth", SIGNATURE + header(3, 3, depth=3) + good[33:]),
        ("color", SIGNATURE + header(3, 3, color=5) + good[33:]),
        ("interlace", SIGNATURE + header(3, 3, interlace=2) + good[33:]),
        ("no-ihdr", SIGNATURE + good[33:]), ("critical", png(3, 3, before=chunk(b"ABCD", b""))),
        ("deflate", SIGNATURE + header(3, 3) + chunk(b"IDAT", b"garbage!") + chunk(b"IEND", b"")),
        ("short", png(9, 9, packed=zlib.compress(bytes(30)))),
    ):
        quick(t, write(t, f"{name}.png", data)).fails_with(8, f"{name}.png")


@test
def an_input_that_is_not_a_regular_file_is_named_immediately(t):
    os.mkdir(f"{t.path}/folder.png")
    os.mkdir(f"{t.path}/folder.y4m")
    os.symlink("/dev/zero", f"{t.path}/zero.png")
    os.symlink("/dev/zero", f"{t.path}/zero.y4m")
    os.symlink("/dev/null", f"{t.path}/null.y4m")
    os.symlink("loop.png", f"{t.path}/loop.png")
    os.symlink("loop.y4m", f"{t.path}/loop.y4m")
    os.symlink("nowhere.png", f"{t.path}/dangling.png")
    for name in ("folder.png", "folder.y4m", "zero.png", "zero.y4m", "null.y4m", "loop.png", "loop.y4m",
                 "dangling.png", "absent.png", "absent.y4m"):
        quick(t, f"{t.path}/{name}").fails_with(8, name)
    quick(t, f"{t.path}/what.ever").fails_with(8, "what.ever")


@test
def a_bad_input_among_good_ones_ends_after_those_before_it(t):
    paths = [write(t, f"{n}.png", png(16, 16)) for n in range(3)]
    paths.insert(2, write(t, "bad.png", png(16, 16)[:60]))
    viewer = t.viewer("--every-frame", "--wait", "600", "--json", "v.json")
    start_with_viewers(t, 1, FAULTY_PRODUCER, "-q", "-r", "2", *paths).fails_with(8, "bad.png")
    viewer.ends_with(0)
    equal(report_of(f"{t.path}/v.json")["frames"]["shown"], 2)


@test
def every_kind_of_png_decodes_as_with_ffmpeg_and_imagemagick(t):
    need("ffmpeg", "convert")
    palette = chunk(b"PLTE", bytes((i * 37 + 11) % 256 for i in range(48)))
    kinds = [(c, d) for c, depths in ((0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (1, 2, 4)), (4, (8, 16)), (6, (8, 16)))
             for d in depths]
    transparent = {0: b"\0\1", 2: b"\0\x1d\0\x3a\0\x57", 3: bytes(range(0, 256, 17))}
    for (color, depth), interlace, trns in itertools.product(kinds, (0, 1), (False, True)):
        if trns and color not in transparent:
            continue
        keys = transparent.get(color, b"")[: 1 << depth if color == 3 else None]
        before = (palette[:] if color == 3 else b"") + (chunk(b"tRNS", keys) if trns else b"")
        if color == 3:  # as many colours as the depth permits
            before = chunk(b"PLTE", palette[8 : 8 + 3 * min(16, 1 << depth)]) + (chunk(b"tRNS", keys) if trns else b"")
        name = f"c{color}d{depth}i{interlace}t{int(trns)}"
        path = write(t, f"{name}.png", png(13, 9, color, depth, interlace, before))
        producer = t.producer("-q", path, "--loop", "-n", name)
        t.viewer("-q", "--frames", "1", "--snapshot", f"{t.path}/{name}-seen.png", "-n", name).ends_with(0)
        producer.kill()
        seen = Image.from_file(t, f"{t.path}/{name}-seen.png")
        if trns or color in (4, 6):
            pixels = t.run("convert", path, "-background", "#808080", "-flatten", "-depth", "8", "bgra:-")
            expected = Image(13, 9, pixels)
        else:
            expected = Image.from_file(t, path)
        equal((seen.width, seen.height), (13, 9), name)
        worst = max(abs(a - b) for c in range(3) for a, b in zip(seen.pixels[c::4], expected.pixels[c::4]))
        assert worst <= 1, f"{name}: differs by {worst}"  # the decoders round 16 bits and alpha differently


# ---------------------------------------------------------------- standard input


def feed(process, data, size):
    try:
        for at in range(0, len(data), size):
            process.popen.stdin.write(data[at : at + size])
            process.popen.stdin.flush()
    except BrokenPipeError:
        pass
    process.popen.stdin.close()


@test
def standard_input_byte_by_byte_gives_every_frame(t):
    for nonblocking in (False, True):
        process = t.start(PRODUCER, "-", "-r", "0", "--json", "p.json", stdin=subprocess.PIPE, bufsize=0,
                          preexec_fn=(lambda: os.set_blocking(0, False)) if nonblocking else None)
        time.sleep(0.1 if nonblocking else 0)  # so that its first read finds no data
        feed(process, y4m(frames=5), 1)
        process.ends_with(0)
        equal(report_of(f"{t.path}/p.json")["frames"]["published"], 5)


@test
def standard_input_that_ends_early_or_is_closed_is_reported(t):
    process = t.start(PRODUCER, "-", "-r", "0", stdin=subprocess.PIPE)
    feed(process, y4m(frames=3)[:-5], 1 << 16)
    process.ends_with(0, "standard input", "frame 3")
    process = quick(t, "-", stdin=subprocess.PIPE)
    feed(process, b"", 1)
    process.fails_with(8, "standard input")
    process = quick(t, "-", stdin=subprocess.PIPE)
    feed(process, y4m() + b"noise" * 50 + b"\n", 7)
    process.fails_with(8, "standard input", "FRAME", "byte")
    quick(t, "-", preexec_fn=lambda: os.close(0)).fails_with(8, "standard input")


@test
def a_signal_ends_a_producer_that_waits_for_its_input(t):
    for data in (b"", b"YUV4MPEG2 W4", y4m(frames=1)):
        process = t.start(PRODUCER, "-q", "-", stdin=subprocess.PIPE, bufsize=0)
        process.popen.stdin.write(data)
        # until it has read everything and sleeps
        until(lambda: "poll" in text_of(f"/proc/{process.pid}/wchan")
              or text_of(f"/proc/{process.pid}/syscall").startswith("7 "), "a poll")
        process.signal(signal.SIGTERM)
        process.ends_with(128 + signal.SIGTERM)
        process.popen.stdin.close()


# ---------------------------------------------------------------- outputs

# Each output, as the program and the option that selects the file.
OUTPUTS = (
    (VIEWER, ["--json"]), (VIEWER, ["--csv"]), (VIEWER, ["--trace"]), (VIEWER, ["--snapshot"]),
    (PRODUCER, ["--json"]), (PRODUCER, ["--trace"]),
)


def writer(t, program, arguments, path, before=(), **more):
    """Start the program for a few frames; `before`: command words before its own."""
    if program == VIEWER:
        command = [VIEWER, "--presenter", "null", "-q", "--frames", "5", *arguments, path]
    else:
        command = [PRODUCER, "-q", "-n", "other", "-r", "0", "-s", "64x64", "--frames", "5", *arguments, path]
    return t.start(*before, *command, **more)


@test
def an_output_that_cannot_be_written_is_named(t):
    t.producer("-s", "64x64")
    os.mkdir(f"{t.path}/folder")
    open(f"{t.path}/file", "w").close()
    os.symlink("circle", f"{t.path}/circle")
    for program, arguments in OUTPUTS:
        for path, reason in (("/dev/full", "No space left"), (f"{t.path}/none/x", "No such file"),
                             (f"{t.path}/folder", "Is a directory"), (f"{t.path}/file/x", "Not a directory"), (f"{t.path}/circle/x", "symbolic links"),
                             (f"{t.path}/{'n' * 300}", "File name too long"), ("", "No such file")):
            writer(t, program, arguments, path).fails_with(9, path, reason)
    equal(sorted(os.listdir(f"{t.path}/folder")), [], "files left over")
    assert not [n for n in os.listdir(t.path) if "nnn" in n or n.startswith(("file.", "folder."))]


def in_a_mount(t, options, fill=0):
    """Command words that run a program with a private file system on t.path/small, and list its files after the exit."""
    os.makedirs(f"{t.path}/small", exist_ok=True)
    script = (f"mount -t tmpfs -o {options} none small || exit 77\n"
              f"head -c {fill} /dev/zero > small/filler 2>/dev/null\n"
              "[ -z \"$READ_ONLY\" ] || mount -o remount,ro small || exit 77\n"
              "\"$@\"; code=$?; ls -A small > listed; exit $code")
    return ["unshare", "-m", "sh", "-c", script, "sh"]


def listed(t):
    return [name for name in open(f"{t.path}/listed").read().split() if name != "filler"]


def need_mounts(t):
    need("unshare")
    if t.start(*in_a_mount(t, "size=1m"), "true").wait() != 0:
        raise Skip("this machine does not permit a mount")


@test
def a_full_disk_leaves_no_partial_file(t):
    need_mounts(t)
    t.producer("-s", "640x480", "--pattern", "plasma")
    for program, arguments in OUTPUTS:
        process = writer(t, program, arguments, "small/out", in_a_mount(t, "size=8k", 8192))
        process.ends_with(9, "error: ", "small/out", "No space left on device")
        equal(process.err.count("error: "), 1, process.err)
        # A log of frames is written continuously, and keeps what fitted.
        whole_or_none = arguments[0] in ("--json", "--snapshot")
        equal(listed(t), [] if whole_or_none else ["out"], f"{program} {arguments}")


@test
def a_read_only_disk_is_named_and_gets_no_file(t):
    need_mounts(t)
    t.producer("-s", "64x64")
    for program, arguments in OUTPUTS:
        process = writer(t, program, arguments, "small/out", in_a_mount(t, "size=64k"), env={"READ_ONLY": "1"})
        process.fails_with(9, "small/out", "Read-only file system")
        equal(listed(t), [])


@test
def a_read_only_or_full_runtime_directory_is_named(t):
    need_mounts(t)
    small = {"XDG_RUNTIME_DIR": f"{t.path}/small"}
    process = t.start(*in_a_mount(t, "size=64k"), PRODUCER, env={**small, "READ_ONLY": "1"})
    process.fails_with(7, f"{t.path}/small/pageflip", "Read-only file system")
    process = t.start(*in_a_mount(t, "nr_inodes=2"), PRODUCER, env=small)
    process.fails_with(6, f"{t.path}/small/pageflip", "No space left on device")
    process = t.start(*in_a_mount(t, "size=8k", 8192), PRODUCER, "-s", "8x8", env=small)
    process.ends_with(6, "error: ", "default", "id file", "No space left on device")
    equal(process.err.count("error: "), 1, process.err)


@test
def an_old_file_stays_when_the_new_one_fails(t):
    def little_room():  # enough for an error line and the id file, not for a report or an image
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))

    if COUNTED:
        raise Skip("a coverage build has no room for its counters, and prints that")
    t.producer("-s", "64x64")
    for program, arguments in OUTPUTS:
        if arguments[0] not in ("--json", "--snapshot"):
            continue
        path = write(t, "old", b"as it was")
        writer(t, program, arguments, path, preexec_fn=little_room).fails_with(9, path, "File too large")
        equal(open(path, "rb").read(), b"as it was")
        equal([n for n in os.listdir(t.path) if n.startswith("old.")], [], "files left over")


@test
def a_snapshot_to_a_full_pipe_is_code_9(t):
    """The pipe does not block, so the write fails with EAGAIN, which is also the answer "no frame yet"."""
    t.producer("-s", "1280x720")
    reader, writer_end = os.pipe()
    os.set_blocking(writer_end, False)
    viewer = t.viewer("-q", "--frames", "1", "--snapshot", "-", stdout=writer_end)
    viewer.fails_with(9, "-", "temporarily unavailable")
    os.close(reader)
    os.close(writer_end)


@test
def a_kill_while_writing_leaves_a_whole_snapshot_or_none(t):
    """The file is a complete image or does not exist."""
    producer = t.producer("-s", "2048x2048", "--pattern", "plasma", "-r", "10")
    path = f"{t.path}/shot.png"
    cut_short = round = 0
    while round < 8 or not cut_short and round < 100:
        viewer = t.viewer("-q", "--frames", "1", "--snapshot", path)
        until(lambda: not viewer.is_running() or [n for n in os.listdir(t.path) if n.startswith("shot.png.")],
              "a file being written")
        time.sleep(0.005 * (round % 8))
        round += 1
        viewer.kill()
        cut_short += viewer.popen.returncode != 0
        if os.path.exists(path):
            equal(open(path, "rb").read()[-8:-4], b"IEND")
            os.unlink(path)
    assert cut_short, "every kill came too late"
    assert producer.is_running()


@test
def a_closed_full_or_unread_standard_output_is_code_9(t):
    """For everything that a program prints: exit code 9, and no SIGPIPE."""
    t.producer("-s", "64x64")
    t.viewer("-q", "--frames", "3", "--trace", "trace.json").ends_with(0)
    for command in ([PRODUCER, "--help"], [PRODUCER, "--version"], [VIEWER, "--help"], [VIEWER, "--version"],
                    [VIEWER, "--list"], [VIEWER, "--merge-trace", f"{t.path}/trace.json"], [VIEWER, "--presenter", "null", "-q", "--frames", "3", "--json", "-"],
                    [PRODUCER, "-n", "x", "-q", "-s", "8x8", "--frames", "2", "--json", "-"]):
        read_end, write_end = os.pipe()
        os.close(read_end)
        t.start(*command, stdout=write_end).fails_with(9, "Broken pipe")
        os.close(write_end)
        with open("/dev/full", "w") as full:
            t.start(*command, stdout=full).fails_with(9, "No space left")
        t.start(*command, preexec_fn=lambda: os.close(1)).fails_with(9, "Bad file descriptor|Invalid argument")


@test
def a_closed_full_or_unread_standard_error_changes_nothing(t):
    producer = t.producer("-s", "64x64")
    read_end, write_end = os.pipe()
    os.close(read_end)
    closed = ["sh", "-c", 'exec "$@" 2>&-', "sh"]
    full = ["sh", "-c", 'exec "$@" 2>/dev/full', "sh"]
    broken = ["sh", "-c", f'exec "$@" 2>&{write_end}', "sh"]
    for way in (closed, full, broken):
        t.start(*way, VIEWER, "--presenter", "null", "-v", "--frames", "5", pass_fds=[write_end]).ends_with(0)
        t.start(*way, PRODUCER, "-n", "x", "-v", "-s", "8x8", "--frames", "2", pass_fds=[write_end]).ends_with(0)
        t.start(*way, PRODUCER, "absent.png", pass_fds=[write_end]).ends_with(8)
        t.start(*way, VIEWER, "--presenter", "null", "-n", "nobody", pass_fds=[write_end]).ends_with(4)
    os.close(write_end)
    assert producer.is_running()


@test
def output_for_a_closed_standard_file_goes_to_no_other_file(t):
    """The lock file must not get the descriptor's number."""
    none = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    t.start(*none, PRODUCER, "-v", "-s", "8x8", "--frames", "2", "--json", "-").ends_with(9)
    t.start(*none, PRODUCER, "-v", "-s", "8x8", "--frames", "2").ends_with(0)
    t.start(*none, PRODUCER, "-v", "-").ends_with(8)
    t.start(*none, VIEWER, "-v", "--presenter", "null").ends_with(4)
    equal(os.listdir(f"{t.path}/pageflip"), ["default.lock"])
    equal(open(f"{t.path}/pageflip/default.lock").read(), "")


if __name__ == "__main__":
    main()
