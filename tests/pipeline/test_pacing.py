# SPDX-License-Identifier: MIT
"""The producer's pace: each frame is due at an exact multiple of the period, each tick has a frame or counts as skipped once,
and no tick delays a signal. The due, begin and publication times are those in the viewer's --csv, to a nanosecond."""
import os
import signal
import subprocess
import time

from harness import *
from witness import FAULTY_PRODUCER, Witness, rows_in_ns, start_with_viewers

SECOND = 1000000000  # ns


def y4m_head(width, height, rate):
    return f"YUV4MPEG2 W{width} H{height} F{rate}\n".encode()


def y4m_frames(width, height, count=1):
    """Black frames in 4:2:0."""
    chroma = (width + 1) // 2 * ((height + 1) // 2)
    return (b"FRAME\n" + bytes([16]) * (width * height) + bytes([128]) * (2 * chroma)) * count


def feed(process, data):
    process.popen.stdin.write(data)
    process.popen.stdin.flush()


def waiting_viewer(t):
    """A viewer that waits for a producer, and writes each frame into v.csv."""
    viewer = t.viewer("-v", "--wait", "300", "--every-frame", "--csv", "v.csv")
    viewer.prints("waiting")
    return viewer


def pattern(t, *arguments):
    """A producer of a pattern, which writes p.json. It draws the first frame when the viewer has joined."""
    return start_with_viewers(t, 1, FAULTY_PRODUCER, "-q", "-s", "64x48", "--json", "p.json", *arguments)


def viewer_and_film(t, head, *arguments):
    """A viewer that writes each frame into v.csv, and a producer that reads a film from the test. The viewer has joined, so it
    does not miss the first frame."""
    viewer = waiting_viewer(t)
    producer = t.start(PRODUCER, "-q", "-", "--json", "p.json", *arguments, stdin=subprocess.PIPE)
    feed(producer, head)
    t.joined()
    return viewer, producer


def rows_so_far(t):
    return text_of(f"{t.path}/v.csv").count("\n") - 1


def rows_of(t, counts=None):
    """The rows of v.csv. `counts`: of the frames in each segment, if there is more than one."""
    rows = rows_in_ns(f"{t.path}/v.csv")
    expected = [number for count in counts or [len(rows)] for number in range(1, count + 1)]
    equal([row["sequence"] for row in rows], expected, "every frame once, from the first")
    return rows


def tick_of(time_ns, start, num, den):
    """The latest tick that is due then."""
    return ((time_ns - start + 1) * num - 1) // (den * SECOND)


def due_of(tick, start, num, den):
    return start + tick * den * SECOND // num


def ticks_of(rows, num, den, is_live=False):
    """The tick of each row. Checks that its due time is exactly that of the tick, that it was not begun before, and what
    pacing.h promises: after a frame comes the next tick, or, if that frame was requested late, the tick after the current
    one. A frame is requested after the publication of the one before it, and before its own begin. A live source also skips
    each tick that finds no slot."""
    start = rows[0]["due"]
    ticks, earliest, latest = [], 0, 0
    for before, row in zip([None, *rows], rows):
        tick = tick_of(row["due"], start, num, den)
        equal(row["due"], due_of(tick, start, num, den), f"tick {tick} of {num}/{den}, frame {row['sequence']}")
        assert row["due"] <= row["begin"] <= row["publish"], row
        is_possible = earliest <= tick and (is_live or tick <= latest)
        assert is_possible, f"frame {row['sequence']}: tick {tick}, not {earliest} to {latest}"
        ticks.append(tick)
        earliest = max(tick, tick_of(before["publish"], start, num, den) if before else 0) + 1
        latest = max(tick, tick_of(row["begin"], start, num, den)) + 1
    return ticks


def skipped_between(ticks):
    return sum(after - before - 1 for before, after in zip(ticks, ticks[1:]))


def reacts(process, number, question):
    """Send the signal, and wait until question() is true. A signal wakes the process every 50 ms until it has reacted, so a
    process that has slept again 40 times does not react."""
    before = process.sleeps()
    process.signal(number)
    until(lambda: question() or process.sleeps() > before + 40, f"a reaction to signal {number}")
    assert question(), f"{process.command} has slept again {process.sleeps() - before} times after signal {number}"


