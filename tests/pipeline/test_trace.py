# SPDX-License-Identifier: MIT
"""The traces of several processes, merged: events are complete, in order, and linked. test_figures.py compares their times."""
import json
import os
import signal

from harness import *
from witness import start_with_viewers

SMALL = ["-s", "320x240"]


def merged(t, *paths):
    text = t.run(VIEWER, "--merge-trace", *paths).decode()
    return json.loads(text)["traceEvents"]


def check_rules(events):
    """Check the rules of the Trace Event Format for metadata, slices and flows; returns the flows."""
    last, open_until, slices = -1, {}, {}
    flows = {}
    for event in events:
        for key in ("ph", "name", "pid", "ts"):
            assert key in event, event
        assert event["ts"] >= last, f"out of order: {event}"
        last = event["ts"]
        track = (event["pid"], event.get("tid"))
        if event["ph"] == "X":
            assert event["dur"] >= 0, event
            # Slices of one track do not overlap, within the digits of a double.
            assert event["ts"] >= open_until.get(track, 0) - 0.001, f"overlap: {event}"
            open_until[track] = event["ts"] + event["dur"]
            slices.setdefault(track, []).append((event["ts"], event["ts"] + event["dur"]))
        elif event["ph"] == "s":
            assert event["id"] not in flows, f"a second begin: {event}"
            flows[event["id"]] = [event]
        elif event["ph"] == "f":
            equal(event["bp"], "e", "binding point")
            assert event["id"] in flows, f"the end of an unknown flow: {event}"
            flows[event["id"]].append(event)
        else:
            equal(event["ph"], "M", "phase")
            assert event["name"] in ("process_name", "thread_name") and event["args"]["name"], event
    for ends in flows.values():
        equal(len(ends), 2, f"ends of flow {ends}")
        for end in ends:
            inside = [1 for begin, end_of_slice in slices.get((end["pid"], end["tid"]), [])
                      if begin - 0.001 <= end["ts"] <= end_of_slice + 0.001]
            assert inside, f"a flow without a slice: {end}"
    return flows


@test
def a_trace_of_one_producer_and_two_viewers_links_every_frame(t):
    viewers = [t.viewer("--every-frame", "--wait", "600", "--trace", f"v{i}.json", "--json", f"r{i}.json")
               for i in range(2)]
    producer = start_with_viewers(t, 2, FAULTY_PRODUCER, *SMALL, "-r", "100", "--frames", "150", "--trace", "p.json")
    producer.ends_with(0)
    for viewer in viewers:
        viewer.ends_with(0)
    events = merged(t, f"{t.path}/p.json", f"{t.path}/v0.json", f"{t.path}/v1.json")
    flows = check_rules(events)
    renders = [e for e in events if e["ph"] == "X" and e["name"] == "render"]
    equal(len(renders), 150, "renders")
    for i, viewer in enumerate(viewers):
        report = report_of(f"{t.path}/r{i}.json")
        equal(report["records_dropped"], 0)
        mine = {e["args"]["frame"]: e for e in events if e["pid"] == viewer.pid and e["ph"] == "X"
                and e["name"] == "present"}
        equal(len(mine), report["frames"]["shown"], "slices and frames shown")
        # Every published frame has a flow to it.
        equal(sorted(mine), list(range(1, 151)), "frames of an every-frame viewer")
        ends = [f for f in flows.values() if f[1]["pid"] == viewer.pid]
        equal(len(ends), len(mine), "flows")
        assert all(f[0]["pid"] == producer.pid for f in ends)
    for number in (report["latency_us"]["render"]["p50"],):
        durations = sorted(e["dur"] for e in renders)
        assert durations[0] <= number <= durations[-1], (number, durations)


@test
def a_trace_of_a_window_is_well_formed(t):
    """With vsync two frames may be in flight at the same time; they get separate tracks."""
    Display(t)
    producer = t.producer(*SMALL, "-r", "200", "--trace", "p.json")
    viewer = t.viewer("--frames", "60", "--trace", "v.json", presenter="x11")
    viewer.ends_with(0)
    producer.signal(signal.SIGINT)
    producer.ends_with(130)
    events = merged(t, f"{t.path}/p.json", f"{t.path}/v.json")
    flows = check_rules(events)
    assert len(flows) >= 60, len(flows)


@test
def a_file_that_is_no_trace_is_refused(t):
    open(f"{t.path}/not.json", "w").write('{"a":1}\n')
    t.viewer("--merge-trace", f"{t.path}/not.json").fails_with(8, "not.json", "trace")
    t.viewer("--merge-trace", f"{t.path}/absent.json").fails_with(8, "absent.json", "No such file")
    t.viewer("--merge-trace").fails_with(2, "--merge-trace")
    t.producer(*SMALL)
    t.viewer("-q", "--frames", "5", "--trace", "/dev/full").ends_with(9, "/dev/full")
    t.viewer("-q", "--frames", "5", "--csv", "/nowhere/v.csv").ends_with(9, "/nowhere/v.csv")
    t.start(PRODUCER, "-q", "-n", "x", "--frames", "3", "--trace", "/dev/full").ends_with(9, "/dev/full")
    equal(os.path.exists(f"{t.path}/absent.json"), False)


if __name__ == "__main__":
    main()
