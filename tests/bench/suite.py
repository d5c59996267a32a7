# SPDX-License-Identifier: MIT
"""Run the benchmarks, and print and write their results. tests/bench/run calls it."""
import argparse
import contextlib
import datetime
import getpass
import json
import os
import platform
import shutil
import signal
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import harness
import figures
import group_handoff
import group_screen
import group_source
import group_viewers
import plots
import screen

GROUPS = {
    "handoff": group_handoff.handoff,
    "iceoryx": group_handoff.iceoryx,
    "publish": group_handoff.publish,
    "screen": group_screen.last_pixel,
    "start": group_screen.start,
    "viewers": group_viewers.viewers,
    "png": group_source.png,
    "measuring": group_source.measuring,
}
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


class Bench:
    """What a group needs: programs, a runtime directory, the number of rounds."""

    def __init__(self, build, quick):
        self.build, self.quick = build, quick
        self.scratch = harness.Scratch()
        self.env = self.scratch.env
        self.plots = {}

    def program(self, name):
        return os.path.join(self.build, name)

    def has(self, *programs):
        return all(os.path.exists(self.program(p)) or shutil.which(p) for p in programs)

    def rounds(self, count):
        return max(1, count // 4) if self.quick else count

    def producer(self, size, *arguments):
        """A producer on the channel "bench" that uses almost no processor time."""
        return self.scratch.start(*screen.FIRST, self.program("bench_producer"), "-n", "bench", "-s", size, *arguments)

    def viewer(self, presenter, *arguments):
        return self.scratch.start(*screen.FIRST, harness.VIEWER, "-q", "-n", "bench", "--wait", "5", "--presenter",
                                  presenter, *arguments)

    @contextlib.contextmanager
    def roudi(self):
        """iceoryx's daemon. It may leave its shared memory after its exit."""
        memory = [f"/dev/shm/{name}" for name in ("iceoryx_mgmt", getpass.getuser())]
        if any(map(os.path.exists, memory)):
            raise harness.Skip("another iox-roudi seems to be running: /dev/shm/iceoryx_mgmt")
        daemon = self.scratch.start("iox-roudi", "-m", "off", "-c", os.path.join(HERE, "iceoryx.toml"))
        try:
            harness.until(lambda: "ready for clients" in daemon.out + daemon.err, "iox-roudi")
            yield
        finally:
            daemon.signal(signal.SIGTERM)
            daemon.wait()
            for path in filter(os.path.exists, memory):
                os.unlink(path)

    def plot(self, name, **data):
        self.plots[name] = data


def measure(bench, selected):
    rows = []
    for name in selected:
        started = time.monotonic()
        try:
            for row in GROUPS[name](bench):
                rows.append(row)
        except harness.Skip as reason:
            rows.append(figures.Gap(name, name, f"skipped: {reason}"))
        except Exception as problem:
            traceback.print_exc()
            rows.append(figures.Gap(name, name, f"FAILED: {problem}", failed=True))
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return rows


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "?")
    return f"{os.cpu_count()} cores ({model}), {system}, Linux {platform.release().split('-')[0]}"


def head(options):
    command = "tests/bench/run" + "".join(f" {word}" for word in (
        ["--quick"] * options.quick + [f"--group {name}" for name in options.group or []]))
    return [f"{command}, {datetime.date.today()}, release build", machine()]


def write_results(folder, lines, rows, drawn):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "table.txt"), "w") as file:
        print("\n".join(lines), file=file)
    with open(os.path.join(folder, "results.json"), "w") as file:
        json.dump({"command": lines[0], "machine": lines[1], "rows": [row.as_json() for row in rows]}, file, indent=1)
    plots.draw(drawn, folder)


def write_readme(path, lines):
    """Replace the table between the two markers."""
    with open(path) as file:
        text = file.read()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    with open(path, "w") as file:
        file.write(f"{before}{BEGIN}\n```\n" + "\n".join(lines) + f"\n```\n{END}{after}")


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: checks that everything works, not how fast")
    parser.add_argument("--group", action="append", choices=GROUPS, help="only this group (may be repeated)")
    parser.add_argument("--write-readme", action="store_true", help="update the table and the plots of tests/bench/README.md")
    parser.add_argument("outdir", nargs="?", help="directory for results.json, table.txt and the plots (default: write none)")
    options = parser.parse_args()
    if options.write_readme and (options.quick or options.group):
        parser.error("--write-readme needs all groups in full, without --quick or --group")

    bench = Bench(os.environ["PAGEFLIP_BENCH"], options.quick)
    try:
        rows = measure(bench, options.group or GROUPS)
    finally:
        bench.scratch.finish()
    lines = head(options) + figures.table(rows) + ["", figures.verdict(rows)]
    print("\n".join(lines))
    if options.outdir:
        write_results(options.outdir, lines, rows, bench.plots)
    if options.write_readme:
        plots.draw(bench.plots, HERE)
        write_readme(os.path.join(HERE, "README.md"), lines)
    sys.exit(any(getattr(row, "failed", False) for row in rows))


if __name__ == "__main__":
    main()
