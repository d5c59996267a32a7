# SPDX-License-Identifier: MIT
"""Each figure that a user can read, compared with a figure from somewhere else: the rows of --csv with the traces of both
programs, the reports with figures computed from the rows, the overlay's pixels with both, and counts with the segment."""
import json
import math
import os
import signal
import sys
import time

from harness import *
from overlay_text import COLUMNS, FAINT, HANDOFF, PRESENT, RENDER, TEXT, Font, full_scale_ns, strip, strip_of
from witness import FAULTY_PRODUCER, Witness, png, rows_in_ns, start_with_viewers

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}


def ns_of(text):
    """A time in microseconds with three decimals."""
    return int(text.replace(".", ""))


def shown(rows):
    return [row for row in rows if not row["skipped"] and not row["again"]]


def events_of(text):
    """The events of a trace, with times in ns."""
    return json.loads(text, parse_float=ns_of)["traceEvents"]


def slices(events, name):
    """{frame: (start, end)} of the slices of one stage."""
    return {event["args"]["frame"]: (event["ts"], event["ts"] + event["dur"]) for event in events
            if event["ph"] == "X" and event["name"] == name}


def between(rows, start, end):
    return {row["sequence"]: (row[start], row[end]) for row in rows}


def stages_of(rows):
    """Durations in ns by the names of the report."""
    return {"render": [row["publish"] - row["begin"] for row in rows],
            "handoff": [row["acquire"] - row["publish"] for row in rows],
            "present": [row["done"] - row["acquire"] for row in rows],
            "total": [row["done"] - min(row["due"], row["begin"]) for row in rows]}


def intervals(times):
    return [after - before for before, after in zip(times, times[1:])]


def ranked(durations, fraction):
    """The smallest value that at least this fraction of the values do not exceed."""
    return sorted(durations)[max(math.ceil(fraction * len(durations)), 1) - 1]


def describes(figures, durations, what):
    """Are these the percentiles of these durations? They may be at most 1/128 too high, and the maximum is exact; all in
    microseconds with one decimal."""
    equal(figures["count"], len(durations), f"{what}: count")
    for name, fraction in PERCENTILES.items():
        exact = ranked(durations, fraction) / 1e3
        assert exact - 0.051 <= figures[name] <= exact * (1 + 1 / 128) + 0.051, f"{what}: {name}: {figures}, exactly {exact}"
    assert abs(figures["max"] - max(durations) / 1e3) <= 0.051, f"{what}: {figures}, exactly {max(durations)} ns"


def printed_table(text):
    """{name: {column: number}} of the table in a program's last lines."""
    lines = text.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("microseconds"))
    names = [name.replace("p99.9", "p999") for name in lines[head].split()[1:]]
    table = {}
    for line in lines[head + 1 :]:
        words = line.split()
        if len(words) == 1 + len(names) and re.fullmatch(r"[\d. ]+", " ".join(words[1:])):
            table[words[0]] = dict(zip(names, map(float, words[1:])))
    return table


def agree(table, report, names):
    """The printed table has the figures of the report."""
    equal(sorted(table), sorted(names), "rows of the table")
    for name, figures in table.items():
        written = report["latency_us"].get(name) or report["interval_us"]
        equal(figures, {column: written[column] for column in figures}, f"the row {name}")


# Uses half a second of the processor, then becomes the program.
BUSY_START = "import os,sys,time\nwhile time.process_time() < 0.5: pass\nos.execv(sys.argv[1], sys.argv[1:])"


def cpu_seconds(process):
    """Wait for its exit; returns the processor time of the process, with what it used before it became the program."""
    until(lambda: os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT), f"{process.command} exits")
    words = text_of(f"/proc/{process.pid}/stat").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@test
