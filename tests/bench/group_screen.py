# SPDX-License-Identifier: MIT
"""From publish to the last pixel on the screen, measured by the probe in the framebuffer, against a
single process that sends the same request to the server; and the start of a stream."""
import time

from figures import *
from harness import Skip
from peers import FFplay
from screen import FIRST, Screen, rows

SIZES = {"720p": "1280x720", "1080p": "1920x1080", "4K": "3840x2160"}
# Name of a row: arguments of the viewer, and the bare request that is the limit.
WAYS = {
    "Present, vsync off": (("x11", "--vsync", "off"), "async"),
    "Present, vsync on": (("x11", "--vsync", "on"), "vsync"),
    "ShmPutImage": (("x11-put",), "put"),
    "PutImage, one copy": (("x11-send",), "put"),
}
BARE = {"async": "bare Present", "vsync": "bare Present, vsync", "put": "bare ShmPutImage"}
REFRESH_US = 16667
WARM_UP = 10  # frames


def interval_us(size, is_vsync):
    """Longer than the spread over a refresh, a vblank and the drawing together."""
    return 45_000 if is_vsync else 40_000 if size == "4K" else 27_000


def waits(seen, drawn):
    """From publish to the last pixel, of the frames that were drawn and seen, without the first ones."""
    spans = [seen[int(row["sequence"])] - float(row["publish_us"]) for row in drawn[WARM_UP:]
             if int(row["sequence"]) in seen]
    assert len(spans) >= len(drawn) // 6, f"the probe saw {len(spans)} of {len(drawn)} frames"
    return of_values(spans)


def bare(bench, screen, size, way, frames):
    probe = screen.watch("0,0", SIZES[size])
    width, height = SIZES[size].split("x")
    bench.scratch.start(*FIRST, bench.program("bench_screen"), way, width, height,
                        str(interval_us(size, way == "vsync")), str(frames), "bare.csv").ends_with(0, seconds=60)
    return waits(screen.seen(probe), rows(f"{bench.scratch.path}/bare.csv"))


def pageflip(bench, screen, size, arguments, frames):
    t = bench.scratch
    producer = bench.producer(SIZES[size], "-i", str(interval_us(size, "on" in arguments)), "-p", str(REFRESH_US), "-d")
    viewer = bench.viewer(arguments[0], "--frames", str(frames), "--csv", "v.csv", *arguments[1:])
    probe = screen.watch(screen.place_of(viewer), SIZES[size])
    viewer.ends_with(0, seconds=60)
    seen = screen.seen(probe)
    producer.kill()
    shown = [row for row in rows(f"{t.path}/v.csv") if row["skipped"] == row["again"] == "0"]
    return waits(seen, shown)


def ffplay(bench, screen, size, frames):
    """Few frames, because a pipe carries only about 20 frames of 4K per second."""
    peer = FFplay(bench, SIZES[size], 100_000, frames)
    try:
        screen.display.window_of(peer.viewer)
        probe = screen.watch("0,0", SIZES[size])
        peer.producer.ends_with(0, seconds=60)
        seen = screen.seen(probe)
    finally:
        peer.close()
    return waits(seen, rows(f"{bench.scratch.path}/frames.csv"))


def last_pixel(bench):
    group = "publish to the last pixel on an Xvfb"
    frames = 40 if bench.quick else 50
    sizes = ["1080p"] if bench.quick else list(SIZES)
    screen = Screen(bench.scratch, bench.build)
    ours = {(size, way): [] for size in sizes for way in WAYS}
    theirs = {(size, way): [] for size in sizes for way in BARE}
    peers, no_peer = {size: [] for size in sizes}, None
    try:
        for _ in range(bench.rounds(3)):
            for size in sizes:
                for way in BARE:  # each limit, followed by the rows that it is the limit of
                    theirs[size, way].append(bare(bench, screen, size, way, frames))
                    for name, (arguments, limit) in WAYS.items():
                        if limit == way:
                            ours[size, name].append(pageflip(bench, screen, size, arguments, frames))
        for size in sizes:  # so much slower that one round is enough
            peers[size].append(ffplay(bench, screen, size, 30))
    except Skip as reason:
        no_peer = str(reason)
    finally:
        screen.close()
    for name, (arguments, limit) in WAYS.items():
        for size in sizes:
            target = None if name.startswith("SDL") else ratio_at_most(1.1)
            yield Row(group, f"{name}, {size}", "ms", in_ms(ours[size, name]), BARE[limit],
                      in_ms(theirs[size, limit]), target)
    for size in sizes:
        what = f"Present, vsync off, {size}"
        yield (Gap(group, what, f"no figure for ffplay: {no_peer}") if no_peer else
               Row(group, what, "ms", in_ms(ours[size, "Present, vsync off"]), FFplay.name, in_ms(peers[size])))
    series = {}
    for name, (_, limit) in WAYS.items():  # each series of pageflip before its limit
        series[f"pageflip, {name}"] = {size: summary(in_ms(ours[size, name])) for size in sizes}
        series[BARE[limit]] = {size: summary(in_ms(theirs[size, limit])) for size in sizes}
    bench.plot("screen", sizes=sizes, series=series)


def in_ms(rounds):
    return [{key: value / 1e3 for key, value in measurement.items()} for measurement in rounds]


# ---------------------------------------------------------------- the start


def start_pageflip(bench, presenter):
    """(ms from exec until the first frame is done, us from publish to done of each of the next 100 frames)"""
    t = bench.scratch
    started = time.monotonic()
    producer = bench.producer(SIZES["1080p"], "-i", "16667", "-d")
    bench.viewer(presenter, "--frames", "101", "--csv", "v.csv", "--vsync", "off").ends_with(0)
    producer.kill()
    return spans_of(f"{t.path}/v.csv", started)


def start_bare(bench):
    t = bench.scratch
    started = time.monotonic()
    width, height = SIZES["1080p"].split("x")
    t.start(*FIRST, bench.program("bench_screen"), "async", width, height, "16667", "101", "bare.csv").ends_with(0)
    return spans_of(f"{t.path}/bare.csv", started)


def spans_of(path, started):
    seen = [(float(row["publish_us"]), float(row["done_us"])) for row in rows(path) if row.get("again", "0") == "0"]
    # The first frame was published before the viewer joined, so that its age is no measure.
    return seen[0][1] / 1e3 - started * 1e3, [done - published for published, done in seen[1:]]


def start(bench):
    group = "the start, 1080p at 60 fps"
    screen = Screen(bench.scratch, bench.build)
    try:
        seen = interleave({"bare": lambda: start_bare(bench), "x11": lambda: start_pageflip(bench, "x11"),
                           "null": lambda: start_pageflip(bench, "null")}, bench.rounds(5))
    finally:
        screen.close()
    first = {name: [{"p50": first} for first, _ in runs] for name, runs in seen.items()}
    worst = {name: [{"p50": max(spans) / 1e3} for _, spans in runs] for name, runs in seen.items()}
    usual = {name: [{"p50": of_values(spans)["p50"] / 1e3} for _, spans in runs] for name, runs in seen.items()}
    yield Row(group, "exec to the first frame shown", "ms", first["x11"], "bare Present", first["bare"])
    yield Row(group, "exec to the first frame, no display", "ms", first["null"], "bare Present", first["bare"])
    yield Row(group, "publish to done, worst of the first 100", "ms", worst["x11"], "pageflip, the median of them",
              usual["x11"])
    yield Row(group, "publish to done, worst of the first 100", "ms", worst["x11"], "bare Present, worst of 100",
              worst["bare"])
