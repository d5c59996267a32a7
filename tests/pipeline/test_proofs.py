# SPDX-License-Identifier: MIT
"""Tests of the tests: the catalogue of faults names existing tests, and no tool of the tests (harness, tests/tools/proofs,
count.py, valgrind) reports success after a crash or without any result."""
import json
import os
import re
import sys

from harness import *

SOURCE = os.environ["PAGEFLIP_SOURCE"]
PROOFS = os.path.join(SOURCE, "tests", "tools", "proofs")


# The ids of all rows of tests/FAULTS.md, so that none of them can disappear unnoticed.
FAULTS = """
producer-killed-starting producer-killed-before-rmid producer-killed-before-id producer-killed-drawing
producer-killed-before-newest killed-before-ring viewer-killed-in-any-step viewer-killed-asleep all-killed termination-signals
crash-or-memory-kill latest-viewer-stopped every-frame-viewer-stopped producer-stopped viewer-holds-slots
producer-killed-slots-required parent-killed-after-fork zombie
second-producer producer-restarted many-restarts stale-id reused-segment-number reused-pid other-pid-namespace
other-ipc-namespace other-user squatters invalid-channel-name runtime-directory-removed lock-file-removed id-file-changed
other-runtime-directory segment-removed other-version no-free-lane
damaged-segment damaged-events damaged-damage half-written-data
segment-over-shmmax no-segments-or-pages out-of-memory file-or-address-limits locked-or-huge-pages damaged-doorbell clock-changes
failing-call runtime-directory-unusable
size-overflow decompression-bomb truncated-input damaged-input png-kinds y4m-colours y4m-header
input-ahead size-change libpng-error libpng-simplified-interface
bad-standard-input bad-standard-output output-not-writable window-closed display-server-fails event-flood display-lacks-something
"""


def names_in(path):
    """The tests in a file: @test functions in Python, Test(suite, name) in C, static functions in a C program without Criterion,
    `check name` in scripts."""
    text = open(path).read()
    forms = (r"^(?:@\w+\n)+def (\w+)\(", r"^Test\(\w+, (\w+)\)", r"^static void (\w+)\(void\)$", r"\bcheck (\w+) ")
    return {name for form in forms for name in re.findall(form, text, re.M)}


@test
def the_catalogue_names_existing_tests(t):
    text = open(os.path.join(SOURCE, "tests", "FAULTS.md")).read()
    rows = re.findall(r"^\| ([a-z0-9-]+) \| ([^|]*) \| ([^|]*) \|$", text, re.M)
    rows = [row for row in rows if row[0] not in ("fault", "---")]
    equal([row[0] for row in rows], FAULTS.split(), "the ids of tests/FAULTS.md, in order")
    equal(len(set(FAULTS.split())), len(rows), "ids that are different")
    for name, fault, shown in rows:
        quoted = re.findall(r"`([^`]+)`", shown)
        files = [place for place in quoted if "/" in place]
        assert files, f"{name}: no test: {shown}"
        place = None
        for word in quoted:
            if word not in files:
                assert place and word in names_in(path), f"{name}: no test {word} in {place}"
                continue
            place, path = word, os.path.join(SOURCE, "tests", word)
            assert os.path.exists(path), f"{name}: {place} does not exist"


HARNESS = """
import os, signal, sys
sys.path.insert(0, os.path.join(os.environ["PAGEFLIP_SOURCE"], "tests", "lib"))
from harness import *
@test
def a_crash_without_a_wait(t):
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
def an_unexpected_crash_fails_a_test(t):
    run = t.start(sys.executable, "-c", HARNESS).ends_with(1)
    results = [line.split(" - ")[0].rstrip(" 0123456789") for line in run.out.splitlines() if re.match("(not )?ok", line)]
    equal(results, ["not ok"] * 3 + ["ok"] * 2, run.out)
    for words in ("crashed by SIGSEGV", "crashed by SIGABRT", "sanitizer's report: x.c:1:2"):
        contains(run.out, words)


@test
def an_unknown_test_name_is_no_success(t):
    run = t.start(sys.executable, "-c", HARNESS, "one_that_is_killed", "none_such").ends_with(1, "none_such")
    equal((run.out, len(run.err.splitlines())), ("", 1))


@test
def valgrind_without_results_is_no_success(t):
    """tests/tools/valgrind with a fake Python, which prints what test files might print."""
    os.mkdir(f"{t.path}/bin")
    script(t, "bin/valgrind", "")
    for lines, code, findings in ((["1..1", "ok 1 - a"], 0, 0), (["1..1", "not ok 1 - a"], 1, 2), ([], 1, 2), ([], 0, 2),
                                 (["1..0"], 0, 2), (["1..2", "ok 1 - a"], 0, 2), (["1..1", "ok 1 - a"], 1, 2)):
        script(t, "bin/python3", *lines, code=code)
        run = t.start(os.path.join(SOURCE, "tests", "tools", "valgrind"), t.path,
                      env={"PATH": f"{t.path}/bin:{os.environ['PATH']}"})
        run.ends_with(findings > 0)
        runs = 2 * sum("ok" in line for line in lines)
        equal(run.out.splitlines()[-1], f'PROOF name="memcheck" runs={runs} findings={findings} seed=-', f"{lines}")


PROGRAMS = """
project('p')
sh = find_program('sh')
foreach name, script : {
    'passes': 'echo 1..1; echo ok 1 - a',
    'fails': 'echo 1..2; echo not ok 1 - b; echo "# this is why"; echo ok 2 - c; exit 1',
    'skips one': 'echo 1..2; echo ok 1 - d; echo "ok 2 - e # SKIP no f"',
    'skips all': 'echo "1..0 # SKIP no g"',
    'exceeds its time limit': 'echo 1..2; echo ok 1 - h; exec sleep 600',
    'crashes': 'echo 1..2; echo ok 1 - i; kill -SEGV $$',
    'fails and crashes': 'echo 1..3; echo not ok 1 - j; kill -SEGV $$',
    'ends early': 'echo 1..2; echo ok 1 - k',
    'prints nothing': '',
}
    test(name, sh, args: ['-c', script], protocol: 'tap', timeout: name.startswith('exceeds') ? 1 : 600)
