#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count the single tests in meson's JUnit file. Prints those that failed or were skipped, then the last
line: "N passed, N failed, N skipped". Exit 1 if a test failed or none passed."""
import os
import re
import sys
import xml.etree.ElementTree as xml

passed = failed = skipped = 0
# Only the log of the tests contains why a test was skipped.
log = os.path.join(os.path.dirname(sys.argv[1]), "testlog.txt")
reasons = dict(re.findall(r"^ok \d+ - (\S+) # SKIP (.*)$", open(log, errors="replace").read(), re.M))
# The file contains the output of tests unchanged; XML allows no control characters.
text = re.sub("[^\t\n\r -\ud7ff\ue000-\ufffd]", "?", open(sys.argv[1], errors="replace").read())
for suite in xml.fromstring(text.encode()):
    for case in suite.iter("testcase"):
        name = f'{suite.get("name")}: {case.get("name")}'
        problem = case.find("failure")
        if problem is None:
            problem = case.find("error")
        skip = case.find("skipped")
        if problem is not None:
            failed += 1
            print("failed:", name)
        elif skip is not None:
            skipped += 1
            print("skipped:", name + ":", reasons.get(case.get("name").split(" - ")[-1].strip(), "no reason was given"))
        else:
            passed += 1
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(failed > 0 or passed == 0)
