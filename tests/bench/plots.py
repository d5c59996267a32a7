# SPDX-License-Identifier: MIT
"""Plots of the table, by gnuplot, of the data that the groups have passed to Bench.plot()."""
import os
import shutil
import subprocess

STYLE = """set terminal pngcairo size 900,480 font "sans,10" noenhanced
set output "{path}"
set title "{title}"
set ylabel "{unit}"
set grid ytics back lt 1 lc rgb "#cccccc"
set key outside right top Left reverse
set border 3
set tics nomirror
"""
OURS = ("#0a6ebd", "#4f9fdc", "#8cc4ee", "#c0def5")
OTHERS = ("#d95f02", "#e6ab02", "#7f7f7f", "#7570b3")
TITLES = {
    "handoff": ("From one process to another, by the size of the frame (both scales logarithmic)", "microseconds, p50"),
    "screen": ("Publish to the last pixel on an Xvfb", "milliseconds, p50, with the lowest and highest round"),
    "viewers": ("Processor time of the viewer for each frame shown, 60 fps (logarithmic)", "microseconds"),
}


def block(name, series, sizes, first_column):
    lines = [f"${name} << EOD"]
    for at, size in enumerate(sizes):
        cells = [str(first_column(at, size))]
        for points in series.values():
            point = points.get(size)
            cells += [str(point[key]) for key in ("median", "min", "max")] if point else ["NaN"] * 3
        lines.append(" ".join(cells))
    return "\n".join(lines + ["EOD\n"])


def colors(series):
    """pageflip in blue, the others in other colours."""
    ours, others = iter(OURS), iter(OTHERS)
    return [next(ours if title.startswith("pageflip") else others) for title in series]


def lines_over_size(sizes, series):
    """x: megabytes of a frame."""
    script = block("data", series, sizes, lambda at, size: sizes[size])
    script += 'set logscale xy\nset xlabel "megabytes of a frame"\n'
    script += "plot " + ", ".join(
        f'$data using 1:{2 + 3 * at} with linespoints lw 2 pt 7 lc rgb "{color}" title "{title}"'
        for at, (title, color) in enumerate(zip(series, colors(series)))) + "\n"
    return script


def bars_by_size(name, sizes, series):
    script = block("data", series, sizes, lambda at, size: size)
    script += "set style data histogram\nset style histogram errorbars gap 1 lw 1\nset style fill solid 0.9\n"
    script += "set boxwidth 0.9\n" + ("set logscale y\nset yrange [1:*]\n" if name == "viewers" else "set yrange [0:*]\n")
    script += "plot " + ", ".join(
        f'$data using {2 + 3 * at}:{3 + 3 * at}:{4 + 3 * at}:xtic(1) lc rgb "{color}" title "{title}"'
        for at, (title, color) in enumerate(zip(series, colors(series)))) + "\n"
    return script


def draw(plots, folder):
    """Draw a PNG image for each plot."""
    if not shutil.which("gnuplot"):
        print("no plots: gnuplot is not installed")
        return
    for name, data in plots.items():
        title, unit = TITLES[name]
        path = os.path.join(folder, f"{name}.png")
        script = STYLE.format(path=path, title=title, unit=unit)
        script += lines_over_size(**data) if name == "handoff" else bars_by_size(name, **data)
        subprocess.run(["gnuplot"], input=script, text=True, check=True, timeout=60)