endforeach
test('without lines', sh, args: ['-c', ''])
test('without lines, fails', sh, args: ['-c', 'exit 1'])
"""


@test
def a_program_that_was_killed_counts_as_failed(t):
    """Also one that exits before its last test. The last line of tests/run is tests/tools/count.py's."""
    need("meson")
    with open(f"{t.path}/meson.build", "w") as file:
        file.write(PROGRAMS)
    t.run("meson", "setup", "build", cwd=t.path)
    t.start("meson", "test", "-C", "build").wait()
    count = t.start(sys.executable, os.path.join(SOURCE, "tests", "tools", "count.py"), "build/meson-logs/testlog.json")
    equal(count.ends_with(1).out.splitlines()[-1], "7 passed, 8 failed, 2 skipped", count.out)
    for words in (("failed: fails: b",), ("this is why",), ("skips one: e", "no f"), ("skips all", "no g"),
                  ("exceeds its time limit: TIMEOUT", "1 of 2"), ("failed: crashes:", "1 of 2"), ("fails and crashes: j",),
                  ("fails and crashes: ERROR", "1 of 3"), ("ends early", "1 of 2"), ("failed: prints nothing",),
                  ("failed: without lines, fails",)):
        assert line_with(count.out, words), f"no line with {words}: {count.out}"


def proofs(t, lines, *arguments):
    with open(f"{t.path}/list", "w") as file:
        file.write("# a comment\n\n" + "\n".join(lines) + "\n")
    return t.start(PROOFS, "--list", f"{t.path}/list", "--results", f"{t.path}/results", *arguments)


def script(t, name, *lines, code=0):
    """A program that prints these lines and exits with this code; returns its line for a list of proofs."""
    path = f"{t.path}/{name}"
    with open(path, "w") as file:
        file.write("#!/bin/sh\ncat <<'EOF'\n" + "\n".join(lines) + f"\nEOF\nexit {code}\n")
    os.chmod(path, 0o700)
    return f"{name} {path}"


@test
def every_finding_counts(t):
    """Checks the function that reads results, without a build."""
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
    run = t.start(sys.executable, "-c", judge).ends_with(0)
    equal(json.loads(run.out), [
        [["a, b", "12", 0, "42"]], [["a", "1", 2, "-"]], [["a", "1", 0, "-"], ["b", "2", 0, "7"]],
        [["a", "1", 0, "-"], ["x: exit 3", "0", 1, "-"]], [["x: exit 0", "0", 1, "-"]], [["x", "12", 0, "-"]],
        [["x", "14", 2, "-"]], [["x", "12", 0, "-"], ["x: exit 1", "0", 1, "-"]]])


@test
def results_are_kept_and_shown(t):
    lines = [script(t, "one", ""), script(t, "two", ""), script(t, "three", "")]
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
    proofs(t, lines, "none-such").ends_with(1, "none-such", "one two three")


@test
def the_list_names_existing_commands(t):
    with open(os.path.join(SOURCE, "tests", "tools", "proofs.list")) as file:
        commands = [line.split()[1] for line in file if line.strip() and not line.startswith("#")]
    assert commands
    build = os.path.dirname(os.path.dirname(PRODUCER))  # whatever its name is
    for command in commands:
        command = command.replace("build-tests", build)
        assert os.access(os.path.join(SOURCE, command), os.X_OK), f"{command} cannot be run"


if __name__ == "__main__":
    main()
