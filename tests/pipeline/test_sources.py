# SPDX-License-Identifier: MIT
"""Inputs as other programs write them: rates and times, pipes of any name, several streams, live inputs, and the advice for
inputs that no source reads."""
import array
import csv
import fcntl
import os
import subprocess
import termios

from harness import *


def head(width, height, more=" F25:1"):
    return f"YUV4MPEG2 W{width} H{height}{more}\n".encode()


def frames(width, height, count=1):
    """Black frames in 4:2:0."""
    size = (width + 1) // 2 * ((height + 1) // 2)
    return (b"FRAME\n" + bytes([16]) * (width * height) + bytes([128]) * (2 * size)) * count


def write(t, name, data):
    path = f"{t.path}/{name}"
    with open(path, "wb") as file:
        file.write(data)
    return path


def feed(process, data):
    process.popen.stdin.write(data)
    process.popen.stdin.flush()


def unread(process):
    """Bytes in the pipe to the process that it has not read yet."""
    count = array.array("i", [0])
    fcntl.ioctl(process.popen.stdin, termios.FIONREAD, count)
    return count[0]


def status(process, field):
    """A field of /proc/PID/status; "0" after its exit."""
    return line_with(text_of(f"/proc/{process.pid}/status") + f"{field}: 0\n", [f"{field}:"]).split()[1]


def size_of(t, path):
    image = Image.from_file(t, path)
    return image.width, image.height


# ---------------------------------------------------------------- rates and times


@test
def y4m_without_a_rate_is_played_at_25_frames_per_second(t):
    for number, rate in enumerate(("", " F0:0")):
        path = write(t, f"{number}.y4m", head(4, 4, rate) + frames(4, 4, 11))
        t.start(PRODUCER, path, "--json", "p.json").ends_with(0, "warning", path, "--rate")
        report = report_of(f"{t.path}/p.json")
        equal(report["frames"]["published"], 11)
        assert report["seconds"] >= 0.4, f"{report['seconds']} s for 10 intervals"


@test
def a_given_rate_makes_up_for_any_rate_of_the_header(t):
    for number, rate in enumerate((" F0:1", " F25", " F1:0", " F-25:1", " F29.97:1")):
        path = write(t, f"{number}.y4m", head(4, 4, rate) + frames(4, 4))
        t.start(PRODUCER, path).fails_with(8, path, "rate", "--rate")
        process = t.start(PRODUCER, "-q", path, "--rate", "50")
        process.ends_with(0)
        equal(process.err, "")


def steps_of_pts(t, *arguments):
    """The differences of the media times of consecutive frames, in microseconds."""
    producer = t.producer("-q", "--loop", *arguments)
    t.viewer("-q", "--every-frame", "--frames", "8", "--csv", "v.csv").ends_with(0)
    producer.kill()
    with open(f"{t.path}/v.csv") as file:
        times = [float(row["pts_us"]) for row in csv.DictReader(file)]
    return {round(b - a) for a, b in zip(times, times[1:])}


@test
def media_times_follow_the_given_rate(t):
    path = write(t, "in.y4m", head(4, 4, " F25:1") + frames(4, 4, 3))
    t.run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=32x16", "-frames:v", "1", f"{t.path}/in.png")
    equal(steps_of_pts(t, path), {40000})
    equal(steps_of_pts(t, path, "--rate", "50"), {20000})
    equal(steps_of_pts(t, path, "--rate", "0"), {40000})
    equal(steps_of_pts(t, f"{t.path}/in.png", "--rate", "100"), {10000})


# ---------------------------------------------------------------- pipes


@test
def y4m_is_read_from_pipes_of_any_name(t):
    data = head(4, 4) + frames(4, 4, 2)
    path = write(t, "in.bin", data)
    for name in ("camera", "camera.y4m", "camera.png"):
        os.mkfifo(f"{t.path}/{name}")
        producer = t.start(PRODUCER, name, "--json", "p.json")
        t.start("sh", "-c", f"cat in.bin > {name}")
        producer.ends_with(0, "warning", name, "writer")
        equal(report_of(f"{t.path}/p.json")["frames"]["published"], 2, name)
    for command in (f"'{PRODUCER}' --json p.json <(cat in.bin)", f"cat in.bin | '{PRODUCER}' --json p.json /dev/stdin",
                    f"'{PRODUCER}' --json p.json /dev/stdin < in.bin", f"'{PRODUCER}' --json p.json {path}"):
        os.unlink(f"{t.path}/p.json")
        process = t.start("bash", "-c", command)
        process.ends_with(0)
        assert line_with(process.err, ["warning"]) is None, process.err
        equal(report_of(f"{t.path}/p.json")["frames"]["published"], 2, command)


@test
def a_report_request_does_not_end_the_wait_for_the_writer_of_a_fifo(t):
    os.mkfifo(f"{t.path}/camera.y4m")
    producer = t.start(PRODUCER, "-q", "camera.y4m")

    def waits():
        """It has its handlers, and its only open() after that is the FIFO's (openat() of x86-64 and ARMv8)."""
        return (int(status(producer, "SigCgt"), 16) >> (signal.SIGUSR1 - 1) & 1
                and text_of(f"/proc/{producer.pid}/syscall").split(" ")[0] in ("257", "56"))
    until(waits, "openat() of the FIFO")
    before = producer.sleeps()
    producer.signal(signal.SIGUSR1)
    until(lambda: not producer.is_running() or (waits() and producer.sleeps() != before),
          "the FIFO's open() again")
    fd = os.open(f"{t.path}/camera.y4m", os.O_RDWR)  # does not wait for a reader
    os.write(fd, head(4, 4) + frames(4, 4))
    until(lambda: not producer.is_running() or os.path.exists(f"{t.path}/pageflip/default.id"), "a stream")
    os.close(fd)
    producer.ends_with(0)


