# SPDX-License-Identifier: MIT
"""The rows of the table. A row compares the same figure of two contestants, measured in turn in one
run, and contains their ratio.

A measurement is a dictionary {"p50": ..., "p99": ...} (p99 may be missing); a contestant has one for
each round. The table shows the median, the lowest and the highest of the rounds' p50, and the median
of the rounds' p99."""
import json
import statistics
import subprocess


class Target:
    """The target of a row. `holds` gets the ratio and pageflip's median."""

    def __init__(self, text, holds):
        self.text, self.holds = text, holds


def ratio_at_most(limit, text=None):
    return Target(text or f"<= {limit:.2f}", lambda ratio, ours: ratio <= limit)


def ratio_at_least(limit):
    return Target(f">= {limit:.2f}", lambda ratio, ours: ratio >= limit)


def of_lines(output, scale=1.0):
    """The figures that a measuring program has printed, by name, multiplied by `scale`."""
    figures = {}
    for line in output.splitlines():
        if not line.startswith("{"):  # a message of a library
            continue
        row = json.loads(line)
        name = row.pop("name")
        figures[name] = {key: value * scale for key, value in row.items()}
    return figures


def of_values(values):
    """A measurement from single values."""
    values = sorted(values)
    return {"p50": statistics.median(values), "p99": values[min(len(values) - 1, int(len(values) * 0.99))]}


def summary(rounds):
    medians = [r["p50"] for r in rounds]
    worst = [r["p99"] for r in rounds if "p99" in r]
    return {"median": statistics.median(medians), "min": min(medians), "max": max(medians),
            "p99": statistics.median(worst) if worst else None, "rounds": len(rounds)}


class Row:
    def __init__(self, group, what, unit, ours, against, theirs, target=None):
        self.group, self.what, self.unit, self.against = group, what, unit, against
        self.ours, self.theirs, self.target = summary(ours), summary(theirs), target
        self.ratio = self.ours["median"] / self.theirs["median"] if self.theirs["median"] else None
        self.met = target.holds(self.ratio, self.ours["median"]) if target and self.ratio is not None else None
        self.note = None

    def as_json(self):
        return {"group": self.group, "what": self.what, "unit": self.unit, "pageflip": self.ours,
                "against": self.against, "other": self.theirs, "ratio": self.ratio,
                "target": self.target and self.target.text, "met": self.met}


class Gap:
    """A row that could not be measured, with the reason."""

    met = None

    def __init__(self, group, what, note, failed=False):
        self.group, self.what, self.note, self.failed = group, what, note, failed

    def as_json(self):
        return {"group": self.group, "what": self.what, "note": self.note, "failed": self.failed}


# ---------------------------------------------------------------- the table


def number(value):
    if value >= 1000:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 100 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def spread(figure):
    p99 = f" p99 {number(figure['p99'])}" if figure["p99"] is not None else ""
    return f"{number(figure['median'])} ({number(figure['min'])}..{number(figure['max'])}{p99})"


def ratio_text(ratio):
    if ratio is None:
        return "-"
    return f"1/{1 / ratio:.0f}" if 0 < ratio < 0.095 else f"{ratio:.2f}"


def table(rows):
    """Lines of text. A line with the group's name precedes its rows."""
    cells = [("", "unit", "pageflip: median (min..max p99)", "against", "its median (min..max p99)", "ratio",
              "target", "")]
    for row in rows:
        if row.note:
            cells.append((row.what, row.note))
        else:
            met = "" if row.met is None else "met" if row.met else "MISSED"
            cells.append((row.what, row.unit, spread(row.ours), row.against, spread(row.theirs),
                          ratio_text(row.ratio), row.target.text if row.target else "", met))
    full = [line for line in cells if len(line) > 2]
    widths = [max(len(line[column]) for line in full) for column in range(len(cells[0]))]
    widths[0] = max(widths[0], max(len(line[0]) for line in cells))
    lines, group = [], None
    for row, line in zip([None] + rows, cells):
        if row and row.group != group:
            group = row.group
            lines += ["", group]
        lines.append("  " + "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths)).rstrip()
                     if len(line) > 2 else f"  {line[0]:{widths[0]}}  {line[1]}")
    return lines


def verdict(rows):
    met = sum(row.met is True for row in rows)
    missed = [f"{row.group}: {row.what}" for row in rows if row.met is False]
    return f"{met} targets met, {len(missed)} missed" + (": " + "; ".join(missed) if missed else "")


# ---------------------------------------------------------------- measuring


def interleave(contestants, rounds):
    """Call each of {name: function} once in each round, in turn. Returns {name: [measurement, ...]}."""
    seen = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, measure in contestants.items():
            seen[name].append(measure())
    return seen


def output_of(*command, env, seconds=120):
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=seconds, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout
