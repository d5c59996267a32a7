#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count the single tests in meson's testlog.json. Prints those that were skipped, those that failed with what they printed,
then the last line: "N passed, N failed, N skipped". A test program that was killed, by its time limit for example, or that
exited before its last test, counts as one more failed test. Exit 1 if a test failed or none passed."""
import json
import re
import sys

RESULT = re.compile(r"(not )?ok\b[ \d-]*([^#]*?)\s*(?:#\s*skip\S*\s*(.*))?", re.I)
LINES_SHOWN = 12  # of the output of a failed test
passed = failed = skipped = 0


def fail(name, lines):
    global failed
    failed += 1
    print("failed:", name)
    for line in lines[-LINES_SHOWN:]:
        print("   ", line[:300])


def skip(name, reason):
    global skipped
    skipped += 1
    print(f"skipped: {name}: {reason or 'no reason was given'}")


for line in open(sys.argv[1], errors="replace"):
    program = json.loads(line)
    name, result = program["name"], program["result"]
    lines = program.get("stdout", "").splitlines()
    found = [(at, match) for at, match in enumerate(map(RESULT.fullmatch, lines)) if match]
    plan = next((int(match[1]) for match in map(re.compile(r"1\.\.(\d+)\b.*").fullmatch, lines) if match), None)
    failed_before = failed
    for at, match in found:
        if match[1]:
            end = next((later for later, _ in found if later > at), len(lines))
            fail(f"{name}: {match[2]}", lines[at + 1 : end])
        elif match[3] is not None:
            skip(f"{name}: {match[2]}", match[3])
        else:
            passed += 1
    if result == "SKIP" and not found and (plan == 0 or program["returncode"] == 77):
        skip(name, "".join(lines[:1]).partition("SKIP ")[2])
    elif result == "OK":
        passed += not found
    elif not (result == "SKIP" and found) and (failed == failed_before or len(found) < (plan or 0)):
        ran = f", {len(found)} of {plan} tests ran" if plan else ""
        fail(f"{name}: {result}, exit code {program['returncode']}{ran}", lines + program.get("stderr", "").splitlines())
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(failed > 0 or passed == 0)
