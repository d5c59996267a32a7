# SPDX-License-Identifier: MIT
"""What is said about the tests is so: the catalogue of faults names tests that there are, and tests/proofs takes every
finding for one."""
import json
import os
import re

from harness import *

SOURCE = os.environ["PAGEFLIP_SOURCE"]
PROOFS = os.path.join(SOURCE, "tests", "proofs")


def names_in(path):
    """The tests of a file: @test functions in Python, Test(suite, name) in C, functions of a C program of its own."""
    text = open(path).read()
    forms = (r"^(?:@\w+\n)+def (\w+)\(", r"^Test\(\w+, (\w+)\)", r"^static void (\w+)\(void\)$")
    return {name for form in forms for name in re.findall(form, text, re.M)}


@test
def the_catalogue_names_tests_that_there_are(t):
    text = open(os.path.join(SOURCE, "tests", "FAULTS.md")).read()
    rows = re.findall(r"^\| ([A-Z]+\d*) \| ([^|]*) \| ([^|]*) \|$", text, re.M)
    ids = [row[0] for row in rows]
    wanted = [f"{part}{n}" for part, most in (("A", 17), ("B", 15), ("D", 9), ("E", 15)) for n in range(1, most + 1)]
    equal(sorted(ids), sorted(wanted + ["Z1", "C"]), "faults with a row of their own")
    for name, fault, shown in rows:
        quoted = re.findall(r"`([^`]+)`", shown)
        files = [place for place in quoted if "/" in place or place == "soak"]
        assert files or "cannot" in shown or "Not ours" in shown, f"{name}: neither a test nor a reason: {shown}"
        known = set()
        for place in files:
            path = os.path.join(SOURCE, "" if place.startswith("common/") else "tests", place)
            assert os.path.exists(path), f"{name}: there is no {place}"
            known |= names_in(path)
        for single in set(quoted) - set(files):
            assert single in known, f"{name}: no test {single} in {files}"


def proofs(t, lines, *arguments):
    with open(f"{t.path}/list", "w") as file:
        file.write("# a comment\n\n" + "\n".join(lines) + "\n")
    # The build that runs this test is the one that is there: nothing to build, and nothing to wait for.
    return t.start(PROOFS, "--list", f"{t.path}/list", "--results", f"{t.path}/results", *arguments)


def say(t, name, *lines, code=0):
    path = f"{t.path}/{name}"
    with open(path, "w") as file:
        file.write("#!/bin/sh\ncat <<'EOF'\n" + "\n".join(lines) + f"\nEOF\nexit {code}\n")
    os.chmod(path, 0o700)
    return f"{name} {path}"


@test
def every_finding_counts(t):
    """Of the functions that judge, without the builds."""
    judge = f"""
import importlib.machinery, importlib.util, json, sys
loader = importlib.machinery.SourceFileLoader("proofs", {PROOFS!r})
spec = importlib.util.spec_from_loader("proofs", loader)
proofs = importlib.util.module_from_spec(spec)
loader.exec_module(proofs)
cases = [('PROOF name="a, b" runs=12 findings=0 seed=42\\n', 0), ('x\\nPROOF name="a" runs=1 findings=2 seed=-\\n', 1),
         ('PROOF name="a" runs=1 findings=0 seed=-\\nPROOF name="b" runs=2 findings=0 seed=7', 0),
         ('PROOF name="a" runs=1 findings=0 seed=-', 3), ('nothing', 0), ('12 passed, 0 failed, 1 skipped\\n', 0),
         ('12 passed, 2 failed, 1 skipped\\n', 1), ('12 passed, 0 failed, 1 skipped\\n', 1)]
print(json.dumps([[(r["name"], r["runs"], r["findings"], r["seed"]) for r in proofs.results_of("x", *c)] for c in cases]))
"""
    import sys

    told = t.start(sys.executable, "-c", judge).ends_with(0)
    equal(json.loads(told.out), [
        [["a, b", "12", 0, "42"]], [["a", "1", 2, "-"]], [["a", "1", 0, "-"], ["b", "2", 0, "7"]],
        [["a", "1", 0, "-"], ["x: exit 3", "0", 1, "-"]], [["x: exit 0", "0", 1, "-"]], [["x", "12", 0, "-"]],
        [["x", "14", 2, "-"]], [["x", "12", 0, "-"], ["x: exit 1", "0", 1, "-"]]])


@test
def results_are_kept_and_shown(t):
    lines = [say(t, "one", ""), say(t, "two", ""), say(t, "three", "")]
    row = {"runs": "1234567", "findings": 0, "seed": "42"}
    kept = {"two": {"command": "c two", "seconds": 7300, "date": "2026-01-02", "commit": "",
                    "rows": [{**row, "name": "two a"}, {**row, "name": "two b"}]},
            "one": {"command": "c one", "seconds": 5, "date": "2026-01-02", "commit": "", "rows": [{**row, "name": "one"}]}}
    with open(f"{t.path}/results", "w") as file:
        json.dump(kept, file)
    shown = proofs(t, lines, "--table").ends_with(0).out.splitlines()
    equal([line.split("  ")[0] for line in shown], ["proof", "one", "two a", "two b"])
    contains(shown[2], "2.0 h")
    contains(shown[1], "1,234,567")
    with open(f"{t.path}/README", "w") as file:
        file.write("before\n<!-- proofs: begin -->\nold\n<!-- proofs: end -->\nafter\n")
    proofs(t, lines, "--readme", f"{t.path}/README").ends_with(0)
    text = text_of(f"{t.path}/README")
    assert text.startswith("before\n<!-- proofs: begin -->\n| proof |") and text.endswith("-->\nafter\n"), text
    assert "old" not in text and "| one | 1,234,567 | 0 | 42 | 5 s | 2026-01-02 | `c one` |" in text, text
    kept["one"]["rows"][0]["findings"] = 1
    with open(f"{t.path}/results", "w") as file:
        json.dump(kept, file)
    proofs(t, lines, "--table").ends_with(1)
    proofs(t, lines, "none-such").ends_with(1, "there are: one two three")


@test
def the_list_names_commands_that_there_are(t):
    with open(os.path.join(SOURCE, "tests", "proofs.list")) as file:
        commands = [line.split()[1] for line in file if line.strip() and not line.startswith("#")]
    assert commands
    for command in commands:
        assert os.access(os.path.join(SOURCE, command), os.X_OK), f"{command} cannot be run"


if __name__ == "__main__":
    main()