@test
def warnings_about_a_header_are_not_repeated_by_loop(t):
    path = write(t, "in.y4m", head(4, 4, " It A4:3") + frames(4, 4))
    once = t.start(PRODUCER, "-r", "0", path).ends_with(0).err
    again = t.start(PRODUCER, "-r", "0", path, "--loop", "--frames", "5").ends_with(0).err
    warnings = [[line for line in text.splitlines() if "warning" in line] for text in (once, again)]
    assert warnings[0], once
    equal(warnings[1], warnings[0])


@test
def a_second_stream_continues_in_a_segment_of_its_own(t):
    producer = t.start(PRODUCER, "-q", "-", stdin=subprocess.PIPE)
    feed(producer, head(4, 4) + frames(4, 4))
    until(lambda: os.path.exists(f"{t.path}/pageflip/default.id"), "a segment")
    viewer = t.viewer("-q", "--every-frame", "--frames", "3", "--snapshot", "v.png", "--json", "v.json")
    t.joined()
    feed(producer, frames(4, 4))
    feed(producer, head(8, 6, " F50:1 C420jpeg") + frames(8, 6, 2))
    producer.popen.stdin.close()
    producer.ends_with(0)
    viewer.ends_with(0)
    equal(size_of(t, f"{t.path}/v.png"), (8, 6))


# ---------------------------------------------------------------- live inputs


@test
def a_live_input_that_is_quicker_than_its_rate_is_reported(t):
    """A frame that is written when the pipe is empty comes on time. Frames that are written as fast as possible do not."""
    producer = t.start(PRODUCER, "-", "--json", "p.json", stdin=subprocess.PIPE)
    feed(producer, head(16, 16, " F200:1") + frames(16, 16))
    for _ in range(10):
        until(lambda: unread(producer) == 0, "a frame that was read")
        feed(producer, frames(16, 16))
    feed(producer, frames(16, 16, 700))
    producer.popen.stdin.close()
    producer.ends_with(0, "warning", "input", "--rate 0")
    equal(producer.err.count("warning"), 1, producer.err)
    ahead = report_of(f"{t.path}/p.json")["input"]["ahead"]
    assert 699 <= ahead <= 710, ahead
    assert line_with(producer.err, ["711 frames", f"ahead at {ahead}"]), producer.err


@test
def an_input_that_is_ahead_from_the_start_or_cannot_be_is_not_warned_about(t):
    data = head(4, 4, " F400:1") + frames(4, 4, 1300)
    assert len(data) < 1 << 16, "more than fits into a pipe"
    path = write(t, "in.y4m", data)
    read_end, write_end = os.pipe()
    os.write(write_end, data)
    os.close(write_end)
    runs = ((t.start(PRODUCER, "-", "--json", "pipe.json", stdin=read_end), "pipe", 1299),
            (t.start(PRODUCER, path, "-n", "other", "--json", "file.json"), "file", 0))
    os.close(read_end)
    for process, name, ahead in runs:
        process.ends_with(0)
        assert line_with(process.err, ["warning"]) is None, process.err
        equal(report_of(f"{t.path}/{name}.json")["input"]["ahead"], ahead, name)


# ---------------------------------------------------------------- advice


@test
def the_advice_to_convert_an_input_runs_as_it_is_printed(t):
    """10 bits per sample, RGB, and names that a shell would split."""
    need("ffmpeg")
    for name, options in (("it's 10 bits.y4m", ("-pix_fmt", "yuv420p10", "-strict", "-1")),
                          ("$(echo a) & b:c.mkv", ("-pix_fmt", "bgr0", "-c:v", "ffv1")),
                          ("photo.jpg", ())):
        t.run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=32x16:rate=25", "-frames:v",
              "1" if name.endswith("jpg") else "3", *options, f"file:{t.path}/{name}")
        refused = t.start(PRODUCER, f"{t.path}/{name}").fails_with(8, name, "ffmpeg", "-pix_fmt")
        command = refused.err.split("convert it: ")[1].strip()
        path = f"{os.path.dirname(PRODUCER)}:{os.environ['PATH']}"
        shown = t.start("bash", "-o", "pipefail", "-c", command, env={"PATH": path})
        shown.ends_with(0, "1 frames" if name.endswith("jpg") else "3 frames", "32x16")


@test
def what_a_file_in_a_folder_really_is_is_in_the_message(t):
    contents = (("empty", b""), ("truncated", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), ("JPEG", b"\xff\xd8\xff\xe0"),
                ("a folder", None), ("a link", None))
    for number, (words, content) in enumerate(contents):
        folder = f"{t.path}/{number}"
        path = f"{folder}/x.png"
        os.mkdir(folder)
        if content is not None:
            write(t, f"{number}/x.png", content)
        elif words == "a folder":
            os.mkdir(path)
        else:
            os.symlink("nowhere.png", path)
        t.start(PRODUCER, "-q", folder).fails_with(8, path, words)


if __name__ == "__main__":
    main()
