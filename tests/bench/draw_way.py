#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draw the path of one frame from a merged trace, as an SVG image for CONTRIBUTING.md.

    pageflip-viewer --merge-trace p.json v0.json v1.json | tests/bench/draw_way.py > assets/way.svg

It is the frame with the median time from begin until the last display has finished with the frame."""
import json
import statistics
import sys

COLORS = {"render": "#4a90d9", "handoff": "#60c060", "submit": "#9a7fd1", "present": "#e09a00"}
WIDTH, LEFT, TOP, ROW, BAR = 1000, 190, 46, 34, 20


def main():
    events = json.load(sys.stdin)["traceEvents"]
    names = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    slices = [e for e in events if e["ph"] == "X"]
    producer = next(pid for pid, name in names.items() if "producer" in name)
    viewers = [pid for pid in names if pid != producer]
    by_frame = {}
    for e in slices:
        by_frame.setdefault(e["args"]["frame"], {})[e["pid"], e["name"]] = e
    shown_by_all = {f: s for f, s in by_frame.items()
                    if all((v, "present") in s for v in viewers) and (producer, "render") in s}

    def span(frame):
        start = shown_by_all[frame][producer, "render"]["ts"]
        return max(e["ts"] + e["dur"] for e in shown_by_all[frame].values()) - start

    late = sorted(shown_by_all)[len(shown_by_all) // 4 :]  # without the start
    median = statistics.median_low([span(f) for f in late])
    chosen = next(f for f in late if span(f) == median)
    begin = shown_by_all[chosen][producer, "render"]["ts"]
    scale = (WIDTH - LEFT - 30) / (median * 1.12)
    start = begin - median * 0.05

    tracks = [(producer, "render")] + [(v, stage) for v in viewers for stage in ("handoff", "submit", "present")]
    row_of = {track: TOP + i * ROW for i, track in enumerate(tracks)}
    height = TOP + len(tracks) * ROW + 34
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
           f'font-size="13"><rect width="{WIDTH}" height="{height}" fill="#12161c"/>',
           f'<text x="{LEFT}" y="24" fill="#e8e8e8">frame {chosen}: '
           f'{median:.0f} us from begin until the last display has finished with it</text>']

    def x(ts):
        return LEFT + (ts - start) * scale

    step = next(s for p in (1, 10, 100, 1000, 10000) for s in (p, 2 * p, 5 * p) if median / s <= 12)
    tick = 0
    while x(begin + tick) < WIDTH - 20:
        at = x(begin + tick)
        out.append(f'<path d="M{at:.1f} {TOP - 8}V{height - 30}" stroke="#2a323c"/>'
                   f'<text x="{at:.1f}" y="{height - 12}" fill="#8a94a0" text-anchor="middle">{tick}</text>')
        tick += step
    out.append(f'<text x="{LEFT - 14}" y="{height - 12}" fill="#8a94a0" text-anchor="end">microseconds</text>')
    for (pid, stage), y in row_of.items():
        process = "producer" if pid == producer else f"viewer {viewers.index(pid) + 1}"
        out.append(f'<text x="16" y="{y + 15}" fill="#8a94a0">{process}</text>'
                   f'<text x="{LEFT - 14}" y="{y + 15}" fill="{COLORS[stage]}" text-anchor="end">{stage}</text>')
    for track in tracks:
        e = shown_by_all[chosen][track]
        out.append(f'<rect x="{x(e["ts"]):.1f}" y="{row_of[track]}" width="{max(1.5, e["dur"] * scale):.1f}" '
                   f'height="{BAR}" rx="2" fill="{COLORS[track[1]]}"/>')
    render = shown_by_all[chosen][producer, "render"]
    for viewer in viewers:
        present = shown_by_all[chosen][viewer, "present"]
        x0, y0 = x(render["ts"] + render["dur"]), row_of[producer, "render"] + BAR
        x1, y1 = x(present["ts"]), row_of[viewer, "present"]
        middle = (y0 + y1) / 2
        out.append(f'<path d="M{x0:.1f} {y0}C{x0:.1f} {middle} {x1:.1f} {middle} {x1:.1f} {y1}" fill="none" '
                   f'stroke="#e8e8e8"/><path d="M{x1 - 4:.1f} {y1 - 6}h8l-4 6z" fill="#e8e8e8"/>')
    out.append("</svg>")
    print("\n".join(out))


if __name__ == "__main__":
    main()