def rows_events_and_reports_of_both_programs_describe_the_same_frames(t):
    """Without a display. The frames come from a file, so that the media time of each is known."""
    frames, rate = 600, 500
    open(f"{t.path}/a.png", "wb").write(png(64, 48, bytes([200] * 3)))
    began = time.monotonic()
    viewer = t.start(sys.executable, "-c", BUSY_START, VIEWER, "--presenter", "null", "--every-frame", "--wait", "600",
                     "--verify", "--csv", "v.csv", "--json", "v.json", "--trace", "v.trace")
    producer = start_with_viewers(t, 1, sys.executable, "-c", BUSY_START, FAULTY_PRODUCER, "a.png", "--loop", "--stamp",
                                  "-r", str(rate), "--buffers", "4", "--frames", str(frames), "--json", "p.json",
                                  "--trace", "p.trace")
    cpu = {"p.json": cpu_seconds(producer), "v.json": cpu_seconds(viewer)}
    producer.ends_with(0)
    viewer.ends_with(0)
    seconds = time.monotonic() - began
    rows, made, seen = rows_in_ns(f"{t.path}/v.csv"), report_of(f"{t.path}/p.json"), report_of(f"{t.path}/v.json")

    # Rows: what is known of each frame, and the order of its moments.
    equal([row["sequence"] for row in rows], list(range(1, frames + 1)), "sequences")
    for number, row in enumerate(rows):
        equal((row["producer_pid"], row["skipped"], row["again"], row["user_copies"], row["display_start"]),
              (producer.pid, 0, 0, 0, 0), f"row {number}")
        equal(row["pts"], number * 10**9 // rate, f"media time of row {number}")
        equal((row["due"] - rows[0]["due"]) % (10**9 // rate), 0, f"ticks of row {number}")
        moments = [row[name] for name in ("begin", "publish", "acquire", "submit", "done")]
        equal(moments, sorted(moments), f"moments of row {number}")
        assert row["due"] <= row["begin"], row

    # Traces: each slice and each arrow is at the times of the rows.
    of_producer, of_viewer = (events_of(text_of(f"{t.path}/{name}.trace")) for name in "pv")
    equal(slices(of_producer, "render"), between(rows, "begin", "publish"), "render")
    late = [row for row in rows if row["due"] < row["begin"]]
    equal(slices(of_producer, "late"), between(late, "due", "begin"), "late")
    equal(slices(of_viewer, "handoff"), between(rows, "publish", "acquire"), "handoff")
    equal(slices(of_viewer, "submit"), between(rows, "acquire", "submit"), "submit")
    equal(slices(of_viewer, "present"), between(rows, "submit", "done"), "present")
    arrows = {phase: [(event["pid"], event["ts"]) for event in of_viewer if event["ph"] == phase] for phase in "sf"}
    equal(arrows["s"], [(producer.pid, row["publish"] - 1) for row in rows], "starts of arrows")
    equal(arrows["f"], [(viewer.pid, row["submit"]) for row in rows], "ends of arrows")
    equal({event["pid"] for event in of_producer}, {producer.pid})
    merged = events_of(t.run(VIEWER, "--merge-trace", f"{t.path}/v.trace", f"{t.path}/p.trace").decode())
    equal(merged, sorted(of_viewer + of_producer, key=lambda event: event["ts"]), "the merged trace")

    # Reports: figures computed from the rows.
    equal((made["channel"], made["role"], made["source"]), ("default", "producer", "png"))
    equal((seen["channel"], seen["role"], seen["presenter"]), ("default", "viewer", "null"))
    for report in (made, seen):
        equal(report["format"], {"fourcc": "XR24", "width": 64, "height": 48})
    equal(made["frames"]["published"], frames)
    equal(made["frames"]["skipped"], 0)
    equal(seen["frames"], {"acquired": frames, "shown": frames, "skipped": 0, "display_skipped": 0, "lost": 0, "torn": 0,
                           "verified": frames})
    equal((seen["records_dropped"], seen["user_copies_per_frame"]), (0, 0))
    for name, durations in stages_of(rows).items():
        describes(seen["latency_us"][name], durations, name)
    describes(made["latency_us"]["render"], stages_of(rows)["render"], "the producer's render")
    describes(seen["interval_us"], intervals([row["done"] for row in rows]), "interval")
    describes(made["interval_us"], intervals([row["publish"] for row in rows]), "the producer's interval")
    agree(printed_table(viewer.err), seen, ["render", "handoff", "present", "total"])
    agree(printed_table(producer.err), made, ["render", "interval"])
    for words in (f"{frames} frames", "64x48"):
        contains(producer.err, words)
        contains(viewer.err, words)
    published, done = rows[-1]["publish"] - rows[0]["begin"], rows[-1]["done"] - rows[0]["acquire"]
    for name, report, span_ns in (("p.json", made, published), ("v.json", seen, done)):
        assert span_ns / 1e9 - 0.001 <= report["seconds"] <= seconds, f"{name}: {report['seconds']} s of {seconds}, {span_ns} ns"
        used = report["cpu_us_per_frame"] * frames / 1e6
        assert 0 < used <= cpu[name] - 0.5 + 0.03, f"{name}: {used} s of the processor of {cpu[name]}, 0.5 before the start"


@test
def the_overlay_has_the_figures_of_the_report_and_a_bar_for_each_frame(t):
    """After the end of the stream, so that the figures stay."""
    display, font = Display(t), Font(t, os.environ["PAGEFLIP_SOURCE"])
    producer = t.producer("-s", "640x480", "-r", "100", "--buffers", "4")
    viewer = t.viewer("-q", "--follow", "--csv", "v.csv", "--json", "v.json", "--trace", "v.trace", presenter="x11")
    window = display.window_of(viewer)
    until(lambda: any(display.grab(window).pixels), "a frame")  # a key that is pressed too early has no effect
    display.key(window, "o")
    until(lambda: font.lines(display.grab(window)), "an overlay")
    until(lambda: t.counters(viewer, "v.json")["shown"] > 150, "frames")
    producer.signal(signal.SIGTERM)
    producer.ends_with(143)
    until(lambda: "waiting" in display.xdotool("getwindowname", window), "a viewer that waits")

    def overlay():
        image = display.grab(window)
        lines = font.lines(image)
        counts = t.counters(viewer, "v.json")
        return lines and " 0.0 fps" in lines[0][0] and f"{counts['shown']} shown" in lines[1][0] and (image, lines)
    image, lines = until(overlay, "the last figures in the overlay")
    viewer.signal(signal.SIGINT)
    viewer.ends_with(130)
    report, rows = report_of(f"{t.path}/v.json"), rows_in_ns(f"{t.path}/v.csv")
    counts, seen = report["frames"], shown(rows)

    # The trace and the rows.
    events = events_of(text_of(f"{t.path}/v.trace"))
    equal(slices(events, "present"), between(seen, "submit", "done"), "frames presented in the trace")
    arrows = [(event["pid"], event["ts"]) for event in events if event["ph"] == "s"]
    equal(arrows, [(producer.pid, row["publish"] - 1) for row in seen], "starts of arrows")

    # The report and the rows.
    equal(len(seen), counts["shown"], "frames shown")
    equal(sum(row["skipped"] and not row["again"] for row in rows), counts["display_skipped"], "frames that the display skipped")
    equal(len([row for row in rows if not row["again"]]), counts["acquired"], "frames acquired")
    sequences = [row["sequence"] for row in rows if not row["again"]]
    equal(counts["shown"] + counts["skipped"], max(sequences) - min(sequences) + 1, "published frames")
    for name, durations in stages_of(seen).items():
        describes(report["latency_us"][name], durations, name)
    describes(report["interval_us"], intervals([row["done"] for row in seen]), "interval")
    starts = [row["display_start"] - row["acquire"] for row in seen if row["display_start"]]
    if starts:
        describes(report["display_start_us"], [max(start, 0) for start in starts], "start on the display")
    equal(report["presenter"], "x11-present")

    # The overlay and the report.
    equal(lines[0], (f"640x480 XR24  0.0 fps  {report['presenter']}"[:COLUMNS], {TEXT}))
    equal(lines[1], (f"{counts['shown']} shown {counts['skipped']} skipped {counts['lost']} lost", {TEXT}))
    equal(lines[2][0].split(), ["us", "p50", "p90", "p99", "max"])
    for (text, colours), (name, colour) in zip(lines[3:7], (("render", RENDER), ("handoff", HANDOFF), ("present", PRESENT),
                                                            ("total", TEXT))):
        figures = [report["latency_us"][name][column] for column in ("p50", "p90", "p99", "max")]
        equal((text.split()[0], colours), (name, {colour}))
        for got, written in zip(text.split()[1:], figures):
            assert abs(int(got) - written) <= 0.6, f"{text}: {figures}"
    bars = [(row["begin"] - min(row["due"], row["begin"]), row["publish"] - row["begin"],
             row["acquire"] - row["publish"], row["done"] - row["acquire"]) for row in seen]
    top = full_scale_ns([sum(parts) for parts in bars[-120:]])
    equal(lines[7][0], f"late render handoff present  top: {top // 10**6} ms"[:COLUMNS])
    assert strip(image) == strip_of(bars), "the bars are not those of the rows"
    equal(viewer.err, "", "--quiet")


@test
def a_requested_report_counts_what_has_happened_until_then(t):
    """Two viewers are killed, and one is evicted. The segment shows what the producer has published."""
    keeper = t.viewer("-q", "--every-frame", "--wait", "600", "--csv", "v.csv", "--json", "v.json")
    producer = start_with_viewers(t, 1, FAULTY_PRODUCER, "-s", "64x48", "-r", "100", "--buffers", "3", "--evict", "1500",
                                  "--json", "p.json")
    slow = t.viewer("--every-frame", "--json", "slow.json")
    killed = [t.viewer(), t.viewer()]
    t.joined(4)
    with Witness(t, producer) as segment:
        def report():
            before = segment.newest()
            published = t.counters(producer, "p.json")["published"]
            assert before <= published <= segment.newest(), f"{published} published, {before} before that"
            return report_of(f"{t.path}/p.json")

        def viewers():
            counts = report()["viewers"]
            return counts["now"], counts["reaped"], counts["evicted"]
        equal(viewers(), (segment.joined(), 0, 0), "with four viewers")
        for process in killed:
            process.kill()
        until(lambda: viewers() == (2, 2, 0), "two viewers that are reaped")
        until(lambda: segment.newest() > 20, "frames")
        slow.signal(signal.SIGSTOP)
        stalled = until(lambda: viewers()[2] and report(), "an eviction")
        assert 0 < stalled["frames"]["no_slot"] <= stalled["frames"]["skipped"], stalled
        slow.signal(signal.SIGCONT)
        slow.ends_with(11, "evicted")
        equal(viewers()[1:], (2, 1), "reaped and evicted viewers")
    producer.signal(signal.SIGTERM)
    producer.ends_with(143)
    keeper.ends_with(0)
    made = report_of(f"{t.path}/p.json")
    seconds, first, last = map(float, re.search(r"after ([\d.]+) s, frames (\d+)-(\d+) lost", slow.err).groups())
    assert 1.5 <= seconds <= made["seconds"], f"{slow.err}: blocked for less than 1.5 s"
    equal(report_of(f"{t.path}/slow.json")["frames"]["lost"], last - first + 1, "frames of the evicted viewer")
    rows = rows_in_ns(f"{t.path}/v.csv")
    equal([row["sequence"] for row in rows], list(range(1, made["frames"]["published"] + 1)), "published frames")
    # Each tick has a frame or is skipped.
    ticks = made["frames"]["published"] + made["frames"]["skipped"]
    until_last = (rows[-1]["due"] - rows[0]["due"]) // 10**7 + 1
    assert until_last <= ticks <= made["seconds"] * 100 + 1, f"{ticks} ticks, {until_last} until the last frame: {made}"


@test
def the_progress_line_has_the_counts_of_the_report(t):
    """A stopped viewer stops the producer, so that the number of its frames stays while it skips ticks."""
    master, terminal = os.openpty()
    os.set_blocking(master, False)
    producer = t.start("sh", "-c", 'exec "$0" "$@" 2>"$TERMINAL"', PRODUCER, "-s", "64x48", "-r", "100", "--buffers", "3",
                       "--json", "p.json", env={"TERMINAL": os.ttyname(terminal)})
    viewers = [t.viewer("--wait", "600", "--every-frame"), t.viewer("--wait", "600")]
    t.joined(2)
    viewers[0].signal(signal.SIGSTOP)
    with Witness(t, producer) as segment:
        def is_stalled():
            before = t.counters(producer, "p.json")
            until(lambda: t.counters(producer, "p.json")["no_slot"] > before["no_slot"] + 10, "ticks without a free slot")
            return t.counters(producer, "p.json")["published"] == before["published"]
        until(is_stalled, "a producer without a free slot")
        first = t.counters(producer, "p.json")

        printed = [""]

        def next_line():
            try:
                printed.append(os.read(master, 65536).decode())
            except BlockingIOError:
                return None
            return re.search(r"(\d+) frames, (\d+) viewers, (\d+) skipped", printed[-1].split("\r")[-1])
        next_line()  # what was printed before
        lines = [[int(number) for number in until(next_line, "a progress line").groups()] for _ in range(2)]
        last = t.counters(producer, "p.json")
        for frames, attached, _ in lines:
            equal((frames, attached), (segment.newest(), segment.joined()), "frames and viewers")
        skipped = [line[2] for line in lines]
        assert first["skipped"] <= skipped[0] < skipped[1] <= last["skipped"], (first, skipped, last)
    producer.signal(signal.SIGTERM)
    producer.ends_with(143)
    next_line()
    assert re.search(rf"\ndefault: {last['published']} frames", "".join(printed)), f"no line of its own for the report: {printed}"
    os.close(terminal)
    os.close(master)


def list_of(t):
    return [line.split() for line in t.run(VIEWER, "--list").decode().splitlines()]


@test
def the_list_has_the_size_rate_slots_frames_and_viewers_of_each_channel(t):
    """The producers are stopped, so that their frames stay."""
    channels = {"film": (["-s", "80x50", "-r", "30000/1001", "--buffers", "5"], "29.97", 5, 3),
                "free": (["-s", "640x480", "-r", "0", "--buffers", "3"], "-", 3, 1)}
    expected = []
    for name, (arguments, rate, slots, viewers) in channels.items():
        producer = t.producer("-n", name, *arguments)
        for _ in range(viewers):
            t.viewer("-n", name)
        with Witness(t, producer, name) as segment:
            until(lambda: segment.newest() > 12 and segment.joined() == viewers, "frames and viewers")
            producer.stop()
            expected.append([name, str(producer.pid), "XR24", arguments[1], rate, str(slots), str(segment.newest()),
                             str(viewers)])
    equal(list_of(t), [["CHANNEL", "PRODUCER", "FORMAT", "SIZE", "FPS", "SLOTS", "FRAMES", "VIEWERS"], *expected])


@test
def records_dropped_from_the_trace_are_counted_in_the_report(t):
    os.mkfifo(f"{t.path}/fifo")
    reader = os.open(f"{t.path}/fifo", os.O_RDONLY | os.O_NONBLOCK)  # it reads nothing at first
    producer = t.producer("-s", "64x48", "-r", "0", "--buffers", "4")
    viewer = t.viewer("--trace", "fifo", "--json", "v.json").is_ready()

    # The ring of the recorder has 4096 records, and the FIFO room for fewer than 1000.
    until(lambda: t.counters(viewer, "v.json")["shown"] > 10000, "more frames than there is room for")
    assert report_of(f"{t.path}/v.json")["records_dropped"] >= 5000, "records that were dropped"
    viewer.signal(signal.SIGINT)
    os.set_blocking(reader, True)
    with open(reader) as file:
        events = events_of(file.read())
    viewer.ends_with(130, "dropped")
    report = report_of(f"{t.path}/v.json")
    written = len(slices(events, "present"))
    equal(written + report["records_dropped"], report["frames"]["shown"], "frames in the trace and dropped")
    contains(viewer.err, f"{report['records_dropped']} records")
    producer.kill()


if __name__ == "__main__":
    main()