def counters_now(t, process, file):
    path = f"{t.path}/{file}"
    before = os.stat(path).st_ino if os.path.exists(path) else None
    reacts(process, signal.SIGUSR1, lambda: not process.is_running() or os.path.exists(path) and os.stat(path).st_ino != before)
    return report_of(path)["frames"]


# ---------------------------------------------------------------- the grid


@test
def a_given_rate_has_an_exact_grid(t):
    """240000/1001 frames a second; half a second is enough for a rounded period to drift by 60 ns. The report is compared
    with the rows, and its time with that outside."""
    viewer = waiting_viewer(t)
    before = time.monotonic()
    producer = pattern(t, "-r", "240000/1001", "--buffers", "3", "--frames", "121")
    producer.ends_with(0)
    outside = time.monotonic() - before
    viewer.ends_with(0)
    rows, report = rows_of(t), report_of(f"{t.path}/p.json")
    equal((len(rows), report["frames"]["published"]), (121, 121))
    ticks = ticks_of(rows, 240000, 1001, is_live=True)
    # The last frame may have skipped ticks as well, if it was late.
    skipped, late = skipped_between(ticks), tick_of(rows[-1]["begin"], rows[0]["due"], 240000, 1001) - ticks[-1]
    assert skipped <= report["frames"]["skipped"] <= skipped + late, (skipped, late, report)
    for number, row in enumerate(rows):
        assert abs(row["pts"] - number * 1001 * SECOND // 240000) < 1000, row  # a pattern's own time, in floating point

    def most(values):
        return round(max(values) / 1000, 1)
    render, interval = report["latency_us"]["render"], report["interval_us"]
    equal((render["count"], interval["count"]), (121, 120))
    assert abs(render["max"] - most(row["publish"] - row["begin"] for row in rows)) < 0.11, render
    assert abs(interval["max"] - most(b["publish"] - a["publish"] for a, b in zip(rows, rows[1:]))) < 0.11, interval
    seconds = report["seconds"]
    assert (rows[-1]["publish"] - rows[0]["due"]) / SECOND - 0.001 <= seconds <= outside, (seconds, outside)
    assert 0 < report["cpu_us_per_frame"] * 121 / 1e6 <= outside * os.cpu_count(), report


@test
def a_second_stream_continues_on_the_grid_of_its_own_rate(t):
    """Its first frame is due at the next tick of the stream before it. All media times are exact."""
    streams = ((4, 4, 25, 1, 4), (4, 4, 50, 1, 5), (8, 6, 60000, 1001, 6), (8, 6, 10, 1, 2))  # size, rate, frames
    heads = [y4m_head(width, height, f"{num}:{den}") for width, height, num, den, _ in streams]
    viewer, producer = viewer_and_film(t, heads[0])
    heads[0] = b""  # it has been read
    rates, total = [], 0
    for head, (width, height, num, den, count) in zip(heads, streams):
        feed(producer, head + y4m_frames(width, height, count))
        total += count
        until(lambda: rows_so_far(t) >= total or not producer.is_running(), "the frames of a stream")
        listed = t.run(VIEWER, "--list").decode().splitlines()
        rates.append(listed[1].split()[listed[0].split().index("FPS")])
    equal(rates, ["25", "50", "59.94", "10"], "the rate in the segment of each stream")
    producer.popen.stdin.close()
    producer.ends_with(0)
    viewer.ends_with(0)
    rows = rows_of(t, [count for *_, count in streams])
    pts, start = 0, rows[0]["due"]
    for width, height, num, den, count in streams:
        these, rows = rows[:count], rows[count:]
        equal([row["pts"] - pts for row in these], [due_of(k, 0, num, den) for k in range(count)], f"media times of {num}/{den}")
        pts += due_of(count, 0, num, den)
        ticks_of(these, num, den)
        if rows:  # its first frame has a tick of this stream
            tick = tick_of(rows[0]["due"], start, num, den)
            equal(rows[0]["due"], due_of(tick, start, num, den), "the first frame of the next stream")
            start = rows[0]["due"]
    format = report_of(f"{t.path}/p.json")["format"]
    equal((format["width"], format["height"]), (8, 6))


# ---------------------------------------------------------------- skipped ticks


@test
def every_tick_of_a_live_source_is_a_frame_or_skipped_once(t):
    """The producer is stopped for a known time, so ticks pass. The viewer is stopped until ticks have found no slot."""
    rate, stopped_s = 100, 0.3
    viewer = waiting_viewer(t)
    producer = pattern(t, "-r", str(rate), "--buffers", "3")
    until(lambda: rows_so_far(t) >= 20, "frames")
    before = counters_now(t, producer, "p.json")["skipped"]
    with Witness(t, producer) as segment:
        producer.stop()
        number = segment.newest()
        time.sleep(stopped_s)
        producer.signal(signal.SIGCONT)
        until(lambda: segment.newest() >= number + 3, "frames after the stop")
    after = counters_now(t, producer, "p.json")["skipped"]
    assert after - before >= stopped_s * rate - 2, f"{after - before} ticks were skipped in {stopped_s} s"
    viewer.stop()
    until(lambda: counters_now(t, producer, "p.json")["skipped"] >= after + 20, "ticks without a slot")
    viewer.signal(signal.SIGCONT)
    some = rows_so_far(t)
    until(lambda: rows_so_far(t) >= some + 30, "frames")
    producer.signal(signal.SIGINT)
    producer.ends_with(130)
    end = time.monotonic_ns()  # the clock of the due times
    viewer.ends_with(0)
    rows, frames = rows_of(t), report_of(f"{t.path}/p.json")["frames"]
    equal(frames["published"], len(rows))
    ticks = ticks_of(rows, rate, 1, is_live=True)
    skipped, latest = skipped_between(ticks), tick_of(end, rows[0]["due"], rate, 1)
    # Those after the last frame have no frame after them. Each of them was due before the end.
    assert skipped <= frames["skipped"] <= skipped + latest - ticks[-1], (skipped, latest - ticks[-1], frames)


@test
def an_input_skips_no_frame_and_has_no_skipped_ticks(t):
    """Its viewer is stopped for longer than twice the time after which the producer looks for requests. The frame that waits
    for a slot keeps its tick."""
    rate, count = 50, 40
    viewer, producer = viewer_and_film(t, y4m_head(16, 16, f"{rate}:1"))
    feed(producer, y4m_frames(16, 16, 5))
    until(lambda: rows_so_far(t) >= 5, "frames")
    viewer.stop()
    feed(producer, y4m_frames(16, 16, count - 5))
    producer.popen.stdin.close()
    time.sleep(2.5)  # far more than the wait that is expected, since the producer may read the frames late
    viewer.signal(signal.SIGCONT)
    producer.ends_with(0)
    viewer.ends_with(0)
    rows, frames = rows_of(t), report_of(f"{t.path}/p.json")["frames"]
    equal((len(rows), frames["published"], frames["skipped"]), (count, count, 0))
    ticks_of(rows, rate, 1)
    equal([row["pts"] for row in rows], [k * SECOND // rate for k in range(count)], "media times")
    waited = max(row["begin"] - row["due"] for row in rows)
    assert waited >= 1.2 * SECOND, f"the longest wait for a slot was {waited} ns"


@test
def an_unpaced_pattern_waits_for_its_viewer(t):
    """So it has no ticks and skips none, and each frame is due when it is begun."""
    viewer = waiting_viewer(t)
    producer = pattern(t, "-r", "0")
    until(lambda: rows_so_far(t) >= 20, "frames")
    viewer.stop()

    def waits():
        first = counters_now(t, producer, "p.json")["published"]
        return counters_now(t, producer, "p.json")["published"] == first
    until(waits, "a producer without a slot")
    equal(counters_now(t, producer, "p.json")["skipped"], 0)
    viewer.signal(signal.SIGCONT)
    some = rows_so_far(t)
    until(lambda: rows_so_far(t) >= some + 20, "frames")
    producer.signal(signal.SIGINT)
    producer.ends_with(130)
    viewer.ends_with(0)
    rows, report = rows_of(t), report_of(f"{t.path}/p.json")
    equal((report["frames"]["published"], report["frames"]["skipped"]), (len(rows), 0))
    equal([row["due"] - row["begin"] for row in rows], [0] * len(rows))


# ---------------------------------------------------------------- signals and pipes


@test
def a_slow_rate_delays_no_signal(t):
    """The second frame is due after 1000 s. A request for a report does not bring it, and a request to exit does not wait."""
    for number in (signal.SIGTERM, signal.SIGINT):
        producer = t.producer("-q", "-s", "64x48", "-r", "1/1000", "--json", "p.json")
        with Witness(t, producer) as segment:
            until(lambda: segment.newest() >= 1, "the first frame")
        for _ in range(3):
            frames = counters_now(t, producer, "p.json")
            equal((frames["published"], frames["skipped"]), (1, 0))
        reacts(producer, number, lambda: not producer.is_running())
        producer.ends_with(128 + number)
        equal(report_of(f"{t.path}/p.json")["frames"]["published"], 1)


def wait_for_frame(segment, number):
    until(lambda: segment.newest() >= number, f"frame {number}")
    equal(segment.newest(), number)


@test
def a_report_on_request_has_the_counts_of_that_moment(t):
    """At rate 0, a pipe's frames are published as they arrive, and none counts as ahead of its tick. A frame is not late
    because its input was."""
    viewer, producer = viewer_and_film(t, y4m_head(4, 4, "25:1"), "-r", "0")
    feed(producer, y4m_frames(4, 4, 3))
    with Witness(t, producer) as segment:
        for number in range(3, 12):
            wait_for_frame(segment, number)
            equal(counters_now(t, producer, "p.json")["published"], number)
            feed(producer, y4m_frames(4, 4))
        wait_for_frame(segment, 12)
    producer.popen.stdin.close()
    producer.ends_with(0)
    viewer.ends_with(0)
    report, rows = report_of(f"{t.path}/p.json"), rows_of(t)
    equal((report["frames"]["published"], len(rows), report["input"]["ahead"]), (12, 12, 0))
    equal([row["due"] - row["begin"] for row in rows], [0] * 12)


@test
def bursts_with_frames_on_time_between_them_are_not_warned_about(t):
    """Together, more frames than in the 3 s of one burst that is warned about."""
    producer = t.start(PRODUCER, "-", "--json", "p.json", stdin=subprocess.PIPE)
    feed(producer, y4m_head(4, 4, "200:1") + y4m_frames(4, 4))
    with Witness(t, producer) as segment:
        number = 1
        for burst in [1] * 10 + [50, 1] * 14:
            wait_for_frame(segment, number)
            feed(producer, y4m_frames(4, 4, burst))
            number += burst
        wait_for_frame(segment, number)
    producer.popen.stdin.close()
    producer.ends_with(0)
    assert report_of(f"{t.path}/p.json")["input"]["ahead"] > 3 * 200, "too few frames of the bursts"
    assert line_with(producer.err, ["warning"]) is None, producer.err


@test
def a_short_burst_is_counted_and_not_warned_about(t):
    """Each frame of a burst was waiting when the one before it was read, except for the last, after which the pipe ends."""
    producer = t.start(PRODUCER, "-", "--json", "p.json", stdin=subprocess.PIPE)
    feed(producer, y4m_head(4, 4, "200:1") + y4m_frames(4, 4))
    with Witness(t, producer) as segment:
        for number in range(1, 11):
            wait_for_frame(segment, number)
            feed(producer, y4m_frames(4, 4))
        wait_for_frame(segment, 11)
    producer.stop()
    feed(producer, y4m_frames(4, 4, 50))
    producer.popen.stdin.close()
    producer.signal(signal.SIGCONT)
    producer.ends_with(0)
    report = report_of(f"{t.path}/p.json")
    equal((report["frames"]["published"], report["input"]["ahead"]), (61, 49))
    assert line_with(producer.err, ["warning"]) is None, producer.err


if __name__ == "__main__":
    main()
