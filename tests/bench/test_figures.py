# SPDX-License-Identifier: MIT
"""The arithmetic of the benchmarks' table: the ratio of medians, and whether a target is met."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import figures
import suite
from harness import *


def rounds(*values):
    return [{"p50": value} for value in values]


@test
def a_row_is_the_ratio_of_medians_not_of_means(t):
    row = figures.Row("g", "w", "us", rounds(1, 3, 100), "limit", rounds(2, 2, 50))
    equal(row.ratio, 1.5)
    equal((row.ours["min"], row.ours["max"], row.ours["p99"]), (1, 100, None))


@test
def a_target_is_met_up_to_its_limit_and_missed_beyond(t):
    for ours, met in ((110, True), (111, False)):
        equal(figures.Row("g", "w", "us", rounds(ours), "l", rounds(100), figures.ratio_at_most(1.1)).met, met)
    for ours, met in ((90, True), (89, False)):
        equal(figures.Row("g", "w", "us", rounds(ours), "l", rounds(100), figures.ratio_at_least(0.9)).met, met)
    equal(figures.Row("g", "w", "us", rounds(1), "l", rounds(2)).met, None)


@test
def the_verdict_counts_and_names_missed_targets(t):
    missed = figures.Row("g", "slow", "us", rounds(3), "l", rounds(1), figures.ratio_at_most(1))
    met = figures.Row("g", "quick", "us", rounds(1), "l", rounds(1), figures.ratio_at_most(1))
    gap = figures.Gap("g", "absent", "skipped: not installed")
    equal(figures.verdict([missed, met, gap]), "1 targets met, 1 missed: g: slow")
    text = "\n".join(figures.table([missed, met, gap]))
    for word in ("MISSED", "met", "3.00", "<= 1.00", "absent", "skipped: not installed"):
        contains(text, word)


@test
def each_contestant_has_its_turn_in_each_round(t):
    order = []
    seen = figures.interleave({name: lambda name=name: order.append(name) or len(order) for name in "ab"}, 3)
    equal("".join(order), "ababab")
    equal(seen, {"a": [1, 3, 5], "b": [2, 4, 6]})


@test
def program_figures_are_read_and_library_messages_skipped(t):
    equal(figures.of_lines('[Warning] hello\n{"name":"x","p50":2000,"p99":4000}\n', 1e-3), {"x": {"p50": 2, "p99": 4}})


@test
def only_the_text_between_the_markers_of_the_readme_changes(t):
    path = f"{t.path}/README.md"
    with open(path, "w") as file:
        file.write(f"before\n{suite.BEGIN}\nold\n{suite.END}\nafter\n")
    suite.write_readme(path, ["new", "table"])
    equal(text_of(path), f"before\n{suite.BEGIN}\n```\nnew\ntable\n```\n{suite.END}\nafter\n")


if __name__ == "__main__":
    main()
