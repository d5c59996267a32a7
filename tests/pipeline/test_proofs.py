# SPDX-License-Identifier: MIT
"""What is said about the tests is so: the catalogue of faults names tests that there are, and neither tests/tools/proofs nor
the harness nor tests/tools/valgrind takes silence or a crash for success."""
import json
import os
import re
import sys

from harness import *

SOURCE = os.environ["PAGEFLIP_SOURCE"]
PROOFS = os.path.join(SOURCE, "tests", "tools", "proofs")


def names_in(path):
    """The tests of a file: @test functions in Python, Test(suite, name) in C, functions of a C program of its own,
    `check name` in scripts."""
    text = open(path).read()
    forms = (r"^(?:@\w+\n)+def (\w+)\(", r"^Test\(\w+, (\w+)\)", r"^static void (\w+)\(void\)$", r"\bcheck (\w+) ")
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
        files = [place for place in quoted if "/" in place or place in ("deep/soak", "tools/lint")]
        assert files or "cannot" in shown or "Not ours" in shown, f"{name}: neither a test nor a reason: {shown}"
        place = None
        for word in quoted:
            if word not in files:
                assert place and word in names_in(path), f"{name}: no test {word} in {place}"
                continue
            place, path = word, os.path.join(SOURCE, "tests", word)
            assert os.path.exists(path), f"{name}: there is no {place}"


HARNESS = """
import os, signal, sys
sys.path.insert(0, os.path.join(os.environ["PAGEFLIP_SOURCE"], "tests", "lib"))
from harness import *
@test
def one_that_nobody_waits_for_crashes(t):
    t.start("sh", "-c", "ulimit -c 0; kill -SEGV $$; sleep 9")
    time.sleep(0.3)
@test
def a_crash_in_a_shell(t):
    t.start("sh", "-c", "ulimit -c 0; sh -c 'kill -ABRT $$'; exit $?").wait()
@test
def a_report_of_a_sanitizer(t):
    t.start("sh", "-c", "echo x.c:1:2: runtime error: too much >&2").ends_with(0)
@test
def a_crash_that_the_test_sent(t):
    process = t.start("sleep", "60", preexec_fn=lambda: __import__("resource").setrlimit(4, (0, 0)))
    process.signal(signal.SIGBUS)
    process.wait()
@test
def one_that_is_killed(t):
    t.start("sleep", "60")
main()
"""


@test
def a_crash_that_nobody_waited_for_fails_a_test(t):
    told = t.start(sys.executable, "-c", HARNESS).ends_with(1)
    results = [line.split(" - ")[0].rstrip(" 0123456789") for line in told.out.splitlines() if re.match("(not )?ok", line)]
    equal(results, ["not ok"] * 3 + ["ok"] * 2, told.out)
    for words in ("crashed by SIGSEGV", "crashed by SIGABRT", "sanitizer's report: x.c:1:2"):
        contains(told.out, words)


@test
def a_test_that_there_is_not_is_no_success(t):
    told = t.start(sys.executable, "-c", HARNESS, "one_that_is_killed", "none_such").ends_with(1, "no such test: none_such")
    equal((told.out, len(told.err.splitlines())), ("", 1))


@test
def valgrind_takes_no_silence_for_success(t):
    """tests/tools/valgrind with a Python of our own, which says what test files might."""
    os.mkdir(f"{t.path}/bin")
    say(t, "bin/valgrind", "")
    for said, code, findings in ((["1..1", "ok 1 - a"], 0, 0), (["1..1", "not ok 1 - a"], 1, 2), ([], 1, 2), ([], 0, 2),
                                 (["1..0"], 0, 2), (["1..2", "ok 1 - a"], 0, 2), (["1..1", "ok 1 - a"], 1, 2)):
        say(t, "bin/python3", *said, code=code)
        told = t.start(os.path.join(SOURCE, "tests", "tools", "valgrind"), t.path, env={"PATH": f"{t.path}/bin:{os.environ['PATH']}"})
        told.ends_with(findings > 0)
        runs = 2 * sum("ok" in line for line in said)
        equal(told.out.splitlines()[-1], f'PROOF name="memcheck" runs={runs} findings={findings} seed=-', f"{said}")


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
    proofs(t, lines, "none-such").ends_with(1, "known: one two three")


@test
def the_list_names_commands_that_there_are(t):
    with open(os.path.join(SOURCE, "tests", "tools", "proofs.list")) as file:
        commands = [line.split()[1] for line in file if line.strip() and not line.startswith("#")]
    assert commands
    for command in commands:
        assert os.access(os.path.join(SOURCE, command), os.X_OK), f"{command} cannot be run"


if __name__ == "__main__":
    main()
