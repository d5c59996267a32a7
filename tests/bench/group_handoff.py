# SPDX-License-Identifier: MIT
"""The handoff from one process to another, and what it costs the producer."""
import subprocess

from figures import *
from screen import FIRST

SIZES = {"64x64": "64 64", "720p": "1280 720", "1080p": "1920 1080", "4K": "3840 2160", "8K": "7680 4320"}
NS = 1e-3  # in microseconds


def ping(bench, size, count, *ways, program="bench_ping", seconds=100):
    # iceoryx's daemon has no such priority: two processes that spin with it would keep the daemon from running.
    first = FIRST if program == "bench_ping" else []
    return of_lines(output_of(*first, bench.program(program), *SIZES[size].split(), str(count), *ways, env=bench.env,
                              seconds=seconds), NS)


def pixels(size):
    width, height = map(int, SIZES[size].split())
    return width * height


def handoff(bench):
    """Against the limits: a bare semaphore, a bare cache line."""
    group = "handoff, send to received"
    count = 200 if bench.quick else 800
    sleeping = {size: [] for size in SIZES}
    semaphores, semops, lines, spinning = [], [], [], []
    for _ in range(bench.rounds(9)):
        for size, seen in sleeping.items():
            got = ping(bench, size, count // 2, "sem", "sleep", "semop")
            seen.append(got["sleep"])
            if size == "1080p":
                semaphores.append(got["sem"])
                semops.append(got["semop"])
        got = ping(bench, "1080p", 4 * count, "line", "spin")
        lines.append(got["line"])
        spinning.append(got["spin"])
    yield Row(group, "a sleeping viewer, 1080p", "us", sleeping["1080p"], "bare sem_t", semaphores, ratio_at_most(1.1))
    yield Row(group, "a sleeping viewer, 1080p", "us", sleeping["1080p"], "bare semop", semops)
    yield Row(group, "a spinning viewer, 1080p", "us", spinning, "bare cache line", lines,
              Target("<= 3.00 or 0.25 us", lambda ratio, ours: ratio <= 3 or ours <= 0.25))
    yield Row(group, "a sleeping viewer, 8K", "us", sleeping["8K"], "pageflip, 64x64", sleeping["64x64"],
              ratio_at_most(1.1))
    yield from carry(bench, group, sleeping)


def carry(bench, group, sleeping):
    """Against ways that copy the frame: written and read."""
    ways = {"pipe": "pipe", "socket": "Unix socket", "queue": "message queue"}
    sizes = ("64x64", "1080p") if bench.quick else SIZES
    seen = {size: {way: [] for way in ways} for size in sizes}
    for _ in range(bench.rounds(3)):
        for size in sizes:
            count = max(4, min(20 if bench.quick else 200, 40_000_000 // pixels(size)))
            for way, figure in ping(bench, size, count, *ways).items():
                seen[size][way].append(figure)
    for way, name in ways.items():
        for size in sizes:
            yield Row(group, f"a sleeping viewer, {size}", "us", sleeping[size], name, seen[size][way])
    bench.plot("handoff", sizes={size: pixels(size) * 4 / 1e6 for size in sizes},
               series={"pageflip": {size: summary(sleeping[size]) for size in sizes},
                       **{name: {size: summary(seen[size][way]) for size in sizes} for way, name in ways.items()}})


def iceoryx(bench):
    """Against another library for shared memory, which needs a daemon."""
    group = "iceoryx, send to received"
    if not bench.has("bench_iceoryx", "iox-roudi"):
        yield Gap(group, "iceoryx", "skipped: iceoryx and its C binding are not installed")
        return
    kinds = {"a sleeping viewer, 1080p": (300, "sleep", "iceoryx", "iceoryx, WaitSet"),
             "a spinning viewer, 1080p": (3000, "spin", "iceoryx-poll", "iceoryx, polled")}
    seen = {what: [] for what in kinds}
    with bench.roudi():
        for _ in range(bench.rounds(5)):
            for what, (count, ours, theirs, _) in kinds.items():
                try:
                    seen[what].append(ping(bench, "1080p", count, ours, theirs, program="bench_iceoryx", seconds=10))
                except subprocess.TimeoutExpired:
                    pass
    for what, (_, ours, theirs, name) in kinds.items():
        if seen[what]:
            yield Row(group, what, "us", [got[ours] for got in seen[what]], name, [got[theirs] for got in seen[what]])
        else:
            yield Gap(group, what, f"no figure for {name}: it hung in every round")


def publish(bench):
    group = "publish, the producer's cost"
    cases = [(0, "awake")] + [(viewers, state) for state in ("awake", "asleep") for viewers in (1, 4, 16)]
    seen = {case: {"publish": [], "bare": []} for case in cases}
    for _ in range(bench.rounds(5)):
        for (viewers, state), contestants in seen.items():
            count = 100_000 if state == "awake" else 150
            got = of_lines(output_of(*FIRST, bench.program("bench_publish"), str(viewers), state, str(count),
                                         env=bench.env), NS)
            for name, rounds in contestants.items():
                rounds.append(got[name])
    for (viewers, state), contestants in seen.items():
        what = f"{viewers} viewers, {state}" if viewers else "no viewers"
        against = f"{viewers} bare sem_post" if viewers else "sem_post + sem_wait"
        yield Row(group, what, "us", contestants["publish"], against, contestants["bare"],
                  None if viewers else Target("< 1 us", lambda ratio, ours: ours < 1))
